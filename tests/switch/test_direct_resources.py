"""Direct counters and meters on tables of every kind: each hit counts at its own entry."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from finsy.proto import p4r
from program_lab import Lab, canonical

pytestmark = pytest.mark.root

KEY, OTHER, ABSENT = 0x1234, 0x1235, 0x9999
SIZE = 64
GREEN, YELLOW, RED, NOT_HIT = 0, 1, 2, 9
NAMES = ("exact", "prefix", "ternary", "range", "code", "many")
WRITABLE = NAMES[:4]


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Lab("direct") as lab:
        for bit, name in enumerate(WRITABLE):
            lab.insert(*[entry(lab, name, key, 1 << bit) for key in (OTHER, KEY)])
        yield lab


def entry(lab: Lab, name: str, key: int, value: int | None = None) -> p4r.Entity:
    """An entry of a table that matches this key."""
    entity = lab.entry(f"{name}_table", key)
    found = entity.table_entry
    match = found.match[0]
    if name == "prefix":
        match.ClearField("exact")
        match.lpm.value, match.lpm.prefix_len = canonical(key), 16
    elif name == "ternary":
        match.ClearField("exact")
        match.ternary.value, match.ternary.mask = canonical(key), b"\xff\xff"
    elif name == "range":
        match.ClearField("exact")
        match.range.low, match.range.high = canonical(key), canonical(key)
    found.priority = 7 if name in ("ternary", "range") else 0
    if value is not None:
        found.action.action.CopyFrom(lab.action(f"{name}_mark", value))
    return entity


def send(lab: Lab, key: int) -> bytes:
    out = lab.run((bytes(14) + key.to_bytes(2, "big") + bytes(7)).ljust(SIZE, b"\0"))
    assert out is not None
    return out


def color(lab: Lab, key: int, name: str) -> int:
    return send(lab, key)[16 + NAMES.index(name)]


def counted(lab: Lab, name: str, key: int) -> tuple[int, int]:
    wanted = p4r.Entity()
    wanted.direct_counter_entry.table_entry.CopyFrom(entry(lab, name, key).table_entry)
    (found,) = lab.read(wanted)
    data = found.direct_counter_entry.data
    return data.packet_count, data.byte_count


def configure(lab: Lab, name: str, key: int, to: p4r.MeterConfig | None) -> None:
    entity = p4r.Entity()
    entity.direct_meter_entry.table_entry.CopyFrom(entry(lab, name, key).table_entry)
    if to is not None:
        entity.direct_meter_entry.config.CopyFrom(to)
    lab.modify(entity)


@pytest.mark.parametrize("name", NAMES)
def test_hits_count_at_their_entry(lab: Lab, name: str) -> None:
    first, second = (0x4005, 0x40FF) if name == "many" else (KEY, OTHER)
    before = [counted(lab, name, key) for key in (first, second)]
    for key in (first, first, second, ABSENT, first):
        send(lab, key)
    after = [counted(lab, name, key) for key in (first, second)]
    assert [(b[0] - a[0], b[1] - a[1]) for a, b in zip(before, after, strict=True)] == [(3, 3 * SIZE), (1, SIZE)]


@pytest.mark.parametrize("name", NAMES)
def test_each_entry_has_its_meter(lab: Lab, name: str) -> None:
    first, second = (0x4005, 0x40FF) if name == "many" else (KEY, OTHER)
    configure(lab, name, first, p4r.MeterConfig(cburst=1, pburst=2))
    assert [color(lab, first, name) for _ in range(4)] == [GREEN, YELLOW, RED, RED]
    assert color(lab, second, name) == GREEN
    assert color(lab, ABSENT, name) == NOT_HIT
    configure(lab, name, first, None)
    assert color(lab, first, name) == GREEN


@pytest.mark.parametrize("name", ["code", "many"])
def test_const_entries_take_direct_resources_and_no_action(lab: Lab, name: str) -> None:
    """Spec, "Constant Tables": MODIFY of direct resources is the only write."""
    key = KEY if name == "code" else 0x4007
    modified = entry(lab, name, key)
    modified.table_entry.counter_data.packet_count = 50
    modified.table_entry.meter_config.CopyFrom(p4r.MeterConfig(pburst=1))
    lab.modify(modified)
    assert counted(lab, name, key)[0] == 50
    assert [color(lab, key, name) for _ in range(2)] == [YELLOW, RED]
    lab.modify(entry(lab, name, key))
    assert color(lab, key, name) == GREEN
    code, text = lab.refusal(p4r.Update.MODIFY, entry(lab, name, key, 1))
    assert "the action of a const entry cannot be modified" in text, code


@pytest.mark.parametrize("name", WRITABLE)
def test_a_new_entry_begins_anew(lab: Lab, name: str) -> None:
    key = 0x2222
    for _ in range(3):
        fresh = entry(lab, name, key, 0)
        fresh.table_entry.meter_config.CopyFrom(p4r.MeterConfig(cburst=1, pburst=1))
        lab.insert(fresh)
        assert [color(lab, key, name) for _ in range(2)] == [GREEN, RED]
        assert counted(lab, name, key) == (2, 2 * SIZE)
        lab.delete(entry(lab, name, key))
        lab.insert(entry(lab, name, key, 0))
        assert counted(lab, name, key) == (0, 0)
        assert color(lab, key, name) == GREEN
        lab.delete(entry(lab, name, key))
