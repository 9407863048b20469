"""Statements of controls, and those that parsers share with them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from rackplane.compiler import ir
from rackplane.compiler.backend import externs, places, tables, tracepoints, walk
from rackplane.compiler.backend.access import number
from rackplane.compiler.backend.atomicity import Lock
from rackplane.compiler.backend.context import Fx, unsupported
from rackplane.compiler.backend.ctext import identifier
from rackplane.compiler.backend.exprs import condition, expr, width_of
from rackplane.compiler.backend.layout import HeaderLayout
from rackplane.compiler.backend.tableplan import TablePlan
from rackplane.compiler.errors import CompileErrors, Diagnostic

Plans = Mapping[str, TablePlan]
# The verifier runs through a counted loop turn by turn; past this many turns in nested loops that is too much.
_SIMULATED_ITERATIONS = 512
Special = Callable[[Fx, ir.Stmt], bool]


def _not_special(fx: Fx, stmt: ir.Stmt) -> bool:
    return False


@dataclass(frozen=True)
class StatementWriter:
    """Writes statements; `special` handles those that only a parser or a deparser has, and says whether it did."""

    plans: Plans
    locks: Mapping[str, Lock] = field(default_factory=dict)
    special: Special = _not_special

    def body(self, fx: Fx, body: tuple[ir.Stmt, ...]) -> None:
        """Write a sequence; an unsupported statement is recorded, and the rest goes on."""
        for stmt in body:
            with fx.out.at(_span(stmt)):
                try:
                    self._one(fx, stmt)
                except CompileErrors as e:
                    fx.facts.diagnostics.extend(_located(d, _span(stmt)) for d in e.diagnostics)

    def _one(self, fx: Fx, stmt: ir.Stmt) -> None:
        match stmt:
            case ir.If():
                self._if(fx, stmt)
            case ir.Switch():
                self._switch(fx, stmt)
            case ir.Scope():
                self._scope(fx, stmt)
            case ir.Loop():
                self._loop(fx, stmt)
            case ir.ApplyTable():
                tables.apply(fx, self.plans[stmt.table], stmt, self.body)
            case _:
                if not _simple(fx, stmt) and not self.special(fx, stmt):
                    raise unsupported(f"{type(stmt).__name__} in {fx.block}")

    def _if(self, fx: Fx, stmt: ir.If) -> None:
        test = condition(fx, stmt.condition)
        if not stmt.otherwise:
            with fx.out.block(f"if ({test})"):
                self.body(fx, stmt.then)
            return
        with fx.out.block(f"if ({test})", "} else {"):
            self.body(fx, stmt.then)
        fx.out.indent += 1
        self.body(fx, stmt.otherwise)
        fx.out.indent -= 1
        fx.out.line("}")

    def _switch(self, fx: Fx, stmt: ir.Switch) -> None:
        width = width_of(stmt.selector)
        if width > 64:
            raise unsupported(f"a switch over {width} bits")
        with fx.out.block(f"switch ({expr(fx, stmt.selector)})"):
            for case in stmt.cases:
                labels = [f"case {number(v & ((1 << width) - 1), width)}:" for v in case.labels]
                with fx.out.block(" ".join(labels) or "default:", "} break;"):
                    self.body(fx, case.body)

    def _scope(self, fx: Fx, stmt: ir.Scope) -> None:
        if stmt.label in self.locks:
            self._locked(fx, stmt)
            return
        label = fx.out.fresh("leave_")
        fx.inner.add(stmt.label)
        before = fx.scopes.get(stmt.label)
        fx.scopes[stmt.label] = label
        with fx.out.block():
            self.body(fx, stmt.body)
        fx.out.label(label)
        if before is not None:
            fx.scopes[stmt.label] = before

    def _locked(self, fx: Fx, stmt: ir.Scope) -> None:
        """A span that runs under the program's lock; every way out of it releases the lock."""
        kind = self.locks[stmt.label]
        fx.facts.features.add(f"lock_{kind.value}")
        fx.inner, fx.hoisted = set(), set()
        with fx.out.block():
            for name in walk.applied_tables(stmt.body):
                if tables.only_default_lookup(self.plans[name]):
                    tables.hoist_default(fx, self.plans[name])
            fx.out.line(f"TAKE_{kind.name}_LOCK({fx.exit_with('DROP_BUSY')});")
            fx.locked = f"RELEASE_{kind.name}_LOCK();"
            self.body(fx, stmt.body)
            fx.out.line(fx.locked)
        fx.locked, fx.hoisted = "", set()

    def _loop(self, fx: Fx, stmt: ir.Loop) -> None:
        label, count = fx.out.fresh("leave_"), fx.out.fresh("n")
        fx.inner.add(stmt.label)
        fx.scopes[stmt.label] = label
        around, fx.iterations = fx.iterations, fx.iterations * max(stmt.bound, 1)
        short = fx.iterations <= _SIMULATED_ITERATIONS
        test = f"{count} < {stmt.bound}" if short else f"LONG_LOOP({count}, {stmt.bound})"
        with fx.out.block(f"for (u32 {count} = 0; {test}; {count}++)"):
            if not short:
                fx.out.line(f"MAY_GOTO({label});")
            fx.out.line(f"if (!{condition(fx, stmt.condition)}) break;")
            self.body(fx, stmt.body)
        fx.iterations = around
        fx.out.label(label)


def _simple(fx: Fx, stmt: ir.Stmt) -> bool:
    """Write a statement that has no body, if it is one that every block may have."""
    match stmt:
        case ir.Assign():
            _assign(fx, stmt)
        case ir.Leave():
            fx.out.line(f"{{ {fx.leave(stmt.label)} }}")
        case ir.Exit():
            fx.out.line(f"{{ {fx.leave_control()} }}")
        case ir.SetValidity():
            _set_validity(fx, stmt)
        case ir.ShiftStack():
            _shift_stack(fx, stmt)
        case ir.CallExtern():
            externs.call(fx, stmt)
        case ir.Trace():
            with fx.out.block():
                tracepoints.write(fx, stmt)
        case _:
            return False
    return True


def _span(stmt: ir.Stmt) -> ir.Span:
    return getattr(stmt, "span", ir.NOWHERE)


def _located(diagnostic: Diagnostic, span: ir.Span) -> Diagnostic:
    if diagnostic.span.line:
        return diagnostic
    return Diagnostic(diagnostic.message, span, diagnostic.severity, diagnostic.notes)


def _assign(fx: Fx, stmt: ir.Assign) -> None:
    if isinstance(stmt.target.type, ir.Bits):
        value = expr(fx, stmt.value)
        places.write(fx, places.locate(fx, stmt.target, expr), value)
        return
    source = places.aggregate(fx, stmt.value, expr)
    target = places.aggregate(fx, stmt.target, expr)
    copy = f"{target.lvalue} = {source.lvalue};"
    if source.guard:
        kind = fx.types.c_type(target.type)
        copy = f"if ({source.guard}) {copy} else {target.lvalue} = ({kind}){{}};"
    fx.out.line(f"if ({target.guard}) {{ {copy} }}" if target.guard else copy)


def _set_validity(fx: Fx, stmt: ir.SetValidity) -> None:
    header = stmt.header
    found = places.aggregate(fx, header, expr)
    guard = f"if ({found.guard}) " if found.guard else ""
    union = header.base.type if isinstance(header, ir.Member) else None
    lines = []
    if isinstance(union, ir.Union) and isinstance(header, ir.Member) and stmt.valid:
        base = places.aggregate(fx, header.base, expr)
        lines += [f"{base.lvalue}.f_{identifier(f.name)}.valid = 0;" for f in union.fields if f.name != header.name]
    if stmt.valid and fx.facts.in_map and isinstance(found.type, ir.Header):
        layout = fx.types.layout(found.type)
        empty = f" {found.lvalue}.var.size = 0;" if layout.varbit else ""
        clear = f"memset({found.lvalue}.b, 0, {layout.size});{empty}"
        lines.append(f"if (!{found.lvalue}.valid) {{ {clear} }}")
    if fx.facts.paths.length and fx.block in {"ingress", "egress"} and isinstance(found.type, ir.Header):
        lines.append(_resized(fx.types.layout(found.type), found.lvalue, stmt.valid))
    lines.append(f"{found.lvalue}.valid = {int(stmt.valid)};")
    fx.out.line(f"{guard}{{ {' '.join(lines)} }}")


def _resized(layout: HeaderLayout, header: str, valid: bool) -> str:
    """packet_length counts a header that becomes valid or invalid, as BMv2 does."""
    size = f"{layout.size} + {header}.var.size" if layout.varbit else str(layout.size)
    test = f"!{header}.valid" if valid else f"{header}.valid"
    return f"if ({test}) phv->path.length {'+' if valid else '-'}= {size};"


def _shift_stack(fx: Fx, stmt: ir.ShiftStack) -> None:
    base, stack = places.stack_of(fx, stmt.stack, expr)
    lines = list(shift_lines(base.lvalue, stack, stmt.count, fx.types.c_type(stack.element)))
    if base.guard:
        with fx.out.block(f"if ({base.guard})"):
            fx.out.text("\n".join(lines))
    else:
        fx.out.text("\n".join(lines))


def shift_lines(stack: str, kind: ir.Stack, count: int, element: str) -> list[str]:
    """push_front (count > 0) or pop_front: elements move, the new ones are invalid, next follows."""
    size, by = kind.size, min(abs(count), kind.size)
    moves = range(size - by)
    if count > 0:
        lines = [f"{stack}.e[{n + by}] = {stack}.e[{n}];" for n in reversed(moves)]
        lines += [f"{stack}.e[{n}] = ({element}){{}};" for n in range(by)]
        return [*lines, f"{stack}.next = {stack}.next + {by} > {size} ? {size} : {stack}.next + {by};"]
    lines = [f"{stack}.e[{n}] = {stack}.e[{n + by}];" for n in moves]
    lines += [f"{stack}.e[{n}] = ({element}){{}};" for n in range(size - by, size)]
    return [*lines, f"{stack}.next = {stack}.next > {by} ? {stack}.next - {by} : 0;"]
