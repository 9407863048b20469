"""The types of P4_16 as the checker sees them (spec 1.2.5, section 7)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import Enum

MAX_WIDTH = 16384
MAX_STACK = 4096
MAX_LEAVES = 65536


class Direction(Enum):
    """The direction of a parameter; NONE is directionless."""

    NONE = ""
    IN = "in"
    OUT = "out"
    INOUT = "inout"

    @property
    def writes(self) -> bool:
        """Whether the callee writes the argument."""
        return self in (Direction.OUT, Direction.INOUT)


class Type:
    """Any type. str() gives it as a P4 program writes it."""


@dataclass(frozen=True)
class Unknown(Type):
    """The type of something that was already reported as wrong; it fits everywhere."""

    def __str__(self) -> str:
        return "<unknown>"


@dataclass(frozen=True)
class DontCare(Type):
    """_ as a type argument: inferred."""

    def __str__(self) -> str:
        return "_"


@dataclass(frozen=True)
class Bits(Type):
    """bit<width> or int<width>."""

    width: int
    signed: bool = False

    def __str__(self) -> str:
        return f"{'int' if self.signed else 'bit'}<{self.width}>"


@dataclass(frozen=True)
class Integer(Type):
    """int: compile-time numbers of any size."""

    def __str__(self) -> str:
        return "int"


@dataclass(frozen=True)
class Varbit(Type):
    """varbit<width>."""

    width: int

    def __str__(self) -> str:
        return f"varbit<{self.width}>"


@dataclass(frozen=True)
class Simple(Type):
    """A type without structure that is known by its name."""

    name: str

    def __str__(self) -> str:
        return self.name


UNKNOWN = Unknown()
INT = Integer()
BOOL = Simple("bool")
STRING = Simple("string")
VOID = Simple("void")
ERROR = Simple("error")
MATCH_KIND = Simple("match_kind")
BIT1 = Bits(1)
BIT32 = Bits(32)


@dataclass(frozen=True)
class EnumType(Type):
    """An enum; its values are indexes of `members`."""

    name: str
    members: tuple[str, ...]

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class SerEnum(Type):
    """An enum with an underlying type; its values are numbers of that type."""

    name: str
    underlying: Bits
    members: tuple[tuple[str, int], ...] = field(compare=False)

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class NewType(Type):
    """type underlying name."""

    name: str
    underlying: Type
    declaration: object = field(default=None, compare=False)

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, eq=False)
class TypeVar(Type):
    """A type parameter: equal to itself only."""

    name: str

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Member:
    """A field of a composite type."""

    name: str
    type: Type
    declaration: object = field(default=None, compare=False, repr=False)


class Kind(Enum):
    """What a composite type is."""

    STRUCT = "struct"
    HEADER = "header"
    UNION = "header_union"


@dataclass(frozen=True)
class Composite(Type):
    """A struct, header or header union; two are equal when they come from one declaration and equal arguments."""

    kind: Kind
    name: str
    arguments: tuple[Type, ...] = ()
    members: tuple[Member, ...] = field(default=(), compare=False, repr=False)
    parameters: tuple[TypeVar, ...] = field(default=(), compare=False, repr=False)
    declaration: object = field(default=None, compare=False, repr=False)
    leaves: int = field(default=0, init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "leaves", sum(leaf_count(m.type) for m in self.members))

    def __str__(self) -> str:
        return self.name + _arguments(self.arguments)

    def member(self, name: str) -> Type | None:
        """The type of a field, None when there is none of this name."""
        return next((m.type for m in self.members if m.name == name), None)


@dataclass(frozen=True)
class Stack(Type):
    """element[size], of headers or header unions."""

    element: Type
    size: int

    def __str__(self) -> str:
        return f"{self.element}[{self.size}]"


@dataclass(frozen=True)
class Tuple(Type):
    """tuple<items>."""

    items: tuple[Type, ...]
    leaves: int = field(default=0, init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "leaves", sum(leaf_count(i) for i in self.items))

    def __str__(self) -> str:
        return f"tuple{_arguments(self.items) or '<>'}"


@dataclass(frozen=True)
class ListOf(Type):
    """list<element>."""

    element: Type

    def __str__(self) -> str:
        return f"list<{self.element}>"


@dataclass(frozen=True)
class Sequence(Type):
    """The type of {a, b}: fits tuples, structs, headers, stacks and lists. `dots` says that it ends in `...`."""

    items: tuple[Type, ...]
    dots: bool = False

    def __str__(self) -> str:
        return "{" + ", ".join(str(i) for i in self.items) + "}"


@dataclass(frozen=True)
class Record(Type):
    """The type of {a = x, b = y}: fits structs and headers."""

    items: tuple[tuple[str, Type], ...]
    dots: bool = False

    def __str__(self) -> str:
        return "{" + ", ".join(f"{n} = {t}" for n, t in self.items) + "}"


@dataclass(frozen=True)
class Invalid(Type):
    """The type of {#}."""

    def __str__(self) -> str:
        return "{#}"


@dataclass(frozen=True)
class Default(Type):
    """The type of `...`: the default value of whatever it becomes."""

    def __str__(self) -> str:
        return "..."


@dataclass(frozen=True)
class SetOf(Type):
    """A set of values: masks, ranges and _ in select cases and entries."""

    element: Type

    def __str__(self) -> str:
        return f"set<{self.element}>"


@dataclass(frozen=True)
class Parameter:
    """A parameter of anything that is called."""

    name: str
    type: Type
    direction: Direction = Direction.NONE
    optional: bool = False
    declaration: object = field(default=None, compare=False, repr=False)

    def __str__(self) -> str:
        return f"{self.direction.value} {self.type} {self.name}".strip()


@dataclass(frozen=True)
class Signature:
    """Type parameters, parameters and result."""

    name: str
    parameters: tuple[Parameter, ...]
    result: Type = VOID
    type_parameters: tuple[TypeVar, ...] = ()
    declaration: object = field(default=None, compare=False, repr=False)
    abstract: bool = False


@dataclass(frozen=True)
class Extern(Type):
    """An extern object type."""

    name: str
    arguments: tuple[Type, ...] = ()
    declaration: object = field(default=None, compare=False, repr=False)
    parameters: tuple[TypeVar, ...] = field(default=(), compare=False, repr=False)

    def __str__(self) -> str:
        return self.name + _arguments(self.arguments)


@dataclass(frozen=True)
class Block(Type):
    """A parser or control type, abstract (only a type) or with a body."""

    kind: str
    name: str
    arguments: tuple[Type, ...] = ()
    apply: tuple[Parameter, ...] = field(default=(), compare=False, repr=False)
    parameters: tuple[TypeVar, ...] = field(default=(), compare=False, repr=False)
    declaration: object = field(default=None, compare=False, repr=False)

    def __str__(self) -> str:
        return self.name + _arguments(self.arguments)


@dataclass(frozen=True)
class Package(Type):
    """A package type."""

    name: str
    arguments: tuple[Type, ...] = ()
    constructor: tuple[Parameter, ...] = field(default=(), compare=False, repr=False)
    parameters: tuple[TypeVar, ...] = field(default=(), compare=False, repr=False)
    declaration: object = field(default=None, compare=False, repr=False)

    def __str__(self) -> str:
        return self.name + _arguments(self.arguments)


@dataclass(frozen=True, eq=False)
class Named(Type):
    """The type of a name that is no value: an action, a table, a state, a function, a method, a value set."""

    what: str
    declaration: object

    def __str__(self) -> str:
        return self.what


@dataclass(frozen=True)
class Meta(Type):
    """The type of a type's name in an expression, as in Enum.member."""

    type: Type

    def __str__(self) -> str:
        return f"type {self.type}"


@dataclass(frozen=True)
class ValueSetOf(Type):
    """A parser value set."""

    element: Type

    def __str__(self) -> str:
        return f"value_set<{self.element}>"


@dataclass(frozen=True, eq=False)
class ApplyResult(Type):
    """What table.apply() returns: hit, miss and action_run."""

    table: object

    def __str__(self) -> str:
        return "apply_result"


@dataclass(frozen=True)
class ActionRun(Type):
    """The type of table.apply().action_run: which action ran."""

    table: object = field(hash=False)

    def __str__(self) -> str:
        return "action_run"


def _arguments(types: tuple[Type, ...]) -> str:
    return f"<{', '.join(str(t) for t in types)}>" if types else ""


Bindings = dict[TypeVar, Type]


def substitute(type_: Type, bindings: Bindings) -> Type:
    """The type with its type variables replaced."""
    if not bindings:
        return type_
    return _map(type_, bindings)


def _map(t: Type, b: Bindings) -> Type:
    if isinstance(t, TypeVar):
        return b.get(t, t)
    rebuild = _REBUILD.get(type(t))
    return rebuild(t, b) if rebuild else t


def _all(types: tuple[Type, ...], b: Bindings) -> tuple[Type, ...]:
    return tuple(_map(t, b) for t in types)


def substitute_parameters(parameters: tuple[Parameter, ...], b: Bindings) -> tuple[Parameter, ...]:
    """The parameters with type variables replaced in their types."""
    return tuple(
        Parameter(p.name, substitute(p.type, b), p.direction, p.optional, p.declaration) for p in parameters
    )


def _composite(t: Composite, b: Bindings) -> Type:
    if not t.arguments:
        return t
    arguments = _all(t.arguments, b)
    if arguments == t.arguments:
        return t
    members = tuple(Member(m.name, _map(m.type, b), m.declaration) for m in t.members)
    return Composite(t.kind, t.name, arguments, members, t.parameters, t.declaration)


def _block(t: Block, b: Bindings) -> Type:
    if not t.arguments:
        return t
    apply = substitute_parameters(t.apply, b)
    return Block(t.kind, t.name, _all(t.arguments, b), apply, t.parameters, t.declaration)


def _package(t: Package, b: Bindings) -> Type:
    if not t.arguments:
        return t
    constructor = substitute_parameters(t.constructor, b)
    return Package(t.name, _all(t.arguments, b), constructor, t.parameters, t.declaration)


def _extern(t: Extern, b: Bindings) -> Type:
    return Extern(t.name, _all(t.arguments, b), t.declaration, t.parameters) if t.arguments else t


_REBUILD: dict[type, Callable[..., Type]] = {
    Composite: _composite,
    Block: _block,
    Package: _package,
    Extern: _extern,
    Stack: lambda t, b: Stack(_map(t.element, b), t.size),
    Tuple: lambda t, b: Tuple(_all(t.items, b)),
    ListOf: lambda t, b: ListOf(_map(t.element, b)),
    Sequence: lambda t, b: Sequence(_all(t.items, b), t.dots),
    Record: lambda t, b: Record(tuple((n, _map(i, b)) for n, i in t.items), t.dots),
    SetOf: lambda t, b: SetOf(_map(t.element, b)),
    ValueSetOf: lambda t, b: ValueSetOf(_map(t.element, b)),
    NewType: lambda t, b: NewType(t.name, _map(t.underlying, b), t.declaration),
    Meta: lambda t, b: Meta(_map(t.type, b)),
}


def specialize(generic: Type, arguments: tuple[Type, ...]) -> Type:
    """A generic composite, extern, block or package with its type parameters replaced by the arguments."""
    parameters: tuple[TypeVar, ...] = getattr(generic, "parameters", ())
    return substitute(generic, dict(zip(parameters, arguments, strict=True)))


def leaf_count(t: Type) -> int:
    """How many numbers a value is made of."""
    t = underlying(t)
    if isinstance(t, Stack):
        return t.size * leaf_count(t.element)
    return t.leaves if isinstance(t, Composite | Tuple) else 1


def underlying(t: Type) -> Type:
    """The type below `type` declarations."""
    while isinstance(t, NewType):
        t = t.underlying
    return t


def is_header(t: Type) -> bool:
    """Whether it is a header type."""
    return isinstance(t, Composite) and t.kind is Kind.HEADER


def is_union(t: Type) -> bool:
    """Whether it is a header_union type."""
    return isinstance(t, Composite) and t.kind is Kind.UNION


def is_struct(t: Type) -> bool:
    """Whether it is a struct type."""
    return isinstance(t, Composite) and t.kind is Kind.STRUCT


def is_numeric(t: Type) -> bool:
    """Whether it is bit<>, int<> or int."""
    return isinstance(t, Bits | Integer)


def is_literal(t: Type) -> bool:
    """Whether it is the type of a literal that takes its real type from where it is used."""
    return isinstance(t, Sequence | Record | Invalid | Default)


def contains_unknown(t: Type) -> bool:
    """Whether an error was already reported inside the type."""
    return any(isinstance(p, Unknown) for p in parts(t))


def parts(t: Type) -> Iterator[Type]:
    """The type and everything it is made of, except the members of composites."""
    yield t
    inner: tuple[Type, ...] = ()
    if isinstance(t, Tuple | Sequence):
        inner = t.items
    elif isinstance(t, Record):
        inner = tuple(i for _, i in t.items)
    elif isinstance(t, Stack | ListOf | SetOf | ValueSetOf):
        inner = (t.element,)
    elif isinstance(t, Composite | Extern | Block | Package):
        inner = t.arguments
    elif isinstance(t, Meta):
        inner = (t.type,)
    for each in inner:
        yield from parts(each)


def is_generic(t: Type) -> bool:
    """Whether type variables occur in it."""
    return any(isinstance(p, TypeVar) for p in parts(t))


def bit_width(t: Type) -> int | None:
    """The number of bits of a value without varbit fields' content; None when it has no fixed layout."""
    t = underlying(t)
    found: int | None = None
    if isinstance(t, Bits):
        found = t.width
    elif t == BOOL:
        found = 1
    elif isinstance(t, SerEnum):
        found = t.underlying.width
    elif isinstance(t, Varbit):
        found = 0
    elif isinstance(t, Stack):
        found = _sum((t.element,) * t.size)
    elif isinstance(t, Tuple):
        found = _sum(t.items)
    elif isinstance(t, Composite):
        found = _sum(tuple(m.type for m in t.members))
    return found


def _sum(types: tuple[Type, ...]) -> int | None:
    widths = [bit_width(t) for t in types]
    return None if None in widths else sum(w for w in widths if w is not None)
