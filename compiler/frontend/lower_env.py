"""What names stand for while a program is lowered: places, values and objects, frame by frame."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from rackplane.compiler import ir
from rackplane.compiler.frontend import ast, types
from rackplane.compiler.frontend.types import Type


@dataclass(frozen=True)
class Aggregate:
    """A struct, header or stack made of parts, which is not in a variable. `parts` None: an invalid header."""

    type: ir.Struct | ir.Header | ir.Union | ir.Stack
    parts: tuple[Value, ...] | None


Value = ir.Expr | Aggregate | str


@dataclass(frozen=True)
class ExternInstance:
    """An extern object: its type's name and its control-plane name, a key of a dict of ir.Pipeline."""

    type: str
    name: str


@dataclass(eq=False)
class BlockInstance:
    """A parser or control with its constructor arguments; `prefix` starts the control-plane names inside.

    `sites` is the number of places that apply it, at least as far as that is known; `passed_on` says that it was
    given to another instance. `variables` are those of its parameters and of everything that its body declares: its
    tables and actions are made once and refer to them, however often the body is entered. `types` are its type
    arguments.
    """

    declaration: ast.BlockDeclaration
    prefix: str
    constructor: dict[ast.Declaration, Binding]
    sites: int = 1
    frame: Frame | None = None
    variables: dict[ast.Declaration, ir.Var] = field(default_factory=dict)
    tables: dict[ast.Declaration, LoweredTable] = field(default_factory=dict)
    direct: dict[ast.Call, BlockInstance] = field(default_factory=dict)
    passed_on: bool = False
    types: types.Bindings = field(default_factory=dict)


@dataclass(frozen=True)
class LoweredTable:
    """A table that is in ir.Pipeline: what runs before its keys are read, and the flag that its actions set when
    they exit but copy-outs must still be done."""

    name: str
    prelude: tuple[ir.Stmt, ...]
    exited: ir.Var | None


@dataclass(frozen=True)
class PacketObject:
    """packet_in or packet_out."""

    kind: str


@dataclass(frozen=True)
class ValueSetInstance:
    """A value set: a key of ir.Pipeline.value_sets."""

    name: str


Binding = Value | ExternInstance | BlockInstance | PacketObject | ValueSetInstance


@dataclass(eq=False)
class Frame:
    """The names of one body that is being lowered. Names that it lacks are looked up in `parent`."""

    parent: Frame | None = None
    bindings: dict[ast.Declaration, Binding] = field(default_factory=dict)
    types: types.Bindings = field(default_factory=dict)
    instance: BlockInstance | None = None
    label: str | None = None
    result: ir.Var | None = None
    left: bool = False

    def find(self, declaration: ast.Declaration) -> Binding | None:
        """What a declaration stands for here."""
        frame: Frame | None = self
        while frame is not None:
            found = frame.bindings.get(declaration)
            if found is not None:
                return found
            frame = frame.parent
        return None

    def type_of(self, t: Type) -> Type:
        """The type with the type arguments of this body filled in."""
        frame: Frame | None = self
        while frame is not None:
            if frame.types:
                t = types.substitute(t, frame.types)
            frame = frame.parent
        return t


Emit = Callable[[], None]


class LowerError(Exception):
    """The program is typed well but cannot run on v1model, or needs what is not there."""

    def __init__(self, message: str, span: ir.Span, *notes: str) -> None:
        super().__init__(message)
        self.message, self.span, self.notes = message, span, notes


class TooLarge(LowerError):
    """The program unfolds past a limit: nothing more is lowered."""
