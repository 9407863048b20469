"""Parser states and their transitions (spec 1.2.5, section 13)."""

from __future__ import annotations

from rackplane.compiler.frontend import ast, types
from rackplane.compiler.frontend.check_tables import TableChecker
from rackplane.compiler.frontend.types import Type
from rackplane.compiler.ir import Span
from rackplane.compiler.lexing.diagnostics import did_you_mean

_FINAL = ("accept", "reject")


def _leaf_types(t: Type) -> tuple[Type, ...]:
    """The types of the numbers that a value set's element is made of."""
    base = types.underlying(t)
    if isinstance(base, types.Composite):
        return tuple(leaf for m in base.members for leaf in _leaf_types(m.type))
    if isinstance(base, types.Tuple):
        return tuple(leaf for i in base.items for leaf in _leaf_types(i))
    return (t,)


class ParserChecker(TableChecker):
    """States of a parser."""

    def _states(self, block: ast.BlockDeclaration) -> None:
        names: dict[str, ast.StateDeclaration] = {}
        for state in block.states:
            if state.name in _FINAL:
                self._error(f"a parser has the state '{state.name}' of itself: it cannot be declared", state.span)
            elif state.name in names:
                self._error(f"the parser has the state '{state.name}' twice", state.span)
            elif self._scope.local(state.name):
                self._error(f"'{state.name}' is declared twice", state.span)
            names.setdefault(state.name, state)
        if "start" not in names:
            self._error(f"the parser '{block.name}' has no state 'start'", block.span)
        for state in block.states:
            self._state(state, names)
        self._warn_unreachable(block, names)

    def _state(self, state: ast.StateDeclaration, names: dict[str, ast.StateDeclaration]) -> None:
        with self._scoped(), self._within(place="state"):
            self._statements(state.statements)
            if state.transition is None:
                self._diagnostics.warn(f"the state '{state.name}' has no transition: it rejects", state.span)
            else:
                self._transition(state.transition, names)

    def _transition(self, transition: ast.Transition, names: dict[str, ast.StateDeclaration]) -> None:
        if transition.state is not None:
            self._check_state(transition.state, transition.span, names)
            return
        found = [self._expression(k) for k in transition.keys]
        for key, t in zip(transition.keys, found, strict=True):
            self._select_key(key, t)
        for case in transition.cases:
            self._case(case, transition.keys)
            self._check_state(case.state, case.state_span, names)

    def _check_state(self, name: str, span: Span, names: dict[str, ast.StateDeclaration]) -> None:
        if name not in names and name not in _FINAL:
            self._error(f"unknown state '{name}'", span, *did_you_mean(name, [*names, *_FINAL]))

    def _select_key(self, key: ast.Expression, t: Type) -> None:
        base = types.underlying(t)
        if isinstance(base, types.Sequence | types.Tuple):
            return
        fits = isinstance(base, types.Bits | types.SerEnum | types.EnumType | types.Unknown | types.TypeVar)
        if isinstance(base, types.Integer):
            self._error("a key of select needs a width", key.span)
        elif not fits and base not in (types.BOOL, types.ERROR):
            self._error(f"select does not work on {t}", key.span)

    def _case(self, case: ast.SelectCase, keys: list[ast.Expression]) -> None:
        if len(case.keys) == 1 and len(keys) != 1:
            label = case.keys[0]
            if isinstance(label, ast.Anything):
                return
            found = self._expression(label)
            if isinstance(found, types.ValueSetOf):
                self._whole_set(label, found, keys)
                return
        if len(case.keys) != len(keys):
            if len(keys) == 1 and isinstance(types.underlying(keys[0].type), types.Composite | types.Tuple):
                self._spread(case, keys[0])
                return
            self._error(f"select has {len(keys)} key(s), but this case gives {len(case.keys)}", case.span)
            return
        for label, key in zip(case.keys, keys, strict=True):
            self._label(label, key.type, "the key")

    def _spread(self, case: ast.SelectCase, key: ast.Expression) -> None:
        """A case in parentheses against one key that is a struct or tuple."""
        base = types.underlying(key.type)
        inner: list[Type] = []
        if isinstance(base, types.Composite):
            inner = [m.type for m in base.members]
        elif isinstance(base, types.Tuple):
            inner = list(base.items)
        if len(inner) != len(case.keys):
            self._error(f"the key has {len(inner)} member(s), but this case gives {len(case.keys)}", case.span)
            return
        for label, t in zip(case.keys, inner, strict=True):
            self._label(label, t, "the key")

    def _whole_set(self, label: ast.Expression, found: types.ValueSetOf, keys: list[ast.Expression]) -> None:
        if types.contains_unknown(found):
            return
        element = types.underlying(found.element)
        inner = _leaf_types(element)
        wanted = tuple(k.type for k in keys)
        if len(inner) != len(wanted) or not all(self._same(a, b) for a, b in zip(inner, wanted, strict=True)):
            shown = ", ".join(str(w) for w in wanted)
            self._error(f"the keys have the types ({shown}), the value set {found.element}", label.span)

    def _warn_unreachable(self, block: ast.BlockDeclaration, names: dict[str, ast.StateDeclaration]) -> None:
        reached: set[str] = set()
        seen: set[str] = set()
        waiting = ["start"]
        while waiting:
            state = names.get(waiting.pop())
            if state is None or state.name in reached:
                continue
            reached.add(state.name)
            if state.transition is not None:
                waiting.extend([state.transition.state] if state.transition.state else [])
                waiting.extend(c.state for c in state.transition.cases)
                seen.update([state.transition.state] if state.transition.state else [])
                seen.update(c.state for c in state.transition.cases)
            else:
                seen.add("reject")
        if "start" in names and not seen.intersection(_FINAL):
            self._error(f"the parser '{block.name}' never reaches 'accept' or 'reject'", block.span)
        for state in block.states:
            if state.name not in reached:
                self._diagnostics.warn(f"no path leads to the state '{state.name}'", state.span)
