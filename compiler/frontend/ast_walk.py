"""Walks over the syntax tree."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields

from rackplane.compiler.frontend import ast

_LINKS = {
    ast.Path: {"declaration"},
    ast.ActionReference: {"declaration"},
    ast.Instantiation: {"call"},
    ast.TableDeclaration: {"default"},
}
_FIELDS: dict[type, tuple[str, ...]] = {}


def _child_fields(kind: type) -> tuple[str, ...]:
    links = _LINKS.get(kind, set()) | {"span", "type", "value_span", "annotations", "resolved", "signature"}
    return tuple(f.name for f in fields(kind) if f.name not in links)


_FIELDS.update(
    {
        kind: _child_fields(kind)
        for kind in vars(ast).values()
        if isinstance(kind, type) and issubclass(kind, ast.Node)
    }
)


def children(node: ast.Node) -> Iterator[ast.Node]:
    """The nodes directly below a node, in source order; what a name was resolved to is not below it."""
    for name in _FIELDS[type(node)]:
        value = getattr(node, name)
        if isinstance(value, ast.Node):
            yield value
        elif isinstance(value, list):
            yield from (v for v in value if isinstance(v, ast.Node))


def walk(node: ast.Node) -> Iterator[ast.Node]:
    """A node and everything below it."""
    waiting = [node]
    while waiting:
        current = waiting.pop()
        yield current
        waiting.extend(reversed(list(children(current))))


def calls(node: ast.Node) -> Iterator[ast.Call]:
    """All calls in a tree."""
    return (n for n in walk(node) if isinstance(n, ast.Call))


def is_pure(e: ast.Expression) -> bool:
    """Whether evaluating an expression changes nothing."""
    return all(_pure_call(c) for c in calls(e))


def _pure_call(call: ast.Call) -> bool:
    if call.value is not None:
        return True
    resolved = call.resolved
    if resolved is None:
        return False
    if resolved.what == "builtin":
        return resolved.name == "isValid"
    if resolved.what in ("size", "constructor"):
        return True
    return resolved.what == "method" and resolved.name in ("lookahead", "length")


def outer_names(body: ast.Node) -> set[ast.Declaration]:
    """The variables and parameters that a body uses, its own included, with those of the actions it calls."""
    found: set[ast.Declaration] = set()
    waiting: list[ast.Node] = [body]
    seen: set[ast.Node] = set()
    while waiting:
        for node in walk(waiting.pop()):
            if isinstance(node, ast.Path) and isinstance(node.declaration, ast.Variable | ast.Parameter):
                found.add(node.declaration)
            elif isinstance(node, ast.Call) and node.resolved is not None:
                action = node.resolved.declaration
                if isinstance(action, ast.ActionDeclaration) and action not in seen:
                    seen.add(action)
                    waiting.append(action.body)
    return found


def same_expression(first: ast.Expression, second: ast.Expression) -> bool:
    """Whether two checked expressions say the same."""
    if first.value is not None or second.value is not None:
        return first.value == second.value
    if type(first) is not type(second):
        return False
    if isinstance(first, ast.Path) and isinstance(second, ast.Path):
        return first.declaration is second.declaration
    for name in ("name", "operator", "bounds", "plus"):
        if getattr(first, name, None) != getattr(second, name, None):
            return False
    own, other = list(children(first)), list(children(second))
    return len(own) == len(other) and all(_same_node(a, b) for a, b in zip(own, other, strict=True))


def _same_node(first: ast.Node, second: ast.Node) -> bool:
    if isinstance(first, ast.Expression) and isinstance(second, ast.Expression):
        return same_expression(first, second)
    if isinstance(first, ast.Argument | ast.NamedExpression) and isinstance(
        second, ast.Argument | ast.NamedExpression
    ):
        return first.name == second.name and same_expression(first.expression, second.expression)
    return type(first) is type(second)
