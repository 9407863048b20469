"""STF scripts: what each line means, what is refused, and how packets are compared."""

from __future__ import annotations

import pytest
from finsy.proto import p4i
from hypothesis import given
from hypothesis import strategies as st

from rackplane.switch.stf import outcome
from rackplane.switch.stf.entries import table_add
from rackplane.switch.stf.script import (
    ActionCall,
    AddEntry,
    CheckCounter,
    Command,
    Control,
    Expect,
    NoPacket,
    Send,
    SetDefault,
    StfError,
    Wait,
    parse_script,
)

LINES: list[tuple[str, Command]] = [
    ("packet 3 00 ff 1a", Send(1, 3, bytes.fromhex("00ff1a"))),
    ("PACKET 0 00FF # a comment", Send(1, 0, b"\x00\xff")),
    ("expect 1 00 ** f*", Expect(1, 1, "00**F*", exact=False)),
    ("expect 1 00 11 $", Expect(1, 1, "0011", exact=True)),
    ("expect 1", Expect(1, 1, None, exact=False)),
    (
        "add t hdr.e:0x0a act(port:2, x:0x3)",
        AddEntry(1, "t", None, (("hdr.e", "0x0a"),), ActionCall("act", (("port", "2"), ("x", "0x3")))),
    ),
    (
        "add c.t 100 data.f2:0x04**0404 c.act() = A",
        AddEntry(1, "c.t", 100, (("data.f2", "0x04**0404"),), ActionCall("c.act", ())),
    ),
    ("setdefault t a(x:1)", SetDefault(1, "t", ActionCall("a", (("x", "1"),)))),
    ("check_counter cnt(2) packets == 7", CheckCounter(1, "cnt", 2, bytes=False, operator="==", value=7)),
    ("check_counter cnt(0) bytes >= 64", CheckCounter(1, "cnt", 0, bytes=True, operator=">=", value=64)),
    ("mc_node_create 400 6 7", Control(1, "mc_node_create", ("400", "6", "7"))),
    ("wait", Wait(1)),
    ("no_packet", NoPacket(1)),
]

BAD_LINES = [
    ("packet 512 00", "a switch has no port 512: ports are 0 to 511"),
    ("expect -1 00", "a switch has no port -1"),
    ("packet 0 0", "the packet has 1 hex digits"),
    ("packet 0 zz", "hex digits"),
    ("packet x 00", "'x' is not a number"),
    ("expect 0 0g", "hex digits and '*'"),
    ("frobnicate 1", "unknown command 'frobnicate'"),
    ("add t", "add needs TABLE"),
    ("add t k act()", "is not a number"),
    ("add t k:1 act(3)", "needs the form name:value"),
    ("check_counter", "check_counter needs"),
]


@pytest.mark.parametrize(("line", "command"), LINES, ids=[line for line, _ in LINES])
def test_line(line: str, command: Command) -> None:
    assert parse_script(line) == [command]


@pytest.mark.parametrize(("line", "message"), BAD_LINES, ids=[line for line, _ in BAD_LINES])
def test_bad_line_is_named(line: str, message: str) -> None:
    with pytest.raises(StfError, match=r"line 3: ") as caught:
        parse_script(f"\n# fine so far\n{line}")
    assert message in str(caught.value)


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=200))
def test_any_text_is_parsed_or_refused(text: str) -> None:
    try:
        parse_script(text)
    except StfError as error:
        assert error.line >= 1


OUTCOMES = [
    ("expect 1 00 11", {1: ["001122"]}, []),
    ("expect 1 00 11 $", {1: ["001122"]}, ["expected exactly 2"]),
    ("expect 1 00 11", {1: ["00"]}, ["expected at least 2"]),
    ("expect 1 00 11", {1: ["0012"]}, ["byte 1 differs"]),
    ("expect 1 0* *1", {1: ["0a31"]}, []),
    ("expect 1 00", {}, ["line 1: port 1: no packet came"]),
    ("expect 1", {1: ["00", "11"]}, []),
    ("expect 1", {}, ["no packet came"]),
    ("no_packet", {2: ["00"]}, ["port 2: unexpected packet 00"]),
    ("expect 1 00\nexpect 1 01", {1: ["01", "00"]}, ["line 1", "line 2"]),
]


@pytest.mark.parametrize(("script", "received", "messages"), OUTCOMES)
def test_outcome(script: str, received: dict[int, list[str]], messages: list[str]) -> None:
    packets = {port: [bytes.fromhex(p) for p in hexes] for port, hexes in received.items()}
    found = outcome.problems(parse_script(script), packets)
    assert len(found) == len(messages), found
    for line, message in zip(found, messages, strict=True):
        assert message in line


def _info() -> p4i.P4Info:
    info = p4i.P4Info()
    table = info.tables.add()
    table.preamble.id, table.preamble.name, table.preamble.alias = 0x02000001, "ingress.t", "t"
    kinds = (p4i.MatchField.EXACT, p4i.MatchField.LPM, p4i.MatchField.TERNARY, p4i.MatchField.RANGE)
    for number, kind in enumerate(kinds, start=1):
        table.match_fields.add(id=number, name=f"hdr.h.f{number}", bitwidth=32, match_type=kind)
    table.action_refs.add(id=0x01000001)
    action = info.actions.add()
    action.preamble.id, action.preamble.name, action.preamble.alias = 0x01000001, "ingress.act", "act"
    action.params.add(id=1, name="port", bitwidth=9)
    return info


MATCHES = [
    ("f1:0x0a000001", "field_id: 1 exact { value: '\\n\\000\\000\\001' }"),
    ("f2:0x0a000000/8", "field_id: 2 lpm { value: '\\n\\000\\000\\000' prefix_len: 8 }"),
    ("f2:0x0a01/16", "field_id: 2 lpm { value: '\\n\\001\\000\\000' prefix_len: 16 }"),
    ("f3:0x0a00**01", "field_id: 3 ternary { value: '\\n\\000\\000\\001' mask: '\\377\\377\\000\\377' }"),
    ("f3:7&&&0x0f", "field_id: 3 ternary { value: '\\007' mask: '\\017' }"),
    ("f4:1..9", "field_id: 4 range { low: '\\001' high: '\\t' }"),
]


@pytest.mark.parametrize(("match", "expected"), MATCHES)
def test_entry(match: str, expected: str) -> None:
    [command] = parse_script(f"add t 5 {match} act(port:3)")
    assert isinstance(command, AddEntry)
    entry = table_add(command, _info()).entity.table_entry
    printed = str(entry.match[0]).replace("\n", " ").replace('"', "'")
    assert " ".join(printed.split()) == expected
    assert entry.priority == 6
    assert entry.action.action.params[0].value == b"\x03"


BAD_ENTRIES = [
    ("add nosuch f1:1 act(port:1)", "table 'nosuch': none is called so; the program has ingress.t"),
    ("add t f9:1 act(port:1)", "has no key 'f9'; its keys are hdr.h.f1"),
    ("add t f1:1 drop()", "action 'drop': none is called so"),
    ("add t f1:1 act()", "action ingress.act needs port"),
    ("add t f1:1 act(port:1, x:2)", "has no parameter 'x'"),
    ("add t f2:1/40 act(port:1)", "prefix length 40 is more than the key's 32 bits"),
    ("add t f4:9..1 act(port:1)", "range 9..1 of key hdr.h.f4 is empty"),
]


@pytest.mark.parametrize(("line", "message"), BAD_ENTRIES)
def test_bad_entry_is_named(line: str, message: str) -> None:
    [command] = parse_script(line)
    assert isinstance(command, AddEntry)
    with pytest.raises(StfError) as caught:
        table_add(command, _info())
    assert message in str(caught.value)
