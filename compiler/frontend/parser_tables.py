"""Parsing of tables."""

from __future__ import annotations

from collections.abc import Callable

from rackplane.compiler.frontend import ast
from rackplane.compiler.frontend.parser_base import T
from rackplane.compiler.frontend.parser_stmts import StatementParser
from rackplane.compiler.ir import Annotation
from rackplane.compiler.lexing.tokens import Token


class TableParser(StatementParser):
    """Tables and their properties."""

    def _table(self, annotations: list[Annotation]) -> ast.TableDeclaration:
        self._expect("table")
        name = self._name("the name of the table")
        self._expect("{")
        table = ast.TableDeclaration(name.span, name.text, None, None, None, False, [], annotations=annotations)
        self._many(lambda: self._property(table), "}")
        self._expect("}", "at the end of the table")
        self._declare(name.text)
        return table

    def _property(self, table: ast.TableDeclaration) -> None:
        annotations = self._annotations()
        is_const = self._accept("const") is not None
        name = self._name("a table property")
        self._expect("=", f"after '{name.text}'")
        if name.kind in ("key", "actions") and is_const:
            raise self._problem(f"'{name.text}' cannot be const", name.span)
        if name.kind in ("key", "actions", "entries") and getattr(table, _LISTS[name.kind]) is not None:
            self._diagnostics.error(f"the table has '{name.text}' twice", name.span)
        if name.kind == "key":
            table.keys = self._listed(self._key)
        elif name.kind == "actions":
            table.actions = self._listed(self._action_reference)
        elif name.kind == "entries":
            table.entries_const = is_const
            if table.keys is None or table.actions is None:
                self._diagnostics.error("'entries' must stand after 'key' and 'actions'", name.span)
            table.entries = self._listed(self._entry)
        else:
            if name.text == "default_action" and table.actions is None:
                self._diagnostics.error("'default_action' must stand after 'actions'", name.span)
            table.properties.append(self._other(name, is_const, annotations))

    def _listed(self, parse: Callable[[], T]) -> list[T]:
        self._expect("{")
        items = self._many(parse, "}")
        self._expect("}")
        return items

    def _other(self, name: Token, is_const: bool, annotations: list[Annotation]) -> ast.TableProperty:
        value = self._expression()
        self._expect(";", f"after '{name.text}'")
        return ast.TableProperty(name.span, name.text, value, is_const, annotations)

    def _key(self) -> ast.KeyElement:
        start = self._current.span
        expression = self._expression()
        self._expect(":", "between the key and its match kind")
        kind = self._name("a match kind")
        annotations = self._annotations()
        self._expect(";", "after the key")
        return ast.KeyElement(start, expression, kind.text, kind.span, annotations)

    def _action_name(self) -> ast.ActionReference:
        start = self._current.span
        absolute = self._accept(".") is not None
        name = self._name("the name of an action")
        arguments = self._arguments() if self._current.kind == "(" else None
        return ast.ActionReference(self._span_from(start), name.text, absolute, arguments, [])

    def _action_reference(self) -> ast.ActionReference:
        annotations = self._annotations()
        reference = self._action_name()
        reference.annotations = annotations
        self._expect(";", "after the action")
        return reference

    def _entry(self) -> ast.TableEntry:
        start = self._current.span
        is_const = self._accept("const") is not None
        priority = None
        if self._current.kind == "priority" and self._peek().kind == "=":
            self._advance()
            self._advance()
            priority = self._expression()
            self._expect(":", "after the priority")
        keys = self._keyset()
        self._expect(":", "after the keys")
        action = self._action_name()
        annotations = self._annotations()
        self._expect(";", "after the entry")
        return ast.TableEntry(start, keys, action, priority, is_const, annotations)


_LISTS = {"key": "keys", "actions": "actions", "entries": "entries"}
