"""Meters: colours of packets, configurations over P4Runtime, and two cores at once."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator

import pytest
from finsy.proto import p4r
from program_lab import Lab

from rackplane.switch.errors import Code
from rackplane.switch.p4runtime.status import BatchError
from rackplane.switch.reconcile import carry_over

pytestmark = pytest.mark.root

INSERT, MODIFY, DELETE = p4r.Update.INSERT, p4r.Update.MODIFY, p4r.Update.DELETE
GREEN, YELLOW, RED, UNTOUCHED = 0, 1, 2, 7
PACKETS, OCTETS = 1, 2
SIZE = 64
NOT_HIT = 3


@pytest.fixture(scope="module")
def shared() -> Iterator[Lab]:
    with Lab("meters") as lab:
        yield lab


@pytest.fixture
def lab(shared: Lab) -> Iterator[Lab]:
    """The program with every meter at its default and an empty table."""
    yield shared
    shared.modify(meter(shared, "packets", None), meter(shared, "octets", None))
    shared.delete(*[without(e) for e in shared.read(p4r.Entity(table_entry=p4r.TableEntry()))
                    if not e.table_entry.is_default_action])  # fmt: skip


def config(cir: int, cburst: int, pir: int, pburst: int, eburst: int = 0) -> p4r.MeterConfig:
    return p4r.MeterConfig(cir=cir, cburst=cburst, pir=pir, pburst=pburst, eburst=eburst)


def meter(lab: Lab, name: str, index: int | None, to: p4r.MeterConfig | None = None) -> p4r.Entity:
    entity = p4r.Entity()
    entity.meter_entry.meter_id = lab.id(name)
    if index is not None:
        entity.meter_entry.index.index = index
    if to is not None:
        entity.meter_entry.config.CopyFrom(to)
    return entity


def limited(lab: Lab, dst: int, action: str = "mark", value: int = 9) -> p4r.Entity:
    entity = lab.entry("limited", dst)
    entity.table_entry.action.action.CopyFrom(lab.action(action, value))
    return entity


def without(entity: p4r.Entity) -> p4r.Entity:
    bare = p4r.Entity(table_entry=entity.table_entry)
    bare.table_entry.ClearField("action")
    bare.table_entry.ClearField("meter_config")
    return bare


def direct(entity: p4r.Entity, to: p4r.MeterConfig | None = None) -> p4r.Entity:
    found = p4r.Entity()
    found.direct_meter_entry.table_entry.CopyFrom(without(entity).table_entry)
    if to is not None:
        found.direct_meter_entry.config.CopyFrom(to)
    return found


def frame(what: int = 0, index: int = 0, dst: int = 0, size: int = SIZE) -> bytes:
    head = dst.to_bytes(6, "big") + bytes(8) + bytes([what]) + index.to_bytes(5, "big") + b"\xee\xee\xee"
    return head.ljust(size, b"\0")


def colors(lab: Lab, sent: bytes, count: int) -> list[int]:
    return [(lab.run(sent) or b"")[20] for _ in range(count)]


def direct_colors(lab: Lab, dst: int, count: int) -> list[int]:
    return [(lab.run(frame(dst=dst)) or b"")[21] for _ in range(count)]


# Colours. Rates of zero never fill a bucket again, so that bursts alone decide.

BURSTS = [
    (PACKETS, config(0, 2, 0, 5), SIZE, [GREEN] * 2 + [YELLOW] * 3 + [RED] * 3),
    (PACKETS, config(0, 0, 0, 1), SIZE, [YELLOW, RED, RED]),
    (PACKETS, config(0, 0, 0, 0), SIZE, [RED, RED]),
    (PACKETS, config(0, 3, 0, 1), SIZE, [GREEN, RED, RED]),
    (OCTETS, config(0, 128, 0, 192), SIZE, [GREEN, GREEN, YELLOW, RED]),
    (OCTETS, config(0, 127, 0, 191), SIZE, [GREEN, YELLOW, RED, RED]),
    (OCTETS, config(0, 63, 0, 1 << 31), SIZE, [YELLOW] * 3),
    (OCTETS, config(0, 1000, 0, 1000), 1000, [GREEN, RED]),
    (PACKETS, config(10**12, 1, 10**12, 1), SIZE, [GREEN] * 20),
    (OCTETS, config((1 << 63) - 1, (1 << 32) - 1, (1 << 63) - 1, (1 << 32) - 1), SIZE, [GREEN] * 20),
]


@pytest.mark.parametrize(("what", "to", "size", "wanted"), BURSTS)
def test_bursts_decide_without_rates(
    lab: Lab, what: int, to: p4r.MeterConfig, size: int, wanted: list[int]
) -> None:
    lab.modify(meter(lab, ["", "packets", "octets"][what], 5, to))
    assert colors(lab, frame(what, 5, size=size), len(wanted)) == wanted
    assert colors(lab, frame(what, 6, size=size), 2) == [GREEN, GREEN]


def test_a_smaller_packet_may_still_pass(lab: Lab) -> None:
    lab.modify(meter(lab, "octets", 1, config(0, 100, 0, 200)))
    sizes = [(90, GREEN), (90, YELLOW), (64, RED), (20 + 8, RED)]
    assert [colors(lab, frame(OCTETS, 1, size=size), 1) for size, _ in sizes] == [[c] for _, c in sizes]


@pytest.mark.parametrize("index", [1024, 1 << 32, (1 << 40) - 1])
def test_an_index_beyond_the_array_leaves_the_result(lab: Lab, index: int) -> None:
    assert colors(lab, frame(PACKETS, index), 1) == [UNTOUCHED]


def test_tokens_come_back_at_the_rate(lab: Lab) -> None:
    """Neither more nor fewer packets pass than the time that went by allows."""
    rate, burst, sent = 2000, 10, frame(PACKETS, 3)
    before = time.monotonic()
    lab.modify(meter(lab, "packets", 3, config(rate, burst, 10**9, 10**6)))
    greens = colors(lab, sent, burst).count(GREEN)
    emptied = time.monotonic()
    while (now := time.monotonic()) < emptied + 0.25:
        greens += colors(lab, sent, 1).count(GREEN)
    assert 0.2 * rate * (now - emptied) <= greens <= rate * (time.monotonic() - before) + burst


def test_a_bucket_holds_its_burst_and_no_more(lab: Lab) -> None:
    lab.modify(meter(lab, "packets", 3, config(100_000, 4, 100_000, 4)))
    time.sleep(0.01)
    before = time.monotonic()
    greens = colors(lab, frame(PACKETS, 3), 8).count(GREEN)
    assert 4 <= greens <= 4 + 100_000 * (time.monotonic() - before) + 1


def test_a_configuration_fills_the_buckets_again(lab: Lab) -> None:
    to = config(0, 1, 0, 1)
    for _ in range(2):
        lab.modify(meter(lab, "packets", 0, to))
        assert colors(lab, frame(PACKETS, 0), 2) == [GREEN, RED]
    lab.modify(meter(lab, "packets", 0))
    assert colors(lab, frame(PACKETS, 0), 2) == [GREEN, GREEN]


def test_two_cores_share_a_burst(lab: Lab) -> None:
    burst, runs = 30_000, 40_000
    lab.modify(meter(lab, "packets", 9, config(0, burst, 0, burst + 5000)))
    threads = [threading.Thread(target=lab.run, args=(frame(PACKETS, 9), runs)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wanted = meter(lab, "packets", 9)
    wanted.meter_entry.counter_data.SetInParent()
    (found,) = lab.read(wanted)
    data = found.meter_entry.counter_data
    counts = [c.packet_count for c in (data.green, data.yellow, data.red)]
    assert counts == [burst, 5000, 2 * runs - burst - 5000]
    assert data.red.byte_count == SIZE * data.red.packet_count
    lab.modify(wanted)
    assert not lab.read(wanted)[0].meter_entry.counter_data.green.packet_count


# P4Runtime: indirect meters


def test_reads_return_what_was_written(lab: Lab) -> None:
    one, other = config(1, 2, 3, 4), config(5, 6, 7, 8)
    lab.modify(meter(lab, "packets", 1, one), meter(lab, "octets", None, other))
    assert lab.read(meter(lab, "packets", 1)) == [meter(lab, "packets", 1, one)]
    assert lab.read(meter(lab, "packets", 0)) == [meter(lab, "packets", 0)]
    assert lab.read(meter(lab, "octets", None)) == [meter(lab, "octets", n, other) for n in range(16)]
    everything = lab.read(p4r.Entity(meter_entry=p4r.MeterEntry()))
    assert Counter(e.meter_entry.meter_id for e in everything) == {lab.id("packets"): 1024, lab.id("octets"): 16}
    lab.modify(meter(lab, "packets", 1, config(-1, -1, -1, -1)))
    assert lab.read(meter(lab, "packets", 1)) == [meter(lab, "packets", 1)]


BAD_CONFIGS = [
    (config(-5, 0, 0, 0), Code.INVALID_ARGUMENT, "the CIR of meter ingress.packets is -5; it may not be negative"),
    (config(0, -1, 0, 0), Code.INVALID_ARGUMENT, "the CBurst of meter ingress.packets is -1"),
    (config(1, 1, -1, 1), Code.INVALID_ARGUMENT, "the PIR of meter ingress.packets is -1"),
    (config(1, 1, 1, -2), Code.INVALID_ARGUMENT, "the PBurst of meter ingress.packets is -2"),
    (config(2, 1, 1, 1), Code.INVALID_ARGUMENT, "meter ingress.packets: the PIR 1 is below the CIR 2"),
    (config(1, 1, 1, 1, 1), Code.INVALID_ARGUMENT, "meter ingress.packets has two rates: EBurst is 1"),
    (config(0, 1 << 32, 0, 0), Code.UNIMPLEMENTED, "the CBurst of meter ingress.packets is 4294967296"),
    (config(0, 0, 0, 1 << 32), Code.UNIMPLEMENTED, "takes up to 4294967295"),
]


@pytest.mark.parametrize(("to", "code", "message"), BAD_CONFIGS)
def test_bad_configurations_change_nothing(lab: Lab, to: p4r.MeterConfig, code: Code, message: str) -> None:
    before = config(0, 1, 0, 1)
    lab.modify(meter(lab, "packets", 4, before))
    found, text = lab.refusal(MODIFY, meter(lab, "packets", 4, to))
    assert (found, message in text) == (code, True), text
    assert lab.read(meter(lab, "packets", 4)) == [meter(lab, "packets", 4, before)]


def unknown(number: int) -> p4r.Entity:
    return p4r.Entity(meter_entry=p4r.MeterEntry(meter_id=number))


def test_refusals_of_indirect_meters(lab: Lab) -> None:
    to = config(0, 0, 0, 0)
    nonzero = meter(lab, "packets", 0)
    nonzero.meter_entry.counter_data.yellow.byte_count = 1
    cases = [
        (INSERT, meter(lab, "packets", 0, to), Code.INVALID_ARGUMENT, "can only be modified; INSERT is refused"),
        (DELETE, meter(lab, "packets", 0), Code.INVALID_ARGUMENT, "can only be modified; DELETE is refused"),
        (
            MODIFY,
            meter(lab, "packets", -1, to),
            Code.INVALID_ARGUMENT,
            "index -1 of meter ingress.packets is negative",
        ),
        (MODIFY, meter(lab, "octets", 16, to), Code.OUT_OF_RANGE, "index 16 of meter ingress.octets"),
        (MODIFY, unknown(5), Code.NOT_FOUND, "there is no meter with id 5"),
        (MODIFY, unknown(0), Code.INVALID_ARGUMENT, "the meter id is missing"),
        (MODIFY, nonzero, Code.INVALID_ARGUMENT, "the yellow counter of ingress.packets can only be set to zero"),
    ]
    for kind, entity, code, message in cases:
        found, text = lab.refusal(kind, entity)
        assert (found, message in text) == (code, True), text
    with pytest.raises(BatchError, match="there is no meter with id 5"):
        lab.read(unknown(5))
    with pytest.raises(BatchError, match="index 16 of meter"):
        lab.read(meter(lab, "octets", 16))


def test_an_update_is_refused_as_a_whole(lab: Lab) -> None:
    """A bad part of an update leaves its good parts undone too."""
    lab.insert(limited(lab, 1))
    one = meter(lab, "packets", 1, config(0, 1, 0, 1))
    one.meter_entry.counter_data.red.packet_count = 1
    other = direct(limited(lab, 1), config(0, 1, 0, 1))
    other.direct_meter_entry.counter_data.red.packet_count = 1
    third, fourth = limited(lab, 1), limited(lab, 1)
    for entity in (third, fourth):
        entity.table_entry.counter_data.packet_count = 5
    third.table_entry.meter_config.CopyFrom(config(0, -1, 0, 0))
    fourth.table_entry.meter_counter_data.green.byte_count = 7
    for entity in (one, other, third, fourth):
        assert lab.refusal(MODIFY, entity)[0] is Code.INVALID_ARGUMENT
    assert lab.read(meter(lab, "packets", 1)) == [meter(lab, "packets", 1)]
    assert lab.read(direct(limited(lab, 1))) == [direct(limited(lab, 1))]
    wanted = without(limited(lab, 1))
    wanted.table_entry.counter_data.SetInParent()
    assert lab.read(wanted)[0].table_entry.counter_data.packet_count == 0


def test_a_batch_that_is_undone_leaves_meters_as_they_were(lab: Lab) -> None:
    entry = limited(lab, 1)
    entry.table_entry.meter_config.CopyFrom(config(0, 1, 0, 1))
    lab.insert(entry)
    lab.modify(meter(lab, "packets", 2, config(0, 3, 0, 3)))
    assert colors(lab, frame(PACKETS, 2), 1) == [GREEN]
    with pytest.raises(BatchError):
        lab.write(
            MODIFY,
            meter(lab, "packets", 2, config(1, 9, 1, 9)),
            limited(lab, 1, "mark", 8),
            direct(entry, config(9, 9, 9, 9)),
            unknown(5),
            atomicity=p4r.WriteRequest.ROLLBACK_ON_ERROR,
        )
    assert lab.read(meter(lab, "packets", 2)) == [meter(lab, "packets", 2, config(0, 3, 0, 3))]
    assert lab.read(direct(entry)) == [direct(entry, config(0, 1, 0, 1))]
    assert colors(lab, frame(PACKETS, 2), 3) == [GREEN, GREEN, RED]


# Direct meters


def test_direct_meters_belong_to_their_entry(lab: Lab) -> None:
    first, second = limited(lab, 1), limited(lab, 2, "ignore")
    first.table_entry.meter_config.CopyFrom(config(0, 1, 0, 2))
    lab.insert(first, second)
    assert direct_colors(lab, 1, 4) == [GREEN, YELLOW, RED, RED]
    assert direct_colors(lab, 2, 2) == [GREEN, GREEN], "every hit executes the meter, whichever action runs"
    assert direct_colors(lab, 3, 1) == [NOT_HIT]
    lab.modify(direct(second, config(0, 0, 0, 1)))
    assert direct_colors(lab, 2, 2) == [YELLOW, RED]
    lab.modify(direct(second))
    assert direct_colors(lab, 2, 2) == [GREEN, GREEN]


def test_modify_without_a_config_resets_and_a_new_entry_starts_anew(lab: Lab) -> None:
    entry = limited(lab, 1)
    entry.table_entry.meter_config.CopyFrom(config(0, 0, 0, 0))
    lab.insert(entry)
    assert direct_colors(lab, 1, 1) == [RED]
    for value in range(3):
        lab.modify(limited(lab, 1, "mark", value))
    assert direct_colors(lab, 1, 1) == [GREEN]
    lab.modify(entry)
    lab.delete(without(entry))
    lab.insert(limited(lab, 2))
    assert direct_colors(lab, 2, 1) == [GREEN]
    assert lab.read(direct(limited(lab, 2))) == [direct(limited(lab, 2))]


def test_reads_of_direct_meters(lab: Lab) -> None:
    first, second = limited(lab, 1), limited(lab, 2)
    first.table_entry.meter_config.CopyFrom(config(0, 1, 0, 2))
    lab.insert(first, second)
    wanted = p4r.Entity(table_entry=p4r.TableEntry(table_id=lab.id("limited")))
    assert not any(e.table_entry.HasField("meter_config") for e in lab.read(wanted))
    wanted.table_entry.meter_config.SetInParent()
    configured = {e.table_entry.match[0].exact.value: e.table_entry for e in lab.read(wanted)}
    assert configured[b"\1"].meter_config == config(0, 1, 0, 2)
    assert not configured[b"\2"].HasField("meter_config")
    bare, rest = direct(first, config(0, 1, 0, 2)), direct(second)
    assert lab.read(direct(first)) == [bare]
    for table_id in (0, lab.id("limited")):
        everything = p4r.Entity(
            direct_meter_entry=p4r.DirectMeterEntry(table_entry=p4r.TableEntry(table_id=table_id))
        )
        everything.direct_meter_entry.table_entry.SetInParent()
        assert lab.read(everything) == [bare, rest]


def test_marks_of_direct_meters(lab: Lab) -> None:
    entry = limited(lab, 1)
    entry.table_entry.meter_config.CopyFrom(config(0, 1, 0, 2))
    lab.insert(entry)
    direct_colors(lab, 1, 4)
    wanted = without(entry)
    wanted.table_entry.meter_counter_data.SetInParent()
    (found,) = lab.read(wanted)
    data = found.table_entry.meter_counter_data
    assert [c.packet_count for c in (data.green, data.yellow, data.red)] == [1, 1, 2]
    reset = limited(lab, 1)
    reset.table_entry.meter_counter_data.SetInParent()
    lab.modify(reset)
    assert lab.read(wanted)[0].table_entry.meter_counter_data.red.packet_count == 0


def test_refusals_of_direct_meters(lab: Lab) -> None:
    to, entry = config(0, 0, 0, 0), limited(lab, 1)
    lab.insert(entry)
    default = p4r.Entity(table_entry=p4r.TableEntry(table_id=lab.id("limited"), is_default_action=True))
    bad = limited(lab, 2)
    bad.table_entry.meter_config.CopyFrom(config(1, 0, 0, 0))
    cases = [
        (
            INSERT,
            direct(entry, to),
            Code.INVALID_ARGUMENT,
            "a direct meter can only be modified; INSERT is refused",
        ),
        (
            DELETE,
            direct(entry),
            Code.INVALID_ARGUMENT,
            "of table ingress.limited: a direct meter can only be modified",
        ),
        (MODIFY, direct(limited(lab, 7), to), Code.NOT_FOUND, "there is no entry with this match"),
        (MODIFY, direct(default, to), Code.UNIMPLEMENTED, "only hits execute direct meters"),
        (
            MODIFY,
            p4r.Entity(direct_meter_entry=p4r.DirectMeterEntry()),
            Code.INVALID_ARGUMENT,
            "table id is missing",
        ),
        (INSERT, bad, Code.INVALID_ARGUMENT, "meter ingress.each: the PIR 0 is below the CIR 1"),
    ]
    for kind, entity, code, message in cases:
        found, text = lab.refusal(kind, entity)
        assert (found, message in text) == (code, True), text
    lab.insert(*[limited(lab, n) for n in (2, 3, 4)])
    assert lab.refusal(INSERT, limited(lab, 5))[0] is Code.RESOURCE_EXHAUSTED


def test_meters_are_carried_over_to_a_new_program(lab: Lab) -> None:
    entry = limited(lab, 1)
    entry.table_entry.meter_config.CopyFrom(config(0, 1, 0, 2))
    lab.insert(entry)
    lab.modify(meter(lab, "octets", 3, config(0, 64, 0, 64)))
    with Lab("meters") as other:
        carry_over(lab.pipeline, other.pipeline)
        assert direct_colors(other, 1, 3) == [GREEN, YELLOW, RED]
        assert colors(other, frame(OCTETS, 3), 2) == [GREEN, RED]
