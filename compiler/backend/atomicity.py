"""Which statements of a control have to run without another packet in between.

BMv2 runs a control in one thread, so all register accesses of one packet in a control are indivisible. XDP
runs on every core at once: here the smallest spans are found that hold all accesses of one packet to registers that
the data plane writes, and they become scopes that take a lock. A span may lie inside of a branch or of an action
when all accesses of a packet that goes there are in it. One access alone needs no lock up to 64 bits, unless it is
a write to a register that some span reads and writes: that write would be lost between the two.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from enum import Enum

from rackplane.compiler import ir
from rackplane.compiler.backend import walk

_BLOCKS = ("ingress", "egress")
_WORD = 64


class Lock(Enum):
    """SPIN: bpf_spin_lock, nothing inside calls a helper. CAS: compare and swap in memory, helpers are allowed."""

    SPIN = "spin"
    CAS = "cas"


@dataclass
class Spans:
    """The pipeline with its locked spans as scopes, what each of their labels takes, and the registers inside.

    All spans take the same lock, as they have to keep each other out.
    """

    pipeline: ir.Pipeline
    locks: dict[str, Lock] = field(default_factory=dict)
    guarded: frozenset[str] = frozenset()


def find_spans(pipeline: ir.Pipeline, calls_helper: HelperTest) -> Spans:
    """Put scopes around the spans of ingress and egress."""
    shared = _shared_registers(pipeline)
    if not shared:
        return Spans(pipeline)
    first = _spans(pipeline, _Finder(pipeline, shared, frozenset(), calls_helper))
    if not first.guarded:
        return first
    return _spans(pipeline, _Finder(pipeline, shared, first.guarded, calls_helper))


def _spans(pipeline: ir.Pipeline, finder: _Finder) -> Spans:
    controls = {}
    for block in _BLOCKS:
        body = walk.block_body(pipeline, block)
        controls[block] = ir.Control(block, finder.body(body))
    changed = replace(pipeline, actions=finder.actions, ingress=controls["ingress"], egress=controls["egress"])
    kind = Lock.CAS if Lock.CAS in finder.locks.values() else Lock.SPIN
    return Spans(changed, dict.fromkeys(finder.locks, kind), frozenset(finder.guarded))


def _shared_registers(pipeline: ir.Pipeline) -> frozenset[str]:
    """Registers that packets write, and those whose elements the control plane cannot write in one access."""
    calls = [
        (s.name, s.instance)
        for s in walk.all_statements(pipeline)
        if isinstance(s, ir.CallExtern) and s.name in ("register.read", "register.write") and s.instance
    ]
    return frozenset(
        name for call, name in calls if call == "register.write" or pipeline.registers[name].type.width > _WORD
    )


@dataclass(frozen=True)
class HelperTest:
    """Knows the tables whose apply() calls no helper (inside of a span, with what is looked up in front of it)."""

    helper_free_tables: frozenset[str]
    helper_free_externs: frozenset[str] = frozenset(
        {
            "register.read",
            "register.write",
            "mark_to_drop",
            "clone",
            "clone_preserving_field_list",
            "resubmit_preserving_field_list",
            "recirculate_preserving_field_list",
            "truncate",
            "hash",
            "direct_counter.count",
            "direct_meter.read",
            "assert",
            "assume",
            "log_msg",
        }
    )

    def calls(self, stmt: ir.Stmt) -> bool:
        """Whether a statement itself calls a helper."""
        if isinstance(stmt, ir.ApplyTable):
            return stmt.table not in self.helper_free_tables
        if isinstance(stmt, ir.CallExtern):
            random = stmt.name == "hash" and _is_random(stmt)
            return stmt.name not in self.helper_free_externs or random
        return False


def _is_random(stmt: ir.CallExtern) -> bool:
    algorithm = stmt.arguments[1] if len(stmt.arguments) > 1 else None
    return isinstance(algorithm, ir.Const) and algorithm.value == 4


class _Finder:
    def __init__(
        self, pipeline: ir.Pipeline, shared: frozenset[str], contended: frozenset[str], test: HelperTest
    ) -> None:
        self.pipeline = pipeline
        self.shared = shared
        self.contended = contended
        self.guarded: set[str] = set()
        self.test = test
        self.actions = dict(pipeline.actions)
        self.locks: dict[str, Lock] = {}
        self.uses = self._action_uses()

    def _action_uses(self) -> dict[str, int]:
        """How many apply statements can run each action."""
        uses: dict[str, int] = {}
        for block in _BLOCKS:
            for stmt in walk.statements(walk.block_body(self.pipeline, block)):
                if isinstance(stmt, ir.ApplyTable):
                    for ref in self.pipeline.tables[stmt.table].actions:
                        uses[ref.name] = uses.get(ref.name, 0) + 1
        return uses

    def _is_access(self, stmt: ir.Stmt) -> bool:
        return (
            isinstance(stmt, ir.CallExtern)
            and stmt.name in ("register.read", "register.write")
            and stmt.instance in self.shared
        )

    def _accesses(self, stmts: Iterable[ir.Stmt]) -> bool:
        return any(self._is_access(s) for s in walk.statements(stmts, self.pipeline))

    def body(self, body: tuple[ir.Stmt, ...]) -> tuple[ir.Stmt, ...]:
        """A body with its spans locked; nothing outside of it accesses a shared register in the same packet."""
        with_access = [n for n, stmt in enumerate(body) if self._accesses((stmt,))]
        if not with_access:
            return body
        first, last = with_access[0], with_access[-1]
        inner = self._descend(body[first]) if first == last else None
        if inner is None:
            inner = self._lock(body[first : last + 1])
        return (*body[:first], inner, *body[last + 1 :])

    def _descend(self, stmt: ir.Stmt) -> ir.Stmt | None:
        """The statement with locks inside of it; None when it has to be locked as a whole."""
        match stmt:
            case ir.If():
                return replace(stmt, then=self.body(stmt.then), otherwise=self.body(stmt.otherwise))
            case ir.Switch():
                return replace(stmt, cases=tuple(replace(c, body=self.body(c.body)) for c in stmt.cases))
            case ir.Scope():
                return replace(stmt, body=self.body(stmt.body))
            case ir.ApplyTable():
                return self._descend_table(stmt)
            case ir.CallExtern() if stmt.instance is not None:
                small = self.pipeline.registers[stmt.instance].type.width <= _WORD
                lost = stmt.name == "register.write" and stmt.instance in self.contended
                return stmt if small and not lost else None
            case _:
                return None

    def _descend_table(self, stmt: ir.ApplyTable) -> ir.Stmt | None:
        names = [ref.name for ref in self.pipeline.tables[stmt.table].actions]
        if any(self._accesses(self.actions[n].body) and self.uses[n] > 1 for n in names):
            return None
        for name in names:
            action = self.actions[name]
            self.actions[name] = replace(action, body=self.body(action.body))
        return stmt

    def _lock(self, span: tuple[ir.Stmt, ...]) -> ir.Stmt:
        label = f"@locked.{len(self.locks)}"
        helper = any(self.test.calls(s) for s in walk.statements(span, self.pipeline))
        self.locks[label] = Lock.CAS if helper else Lock.SPIN
        inside = walk.statements(span, self.pipeline)
        self.guarded |= {
            s.instance for s in inside if isinstance(s, ir.CallExtern) and s.instance and self._is_access(s)
        }
        return ir.Scope(label, span)
