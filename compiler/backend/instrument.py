"""Makes a traced program of a pipeline: Trace statements between its own, which change nothing that a packet sees.

It comes after everything that is decided about the program (locks, layouts, what is used), so that the traced
program works on the same maps as the plain one. Values are evaluated a second time, which P4 expressions allow.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from rackplane.compiler import ir
from rackplane.compiler.backend import walk
from rackplane.compiler.backend.layout import TypeTable
from rackplane.compiler.backend.structure import leaf_paths
from rackplane.compiler.backend.tracesites import HeaderShape, Site, SiteKind, TraceSites, Value, shape

MAX_LIST_VALUES = 16
_VALUE_BITS = 64


def instrument(pipeline: ir.Pipeline, types: TypeTable) -> tuple[ir.Pipeline, TraceSites]:
    """The traced pipeline, and what its events mean."""
    sites = TraceSites(tuple(_shapes(pipeline, types)))
    return _Instrumenter(pipeline, sites).run(), sites


def _shapes(pipeline: ir.Pipeline, types: TypeTable) -> Iterator[HeaderShape]:
    for path, kind in leaf_headers(pipeline.headers):
        yield shape(path, kind, types.layout(kind))


def leaf_headers(headers: ir.Struct) -> Iterator[tuple[str, ir.Header]]:
    """Every header that a packet can have, with stacks and unions taken apart."""
    for path, kind in leaf_paths(headers):
        yield from _leaves(".".join(path), kind)


def _leaves(path: str, kind: ir.Type) -> Iterator[tuple[str, ir.Header]]:
    if isinstance(kind, ir.Header):
        yield path, kind
    elif isinstance(kind, ir.Stack):
        for n in range(kind.size):
            yield from _leaves(f"{path}[{n}]", kind.element)
    elif isinstance(kind, ir.Union):
        for f in kind.fields:
            yield from _leaves(f"{path}.{f.name}", f.type)


class _Instrumenter:
    def __init__(self, pipeline: ir.Pipeline, sites: TraceSites) -> None:
        self._pipeline = pipeline
        self._sites = sites
        self._numbers = {header.path: n for n, header in enumerate(sites.headers)}
        self._block = ""
        self._hits: dict[str, list[ir.Var]] = {}

    def run(self) -> ir.Pipeline:
        pipeline = self._pipeline
        self._block = "parser"
        states = tuple(self._state(state) for state in pipeline.parser.states)
        controls = {}
        for self._block in walk.BLOCKS[:-1]:
            controls[self._block] = self._body(walk.block_body(pipeline, self._block))
        self._block = "ingress"
        actions = {name: self._action(action) for name, action in pipeline.actions.items()}
        variables = {block: (*found, *self._hits.pop(block, ())) for block, found in pipeline.variables.items()}
        variables |= {block: tuple(found) for block, found in self._hits.items()}
        return replace(
            pipeline,
            parser=replace(pipeline.parser, states=states),
            actions=actions,
            variables=variables,
            **{name: replace(getattr(pipeline, name), body=body) for name, body in controls.items()},
        )

    def _trace(  # noqa: PLR0913, PLR0917 (the parts of a site)
        self,
        kind: SiteKind,
        name: str,
        span: ir.Span,
        values: tuple[ir.Expr, ...] = (),
        names: tuple[str, ...] = (),
        detail: str = "",
    ) -> ir.Trace:
        described = tuple(
            self._value(names[n] if n < len(names) else _text(value), value) for n, value in enumerate(values)
        )
        return ir.Trace(self._sites.add(Site(kind, self._block, name, span, described, detail)), values, span)

    def _value(self, name: str, e: ir.Expr) -> Value:
        if isinstance(e.type, ir.Bits):
            return Value(name, e.type.width, e.type.signed)
        root = walk.root(e)
        known = root is not None and root.name == "hdr"
        return Value(name, header=self._numbers.get(_first_path(e), -1) if known else -1)

    def _state(self, state: ir.State) -> ir.State:
        body = [self._trace(SiteKind.STATE, state.name, state.span), *self._body(state.body)]
        if isinstance(state.transition, ir.Select):
            keys = state.transition.keys
            if keys:
                body.append(self._trace(SiteKind.SELECT, state.name, state.transition.span, keys))
        return replace(state, body=tuple(body))

    def _action(self, action: ir.Action) -> ir.Action:
        values = tuple(p.var for p in action.params if isinstance(p.var.type, ir.Bits))
        names = tuple(p.name for p in action.params if isinstance(p.var.type, ir.Bits))
        head = self._trace(SiteKind.ACTION, action.name, action.span, values, names)
        return replace(action, body=(head, *self._body(action.body)))

    def _body(self, body: tuple[ir.Stmt, ...]) -> tuple[ir.Stmt, ...]:
        return tuple(each for stmt in body for each in self._statement(stmt))

    def _statement(self, stmt: ir.Stmt) -> Iterator[ir.Stmt]:
        match stmt:
            case ir.If():
                yield self._if(stmt)
            case ir.Switch():
                yield self._switch(stmt)
            case ir.Scope() | ir.Loop():
                yield replace(stmt, body=self._body(stmt.body))
            case ir.ApplyTable():
                yield from self._table(stmt)
            case ir.CallExtern():
                yield from self._call(stmt)
            case ir.Exit():
                yield self._trace(SiteKind.EXIT, "exit", stmt.span)
                yield stmt
            case ir.Advance():
                yield self._trace(SiteKind.ADVANCE, "advance", stmt.span, (stmt.bits,), ("bits",))
                yield stmt
            case _:
                yield stmt
                yield from self._after(stmt)

    def _after(self, stmt: ir.Stmt) -> Iterator[ir.Trace]:
        """The events of statements that have no body."""
        match stmt:
            case ir.Assign():
                values = (stmt.target,) if isinstance(stmt.target.type, ir.Bits | ir.Header) else ()
                yield self._trace(SiteKind.ASSIGN, _text(stmt.target), stmt.span, values)
            case ir.Extract():
                place = _extracted(stmt.header)
                yield self._trace(SiteKind.EXTRACT, _text(stmt.header), stmt.span, (place,))
            case ir.SetValidity():
                detail = "setValid" if stmt.valid else "setInvalid"
                yield self._trace(SiteKind.VALIDITY, _text(stmt.header), stmt.span, detail=detail)
            case ir.ShiftStack():
                detail = f"{'push' if stmt.count > 0 else 'pop'}_front({abs(stmt.count)})"
                yield self._trace(SiteKind.SHIFT, _text(stmt.stack), stmt.span, detail=detail)

    def _if(self, stmt: ir.If) -> ir.If:
        arms = []
        for body, detail in ((stmt.then, "true"), (stmt.otherwise, "false")):
            arms.append((self._trace(SiteKind.IF, "if", stmt.span, detail=detail), *self._body(body)))
        return replace(stmt, then=arms[0], otherwise=arms[1])

    def _switch(self, stmt: ir.Switch) -> ir.Switch:
        cases = []
        for case in stmt.cases:
            detail = ", ".join(map(str, case.labels)) or "default"
            head = self._trace(SiteKind.CASE, "switch", stmt.span, detail=detail)
            cases.append(replace(case, body=(head, *self._body(case.body))))
        return replace(stmt, cases=tuple(cases))

    def _table(self, stmt: ir.ApplyTable) -> Iterator[ir.Stmt]:
        table = self._pipeline.tables[stmt.table]
        keys = tuple(key.expression for key in table.keys)
        yield self._trace(SiteKind.TABLE, table.name, stmt.span, keys, tuple(key.name for key in table.keys))
        hit = stmt.hit
        if hit is None:
            known = self._hits.setdefault(self._block, [])
            hit = ir.Var(f"@hit.{self._block}.{len(known)}", ir.BOOL)
            known.append(hit)
        yield replace(stmt, hit=hit)
        yield self._trace(SiteKind.HIT, table.name, stmt.span, (hit,), ("hit",))

    def _call(self, stmt: ir.CallExtern) -> Iterator[ir.Stmt]:
        outs = walk.out_arguments(stmt)
        given = [e for n, a in enumerate(stmt.arguments) if n not in outs for e in _numbers(a)]
        name = f"{self._instance(stmt)}{stmt.name.rsplit('.', 1)[-1]}"
        texts = ", ".join(a for a in stmt.arguments if isinstance(a, str))
        detail = texts or (stmt.instance or "")
        yield self._trace(SiteKind.CALL, name, stmt.span, tuple(given[:MAX_LIST_VALUES]), detail=detail)
        yield stmt
        results = tuple(e for n in outs if n < len(stmt.arguments) for e in _numbers(stmt.arguments[n]))
        if results:
            yield self._trace(SiteKind.RESULT, name, stmt.span, results)

    def _instance(self, stmt: ir.CallExtern) -> str:
        if stmt.instance is None:
            return ""
        pipeline = self._pipeline
        for group in (pipeline.registers, pipeline.counters, pipeline.meters):
            found = group.get(stmt.instance)
            if found is not None:
                return f"{found.name}."
        return f"{stmt.instance}."


def _numbers(argument: ir.Argument) -> Iterator[ir.Expr]:
    leaves = argument if isinstance(argument, tuple) else (argument,)
    for leaf in leaves:
        if not isinstance(leaf, str) and isinstance(leaf.type, ir.Bits) and leaf.type.width <= _VALUE_BITS:
            yield leaf


def _extracted(header: ir.Place) -> ir.Place:
    """The place of a header that was just extracted: after that, stack.next is the element behind it."""
    match header:
        case ir.StackNext():
            return ir.StackLast(header.base, header.type)
        case ir.Member():
            return ir.Member(_extracted(header.base), header.name, header.type)
        case _:
            return header


def _first_path(place: ir.Expr) -> str:
    """The path of a header, or of the first element of the stack that it is an element of."""
    match place:
        case ir.Var():
            return ""
        case ir.Member():
            base = _first_path(place.base)
            return f"{base}.{place.name}" if base else place.name
        case ir.Element(index=ir.Const(value=value)):
            return f"{_first_path(place.base)}[{value}]"
        case ir.Element() | ir.StackNext() | ir.StackLast():
            return f"{_first_path(place.base)}[0]"
        case _:
            return "?"


def _text(e: ir.Expr) -> str:
    """A place as P4 writes it; an expression that is none has no short name."""
    match e:
        case ir.Var(name=text):
            pass
        case ir.Member():
            text = f"{_text(e.base)}.{e.name}"
        case ir.Element():
            text = f"{_text(e.base)}[{_text(e.index)}]"
        case ir.StackNext() | ir.StackLast():
            text = f"{_text(e.base)}.{'next' if isinstance(e, ir.StackNext) else 'last'}"
        case ir.Slice():
            text = f"{_text(e.base)}[{e.high}:{e.low}]"
        case ir.Const(value=value):
            text = str(value)
        case ir.Cast():
            text = _text(e.operand)
        case _:
            text = ""
    return text
