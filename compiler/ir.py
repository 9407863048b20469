"""The compiler's intermediate representation: a fully elaborated v1model pipeline with explicit widths.

The front end makes it from checked P4_16 (P4_16 spec 1.2.5): generics are instantiated, sub-parsers,
sub-controls, functions and directly called actions are inlined, constants are folded, enums, errors and
serializable types are bits, expressions have no side effects. The back end needs nothing else.
"""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, field
from enum import Enum


@dataclass(frozen=True)
class Span:
    """A place in a P4 source: file name, 1-based line and column, and the length of the marked text."""

    file: str
    line: int
    column: int
    length: int = 1


NOWHERE = Span("", 0, 0, 0)


# Types


@dataclass(frozen=True)
class Bits:
    """bit<width>, int<width> (signed), bool (width 1, is_bool), an enum or an error (plain bits)."""

    width: int
    signed: bool = False
    is_bool: bool = False


BOOL = Bits(1, is_bool=True)


@dataclass(frozen=True)
class Varbit:
    """varbit<max_width>: up to max_width bits; the current length is kept beside the value."""

    max_width: int


@dataclass(frozen=True)
class Field:
    """A member of a header, struct or union."""

    name: str
    type: Type


@dataclass(frozen=True)
class Header:
    """A header type: fields in wire order, and a validity bit kept beside it."""

    name: str
    fields: tuple[Field, ...]

    @property
    def fixed_width(self) -> int:
        """The width in bits without varbit fields."""
        return sum(f.type.width for f in self.fields if isinstance(f.type, Bits))


@dataclass(frozen=True)
class Struct:
    """A struct, or a tuple or list whose members are named f0, f1, ..."""

    name: str
    fields: tuple[Field, ...]


@dataclass(frozen=True)
class Union:
    """A header_union: at most one member is valid."""

    name: str
    fields: tuple[Field, ...]


@dataclass(frozen=True)
class Stack:
    """A header stack (element: Header or Union) of `size` elements, with a next index."""

    element: Header | Union
    size: int


Type = Bits | Varbit | Header | Struct | Union | Stack


# Places that can be read and written. The roots are variables.


@dataclass(frozen=True)
class Var:
    """A variable. Names are unique in the whole program; see Pipeline.variables for the well-known ones."""

    name: str
    type: Type


@dataclass(frozen=True)
class Member:
    """base.name of a header, struct or union."""

    base: Place
    name: str
    type: Type


@dataclass(frozen=True)
class Element:
    """stack[index]; out of range reads are zero and invalid, writes are ignored."""

    base: Place
    index: Expr
    type: Type


@dataclass(frozen=True)
class StackNext:
    """stack.next (parser only): using it past the end raises error.StackOutOfBounds."""

    base: Place
    type: Type


@dataclass(frozen=True)
class StackLast:
    """stack.last (parser only): using it on an empty stack raises error.StackOutOfBounds."""

    base: Place
    type: Type


@dataclass(frozen=True)
class Slice:
    """base[high:low] of a bits place or expression; as a place only the named bits are written."""

    base: Expr
    high: int
    low: int

    @property
    def type(self) -> Bits:
        """The slice's own type."""
        return Bits(self.high - self.low + 1)


Place = Var | Member | Element | StackNext | StackLast | Slice


# Expressions: no side effects, every operand already of the width that the operator needs.


class UnaryOp(Enum):
    """Unary operators."""

    NEGATE = "-"
    COMPLEMENT = "~"
    NOT = "!"


class BinaryOp(Enum):
    """Binary operators; && and || are short-circuit, |+| and |-| saturate."""

    ADD = "+"
    SUB = "-"
    MUL = "*"
    DIV = "/"
    MOD = "%"
    SAT_ADD = "|+|"
    SAT_SUB = "|-|"
    AND = "&"
    OR = "|"
    XOR = "^"
    SHL = "<<"
    SHR = ">>"
    EQ = "=="
    NE = "!="
    LT = "<"
    LE = "<="
    GT = ">"
    GE = ">="
    LOGICAL_AND = "&&"
    LOGICAL_OR = "||"


@dataclass(frozen=True)
class Const:
    """A number; for signed types the two's complement value is held as a Python int that may be negative."""

    value: int
    type: Bits


@dataclass(frozen=True)
class Unary:
    """op operand."""

    op: UnaryOp
    operand: Expr
    type: Bits


@dataclass(frozen=True)
class Binary:
    """left op right. EQ and NE also compare headers, structs and stacks (both sides are then places)."""

    op: BinaryOp
    left: Expr
    right: Expr
    type: Bits


@dataclass(frozen=True)
class Concat:
    """left ++ right."""

    left: Expr
    right: Expr
    type: Bits


@dataclass(frozen=True)
class Cast:
    """(type) operand between bits, int and bool: truncation, zero or sign extension by the source's sign."""

    operand: Expr
    type: Bits


@dataclass(frozen=True)
class Mux:
    """condition ? then : otherwise."""

    condition: Expr
    then: Expr
    otherwise: Expr
    type: Bits


@dataclass(frozen=True)
class IsValid:
    """header.isValid(), or union.isValid() (any member)."""

    header: Place
    type: Bits = BOOL


@dataclass(frozen=True)
class StackIndex:
    """stack.lastIndex (next index - 1), or with `next` the raw next index, as bit<32>."""

    base: Place
    next: bool = False
    type: Bits = Bits(32)


@dataclass(frozen=True)
class Lookahead:
    """packet.lookahead<bit<width>>() in a parser, from bit `offset` after the cursor.

    Reading past the end raises error.PacketTooShort. A struct's lookahead is lowered to one per field.
    """

    type: Bits
    offset: int = 0


@dataclass(frozen=True)
class PacketLength:
    """packet.length(): bytes of the packet, as bit<32>."""

    type: Bits = Bits(32)


Expr = (
    Const
    | Unary
    | Binary
    | Concat
    | Cast
    | Mux
    | IsValid
    | StackIndex
    | Lookahead
    | PacketLength
    | Var
    | Member
    | Element
    | StackNext
    | StackLast
    | Slice
)


# Statements


@dataclass(frozen=True)
class Assign:
    """target = value; value may be a place of header, struct, union or stack type (a copy of all of it)."""

    target: Place
    value: Expr
    span: Span = NOWHERE


@dataclass(frozen=True)
class If:
    """if (condition) then else otherwise."""

    condition: Expr
    then: tuple[Stmt, ...]
    otherwise: tuple[Stmt, ...] = ()
    span: Span = NOWHERE


@dataclass(frozen=True)
class SwitchCase:
    """One arm: the labels (empty for default) and its body. Fall-through is resolved by the front end."""

    labels: tuple[int, ...]
    body: tuple[Stmt, ...]


@dataclass(frozen=True)
class Switch:
    """switch over a bits value; at most one case has no labels (default). No fall-through."""

    selector: Expr
    cases: tuple[SwitchCase, ...]
    span: Span = NOWHERE


@dataclass(frozen=True)
class Scope:
    """A body that a Leave of the same label jumps to the end of (an inlined action, function, control)."""

    label: str
    body: tuple[Stmt, ...]


@dataclass(frozen=True)
class Leave:
    """Jump to the end of the enclosing Scope `label`: P4's return."""

    label: str
    span: Span = NOWHERE


@dataclass(frozen=True)
class Exit:
    """P4's exit: ends the whole top-level control."""

    span: Span = NOWHERE


@dataclass(frozen=True)
class Loop:
    """A for loop, run at most `bound` times (P4_16 1.2.5); break and continue are Leave of inner scopes."""

    label: str
    condition: Expr
    body: tuple[Stmt, ...]
    bound: int
    span: Span = NOWHERE


@dataclass(frozen=True)
class SetValidity:
    """header.setValid() or setInvalid(); on a union member setValid invalidates the others."""

    header: Place
    valid: bool
    span: Span = NOWHERE


@dataclass(frozen=True)
class ShiftStack:
    """stack.push_front(count), or pop_front when count is negative."""

    stack: Place
    count: int
    span: Span = NOWHERE


@dataclass(frozen=True)
class ApplyTable:
    """table.apply(); `hit` and `action` are variables that receive the result where the program uses it.

    `action` is bit<32>: the index of the action that ran in Table.actions.
    """

    table: str
    hit: Var | None = None
    action: Var | None = None
    span: Span = NOWHERE


@dataclass(frozen=True)
class CallExtern:
    """A v1model extern function or a method of an extern instance.

    name: "mark_to_drop", "hash", "digest", "random", "clone", "clone_preserving_field_list",
    "resubmit_preserving_field_list", "recirculate_preserving_field_list", "truncate", "assert", "assume",
    "log_msg", "verify_checksum", "update_checksum", the two ..._with_payload, or
    "register.read", "register.write", "counter.count", "direct_counter.count", "meter.execute_meter",
    "direct_meter.read". `instance` names the extern instance of a method. Arguments are in declaration order;
    out and inout arguments are places; a list or struct argument is a tuple of leaf expressions in order
    (headers and structs already expanded to their fields).
    Enum arguments (HashAlgorithm, CloneType) are Const of the member's index in v1model's declaration.
    """

    name: str
    arguments: tuple[Argument, ...]
    instance: str | None = None
    span: Span = NOWHERE


Argument = Expr | tuple[Expr, ...] | str


@dataclass(frozen=True)
class Extract:
    """packet.extract(header[, varbit_bits]) in a parser; extract(_) is lowered to Advance."""

    header: Place
    varbit_bits: Expr | None = None
    span: Span = NOWHERE


@dataclass(frozen=True)
class Advance:
    """packet.advance(bits)."""

    bits: Expr
    span: Span = NOWHERE


@dataclass(frozen=True)
class Verify:
    """verify(condition, error) in a parser: on false sets parser_error and goes to reject."""

    condition: Expr
    error: int
    span: Span = NOWHERE


@dataclass(frozen=True)
class Emit:
    """packet.emit(header) in a deparser: of one header, union, stack, or struct (members in order)."""

    header: Place
    span: Span = NOWHERE


Stmt = (
    Assign
    | If
    | Switch
    | Scope
    | Leave
    | Exit
    | Loop
    | SetValidity
    | ShiftStack
    | ApplyTable
    | CallExtern
    | Extract
    | Advance
    | Verify
    | Emit
)


# Parsers


@dataclass(frozen=True)
class ValueSetRef:
    """A select label that names a parser value set."""

    name: str


@dataclass(frozen=True)
class Masked:
    """A select label or const entry element: value &&& mask (a plain value has an all-ones mask, _ has 0)."""

    value: int
    mask: int


@dataclass(frozen=True)
class Interval:
    """low .. high, both included."""

    low: int
    high: int


@dataclass(frozen=True)
class SelectCase:
    """One case of a select: one label per key (or one ValueSetRef for the whole key), and the next state."""

    labels: tuple[Masked | Interval | ValueSetRef, ...]
    next: str


@dataclass(frozen=True)
class Select:
    """transition select(keys) {cases}; no match raises error.NoMatch. The direct form has no keys."""

    keys: tuple[Expr, ...]
    cases: tuple[SelectCase, ...]
    span: Span = NOWHERE


@dataclass(frozen=True)
class State:
    """A parser state. `accept` and `reject` are not listed; they are the names that end the parser."""

    name: str
    body: tuple[Stmt, ...]
    transition: Select | str
    span: Span = NOWHERE


@dataclass(frozen=True)
class Parser:
    """A flat parser: `start` is the first state."""

    name: str
    states: tuple[State, ...]


# Control-plane objects


@dataclass(frozen=True)
class Annotation:
    """@name(body): the body as its source text, and its value where it is a single string or number."""

    name: str
    body: str = ""


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

    `type_name` names the key's `type` declaration (Pipeline.new_types), if it has one.
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

    `type_name` names its `type` declaration (Pipeline.new_types) or its enum without underlying type.
    """

    name: str
    var: Var
    annotations: tuple[Annotation, ...] = ()
    type_name: str | None = None


@dataclass(frozen=True)
class Action:
    """An action; `name` is its control-plane name (its key in Pipeline.actions is unique per binding).

    Directional parameters bound in a table's action list are substituted into a copy of the action.
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
    """register<type>(size)."""

    name: str
    type: Bits
    size: int
    annotations: tuple[Annotation, ...] = ()
    initial: int = 0


@dataclass(frozen=True)
class Counter:
    """counter(size, unit), or a direct counter (size 0; `table` names its table)."""

    name: str
    unit: CounterUnit
    size: int = 0
    table: str | None = None
    annotations: tuple[Annotation, ...] = ()


@dataclass(frozen=True)
class Meter:
    """meter(size, unit), or a direct meter whose read() writes to `result`."""

    name: str
    unit: CounterUnit
    size: int = 0
    table: str | None = None
    result: Place | None = None
    annotations: tuple[Annotation, ...] = ()


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
class NewType:
    """type <base> name: `translation` holds the URI and the type that @p4runtime_translation gives, as written."""

    name: str
    type: Bits
    translation: tuple[str, str] | None = None
    annotations: tuple[Annotation, ...] = ()


@dataclass(frozen=True)
class ValueSet:
    """value_set<T>(size): keys are the leaf fields of T with their match kinds."""

    name: str
    fields: tuple[tuple[str, Bits, MatchKind], ...]
    size: int
    annotations: tuple[Annotation, ...] = ()


@dataclass(frozen=True)
class Digest:
    """A type given to digest(): its name and struct."""

    name: str
    type: Struct
    annotations: tuple[Annotation, ...] = ()


@dataclass(frozen=True)
class ControllerHeader:
    """A header with @controller_header("packet_in" | "packet_out")."""

    name: str
    header: Header
    annotations: tuple[Annotation, ...] = ()


@dataclass(frozen=True)
class FieldList:
    """The metadata leaf places marked @field_list(index): kept over clone, resubmit and recirculate."""

    index: int
    places: tuple[Place, ...]


# Blocks and the pipeline


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
    and P4Info); `errors` lists error members in declaration order, so an error's bits value is its index.
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
    new_types: dict[str, NewType] = field(default_factory=dict)
    errors: tuple[str, ...] = ()
    annotations: tuple[Annotation, ...] = ()
