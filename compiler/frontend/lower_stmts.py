"""Statements to the IR."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rackplane.compiler import ir
from rackplane.compiler.frontend import ast, lower_fold, types
from rackplane.compiler.frontend.ast_walk import is_pure
from rackplane.compiler.frontend.lower_calls import CallLowerer, leaves_to
from rackplane.compiler.frontend.lower_env import Frame, LowerError, TooLarge, Value
from rackplane.compiler.frontend.lower_fold import bits_of, constant
from rackplane.compiler.frontend.lower_places import is_fixed

MAX_ITERATIONS = 4096


@dataclass(frozen=True)
class _LoopParts:
    """A loop: what makes its condition, its body and its update, and how often it runs at most."""

    condition: Callable[[], ir.Expr]
    body: ast.Statement
    update: Callable[[], None]
    bound: int = MAX_ITERATIONS


class StatementLowerer(CallLowerer):
    """Statements."""

    def _block(self, block: ast.BlockStatement) -> None:
        self._sequence(block.statements)

    def _sequence(self, statements: list[ast.Statement]) -> None:
        for statement in statements:
            self._statement(statement)

    def _statement(self, statement: ast.Statement) -> None:
        """Lower a statement; one that cannot be lowered is reported, and the next follows."""
        depth, exits = self._depth, list(self._exits)
        try:
            _STATEMENTS[type(statement)](self, statement)
        except TooLarge:
            raise
        except LowerError as e:
            self._depth, self._exits = depth, exits
            self._program.report(e)

    def _empty(self, s: ast.Empty) -> None:
        """Nothing."""

    def _assignment(self, s: ast.Assignment) -> None:
        if isinstance(s.target, ast.Slice) and s.target.bounds is None:
            self._computed_slice(s, s.target)
            return
        if s.operator is not None:
            self._combined(s)
            return
        target = self._fixed_target(s.target) if not is_pure(s.value) else self._target(s.target)
        self._store(target, self._value(s.value), s.span)

    def _computed_slice(self, s: ast.Assignment, target: ast.Slice) -> None:
        """base[low+:width] = value: the bits are masked out of the base and the value is shifted in."""
        base = self._fixed_place(target.base)
        whole, part = bits_of(base), self._scalar_type(target.type, target.span)
        low = self._saved(self._scalar(target.high), s.span)
        value = self._scalar(s.value)
        if not isinstance(low, ir.Expr):
            raise LowerError("the low bit of the slice is no number", target.span)
        if s.operator is not None:
            old = lower_fold.cast(lower_fold.binary(">>", base, low, whole), part)
            value = lower_fold.binary(s.operator, old, value, part)
        ones = lower_fold.binary("<<", constant((1 << part.width) - 1, whole), low, whole)
        kept = lower_fold.binary("&", base, lower_fold.unary("~", ones, whole), whole)
        shifted = lower_fold.binary("<<", lower_fold.cast(value, whole), low, whole)
        self._assign(base, lower_fold.binary("|", kept, shifted, whole), s.span)

    def _combined(self, s: ast.Assignment) -> None:
        """target op= value: the target is evaluated once."""
        target = self._fixed_place(s.target)
        value = self._scalar(s.value)
        operator = s.operator or "+"
        t = bits_of(target)
        self._assign(target, lower_fold.binary(operator, target, value, t), s.span)

    def _call_statement(self, s: ast.CallStatement) -> None:
        if isinstance(s.call, ast.Call) and not (s.call.value is not None and is_pure(s.call)):
            found = self._run_call(s.call)
            self._read_ahead(found, s.span)

    def _read_ahead(self, value: Value | None, span: ir.Span) -> None:
        """A lookahead whose result nobody uses can still fail: its last bits are read."""
        if isinstance(value, str | None):
            return
        ahead = [v for v in self._leaf_values(value) if isinstance(v, ir.Lookahead)]
        if ahead:
            self._saved(ahead[-1], span)

    def _if(self, s: ast.If) -> None:
        condition = self._scalar(s.condition)
        if isinstance(condition, ir.Const):
            chosen = s.then if condition.value else s.otherwise
            if chosen is not None:
                self._statement(chosen)
            return
        with self._collect() as then:
            self._statement(s.then)
        with self._collect() as otherwise:
            if s.otherwise is not None:
                self._statement(s.otherwise)
        if then or otherwise:
            self._emit(ir.If(condition, tuple(then), tuple(otherwise), s.span))

    def _return(self, s: ast.Return) -> None:
        frame = self._frame
        while frame.label is None and frame.parent is not None:
            frame = frame.parent
        if frame.label is None:
            raise LowerError("'return' outside of a body", s.span)
        if s.value is not None and frame.result is not None:
            self._assign(frame.result, self._value(s.value), s.span)
        frame.left = True
        self._emit(ir.Leave(frame.label, s.span))

    def _exit(self, s: ast.Exit) -> None:
        for copy_out in reversed(self._exits):
            copy_out()
        self._emit(ir.Exit(s.span))

    # Declarations

    def _declaration(self, s: ast.DeclarationStatement) -> None:
        declaration = s.declaration
        if isinstance(declaration, ast.Variable):
            self._variable(declaration)

    def _variable(self, declaration: ast.Variable) -> None:
        t = self._type(declaration.type, declaration.span)
        variable = self._variable_of(declaration, t)
        if declaration.initializer is not None:
            value = self._value(declaration.initializer)
            self._assign(variable, value, declaration.span)
        elif not isinstance(t, ir.Bits | ir.Varbit):
            self._invalidate(variable, declaration.span)

    def _variable_of(self, declaration: ast.Variable, t: ir.Type) -> ir.Var:
        """The variable of a declaration, the same one each time that the code of an instance is entered."""
        frame: Frame | None = self._frame
        while frame is not None and frame.instance is None:
            frame = frame.parent
        known = (
            frame.instance.variables.get(declaration) if frame is not None and frame.instance is not None else None
        )
        variable = known if known is not None else self._temporary(declaration.name, t)
        if frame is not None and frame.instance is not None:
            frame.instance.variables[declaration] = variable
        self._frame.bindings[declaration] = variable
        return variable

    # Switch

    def _switch(self, s: ast.Switch) -> None:
        selector_type = s.selector.type
        selector = self._scalar(s.selector)
        cases: list[ir.SwitchCase] = []
        labels: list[int] = []
        has_default = False
        for case in s.cases:
            if case.label is None:
                has_default = True
            else:
                labels.append(self._switch_value(case.label, selector_type))
            if case.body is None:
                continue
            with self._collect() as body:
                self._block(case.body)
            cases.append(ir.SwitchCase(() if has_default else tuple(labels), tuple(body)))
            labels, has_default = [], False
        self._emit_switch(selector, cases, s.span)

    def _emit_switch(self, selector: ir.Expr, cases: list[ir.SwitchCase], span: ir.Span) -> None:
        if isinstance(selector, ir.Const):
            default = next((c for c in cases if not c.labels), None)
            chosen = next((c for c in cases if selector.value in c.labels), default)
            self._statements.extend(chosen.body if chosen is not None else ())
        elif cases:
            self._emit(ir.Switch(selector, tuple(cases), span))

    def _switch_value(self, label: ast.Expression, selector: types.Type) -> int:
        if isinstance(selector, types.ActionRun):
            table = selector.table
            if isinstance(label, ast.Path) and isinstance(table, ast.TableDeclaration):
                return [a.name for a in table.actions or ()].index(label.name)
            raise LowerError("a label must name an action of the table", label.span)
        value = self._scalar(label)
        if not isinstance(value, ir.Const):
            raise LowerError("a label must be known at compile time", label.span)
        return value.value

    # Loops

    def _for(self, s: ast.For) -> None:
        self._sequence(s.init)
        parts = _LoopParts(lambda: self._scalar(s.condition), s.body, lambda: self._sequence(s.update))
        self._loop(parts, s.span)

    def _loop(self, loop_parts: _LoopParts, span: ir.Span) -> None:
        leave, again = self._program.label("for_break"), self._program.label("for_continue")
        with self._collect() as statements:
            holds = loop_parts.condition()
            test = list(statements)
            statements.clear()
            with self._in_loop(leave, again), self._collect() as inner:
                self._statement(loop_parts.body)
            if leaves_to(inner, again):
                inner = [ir.Scope(again, tuple(inner))]
            statements.extend(inner)
            loop_parts.update()
            rest = list(statements)
        if test:
            stop = ir.If(ir.Unary(ir.UnaryOp.NOT, holds, ir.BOOL), (ir.Leave(leave, span),), (), span)
            rest = [*test, stop, *rest]
            holds = lower_fold.TRUE
        loop = ir.Loop(self._program.label("for"), holds, tuple(rest), loop_parts.bound, span)
        self._emit(ir.Scope(leave, (loop,)) if leaves_to([loop], leave) else loop)

    def _break(self, s: ast.Break) -> None:
        self._emit(ir.Leave(self._loops[-1][0], s.span))

    def _continue(self, s: ast.Continue) -> None:
        self._emit(ir.Leave(self._loops[-1][1], s.span))

    def _for_in(self, s: ast.ForIn) -> None:
        t = self._type(s.variable.type, s.variable.span)
        variable = self._variable_of(s.variable, t)
        if isinstance(s.collection, ast.Binary) and s.collection.operator == "..":
            self._for_range(s, variable, s.collection)
            return
        self._for_each(s, variable, self._elements(s.collection))

    def _elements(self, e: ast.Expression) -> list[Value]:
        if isinstance(e.type, types.Stack):
            place = self._place(e)
            if not is_fixed(place):
                place = self._materialized(place, e.span)
            stack = place.type
            if isinstance(stack, ir.Stack):
                return [ir.Element(place, constant(i, ir.Bits(32)), stack.element) for i in range(stack.size)]
        inner = e
        while isinstance(inner, ast.Path) and isinstance(inner.declaration, ast.Constant):
            inner = inner.declaration.initializer
        if isinstance(inner, ast.Cast):
            inner = inner.operand
        if isinstance(inner, ast.ListExpression):
            return self._ordered(inner.items)
        raise LowerError("a loop runs over a range, a stack or a list that is written out", e.span)

    def _for_each(self, s: ast.ForIn, variable: ir.Var, elements: list[Value]) -> None:
        leave = self._program.label("for_break")
        with self._collect() as statements:
            for element in elements:
                self._spend(s.span)
                again = self._program.label("for_continue")
                self._assign(variable, element, s.span)
                with self._in_loop(leave, again), self._collect() as inner:
                    self._statement(s.body)
                statements.extend([ir.Scope(again, tuple(inner))] if leaves_to(inner, again) else inner)
        if leaves_to(statements, leave):
            self._emit(ir.Scope(leave, tuple(statements)))
        else:
            self._statements.extend(statements)

    def _for_range(self, s: ast.ForIn, variable: ir.Var, collection: ast.Binary) -> None:
        """low .. high, both included: counted by a wider number, so that a full range ends."""
        low, high = self._ordered_scalars(collection.left, collection.right)
        t = bits_of(variable)
        wide = ir.Bits(t.width + 1, t.signed)
        counter = self._temporary(f"{variable.name}_count", wide)
        last = self._saved(high, s.span)
        if not isinstance(last, ir.Expr):
            raise LowerError("the range is no number", collection.span)
        self._emit(ir.Assign(counter, lower_fold.cast(low, wide), s.span))
        bound = MAX_ITERATIONS
        if isinstance(low, ir.Const) and isinstance(high, ir.Const):
            bound = max(high.value - low.value + 1, 0)
            if bound > MAX_ITERATIONS:
                raise LowerError(f"the loop runs {bound} times, more than {MAX_ITERATIONS}", collection.span)

        def step() -> None:
            one = constant(1, wide)
            self._emit(ir.Assign(counter, lower_fold.binary("+", counter, one, wide), s.span))

        enter = ast.BlockStatement(
            s.span, [], [_Assigned(s.span, variable, lower_fold.cast(counter, t)), s.body], s.span
        )
        condition = lower_fold.binary("<=", counter, lower_fold.cast(last, wide), ir.BOOL)
        self._loop(_LoopParts(lambda: condition, enter, step, bound), s.span)

    def _assigned(self, s: _Assigned) -> None:
        self._emit(ir.Assign(s.variable, s.value, s.span))


class _Assigned(ast.Statement):
    """A statement that the lowering itself adds: variable = value."""

    __slots__ = ("value", "variable")

    def __init__(self, span: ir.Span, variable: ir.Var, value: ir.Expr) -> None:
        super().__init__(span)
        self.variable, self.value = variable, value


_STATEMENTS: dict[type, Callable[[Any, Any], None]] = {
    ast.Empty: StatementLowerer._empty,
    ast.Assignment: StatementLowerer._assignment,
    ast.CallStatement: StatementLowerer._call_statement,
    ast.BlockStatement: StatementLowerer._block,
    ast.If: lambda lowerer, s: lowerer._if(s),
    ast.Return: StatementLowerer._return,
    ast.Exit: lambda lowerer, s: lowerer._exit(s),
    ast.Break: StatementLowerer._break,
    ast.Continue: StatementLowerer._continue,
    ast.Switch: StatementLowerer._switch,
    ast.For: StatementLowerer._for,
    ast.ForIn: StatementLowerer._for_in,
    ast.DeclarationStatement: StatementLowerer._declaration,
    _Assigned: StatementLowerer._assigned,
}
