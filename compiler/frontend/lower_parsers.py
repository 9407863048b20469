"""Parsers: states, with the parsers that they call inlined state by state."""

from __future__ import annotations

from rackplane.compiler import ir
from rackplane.compiler.frontend import ast
from rackplane.compiler.frontend.ast_walk import calls
from rackplane.compiler.frontend.lower_binding import Sharing
from rackplane.compiler.frontend.lower_calls import MAX_CALL_DEPTH
from rackplane.compiler.frontend.lower_controls import ControlLowerer, own_parameters
from rackplane.compiler.frontend.lower_env import Binding, BlockInstance, Frame, LowerError, TooLarge
from rackplane.compiler.frontend.lower_labels import ANYTHING, Label

MAX_STATES = 10_000
_FINAL = ("accept", "reject")


class ParserLowerer(ControlLowerer):
    """Parsers.

    `_current` is the name and place of the state whose statements are being made.
    """

    def parser(self, instance: BlockInstance, name: str, arguments: list[Binding]) -> ir.Parser:
        """Lower the top-level parser whose parameters stand for the arguments."""
        self._states: list[ir.State] = []
        self._taken: set[str] = set(_FINAL)
        frame = self._instance_frame(instance)
        frame.bindings.update(zip(instance.declaration.parameters, arguments, strict=True))
        self._current = ("start", instance.declaration.span)
        with self._in_frame(frame), self._collect() as self._statements:
            self._taken.add("start")
            self._start_locals(instance)
            self._body(instance, "", {"accept": "accept", "reject": "reject"})
        return ir.Parser(name, tuple(self._reachable()))

    def _reachable(self) -> list[ir.State]:
        by_name = {s.name: s for s in self._states}
        reached: set[str] = set()
        waiting = ["start"]
        while waiting:
            name = waiting.pop()
            if name in reached or name not in by_name:
                continue
            reached.add(name)
            transition = by_name[name].transition
            waiting.extend([transition] if isinstance(transition, str) else [c.next for c in transition.cases])
        return [s for s in self._states if s.name in reached]

    # States

    def _body(self, instance: BlockInstance, prefix: str, final: dict[str, str]) -> None:
        """Lower a parser's states; statements that are pending run before its start state."""
        states = instance.declaration.states
        targets = {c.state for s in states if s.transition for c in s.transition.cases}
        targets |= {s.transition.state for s in states if s.transition and s.transition.state}
        names = {s.name: self._state_name(prefix + s.name) for s in states if s.name != "start"}
        names.update(final)
        start = next(s for s in states if s.name == "start")
        if "start" in targets and (self._statements or prefix):
            names["start"] = self._state_name(f"{prefix}start_again")
            self._finish_state(names["start"])
            self._begin_state(names["start"], start.span)
        else:
            names["start"] = self._current[0]
        self._state(start, names)
        for state in states:
            if state is not start:
                self._begin_state(names[state.name], state.span)
                self._state(state, names)

    def _state_name(self, wanted: str) -> str:
        name, number = wanted, 1
        while name in self._taken:
            number += 1
            name = f"{wanted}_{number}"
        self._taken.add(name)
        if len(self._taken) > MAX_STATES:
            raise TooLarge(f"the parser unfolds to more than {MAX_STATES} states", self._current[1])
        return name

    def _begin_state(self, name: str, span: ir.Span) -> None:
        self._statements.clear()
        self._current = (name, span)

    def _finish_state(self, transition: ir.Select | str) -> None:
        name, span = self._current
        self._states.append(ir.State(name, tuple(self._statements), transition, span))
        self._statements.clear()

    def _state(self, state: ast.StateDeclaration, names: dict[str, str]) -> None:
        with self._in_frame(Frame(self._frame)):
            self._sequence(state.statements)
            transition = state.transition
            if transition is None:
                self._finish_state(names["reject"])
            elif transition.state is not None:
                self._finish_state(names[transition.state])
            else:
                self._finish_state(self._select(transition, names))

    # Select

    def _select(self, transition: ast.Transition, names: dict[str, str]) -> ir.Select:
        values = self._ordered(transition.keys)
        groups = [self._leaf_values(v) for v in values]
        keys = tuple(k for group in groups for k in group)
        cases: list[ir.SelectCase] = []
        for case in transition.cases:
            labels = self._labels(case, groups, keys)
            cases.append(ir.SelectCase(labels, names[case.state]))
        return ir.Select(keys, tuple(cases), transition.span)

    def _labels(
        self, case: ast.SelectCase, groups: list[tuple[ir.Expr, ...]], keys: tuple[ir.Expr, ...]
    ) -> tuple[Label, ...]:
        if len(case.keys) == 1:
            only = case.keys[0]
            if isinstance(only, ast.Anything):
                return (ANYTHING,) * len(keys)
            whole = self._set_of(only)
            if whole is not None:
                return (whole,)
        if len(case.keys) == len(keys):
            return tuple(self._label(e, k) for e, k in zip(case.keys, keys, strict=True))
        found: list[Label] = []
        for e, group in zip(case.keys, groups, strict=True):
            found.extend(self._group_labels(e, group))
        return tuple(found)

    def _group_labels(self, e: ast.Expression, group: tuple[ir.Expr, ...]) -> list[Label]:
        if isinstance(e, ast.Anything):
            return [ANYTHING] * len(group)
        if len(group) == 1:
            return [self._label(e, group[0])]
        values = self._leaf_values(self._value(e))
        labels: list[Label] = []
        for value, key in zip(values, group, strict=True):
            if not isinstance(value, ir.Const) or not isinstance(key.type, ir.Bits):
                raise LowerError("a set must be known at compile time", e.span)
            full = (1 << key.type.width) - 1
            labels.append(ir.Masked(value.value & full, full))
        return labels

    # Calls of parsers

    def _apply_instance(self, e: ast.Call, resolved: ast.Resolved, instance: BlockInstance) -> None:
        if instance.declaration.kind != "parser":
            raise LowerError("a control cannot be applied in a parser", e.span)
        self._depth += 1
        if self._depth > MAX_CALL_DEPTH:
            raise TooLarge(f"parsers nest more than {MAX_CALL_DEPTH} levels deep", e.span)
        bindings = dict(self._instance_frame(instance).bindings)
        frame = Frame(self._program.globals, bindings, instance.types, instance)
        after = self._bind_arguments(frame, own_parameters(resolved, instance), Sharing())
        prefix = f"{instance.declaration.name}_"
        behind = self._state_name(f"after_{instance.declaration.name}")
        with self._in_frame(frame):
            self._start_locals(instance)
            self._body(instance, prefix, {"accept": behind, "reject": "reject"})
        self._begin_state(behind, e.span)
        for copy_out in after:
            copy_out()
        self._depth -= 1

    def _if(self, s: ast.If) -> None:
        """An if that calls a parser becomes states of its own."""
        if not any(c.resolved is not None and c.resolved.what == "apply" for c in calls(s)):
            super()._if(s)
            return
        condition = self._scalar(s.condition)
        then, otherwise = self._state_name("if_true"), self._state_name("if_false")
        behind = self._state_name("if_end")
        cases = (ir.SelectCase((ir.Masked(1, 1),), then), ir.SelectCase((ANYTHING,), otherwise))
        self._finish_state(ir.Select((condition,), cases, s.span))
        self._begin_state(then, s.span)
        self._statement(s.then)
        self._finish_state(behind)
        self._begin_state(otherwise, s.span)
        if s.otherwise is not None:
            self._statement(s.otherwise)
        self._finish_state(behind)
        self._begin_state(behind, s.span)
