"""What every part of the checker uses: the scope, the surroundings and the report of errors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from rackplane.compiler.frontend import ast, types
from rackplane.compiler.frontend.scopes import Scope
from rackplane.compiler.frontend.types import Type
from rackplane.compiler.ir import Span
from rackplane.compiler.lexing.diagnostics import Diagnostics, did_you_mean


@dataclass(frozen=True)
class Surroundings:
    """What encloses the code that is being checked.

    `place` is one of "program", "parser", "state", "control", "apply", "action", "function", "method".
    """

    place: str = "program"
    result: Type | None = None
    loops: int = 0
    block: ast.BlockDeclaration | None = None
    callable: ast.Declaration | None = None
    in_key: bool = False
    in_switch: bool = False


@dataclass
class Facts:
    """What the checker finds out about the whole program."""

    errors: list[str] = field(default_factory=list)
    match_kinds: list[str] = field(default_factory=list)


TYPE_DECLARATIONS = (
    ast.CompositeDeclaration,
    ast.EnumDeclaration,
    ast.TypedefDeclaration,
    ast.TypeParameter,
    ast.ExternDeclaration,
    ast.BlockDeclaration,
    ast.PackageDeclaration,
)


class CheckerBase:
    """Scopes, surroundings, errors."""

    def __init__(self, diagnostics: Diagnostics) -> None:
        self._diagnostics = diagnostics
        self._scope = Scope()
        self._around = Surroundings()
        self.facts = Facts()
        self._instance_call: ast.Call | None = None

    def _error(self, message: str, span: Span, *notes: str) -> None:
        self._diagnostics.error(message, span, *notes)

    def _fail(self, message: str, span: Span, *notes: str) -> Type:
        self._error(message, span, *notes)
        return types.UNKNOWN

    @contextmanager
    def _scoped(self) -> Iterator[None]:
        outer = self._scope
        self._scope = Scope(outer)
        try:
            yield
        finally:
            self._scope = outer

    @contextmanager
    def _within(self, **changes: object) -> Iterator[None]:
        outer = self._around
        self._around = replace(outer, **changes)  # type: ignore[arg-type]
        try:
            yield
        finally:
            self._around = outer

    def _declare(self, declaration: ast.Declaration) -> None:
        older = self._scope.declare(declaration)
        if older is not None:
            where = f"{older.span.file}:{older.span.line}" if older.span.line else "elsewhere"
            self._error(f"'{declaration.name}' is declared twice", declaration.span, f"first declared at {where}")

    def _check_shadowing(self, declaration: ast.Declaration) -> None:
        """A variable, constant or instance inside of a body cannot hide a parameter (as in p4c)."""
        if self._around.place in ("control", "parser", "program"):
            return
        found = self._scope.find(declaration.name)
        if found and isinstance(found[0], ast.Parameter) and found[0] not in self._scope.local(declaration.name):
            self._error(f"'{declaration.name}' hides the parameter of this name", declaration.span)

    def _lookup(self, name: str, absolute: bool) -> list[ast.Declaration]:
        return (self._scope.outermost if absolute else self._scope).find(name)

    def _unknown_name(self, what: str, name: str, span: Span) -> Type:
        own = self._around.callable
        if own is not None and own.name == name:
            return self._fail(f"'{name}' cannot call itself", span)
        return self._fail(f"unknown {what} '{name}'", span, *did_you_mean(name, self._visible(what)))

    def _visible(self, what: str) -> Iterator[str]:
        for name in self._scope.visible():
            found = self._scope.find(name)
            if not found or isinstance(found[0], TYPE_DECLARATIONS) == (what == "type"):
                yield name
        if what == "type":
            yield from ("bit", "int", "bool", "varbit", "error", "string")
