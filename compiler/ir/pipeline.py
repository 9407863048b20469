"""Blocks and the whole program."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, field

from rackplane.compiler.ir.exprs import Var
from rackplane.compiler.ir.objects import (
    Action,
    ActionProfile,
    ControllerHeader,
    Counter,
    Digest,
    FieldList,
    Meter,
    Register,
    Table,
    ValueSet,
)
from rackplane.compiler.ir.parsers import Parser
from rackplane.compiler.ir.source import Annotation
from rackplane.compiler.ir.stmts import Stmt
from rackplane.compiler.ir.typeinfo import NamedSpec, TypeDefinition
from rackplane.compiler.ir.types import Bits, Header, Struct, Union


@dataclass(frozen=True)
class Control:
    """A flat control: local variables need no declaration here; they are in Pipeline.variables."""

    name: str
    body: tuple[Stmt, ...]


@dataclass(frozen=True)
class Pipeline:
    """A whole v1model program.

    Well-known variables: `hdr` (the headers), `meta` (user metadata), `standard_metadata`.
    `variables` lists every other variable with its type, per block name ("parser", "verify", "ingress",
    "egress", "compute", "deparser"); each starts at zero/invalid when its block starts.
    `type_names` maps the P4 name of each header and struct declared in the program to its type (for codecs
    and P4Info); `type_info` defines the types of what the control plane reads and writes; `errors` lists
    error members in declaration order, so an error's bits value is its index.
    """

    source: str
    headers: Struct
    metadata: Struct
    standard_metadata: Struct
    parser: Parser
    verify: Control
    ingress: Control
    egress: Control
    compute: Control
    deparser: Control
    _: KW_ONLY
    variables: dict[str, tuple[Var, ...]] = field(default_factory=dict)
    actions: dict[str, Action] = field(default_factory=dict)
    tables: dict[str, Table] = field(default_factory=dict)
    registers: dict[str, Register] = field(default_factory=dict)
    counters: dict[str, Counter] = field(default_factory=dict)
    meters: dict[str, Meter] = field(default_factory=dict)
    action_profiles: dict[str, ActionProfile] = field(default_factory=dict)
    value_sets: dict[str, ValueSet] = field(default_factory=dict)
    digests: dict[str, Digest] = field(default_factory=dict)
    controller_headers: tuple[ControllerHeader, ...] = ()
    field_lists: tuple[FieldList, ...] = ()
    type_names: dict[str, Header | Struct | Union] = field(default_factory=dict)
    constants: dict[str, tuple[int, Bits]] = field(default_factory=dict)
    enums: dict[str, tuple[tuple[str, int], ...]] = field(default_factory=dict)
    type_info: dict[NamedSpec, TypeDefinition] = field(default_factory=dict)
    errors: tuple[str, ...] = ()
    annotations: tuple[Annotation, ...] = ()
