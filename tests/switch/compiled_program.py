"""A compiled program for tests of the P4Runtime service: its ids by name, and entities that name things."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from finsy.proto import p4i, p4r

from rackplane.compiler.driver import compile_program
from rackplane.compiler.manifest import Manifest

FIXTURES = Path(__file__).parent / "fixtures"


class NamedProgram:
    """A program's P4Info, whoever compiled it."""

    def __init__(self, p4info: p4i.P4Info) -> None:
        self.p4info = p4info

    def table(self, name: str) -> p4i.Table:
        return next(t for t in self.p4info.tables if t.preamble.alias == name)

    def action(self, name: str) -> p4i.Action:
        return next(a for a in self.p4info.actions if a.preamble.alias == name)

    def digest_id(self, name: str) -> int:
        return next(d.preamble.id for d in self.p4info.digests if d.preamble.alias == name)

    def counter_id(self, name: str) -> int:
        return next(c.preamble.id for c in self.p4info.counters if c.preamble.alias == name)

    def register_id(self, name: str) -> int:
        return next(r.preamble.id for r in self.p4info.registers if r.preamble.alias == name)

    def entry(
        self, table: str, action: str = "", *, priority: int = 0, **values: int | tuple[int, int]
    ) -> p4r.Entity:
        """A table entry; values are match fields (by the last part of their name) and parameters."""
        info, entity = self.table(table), p4r.Entity()
        entry = entity.table_entry
        entry.table_id, entry.priority = info.preamble.id, priority
        rest = dict(values)
        for field in info.match_fields:
            value = rest.pop(field.name.rsplit(".", 1)[-1], None)
            if value is not None:
                entry.match.append(_match(field, value))
        if action:
            chosen = self.action(action)
            entry.action.action.action_id = chosen.preamble.id
            for param in chosen.params:
                entry.action.action.params.add(param_id=param.id, value=as_bytes(int(rest.pop(param.name))))
        assert not rest, f"{table} and {action} have no {', '.join(rest)}"
        return entity


class CompiledProgram(NamedProgram):
    """One of the P4 files in fixtures/."""

    def __init__(self, name: str) -> None:
        bundle = compile_program(FIXTURES / f"{name}.p4").bundle
        super().__init__(p4i.P4Info.FromString(bundle.p4info))
        self.config = name.encode()
        self.image = bundle.object
        self.manifest: Manifest = bundle.manifest


@cache
def compiled(name: str) -> CompiledProgram:
    """A program of fixtures/, compiled once for all tests of a run."""
    return CompiledProgram(name)


def _match(field: p4i.MatchField, value: int | tuple[int, int]) -> p4r.FieldMatch:
    match, kinds = p4r.FieldMatch(field_id=field.id), p4i.MatchField
    low, high = value if isinstance(value, tuple) else (value, (1 << field.bitwidth) - 1)
    if field.match_type == kinds.EXACT:
        match.exact.value = as_bytes(low)
    elif field.match_type == kinds.LPM:
        match.lpm.value = as_bytes(low)
        match.lpm.prefix_len = high if isinstance(value, tuple) else field.bitwidth
    elif field.match_type == kinds.TERNARY:
        match.ternary.value, match.ternary.mask = as_bytes(low), as_bytes(high)
    elif field.match_type == kinds.RANGE:
        match.range.low, match.range.high = as_bytes(low), as_bytes(high)
    else:
        match.optional.value = as_bytes(low)
    return match


def as_bytes(value: int) -> bytes:
    return value.to_bytes(max(1, (value.bit_length() + 7) // 8), "big")
