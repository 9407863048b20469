"""What the control plane sees: tables, actions and extern instances."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from enum import Enum

from rackplane.compiler.ir.exprs import Expr, Place, Var
from rackplane.compiler.ir.parsers import Interval, Masked
from rackplane.compiler.ir.source import NOWHERE, Annotation, Span
from rackplane.compiler.ir.stmts import Stmt
from rackplane.compiler.ir.typeinfo import TypeSpec
from rackplane.compiler.ir.types import Bits, Header, Struct


class MatchKind(Enum):
    """v1model's match kinds; SELECTOR keys feed the action selector's hash and match nothing."""

    EXACT = "exact"
    LPM = "lpm"
    TERNARY = "ternary"
    RANGE = "range"
    OPTIONAL = "optional"
    SELECTOR = "selector"


@dataclass(frozen=True)
class Key:
    """One key of a table: its control-plane name, its expression and its match kind.

    `type_name` names the key's `type` declaration (in Pipeline.type_info), if it has one.
    """

    name: str
    expression: Expr
    kind: MatchKind
    annotations: tuple[Annotation, ...] = ()
    type_name: str | None = None

    @property
    def width(self) -> int:
        """The key's width in bits."""
        kind = self.expression.type
        if not isinstance(kind, Bits):
            raise TypeError(f"key {self.name} is not a number but {kind}")
        return kind.width


@dataclass(frozen=True)
class Param:
    """A parameter of an action that the control plane gives; the body reads it as `var`.

    `type_name` names its `type` declaration (in Pipeline.type_info) or its enum without underlying type.
    """

    name: str
    var: Var
    annotations: tuple[Annotation, ...] = ()
    type_name: str | None = None


@dataclass(frozen=True)
class Action:
    """An action; `name` is its control-plane name (its key in Pipeline.actions is unique per binding).

    Directional parameters bound in a table's action list are substituted into a copy of the action. An action that
    no table has was inlined wherever it is called: it is listed by its name, without parameters and body.
    """

    name: str
    params: tuple[Param, ...]
    body: tuple[Stmt, ...]
    annotations: tuple[Annotation, ...] = ()
    span: Span = NOWHERE


@dataclass(frozen=True)
class ActionRef:
    """An action in a table's list: its key in Pipeline.actions, and its annotations there."""

    name: str
    annotations: tuple[Annotation, ...] = ()

    @property
    def table_only(self) -> bool:
        """Whether the action may not be the default action."""
        return any(a.name == "tableonly" for a in self.annotations)

    @property
    def default_only(self) -> bool:
        """Whether the action may only be the default action."""
        return any(a.name == "defaultonly" for a in self.annotations)


@dataclass(frozen=True)
class ActionCall:
    """An action with its constant arguments: of an entry or of a default action."""

    action: str
    arguments: tuple[int, ...] = ()


@dataclass(frozen=True)
class Lpm:
    """A const entry element of an lpm key: value / prefix length."""

    value: int
    prefix_len: int


@dataclass(frozen=True)
class Entry:
    """One entry of `entries`: an element per key, and its priority (larger wins in P4Runtime's sense)."""

    elements: tuple[Masked | Interval | Lpm, ...]
    call: ActionCall
    priority: int
    const: bool = True
    annotations: tuple[Annotation, ...] = ()
    span: Span = NOWHERE


@dataclass(frozen=True)
class Table:
    """A table. `name` is its control-plane name (ingress.t); size 0 means unspecified (1024)."""

    name: str
    keys: tuple[Key, ...]
    actions: tuple[ActionRef, ...]
    default: ActionCall
    _: KW_ONLY
    const_default: bool = False
    entries: tuple[Entry, ...] = ()
    const_entries: bool = False
    size: int = 0
    direct_counter: str | None = None
    direct_meter: str | None = None
    implementation: str | None = None
    idle_timeout: bool = False
    annotations: tuple[Annotation, ...] = ()
    span: Span = NOWHERE


class CounterUnit(Enum):
    """CounterType and MeterType of v1model, in its order."""

    PACKETS = 0
    BYTES = 1
    BOTH = 2


@dataclass(frozen=True)
class Register:
    """register<type>(size).

    `spec` is the type as the program names it, None when it is `type`; `index_type` names a `type` of the index.
    """

    name: str
    type: Bits
    size: int
    annotations: tuple[Annotation, ...] = ()
    initial: int = 0
    _: KW_ONLY
    spec: TypeSpec | None = None
    index_type: str | None = None


@dataclass(frozen=True)
class Counter:
    """counter(size, unit), or a direct counter (size 0; `table` names its table)."""

    name: str
    unit: CounterUnit
    size: int = 0
    table: str | None = None
    annotations: tuple[Annotation, ...] = ()
    index_type: str | None = None


@dataclass(frozen=True)
class Meter:
    """meter(size, unit), or a direct meter whose read() writes to `result`."""

    name: str
    unit: CounterUnit
    size: int = 0
    table: str | None = None
    result: Place | None = None
    annotations: tuple[Annotation, ...] = ()
    index_type: str | None = None


@dataclass(frozen=True)
class ActionProfile:
    """action_profile(size) or action_selector(algorithm, size, width)."""

    name: str
    size: int
    selector: bool = False
    algorithm: int = 0
    output_width: int = 0
    annotations: tuple[Annotation, ...] = ()


@dataclass(frozen=True)
class SetField:
    """A field of a value set's members; the name is empty when the members are single numbers."""

    name: str
    type: Bits
    match: MatchKind
    annotations: tuple[Annotation, ...] = ()


@dataclass(frozen=True)
class ValueSet:
    """value_set<T>(size): `fields` are the leaf fields of T."""

    name: str
    fields: tuple[SetField, ...]
    size: int
    annotations: tuple[Annotation, ...] = ()


@dataclass(frozen=True)
class Digest:
    """A type given to digest(): its name, its struct, and the type as the program names it."""

    name: str
    type: Struct
    annotations: tuple[Annotation, ...] = ()
    _: KW_ONLY
    spec: TypeSpec


@dataclass(frozen=True)
class PacketField:
    """A field of a controller header, by its control-plane name; `type_name` as for a Key."""

    name: str
    width: int
    annotations: tuple[Annotation, ...] = ()
    type_name: str | None = None


@dataclass(frozen=True)
class ControllerHeader:
    """A header with @controller_header("packet_in" | "packet_out"); `fields` are those of the header in order."""

    name: str
    header: Header
    fields: tuple[PacketField, ...]
    annotations: tuple[Annotation, ...] = ()


@dataclass(frozen=True)
class FieldList:
    """The metadata leaf places marked @field_list(index): kept over clone, resubmit and recirculate."""

    index: int
    places: tuple[Place, ...]
