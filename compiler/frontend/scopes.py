"""Names and what they stand for, from the inside out."""

from __future__ import annotations

from collections.abc import Iterator

from rackplane.compiler.frontend import ast


class Scope:
    """One level of names. Functions of one name may share it (overloading); everything else is alone."""

    def __init__(self, parent: Scope | None = None) -> None:
        self.parent = parent
        self._names: dict[str, list[ast.Declaration]] = {}

    def declare(self, declaration: ast.Declaration) -> ast.Declaration | None:
        """Add a declaration; returns the older one of this name when both cannot be."""
        existing = self._names.setdefault(declaration.name, [])
        if existing and not all(_may_overload(declaration, e) for e in existing):
            return existing[0]
        existing.append(declaration)
        return None

    def find(self, name: str) -> list[ast.Declaration]:
        """The innermost declarations of a name; empty when it is unknown."""
        scope: Scope | None = self
        while scope is not None:
            found = scope._names.get(name)
            if found:
                return found
            scope = scope.parent
        return []

    def local(self, name: str) -> list[ast.Declaration]:
        """The declarations of a name at this level only."""
        return self._names.get(name, [])

    def visible(self) -> Iterator[str]:
        """All names that can be used here."""
        scope: Scope | None = self
        while scope is not None:
            yield from scope._names
            scope = scope.parent

    @property
    def outermost(self) -> Scope:
        """The program's own level."""
        scope = self
        while scope.parent is not None:
            scope = scope.parent
        return scope


def _may_overload(new: ast.Declaration, old: ast.Declaration) -> bool:
    if not isinstance(new, ast.FunctionDeclaration) or not isinstance(old, ast.FunctionDeclaration):
        return False
    return [p.name for p in new.parameters] != [p.name for p in old.parameters]
