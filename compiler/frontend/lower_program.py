"""What is collected for the pipeline while its blocks are lowered, and the names that are given out."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from rackplane.compiler import ir
from rackplane.compiler.frontend import ast
from rackplane.compiler.frontend.lower_env import Binding, Frame, LowerError
from rackplane.compiler.frontend.lower_typespecs import TypeInfo
from rackplane.compiler.lexing.diagnostics import Diagnostics

WELL_KNOWN = ("hdr", "meta", "standard_metadata")


@dataclass
class Collected:
    """The parts of ir.Pipeline that grow while blocks are lowered."""

    variables: dict[str, list[ir.Var]] = field(default_factory=dict)
    actions: dict[str, ir.Action] = field(default_factory=dict)
    tables: dict[str, ir.Table] = field(default_factory=dict)
    registers: dict[str, ir.Register] = field(default_factory=dict)
    counters: dict[str, ir.Counter] = field(default_factory=dict)
    meters: dict[str, ir.Meter] = field(default_factory=dict)
    action_profiles: dict[str, ir.ActionProfile] = field(default_factory=dict)
    value_sets: dict[str, ir.ValueSet] = field(default_factory=dict)
    digests: dict[str, ir.Digest] = field(default_factory=dict)


class ProgramBuilder:
    """Names, diagnostics and the collected objects of one program."""

    def __init__(self, diagnostics: Diagnostics, errors: tuple[str, ...]) -> None:
        self.diagnostics = diagnostics
        self.errors = errors
        self.collected = Collected()
        self.types = TypeInfo()
        self.globals = Frame()
        self.no_action: ast.ActionDeclaration | None = None
        self.called: dict[str, ir.Action] = {}
        self.action_owners: dict[str, ast.ActionDeclaration] = {}
        self._variables: dict[str, int] = dict.fromkeys(WELL_KNOWN, 1)
        self._labels = 0

    def report(self, problem: LowerError) -> None:
        """Add a problem to the diagnostics."""
        self.diagnostics.error(problem.message, problem.span, *problem.notes)

    def variable(self, block: str, name: str, t: ir.Type) -> ir.Var:
        """A new variable of a block; its name is unique in the program."""
        base = re.sub(r"[^A-Za-z0-9_]", "_", name)
        unique = base
        while unique in self._variables:
            self._variables[base] = number = self._variables.get(base, 0) + 1
            unique = f"{base}_{number}"
        self._variables[unique] = 1
        variable = ir.Var(unique, t)
        self.collected.variables.setdefault(block, []).append(variable)
        return variable

    def label(self, name: str) -> str:
        """A new label for a Scope."""
        self._labels += 1
        return f"{name}_{self._labels}"

    def bind_global(self, declaration: ast.Declaration, binding: Binding) -> None:
        """Let a name at the top of the program stand for something."""
        self.globals.bindings[declaration] = binding
