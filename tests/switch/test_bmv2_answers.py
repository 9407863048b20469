"""A table of requests and the codes of their answers; BMv2, where it is there, takes and refuses the same ones.

Only whether it refuses is compared: it often answers INVALID_ARGUMENT or UNKNOWN where there is a better code.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import grpc
import pytest
import switch_client as p4
from compiled_program import NamedProgram
from finsy.proto import p4i, p4r
from google.protobuf import text_format

from rackplane.switch.target import SwitchSetup, free_port, running
from rackplane.switch.targets import by_name

PROGRAM = Path(__file__).parent / "fixtures" / "answers.p4"
INSERT, MODIFY, DELETE = p4r.Update.INSERT, p4r.Update.MODIFY, p4r.Update.DELETE
OK, UNKNOWN, INVALID, NOT_FOUND, EXISTS, DENIED = 0, 2, 3, 5, 6, 7
EXHAUSTED, OUT_OF_RANGE, UNIMPLEMENTED = 8, 11, 12

Make = Callable[[NamedProgram], p4r.Entity]


def entry(table: str, action: str = "", **values: int | tuple[int, int]) -> Make:
    priority = values.pop("priority", 0)
    assert isinstance(priority, int)
    return lambda program: program.entry(table, action, priority=priority, **values)


def changed(make: Make, change: Callable[[p4r.TableEntry], object]) -> Make:
    def made(program: NamedProgram) -> p4r.Entity:
        entity = make(program)
        change(entity.table_entry)
        return entity

    return made


def default(table: str, action: str = "", **values: int) -> Make:
    return changed(entry(table, action, **values), lambda e: setattr(e, "is_default_action", True))


def counter(index: int | None, packets: int | None = None) -> Make:
    return lambda program: p4.counter(program.counter_id("seen"), index, packets)


def digest(**config: int) -> Make:
    def made(program: NamedProgram) -> p4r.Entity:
        entity = p4r.Entity()
        entity.digest_entry.digest_id = program.digest_id("learn_t")
        for name, value in config.items():
            setattr(entity.digest_entry.config, name, value)
        return entity

    return made


def direct(table: str, **values: int | tuple[int, int]) -> Make:
    def made(program: NamedProgram) -> p4r.Entity:
        entity = p4r.Entity()
        entity.direct_counter_entry.table_entry.CopyFrom(program.entry(table, **values).table_entry)
        entity.direct_counter_entry.data.packet_count = 3
        return entity

    return made


def constant(entity: p4r.Entity) -> Make:
    return lambda _: entity


HELD = entry("whole", "forward", dst=1, port=1)
HELD_ROUTE = entry("prefix", "forward", src=(0x020000000000, 8), port=1)
HELD_MIXED = entry("mixed", "forward", priority=5, dst=(8, 0xF), port=1)
NEW = entry("whole", "forward", dst=2, port=1)
BEFORE = [HELD, HELD_ROUTE, HELD_MIXED, constant(p4.group(3, (1, 1)))]

# (what, update type, entity, code)
Case = tuple[str, int, Make, int]
WRITES: list[Case] = [
    ("same again", INSERT, HELD, EXISTS),
    ("same prefix again", INSERT, HELD_ROUTE, EXISTS),
    ("same ternary again", INSERT, HELD_MIXED, EXISTS),
    ("modify", MODIFY, HELD, OK),
    ("modify nothing", MODIFY, NEW, NOT_FOUND),
    ("delete nothing", DELETE, NEW, NOT_FOUND),
    ("no type", 0, NEW, INVALID),
    ("no entity", INSERT, constant(p4r.Entity()), INVALID),
    ("unknown table", INSERT, changed(NEW, lambda e: setattr(e, "table_id", 0x02FFFFFF)), NOT_FOUND),
    ("table id of an action", INSERT, changed(NEW, lambda e: setattr(e, "table_id", 0x01000001)), NOT_FOUND),
    ("field missing", INSERT, changed(NEW, lambda e: e.match.pop()), INVALID),
    ("unknown field", INSERT, changed(NEW, lambda e: setattr(e.match[0], "field_id", 9)), INVALID),
    ("wrong kind of match", INSERT, changed(NEW, lambda e: e.match[0].lpm.SetInParent()), INVALID),
    ("empty value", INSERT, changed(NEW, lambda e: setattr(e.match[0].exact, "value", b"")), OUT_OF_RANGE),
    (
        "value too wide",
        INSERT,
        changed(NEW, lambda e: setattr(e.match[0].exact, "value", b"\1" * 7)),
        OUT_OF_RANGE,
    ),
    ("long value", INSERT, changed(HELD, lambda e: setattr(e.match[0].exact, "value", b"\0\0\1")), EXISTS),
    ("no action", INSERT, changed(NEW, lambda e: e.ClearField("action")), INVALID),
    (
        "unknown action",
        INSERT,
        changed(NEW, lambda e: setattr(e.action.action, "action_id", 0x01FFFFFF)),
        INVALID,
    ),
    ("parameter missing", INSERT, changed(NEW, lambda e: e.action.action.params.pop()), INVALID),
    (
        "parameter too wide",
        INSERT,
        changed(NEW, lambda e: setattr(e.action.action.params[0], "value", b"\2\0")),
        OUT_OF_RANGE,
    ),
    ("default-only action", INSERT, entry("whole", "NoAction", dst=2), DENIED),
    ("priority on exact", INSERT, changed(NEW, lambda e: setattr(e, "priority", 1)), INVALID),
    ("no priority", INSERT, entry("mixed", "forward", dst=(1, 0xF), port=1), INVALID),
    ("prefix too long", INSERT, entry("prefix", "forward", src=(1, 49), port=1), INVALID),
    ("prefix of nothing", INSERT, entry("prefix", "forward", src=(0, 0), port=1), INVALID),
    ("bits after the prefix", INSERT, entry("prefix", "forward", src=(1, 8), port=1), INVALID),
    ("bits outside the mask", INSERT, entry("mixed", "forward", priority=1, dst=(3, 1), port=1), INVALID),
    ("mask of nothing", INSERT, entry("mixed", "forward", priority=1, dst=(0, 0), port=1), INVALID),
    ("range reversed", INSERT, entry("mixed", "forward", priority=1, kind=(5, 4), port=1), INVALID),
    ("range of everything", INSERT, entry("mixed", "forward", priority=1, kind=(0, 0xFFFF), port=1), INVALID),
    ("insert a default", INSERT, default("whole", "forward", port=1), INVALID),
    ("modify a default", MODIFY, default("prefix", "forward", port=1), OK),
    ("reset a default", MODIFY, default("prefix"), OK),
    ("table-only default", MODIFY, default("whole", "drop"), DENIED),
    ("const default", MODIFY, default("mixed", "forward", port=1), DENIED),
    ("insert a const entry", INSERT, entry("fixed", "drop", kind=5), DENIED),
    ("delete a const entry", DELETE, entry("fixed", kind=0x0800), DENIED),
    ("idle timeout", INSERT, changed(NEW, lambda e: setattr(e, "idle_timeout_ns", 5)), INVALID),
    ("counter", MODIFY, counter(1, 5), OK),
    ("whole counter", MODIFY, counter(None, 5), OK),
    ("counter index", MODIFY, counter(8, 5), OUT_OF_RANGE),
    ("negative counter index", MODIFY, counter(-1, 5), INVALID),
    ("insert a counter", INSERT, counter(1, 5), INVALID),
    ("unknown counter", MODIFY, constant(p4.counter(0x12FFFFFF, 1, 5)), NOT_FOUND),
    ("direct counter", MODIFY, direct("prefix", src=(0x020000000000, 8)), OK),
    ("direct counter of nothing", MODIFY, direct("prefix", src=(0x030000000000, 8)), NOT_FOUND),
    ("direct counter of another table", MODIFY, direct("whole", dst=1), INVALID),
    ("group", INSERT, constant(p4.group(4, (1, 1))), OK),
    ("group again", INSERT, constant(p4.group(3, (1, 1))), EXISTS),
    ("group 0", INSERT, constant(p4.group(0, (1, 1))), INVALID),
    ("unknown group", MODIFY, constant(p4.group(9, (1, 1))), NOT_FOUND),
    ("delete an unknown group", DELETE, constant(p4.group(9)), NOT_FOUND),
    ("replica twice", INSERT, constant(p4.group(5, (1, 1), (1, 1))), INVALID),
    ("digest", INSERT, digest(max_list_size=1), OK),
    ("digest not there", DELETE, digest(), NOT_FOUND),
    ("negative digest timeout", INSERT, digest(max_timeout_ns=-1), INVALID),
    (
        "register",
        MODIFY,
        lambda program: p4.register(program.register_id("values"), 1, 5),
        OK,
    ),
]

READS: list[tuple[str, Make, int]] = [
    ("everything", constant(p4.everything_in()), OK),
    ("no entity", constant(p4r.Entity()), INVALID),
    ("unknown table", constant(p4.everything_in(0x02FFFFFF)), NOT_FOUND),
    ("not there", entry("whole", dst=9), OK),
    ("unknown counter", constant(p4.counter(0x12FFFFFF)), NOT_FOUND),
    ("counter index", counter(8), OUT_OF_RANGE),
    ("all counters", constant(p4.counter(0)), OK),
    ("register", lambda program: p4.register(program.register_id("values"), 1), OK),
]


# Requests that BMv2 takes and this switch refuses, or the other way round.
OTHERWISE = {
    "empty value": "taken as zero, which the specification forbids",
    "range of everything": "taken, where the specification wants the field left out",
    "negative digest timeout": "not checked",
    "whole counter": "a write without an index is UNIMPLEMENTED",
    "register": "registers are UNIMPLEMENTED",
}


class Side:
    """One of the two switches."""

    def __init__(self, name: str, client: p4.Client, program: NamedProgram) -> None:
        self.name, self.client, self.program = name, client, program


@pytest.fixture(scope="module", params=["xdp", pytest.param("bmv2", marks=pytest.mark.bmv2)])
def side(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Side]:
    folder = tmp_path_factory.mktemp("answers")
    target = by_name(request.param)
    compiled = target.compile(PROGRAM, folder)
    info = text_format.Parse(compiled.p4info.read_text(), p4i.P4Info())
    setup = SwitchSetup(f"127.0.0.1:{free_port()}", folder / "state", p4.DEVICE_ID, cpu_port=None)
    with running(target, setup):
        client = p4.Client(setup.grpc_address)
        client.push(compiled.device_config.read_bytes(), p4info=info)
        side = Side(request.param, client, NamedProgram(info))
        client.insert(*(make(side.program) for make in BEFORE))
        yield side
        client.close()


def code_of(action: Callable[[], object]) -> int:
    """The canonical code of a request of one element."""
    try:
        action()
    except grpc.RpcError as e:
        details = p4.errors(e)
        return int(details[0].canonical_code) if details else int(e.code().value[0])
    return OK


def compare(side: Side, what: str, code: int, expected: int) -> None:
    """Our code is the expected one; BMv2 refuses when it is an error, but for what OTHERWISE has."""
    if side.name == "xdp":
        assert code == expected
    else:
        assert (code == OK) is ((expected == OK) is (what not in OTHERWISE)), f"BMv2 answers {code}"


@pytest.mark.root
@pytest.mark.parametrize("case", WRITES, ids=[c[0] for c in WRITES])
def test_writes(side: Side, case: Case) -> None:
    what, kind, make, expected = case
    entity = make(side.program)
    code = code_of(lambda: side.client.write(p4r.Update(type=kind, entity=entity)))
    if kind == INSERT and code == OK:
        side.client.delete(entity)
    compare(side, what, code, expected)


@pytest.mark.root
@pytest.mark.parametrize("case", READS, ids=[c[0] for c in READS])
def test_reads(side: Side, case: tuple[str, Make, int]) -> None:
    what, make, expected = case
    compare(side, what, code_of(lambda: side.client.read(make(side.program))), expected)


@pytest.mark.root
def test_a_full_table(side: Side) -> None:
    entries = [side.program.entry("whole", "forward", dst=n, port=1) for n in (2, 3)]
    with pytest.raises(grpc.RpcError) as failure:
        side.client.insert(*entries)
    first, second = (e.canonical_code for e in p4.errors(failure.value))
    assert first == OK
    compare(side, "full", second, EXHAUSTED)
    side.client.delete(entries[0])


@pytest.mark.root
@pytest.mark.parametrize(
    ("atomicity", "count", "expected"),
    [
        (p4r.WriteRequest.CONTINUE_ON_ERROR, 2, OK),
        (p4r.WriteRequest.ROLLBACK_ON_ERROR, 2, OK),
        (p4r.WriteRequest.DATAPLANE_ATOMIC, 1, OK),
        (p4r.WriteRequest.DATAPLANE_ATOMIC, 2, UNIMPLEMENTED),
    ],
)
def test_atomicity(side: Side, atomicity: int, count: int, expected: int) -> None:
    """BMv2 has CONTINUE_ON_ERROR only."""
    updates = [p4r.Update(type=MODIFY, entity=HELD(side.program)) for _ in range(count)]
    code = code_of(lambda: side.client.write(*updates, atomicity=atomicity))
    assert code == (expected if side.name == "xdp" or not atomicity else UNIMPLEMENTED)
