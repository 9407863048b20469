"""Walking the IR: statements with everything that they reach, expressions, and the places read and written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rackplane.compiler import ir

BLOCKS = ("verify", "ingress", "egress", "compute", "deparser")

_OUT_ARGUMENTS = {
    "hash": (0,),
    "random": (0,),
    "register.read": (0,),
    "meter.execute_meter": (1,),
    "direct_meter.read": (0,),
    "update_checksum": (2,),
    "update_checksum_with_payload": (2,),
}


def children(stmt: ir.Stmt) -> Iterator[ir.Stmt]:
    """The statements directly inside of one."""
    match stmt:
        case ir.If():
            yield from stmt.then
            yield from stmt.otherwise
        case ir.Switch():
            for case in stmt.cases:
                yield from case.body
        case ir.Scope() | ir.Loop():
            yield from stmt.body


def statements(body: Iterable[ir.Stmt], pipeline: ir.Pipeline | None = None) -> Iterator[ir.Stmt]:
    """Every statement in a body, and with a pipeline also those in the actions of the tables that it applies."""
    for stmt in body:
        yield stmt
        yield from statements(children(stmt), pipeline)
        if pipeline and isinstance(stmt, ir.ApplyTable):
            for ref in pipeline.tables[stmt.table].actions:
                yield from statements(pipeline.actions[ref.name].body, pipeline)


def applied_tables(body: Iterable[ir.Stmt]) -> list[str]:
    """The tables that a body applies, each once, in order."""
    return list(dict.fromkeys(s.table for s in statements(body) if isinstance(s, ir.ApplyTable)))


def block_body(pipeline: ir.Pipeline, block: str) -> tuple[ir.Stmt, ...]:
    """The body of a control of the pipeline, by block name."""
    control = getattr(pipeline, block)
    if not isinstance(control, ir.Control):
        raise TypeError(f"block {block} is not a control")
    return control.body


def all_statements(pipeline: ir.Pipeline) -> Iterator[ir.Stmt]:
    """Every statement of the program, tables' actions included."""
    for state in pipeline.parser.states:
        yield from statements(state.body, pipeline)
    for block in BLOCKS:
        yield from statements(block_body(pipeline, block), pipeline)


def operands(e: ir.Expr) -> Iterator[ir.Expr]:
    """The expressions directly inside of one (for a place: its base and indexes)."""
    match e:
        case ir.Unary() | ir.Cast():
            yield e.operand
        case ir.Binary() | ir.Concat():
            yield e.left
            yield e.right
        case ir.Mux():
            yield from (e.condition, e.then, e.otherwise)
        case ir.IsValid():
            yield e.header
        case ir.Member() | ir.StackIndex() | ir.StackNext() | ir.StackLast() | ir.Slice():
            yield e.base
        case ir.Element():
            yield e.base
            yield e.index


def expressions(e: ir.Expr) -> Iterator[ir.Expr]:
    """An expression and everything inside of it."""
    yield e
    for inner in operands(e):
        yield from expressions(inner)


def out_arguments(stmt: ir.CallExtern) -> tuple[int, ...]:
    """The positions of the arguments that a call stores to."""
    return _OUT_ARGUMENTS.get(stmt.name, ())


def _leaves(argument: ir.Argument) -> Iterator[ir.Expr]:
    if isinstance(argument, tuple):
        yield from argument
    elif not isinstance(argument, str):
        yield argument


def reads(stmt: ir.Stmt, pipeline: ir.Pipeline) -> Iterator[ir.Expr]:
    """The expressions that a statement itself evaluates (places of indexes included, inner statements not)."""
    match stmt:
        case ir.Assign():
            yield stmt.value
        case ir.If() | ir.Loop() | ir.Verify():
            yield stmt.condition
        case ir.Switch():
            yield stmt.selector
        case ir.ApplyTable():
            yield from (key.expression for key in pipeline.tables[stmt.table].keys)
        case ir.CallExtern() if stmt.name != "mark_to_drop":
            outs = out_arguments(stmt)
            for position, argument in enumerate(stmt.arguments):
                if position not in outs:
                    yield from _leaves(argument)
        case ir.Extract():
            if stmt.varbit_bits is not None:
                yield stmt.varbit_bits
        case ir.Advance():
            yield stmt.bits


def select_keys(pipeline: ir.Pipeline) -> Iterator[ir.Expr]:
    """The keys of the parser's select expressions."""
    for state in pipeline.parser.states:
        if isinstance(state.transition, ir.Select):
            yield from state.transition.keys


def writes(stmt: ir.Stmt) -> Iterator[ir.Expr]:
    """The places that a statement itself stores values to (Extract, SetValidity and ShiftStack not included)."""
    match stmt:
        case ir.Assign():
            yield stmt.target
        case ir.ApplyTable():
            yield from (v for v in (stmt.hit, stmt.action) if v is not None)
        case ir.CallExtern():
            for position in out_arguments(stmt):
                if position < len(stmt.arguments):
                    yield from _leaves(stmt.arguments[position])


def root(place: ir.Expr) -> ir.Var | None:
    """The variable that a place belongs to."""
    while not isinstance(place, ir.Var):
        if not isinstance(place, ir.Member | ir.Element | ir.StackNext | ir.StackLast | ir.Slice):
            return None
        place = place.base
    return place
