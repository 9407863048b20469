"""The expressions and type references of the syntax tree, and what all its nodes share. Use it through ast."""

from __future__ import annotations

from dataclasses import dataclass, field

from rackplane.compiler.frontend import types
from rackplane.compiler.frontend.types import Type
from rackplane.compiler.frontend.values import Value
from rackplane.compiler.ir import Annotation, Span


@dataclass(eq=False, slots=True)
class Node:
    """Anything with a place in the source."""

    span: Span


@dataclass(eq=False, slots=True)
class Declaration(Node):
    """Anything with a name; `span` marks the name. Set by the checker: `type`."""

    name: str
    annotations: list[Annotation] = field(default_factory=list, kw_only=True)
    type: Type = field(default=types.UNKNOWN, kw_only=True)


# Expressions


@dataclass(eq=False, slots=True)
class Expression(Node):
    """An expression. Set by the checker: `type`; `value` when it is known at compile time; `target`, the type that
    its context converts it to without a cast being written."""

    type: Type = field(default=types.UNKNOWN, kw_only=True)
    value: Value | None = field(default=None, kw_only=True)
    target: Type | None = field(default=None, kw_only=True)
    depth: int = field(default=0, kw_only=True)


@dataclass(eq=False, slots=True)
class IntLiteral(Expression):
    """A number, with a width when it was written with one."""

    number: int
    width: int | None = None
    signed: bool = False


@dataclass(eq=False, slots=True)
class BoolLiteral(Expression):
    """true or false."""

    truth: bool


@dataclass(eq=False, slots=True)
class StringLiteral(Expression):
    """A string without its quotes."""

    text: str


@dataclass(eq=False, slots=True)
class Path(Expression):
    """A name; `absolute` with a leading dot. Set by the checker: `declaration`."""

    name: str
    absolute: bool = False
    declaration: Declaration | None = field(default=None, kw_only=True)


@dataclass(eq=False, slots=True)
class TypeExpression(Expression):
    """A type where an expression stands: Enum.member, error.X, Header.minSizeInBits()."""

    reference: TypeRef


@dataclass(eq=False, slots=True)
class This(Expression):
    """this."""


@dataclass(eq=False, slots=True)
class Member(Expression):
    """base.name."""

    base: Expression
    name: str
    name_span: Span


@dataclass(eq=False, slots=True)
class Index(Expression):
    """base[index]."""

    base: Expression
    index: Expression


@dataclass(eq=False, slots=True)
class Slice(Expression):
    """base[high:low], or base[low+:width] when `plus` (then `high` holds the low bit and `low` the width).

    Set by the checker: `bounds`, the high and the low bit; None when the low bit is computed by the program.
    """

    base: Expression
    high: Expression
    low: Expression
    plus: bool = False
    bounds: tuple[int, int] | None = field(default=None, kw_only=True)


@dataclass(eq=False, slots=True)
class ListExpression(Expression):
    """{a, b, ...}; `dots` for a final `...`."""

    items: list[Expression]
    dots: bool = False


@dataclass(eq=False, slots=True)
class StructExpression(Expression):
    """{a = x, b = y}; `dots` for a final `...`."""

    fields: list[NamedExpression]
    dots: bool = False


@dataclass(eq=False, slots=True)
class NamedExpression(Node):
    """name = expression in a struct expression."""

    name: str
    expression: Expression


@dataclass(eq=False, slots=True)
class InvalidExpression(Expression):
    """{#}."""


@dataclass(eq=False, slots=True)
class Dots(Expression):
    """... as a value: the default of its type."""


@dataclass(eq=False, slots=True)
class Anything(Expression):
    """_ or default in a set, or _ as an argument."""

    is_default: bool = False


@dataclass(eq=False, slots=True)
class Unary(Expression):
    """operator operand."""

    operator: str
    operand: Expression


@dataclass(eq=False, slots=True)
class Binary(Expression):
    """left operator right; also the sets `&&&` and `..`."""

    operator: str
    left: Expression
    right: Expression


@dataclass(eq=False, slots=True)
class Mux(Expression):
    """condition ? then : otherwise."""

    condition: Expression
    then: Expression
    otherwise: Expression


@dataclass(eq=False, slots=True)
class Cast(Expression):
    """(type) operand."""

    reference: TypeRef
    operand: Expression


@dataclass(eq=False, slots=True)
class Argument(Node):
    """An argument, positional or named. Set by the checker: `parameter`."""

    name: str | None
    expression: Expression


@dataclass(eq=False, slots=True)
class Call(Expression):
    """function<types>(arguments), or a constructor call when `function` is a TypeExpression.

    Set by the checker: `resolved`, what is called with which arguments.
    """

    function: Expression
    type_arguments: list[TypeRef]
    arguments: list[Argument]
    resolved: Resolved | None = field(default=None, kw_only=True)


@dataclass(eq=False, slots=True)
class Resolved:
    """A checked call: what kind of thing is called, its signature after inference, and an expression (None: left
    out) for each parameter. `bindings` are the inferred type arguments; `receiver` the object of a method."""

    what: str
    name: str
    parameters: tuple[types.Parameter, ...] = ()
    arguments: tuple[Expression | None, ...] = ()
    bindings: types.Bindings = field(default_factory=dict)
    receiver: Expression | None = None
    declaration: object = None
    result: Type = types.VOID


# References to types


@dataclass(eq=False, slots=True)
class TypeRef(Node):
    """A type as it is written."""


@dataclass(eq=False, slots=True)
class BaseRef(TypeRef):
    """bool, error, int, string, match_kind, void, bit (without a width), or _."""

    name: str


@dataclass(eq=False, slots=True)
class WidthRef(TypeRef):
    """bit<w>, int<w>, varbit<w>."""

    name: str
    width: Expression


@dataclass(eq=False, slots=True)
class NameRef(TypeRef):
    """The name of a type."""

    name: str
    absolute: bool = False


@dataclass(eq=False, slots=True)
class SpecializedRef(TypeRef):
    """base<arguments>; base is a NameRef, or BaseRef tuple or list."""

    base: TypeRef
    arguments: list[TypeRef]


@dataclass(eq=False, slots=True)
class ArrayRef(TypeRef):
    """element[size]."""

    element: TypeRef
    size: Expression
