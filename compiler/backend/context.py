"""What the writers of one C function share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from rackplane.compiler import ir
from rackplane.compiler.backend.ctext import CWriter, identifier
from rackplane.compiler.backend.layout import TypeTable
from rackplane.compiler.backend.paths import Paths
from rackplane.compiler.backend.profileplan import ProfilePlan
from rackplane.compiler.backend.tracesites import TraceSites
from rackplane.compiler.backend.valuesetplan import SetPlan
from rackplane.compiler.errors import CompileErrors, Diagnostic

PHV_MEMBERS = {"hdr": "hdr", "meta": "meta", "standard_metadata": "sm"}


def unsupported(what: str, span: ir.Span = ir.NOWHERE, *notes: str) -> CompileErrors:
    """The error for a construct that the xdp target has no code for."""
    return CompileErrors.at(f"{what} is not supported by the xdp target", span, *notes)


def local_name(name: str) -> str:
    """The C name of a P4 variable other than the well-known ones."""
    return f"v_{identifier(name)}"


@dataclass
class Facts:
    """What the whole program is known to need, gathered while its functions are written."""

    pipeline: ir.Pipeline
    types: TypeTable = field(default_factory=TypeTable)
    spilled: dict[str, ir.Type] = field(default_factory=dict)
    in_map: bool = False
    paths: Paths = field(default_factory=Paths)
    features: set[str] = field(default_factory=set)
    diagnostics: list[Diagnostic] = field(default_factory=list)
    profiles: Mapping[str, ProfilePlan] = field(default_factory=dict)
    value_sets: Mapping[str, SetPlan] = field(default_factory=dict)
    trace: TraceSites | None = None
    """The sites of a traced program; the pipeline has Trace statements then."""

    def error_code(self, name: str) -> int:
        """The value of a member of `error`."""
        try:
            return self.pipeline.errors.index(name)
        except ValueError:
            return 0


@dataclass
class Fx:
    """One C function under construction.

    `exit` is the C statement that P4's exit becomes. `locked` is the C statement that releases the lock that is
    held, empty when none is; `inner` are the scopes that were opened since. `hoisted` are the tables whose default
    action was looked up in front of the locked span. `iterations`: how often the loops around run at most.
    """

    facts: Facts
    out: CWriter
    block: str
    exit: str = "return 0;"
    scopes: dict[str, str] = field(default_factory=dict)
    locked: str = ""
    inner: set[str] = field(default_factory=set)
    hoisted: set[str] = field(default_factory=set)
    iterations: int = 1

    @property
    def types(self) -> TypeTable:
        """The program's types."""
        return self.facts.types

    def variable(self, var: ir.Var) -> str:
        """The C lvalue of a variable."""
        member = PHV_MEMBERS.get(var.name)
        if member is None and var.name in self.facts.spilled:
            member = local_name(var.name)
        return f"phv->{member}" if member else local_name(var.name)

    def declare(self, var: ir.Var, value: str = "") -> None:
        """Declare a local variable, zero and invalid unless a value is given."""
        c_type = self.types.c_type(var.type)
        if var.name in self.facts.spilled:
            self.out.line(f"{self.variable(var)} = ({c_type}){{}};")
            return
        zero = "0" if isinstance(var.type, ir.Bits) and var.type.width <= 64 else "{}"
        self.out.line(f"{c_type} {local_name(var.name)} = {value or zero};")

    def leave(self, label: str) -> str:
        """The C statements that jump to the end of a scope."""
        release = f"{self.locked} " if self.locked and label not in self.inner else ""
        return f"{release}goto {self.scopes[label]};"

    def leave_control(self) -> str:
        """The C statements that end the control."""
        return f"{self.locked} {self.exit}" if self.locked else self.exit

    def exit_with(self, reason: str) -> str:
        """The C statement that ends the control and drops the packet."""
        return f"return {reason};"

    def fail(self, error: str) -> str:
        """The C statement that ends the parser with this error."""
        return f"FAIL({self.facts.error_code(error)}); /* {error} */"
