"""A syntax tree to a checked one: names resolved, types known, constants folded."""

from __future__ import annotations

from dataclasses import dataclass

from rackplane.compiler.frontend import ast
from rackplane.compiler.frontend.check_decls import DeclarationChecker
from rackplane.compiler.lexing.diagnostics import Diagnostics


@dataclass(frozen=True)
class CheckedProgram:
    """A program without errors. `errors` are the members of `error` in declaration order."""

    program: ast.Program
    errors: tuple[str, ...]


def check(program: ast.Program, diagnostics: Diagnostics) -> CheckedProgram:
    """Check a program; errors go to the diagnostics."""
    checker = DeclarationChecker(diagnostics)
    checker.program(program)
    return CheckedProgram(program, tuple(checker.facts.errors))
