"""The syntax tree of P4_16. The parser makes it; the checker fills the fields that are marked so.

Nodes are compared by identity. Names in the tree are not yet resolved unless a field says so.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from rackplane.compiler.frontend import types
from rackplane.compiler.frontend.ast_exprs import (
    Anything,
    Argument,
    ArrayRef,
    BaseRef,
    Binary,
    BoolLiteral,
    Call,
    Cast,
    Declaration,
    Dots,
    Expression,
    Index,
    IntLiteral,
    InvalidExpression,
    ListExpression,
    Member,
    Mux,
    NamedExpression,
    NameRef,
    Node,
    Path,
    Resolved,
    Slice,
    SpecializedRef,
    StringLiteral,
    StructExpression,
    This,
    TypeExpression,
    TypeRef,
    Unary,
    WidthRef,
)
from rackplane.compiler.frontend.types import Direction
from rackplane.compiler.frontend.values import Value
from rackplane.compiler.ir import Annotation, Span

__all__ = [
    "ActionDeclaration",
    "ActionReference",
    "Anything",
    "Argument",
    "ArrayRef",
    "Assignment",
    "BaseRef",
    "Binary",
    "BlockDeclaration",
    "BlockStatement",
    "BoolLiteral",
    "Break",
    "Call",
    "CallStatement",
    "Cast",
    "CompositeDeclaration",
    "Constant",
    "Continue",
    "Declaration",
    "DeclarationStatement",
    "Dots",
    "Empty",
    "EnumDeclaration",
    "EnumMember",
    "ErrorDeclaration",
    "Exit",
    "Expression",
    "ExternDeclaration",
    "FieldDeclaration",
    "For",
    "ForIn",
    "FunctionDeclaration",
    "If",
    "Index",
    "Instantiation",
    "IntLiteral",
    "InvalidExpression",
    "KeyElement",
    "ListExpression",
    "Member",
    "Mux",
    "NameRef",
    "NamedExpression",
    "Node",
    "PackageDeclaration",
    "Parameter",
    "Path",
    "Program",
    "Resolved",
    "Return",
    "SelectCase",
    "Slice",
    "SpecializedRef",
    "StateDeclaration",
    "Statement",
    "StringLiteral",
    "StructExpression",
    "Switch",
    "SwitchCase",
    "TableDeclaration",
    "TableEntry",
    "TableProperty",
    "This",
    "Transition",
    "TypeExpression",
    "TypeParameter",
    "TypeRef",
    "TypedefDeclaration",
    "Unary",
    "ValueSetDeclaration",
    "Variable",
    "WidthRef",
]

# Statements


@dataclass(eq=False, slots=True)
class Statement(Node):
    """A statement."""


@dataclass(eq=False, slots=True)
class Empty(Statement):
    """;."""


@dataclass(eq=False, slots=True)
class Assignment(Statement):
    """target = value, or target op= value."""

    target: Expression
    value: Expression
    operator: str | None = None


@dataclass(eq=False, slots=True)
class CallStatement(Statement):
    """A call for its effects."""

    call: Expression


@dataclass(eq=False, slots=True)
class BlockStatement(Statement):
    """{ statements }."""

    annotations: list[Annotation]
    statements: list[Statement]
    end: Span


@dataclass(eq=False, slots=True)
class If(Statement):
    """if (condition) then else otherwise."""

    condition: Expression
    then: Statement
    otherwise: Statement | None


@dataclass(eq=False, slots=True)
class Return(Statement):
    """return, with a value in functions."""

    value: Expression | None


@dataclass(eq=False, slots=True)
class Exit(Statement):
    """exit."""


@dataclass(eq=False, slots=True)
class Break(Statement):
    """break."""


@dataclass(eq=False, slots=True)
class Continue(Statement):
    """continue."""


@dataclass(eq=False, slots=True)
class SwitchCase(Node):
    """label: body; without a body it falls through. Label None is default."""

    label: Expression | None
    body: BlockStatement | None


@dataclass(eq=False, slots=True)
class Switch(Statement):
    """switch (selector) { cases }."""

    selector: Expression
    cases: list[SwitchCase]


@dataclass(eq=False, slots=True)
class For(Statement):
    """for (init; condition; update) body."""

    init: list[Statement]
    condition: Expression
    update: list[Statement]
    body: Statement


@dataclass(eq=False, slots=True)
class ForIn(Statement):
    """for (variable in collection) body; `collection` is a `..` Binary, a list or a stack."""

    variable: Variable
    collection: Expression
    body: Statement


@dataclass(eq=False, slots=True)
class DeclarationStatement(Statement):
    """A variable, constant or instance declared between statements."""

    declaration: Declaration


# Declarations


@dataclass(eq=False, slots=True)
class Variable(Declaration):
    """A variable."""

    reference: TypeRef
    initializer: Expression | None = None


@dataclass(eq=False, slots=True)
class Constant(Declaration):
    """const type name = value. Set by the checker: `value`."""

    reference: TypeRef
    initializer: Expression
    value: Value | None = field(default=None, kw_only=True)


@dataclass(eq=False, slots=True)
class Parameter(Declaration):
    """A parameter of a callable or constructor."""

    reference: TypeRef
    direction: Direction
    default: Expression | None = None
    in_constructor: bool = field(default=False, kw_only=True)


@dataclass(eq=False, slots=True)
class TypeParameter(Declaration):
    """A type parameter."""


@dataclass(eq=False, slots=True)
class Instantiation(Declaration):
    """type(arguments) name, with the methods of an initializer block. Set by the checker: `call`."""

    reference: TypeRef
    arguments: list[Argument]
    methods: list[Declaration]
    has_block: bool = False
    call: Call | None = field(default=None, kw_only=True)


@dataclass(eq=False, slots=True)
class FunctionDeclaration(Declaration):
    """A function with a body, an extern function, or a method or constructor of an extern."""

    type_parameters: list[TypeParameter]
    parameters: list[Parameter]
    result: TypeRef
    body: BlockStatement | None = None
    abstract: bool = False
    is_constructor: bool = False
    signature: types.Signature | None = field(default=None, kw_only=True)


@dataclass(eq=False, slots=True)
class ExternDeclaration(Declaration):
    """extern name<types> { methods }. Set by the checker: `methods` have signatures."""

    type_parameters: list[TypeParameter]
    methods: list[FunctionDeclaration]


@dataclass(eq=False, slots=True)
class ActionDeclaration(Declaration):
    """An action."""

    parameters: list[Parameter]
    body: BlockStatement
    signature: types.Signature | None = field(default=None, kw_only=True)


@dataclass(eq=False, slots=True)
class StateDeclaration(Declaration):
    """A parser state; `transition` None goes to reject."""

    statements: list[Statement]
    transition: Transition | None


@dataclass(eq=False, slots=True)
class SelectCase(Node):
    """keys: state."""

    keys: list[Expression]
    state: str
    state_span: Span


@dataclass(eq=False, slots=True)
class Transition(Node):
    """transition state, or transition select (keys) { cases }."""

    state: str | None
    keys: list[Expression]
    cases: list[SelectCase]


@dataclass(eq=False, slots=True)
class BlockDeclaration(Declaration):
    """A parser or control, or only its type when `has_body` is false."""

    kind: str
    type_parameters: list[TypeParameter]
    parameters: list[Parameter]
    has_body: bool = False
    constructor: list[Parameter] = field(default_factory=list)
    locals: list[Declaration] = field(default_factory=list)
    states: list[StateDeclaration] = field(default_factory=list)
    body: BlockStatement | None = None
    constructor_signature: types.Signature | None = field(default=None, kw_only=True)


@dataclass(eq=False, slots=True)
class PackageDeclaration(Declaration):
    """package name<types>(parameters)."""

    type_parameters: list[TypeParameter]
    parameters: list[Parameter]


@dataclass(eq=False, slots=True)
class FieldDeclaration(Declaration):
    """A field of a composite type."""

    reference: TypeRef


@dataclass(eq=False, slots=True)
class CompositeDeclaration(Declaration):
    """A struct, header or header_union."""

    kind: types.Kind
    type_parameters: list[TypeParameter]
    fields: list[FieldDeclaration]


@dataclass(eq=False, slots=True)
class EnumMember(Declaration):
    """A member of an enum, error or match_kind declaration."""

    initializer: Expression | None = None


@dataclass(eq=False, slots=True)
class EnumDeclaration(Declaration):
    """An enum; `underlying` for a serializable one."""

    underlying: TypeRef | None
    members: list[EnumMember]


@dataclass(eq=False, slots=True)
class ErrorDeclaration(Declaration):
    """error { members } or match_kind { members }."""

    members: list[EnumMember]


@dataclass(eq=False, slots=True)
class TypedefDeclaration(Declaration):
    """typedef or type; the source may be a composite that is declared in place."""

    source: TypeRef | Declaration
    is_new: bool = False


@dataclass(eq=False, slots=True)
class ValueSetDeclaration(Declaration):
    """value_set<element>(size) name."""

    element: TypeRef
    size: Expression


# Tables


@dataclass(eq=False, slots=True)
class KeyElement(Node):
    """expression : match_kind annotations."""

    expression: Expression
    match_kind: str
    kind_span: Span
    annotations: list[Annotation]


@dataclass(eq=False, slots=True)
class ActionReference(Node):
    """An action in a list, a default or an entry. Set by the checker: `declaration` and `call` (all parameters
    in order, None for those that the control plane gives)."""

    name: str
    absolute: bool
    arguments: list[Argument] | None
    annotations: list[Annotation]
    declaration: ActionDeclaration | None = field(default=None, kw_only=True)
    call: Resolved | None = field(default=None, kw_only=True)


@dataclass(eq=False, slots=True)
class TableEntry(Node):
    """const priority=p: keys : action annotations."""

    keys: list[Expression]
    action: ActionReference
    priority: Expression | None
    is_const: bool
    annotations: list[Annotation]


@dataclass(eq=False, slots=True)
class TableProperty(Node):
    """Any property but key, actions and entries."""

    name: str
    value: Expression
    is_const: bool
    annotations: list[Annotation]


@dataclass(eq=False, slots=True)
class TableDeclaration(Declaration):
    """A table. `keys`, `actions` and `entries` are None when the property is missing."""

    keys: list[KeyElement] | None
    actions: list[ActionReference] | None
    entries: list[TableEntry] | None
    entries_const: bool
    properties: list[TableProperty]
    default: ActionReference | None = field(default=None, kw_only=True)


@dataclass(eq=False, slots=True)
class Program(Node):
    """All declarations of a program and of what it includes, in order."""

    declarations: list[Declaration]
