"""Tables, their actions and entries; sets of values in entries and select cases (spec 1.2.5, sections 13, 14)."""

from __future__ import annotations

from rackplane.compiler.frontend import ast, types
from rackplane.compiler.frontend.ast_walk import same_expression
from rackplane.compiler.frontend.check_stmts import StatementChecker
from rackplane.compiler.frontend.types import Direction, Type
from rackplane.compiler.lexing.diagnostics import did_you_mean

MAX_TABLE_SIZE = 1 << 31
_KINDS_ON_BITS = frozenset(("lpm", "range"))


class TableChecker(StatementChecker):
    """Tables."""

    def _table(self, table: ast.TableDeclaration) -> None:
        table.type = types.Named("table", table)
        self._declare(table)
        for key in table.keys or ():
            self._key(key)
        if table.actions is None:
            self._error(f"the table '{table.name}' has no 'actions'", table.span)
            table.actions = []
        seen: set[str] = set()
        for reference in table.actions:
            if reference.name in seen:
                self._error(f"the action '{reference.name}' is in the list twice", reference.span)
            seen.add(reference.name)
            self._action_in_list(reference)
        names: set[str] = set()
        for item in table.properties:
            if item.name in names:
                self._error(f"the table has '{item.name}' twice", item.span)
            names.add(item.name)
            self._property(table, item)
        if table.entries is not None:
            self._entries(table, table.entries)

    # Keys

    def _key(self, key: ast.KeyElement) -> None:
        with self._within(in_key=True):
            found = self._expression(key.expression)
        if key.match_kind not in self.facts.match_kinds:
            self._error(
                f"unknown match kind '{key.match_kind}'",
                key.kind_span,
                *did_you_mean(key.match_kind, self.facts.match_kinds),
            )
        if isinstance(found, types.Unknown):
            return
        base = types.underlying(found)
        if isinstance(base, types.SerEnum):
            base = base.underlying
        is_bits = isinstance(base, types.Bits)
        if not (is_bits or isinstance(base, types.EnumType) or base in (types.BOOL, types.ERROR)):
            self._error(f"a key cannot have the type {found}", key.expression.span)
        elif key.match_kind in _KINDS_ON_BITS and not is_bits:
            self._error(f"a key of the type {found} cannot be matched by '{key.match_kind}'", key.expression.span)

    # Actions

    def _find_action(self, reference: ast.ActionReference) -> ast.ActionDeclaration | None:
        found = self._lookup(reference.name, reference.absolute)
        if not found:
            known = [n for n in self._scope.visible() if isinstance(self._scope.find(n)[0], ast.ActionDeclaration)]
            self._error(f"unknown action '{reference.name}'", reference.span, *did_you_mean(reference.name, known))
            return None
        if not isinstance(found[0], ast.ActionDeclaration):
            self._error(f"'{reference.name}' is not an action", reference.span)
            return None
        return found[0]

    def _action_in_list(self, reference: ast.ActionReference) -> None:
        action = self._find_action(reference)
        if action is None or action.signature is None:
            return
        reference.declaration = action
        parameters = action.signature.parameters
        bound = [p for p in parameters if p.direction is not Direction.NONE]
        self._reference_arguments(reference, action, bound, "in the list of actions")

    def _reference_arguments(
        self,
        reference: ast.ActionReference,
        action: ast.ActionDeclaration,
        wanted: list[types.Parameter],
        where: str,
    ) -> bool:
        """Check the arguments of an action in a list, default or entry; `wanted` are the parameters to be given."""
        given = reference.arguments or []
        for argument in given:
            self._expression(argument.expression)
        by_name = {a.name: a.expression for a in given if a.name is not None}
        names = [p.name for p in wanted]
        unknown = next((n for n in by_name if n not in names), None)
        if unknown is not None:
            self._error(
                f"the action '{action.name}' has no parameter '{unknown}' to be given {where}", reference.span
            )
            return False
        optional = [p for p in wanted if _default_of(p) is not None]
        if not len(wanted) - len(optional) <= len(given) <= len(wanted):
            message = f"the action '{action.name}' takes {len(wanted)} argument(s) {where}, not {len(given)}"
            self._error(message, reference.span)
            return False
        positional = [a.expression for a in given if a.name is None]
        bound: dict[str, ast.Expression | None] = {}
        for index, parameter in enumerate(wanted):
            expression = by_name.get(parameter.name) or (positional[index] if index < len(positional) else None)
            bound[parameter.name] = expression
            if expression is None:
                if _default_of(parameter) is None:
                    self._error(f"there is no argument for '{parameter.name}'", reference.span)
                    return False
                continue
            self._check_argument("action", parameter, expression)
        signature = action.signature
        parameters = signature.parameters if signature is not None else ()
        arguments = tuple(bound.get(p.name) for p in parameters)
        reference.call = ast.Resolved("action", action.name, parameters, arguments, declaration=action)
        return True

    def _listed(self, table: ast.TableDeclaration, reference: ast.ActionReference) -> ast.ActionReference | None:
        """The element of the table's action list that a reference names."""
        for listed in table.actions or ():
            if listed.name == reference.name and listed.absolute == reference.absolute:
                return listed
        names = [a.name for a in table.actions or ()]
        self._error(
            f"the action '{reference.name}' is not in the table's 'actions'",
            reference.span,
            *did_you_mean(reference.name, names),
        )
        return None

    def _full_call(self, table: ast.TableDeclaration, reference: ast.ActionReference, where: str) -> None:
        """Check an action with all its arguments, as a default or in an entry."""
        listed = self._listed(table, reference)
        if listed is None or listed.declaration is None:
            return
        action = reference.declaration = listed.declaration
        self._check_scope_annotations(listed, reference, where)
        if action.signature is None:
            return
        parameters = list(action.signature.parameters)
        free = [p for p in parameters if p.direction is Direction.NONE]
        given = reference.arguments or []
        wanted = (
            free
            if len(given) <= len(free) and len(free) != len(parameters) and not _binds(given, parameters)
            else parameters
        )
        if not self._reference_arguments(reference, action, wanted, where) or reference.call is None:
            return
        for parameter, argument in zip(reference.call.parameters, reference.call.arguments, strict=True):
            if parameter.direction is not Direction.NONE:
                self._check_same_binding(listed, parameter, argument)
                continue
            if argument is None:
                continue
            if (
                argument.value is None
                and not isinstance(argument.type, types.Unknown)
                and not self._is_compile_time(argument)
            ):
                self._error(f"the argument of '{parameter.name}' must be known at compile time", argument.span)

    def _check_scope_annotations(
        self, listed: ast.ActionReference, reference: ast.ActionReference, where: str
    ) -> None:
        is_default = "default_action" in where
        for annotation in listed.annotations:
            if annotation.name == "tableonly" and is_default:
                self._error(f"'{reference.name}' is @tableonly and cannot be the default action", reference.span)
            elif annotation.name == "defaultonly" and not is_default:
                self._error(f"'{reference.name}' is @defaultonly and cannot stand in an entry", reference.span)

    def _check_same_binding(
        self, listed: ast.ActionReference, parameter: types.Parameter, argument: ast.Expression | None
    ) -> None:
        if listed.call is None or argument is None:
            return
        names = [p.name for p in listed.call.parameters]
        bound = listed.call.arguments[names.index(parameter.name)] if parameter.name in names else None
        if bound is not None and not same_expression(bound, argument):
            self._error(f"'{parameter.name}' is bound to something else in the list of actions", argument.span)

    # Properties

    def _property(self, table: ast.TableDeclaration, item: ast.TableProperty) -> None:
        if item.name == "default_action":
            self._default_action(table, item)
            return
        found = self._expression(item.value)
        if isinstance(found, types.Unknown):
            return
        if item.name == "size":
            self._size_property(item, found)
        elif item.name in ("largest_priority_wins", "support_timeout", "psa_idle_timeout"):
            must_be_known = item.name == "largest_priority_wins"
            if found != types.BOOL or (must_be_known and not isinstance(item.value.value, bool)):
                self._error(f"'{item.name}' is true or false", item.value.span)
        elif item.name == "priority_delta":
            if not types.is_numeric(found) or not isinstance(item.value.value, int):
                self._error("'priority_delta' is a number that is known at compile time", item.value.span)
            elif item.value.value <= 0:
                self._error("'priority_delta' is a positive number", item.value.span)

    def _size_property(self, item: ast.TableProperty, found: Type) -> None:
        if not types.is_numeric(found) or not self._is_compile_time(item.value):
            self._error("'size' is a number that is known at compile time", item.value.span)
        elif isinstance(item.value.value, int) and not 0 <= item.value.value <= MAX_TABLE_SIZE:
            self._error(f"'size' is between 0 and {MAX_TABLE_SIZE}", item.value.span)

    def _default_action(self, table: ast.TableDeclaration, item: ast.TableProperty) -> None:
        reference = _as_reference(item.value)
        if reference is None:
            self._error("'default_action' is the name of an action, with its arguments", item.value.span)
            return
        table.default = reference
        self._full_call(table, reference, "in 'default_action'")

    # Entries

    def _entries(self, table: ast.TableDeclaration, entries: list[ast.TableEntry]) -> None:
        keys = table.keys or []
        if entries and not keys:
            self._error(f"the table '{table.name}' has entries but no key", table.span)
            return
        kinds = [k.match_kind for k in keys]
        seen: set[tuple[object, ...]] = set()
        for entry in entries:
            self._entry_keys(entry, keys)
            values = tuple(k.value for k in entry.keys)
            if all(k == "exact" for k in kinds) and None not in values:
                if values in seen:
                    self._error("the table has an entry with these keys already", entry.span)
                seen.add(values)
            self._full_call(table, entry.action, "in an entry")
            self._entry_priority(table, entry, kinds)

    def _entry_keys(self, entry: ast.TableEntry, keys: list[ast.KeyElement]) -> None:
        if len(entry.keys) == 1 and isinstance(entry.keys[0], ast.ListExpression):
            entry.keys = list(entry.keys[0].items)
        if len(entry.keys) == 1 and isinstance(entry.keys[0], ast.Anything) and len(keys) > 1:
            entry.keys = [ast.Anything(entry.keys[0].span) for _ in keys]
        if len(entry.keys) != len(keys):
            self._error(f"the table has {len(keys)} key(s), but this entry gives {len(entry.keys)}", entry.span)
            return
        for element, key in zip(entry.keys, keys, strict=True):
            self._label(element, key.expression.type, "the key")
            self._entry_kind(element, key.match_kind)

    def _entry_kind(self, element: ast.Expression, kind: str) -> None:
        operator = element.operator if isinstance(element, ast.Binary) else ""
        if isinstance(element, ast.Anything) and kind == "exact":
            self._error("an exact key needs a value", element.span)
        elif operator == "&&&" and kind not in ("ternary", "lpm"):
            self._error(f"a mask does not fit a key that is matched by '{kind}'", element.span)
        elif operator == ".." and kind != "range":
            self._error(f"a range does not fit a key that is matched by '{kind}'", element.span)
        elif operator == "&&&" and kind == "lpm" and isinstance(element, ast.Binary):
            self._lpm_mask(element)

    def _lpm_mask(self, element: ast.Binary) -> None:
        mask, t = element.right.value, types.underlying(element.left.target or element.left.type)
        if isinstance(t, types.Bits) and isinstance(mask, int):
            inverted = ~mask & ((1 << t.width) - 1)
            if inverted & (inverted + 1):
                self._error(f"the mask {mask:#x} is no prefix", element.right.span)

    def _entry_priority(self, table: ast.TableDeclaration, entry: ast.TableEntry, kinds: list[str]) -> None:
        if entry.priority is None:
            return
        if self._constant_int(entry.priority, "a priority") is None:
            return
        if table.entries_const:
            self._error("const entries have the order in which they stand, and no priority", entry.priority.span)
        elif not any(k in ("ternary", "range", "optional") for k in kinds):
            self._error("a priority needs a key that is matched by ternary, range or optional", entry.priority.span)

    # Sets

    def _label(self, label: ast.Expression, wanted: Type, what: str) -> None:
        """Check one set against the type of the key that it matches."""
        found = self._expression(label)
        if isinstance(wanted, types.Sequence):
            wanted = types.Tuple(wanted.items)
        if isinstance(label, ast.Anything) or isinstance(found, types.Unknown) or isinstance(wanted, types.Unknown):
            return
        if isinstance(label, ast.Binary) and label.operator in ("&&&", ".."):
            for side in (label.left, label.right):
                if (
                    isinstance(side.target or side.type, types.Integer | types.SerEnum)
                    or (side.target or side.type) != wanted
                ):
                    side.target = None
                    self._label_side(side, wanted, what)
                self._must_be_known(side)
            return
        if isinstance(found, types.ValueSetOf):
            if not types.contains_unknown(found) and not self._set_fits(found.element, wanted):
                self._error(f"{what} has the type {wanted}, the value set {found.element}", label.span)
            return
        if self._coerce(label, wanted, what):
            self._must_be_known(label)

    def _label_side(self, side: ast.Expression, wanted: Type, what: str) -> None:
        base = types.underlying(wanted)
        if isinstance(base, types.SerEnum) and side.type in (types.INT, base.underlying):
            self._coerce(side, base.underlying, what)
        else:
            self._coerce(side, wanted, what)

    def _set_fits(self, element: Type, wanted: Type) -> bool:
        return (
            element == wanted
            or (isinstance(element, types.Tuple) and element.items == (wanted,))
            or (isinstance(element, types.Composite) and [m.type for m in element.members] == [wanted])
        )

    def _must_be_known(self, e: ast.Expression) -> None:
        if e.value is None and not isinstance(e.type, types.Unknown) and not self._is_compile_time(e):
            self._error("a set must be known at compile time", e.span)


def _default_of(parameter: types.Parameter) -> ast.Expression | None:
    declaration = parameter.declaration
    return declaration.default if isinstance(declaration, ast.Parameter) else None


def _binds(given: list[ast.Argument], parameters: list[types.Parameter]) -> bool:
    directed = {p.name for p in parameters if p.direction is not Direction.NONE}
    return any(a.name in directed for a in given)


def _as_reference(e: ast.Expression) -> ast.ActionReference | None:
    arguments = None
    if isinstance(e, ast.Call) and not e.type_arguments:
        arguments, e = e.arguments, e.function
    if not isinstance(e, ast.Path):
        return None
    return ast.ActionReference(e.span, e.name, e.absolute, arguments, [])
