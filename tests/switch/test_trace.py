"""Tracing a running switch: what is told of each packet, and that nothing else changes."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import time
from collections.abc import Iterator
from ipaddress import IPv4Address
from pathlib import Path

import finsy as fy
import pytest
from click.testing import CliRunner
from traced_switch import SETTLED_S, Traced, found, program_on, stories, traced_switch, values

from rackplane.cli.main import main
from rackplane.cli.which import Reached, Which
from rackplane.compiler.driver import compile_program, default_cache
from rackplane.compiler.traced import compile_traced
from rackplane.switch import tracefilter
from rackplane.switch.controlsocket import short_path
from rackplane.switch.errors import SwitchError
from rackplane.switch.traceclient import TraceClient, TraceEnded
from rackplane.switch.xdp import XdpTarget

PROGRAM = Path(__file__).parent / "fixtures" / "traced.p4"
PATIENCE_S = 60
FOUR = ["10.9.0.1", "10.9.0.2", "10.9.0.3", "10.2.0.4"]

pytestmark = pytest.mark.root


def frame(dst: str, ttl: int = 64, ether_type: int = 0x800) -> bytes:
    ethernet = bytes.fromhex("020000000001 020000000002") + ether_type.to_bytes(2, "big")
    head = bytes.fromhex("45000014 00000000") + bytes((ttl, 17)) + bytes.fromhex("0000 0a000101")
    return (ethernet + head + IPv4Address(dst).packed).ljust(60, b"\0")


@pytest.fixture(scope="module")
def traced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Traced]:
    """The switch runs traced.p4 with one entry for each kind of end."""
    with traced_switch(PROGRAM, tmp_path_factory.mktemp("traced"), fill) as running:
        yield running


async def fill(address: str, options: fy.SwitchOptions) -> None:
    async with fy.Switch("s", address, options) as sw:
        await sw.write(
            [
                +fy.P4MulticastGroupEntry(4, replicas=[2, 3]),
                +route("10.2.0.0/16", fy.Action("forward", port=2, next_hop="02:00:00:00:00:22")),
                +route("10.3.0.0/16", fy.Action("flood", group=4)),
                +route("10.4.0.0/16", fy.Action("tag", port=3, id=7)),
                +route("10.5.0.0/16", fy.Action("forward", port=9, next_hop=0)),
            ]
        )


def route(prefix: str, action: fy.Action) -> fy.P4TableEntry:
    return fy.P4TableEntry("routes", match=fy.Match(dst_addr=prefix), action=action)


def line_of(text: str) -> int:
    rows = PROGRAM.read_text().splitlines()
    return next(n for n, row in enumerate(rows, start=1) if text in row)


def test_everything_that_a_packet_meets_is_told(traced: Traced) -> None:
    (story,) = stories(traced, [(1, frame("10.2.0.1"))])
    assert (story["port"], story["length"], story["copy_of"], story["parser_error"]) == (1, 60, None, None)
    assert [e["name"] for e in found(story, "state")] == ["start", "parse_ipv4"]
    ethernet, ipv4 = (e["headers"][0] for e in found(story, "extract"))
    assert ethernet["fields"] == {"dst_addr": 0x020000000001, "src_addr": 0x020000000002, "ether_type": 0x800}
    assert ipv4["fields"]["dst_addr"] == int(IPv4Address("10.2.0.1"))
    (table,), (hit,), (action,) = (found(story, kind) for kind in ("table", "hit", "action"))
    assert values(table) == {"hdr.ipv4.dst_addr": int(IPv4Address("10.2.0.1"))}
    assert (hit["name"], values(hit)) == ("TracedIngress.routes", {"hit": 1})
    assert (action["name"], values(action)) == ("TracedIngress.forward", {"port": 2, "next_hop": 0x020000000022})
    assert action["at"] == f"{PROGRAM}:{line_of('action forward')}"
    conditions = {e["p4"]: e["detail"] for e in found(story, "if")}
    assert conditions == {"if (hdr.ipv4.isValid()) {": "true", "if (std.egress_port == 3) {": "false"}
    read, write = found(story, "call")
    assert [e["name"] for e in (read, write)] == ["TracedIngress.packets.read", "TracedIngress.packets.write"]
    before = found(story, "result")[0]["values"][0]["value"]
    assert [v["value"] for v in write["values"]] == [1, before + 1]
    assert story["headers"] == {
        "changed": [
            {"field": "ethernet.dst_addr", "before": 0x020000000001, "after": 0x020000000022},
            {"field": "ipv4.ttl", "before": 64, "after": 63},
        ],
        "added": [],
        "removed": [],
    }
    assert story["verdict"] == {"outcome": "forward", "port": 2}


@pytest.mark.parametrize(
    ("data", "verdict"),
    [
        pytest.param(frame("10.3.0.1"), {"outcome": "multicast", "group": 4}, id="multicast"),
        pytest.param(frame("10.4.0.1"), {"outcome": "forward", "port": 3}, id="forward"),
        pytest.param(
            frame("10.9.0.1"),
            {"outcome": "drop", "reason": "the program dropped it", "at": f"{PROGRAM}:{line_of('mark_to_drop')}"},
            id="dropped by an action",
        ),
        pytest.param(
            frame("10.5.0.1"), {"outcome": "drop", "reason": "its egress port has no interface"}, id="no such port"
        ),
    ],
)
def test_verdicts(traced: Traced, data: bytes, verdict: dict[str, object]) -> None:
    assert stories(traced, [(1, data)])[0]["verdict"] == verdict


def test_copies_have_stories_of_their_own(traced: Traced) -> None:
    first, *copies = stories(traced, [(1, frame("10.3.0.1"))])
    assert [c["copy_of"] for c in copies] == [first["id"]] * 2
    shown = {c["port"]: (c["verdict"], c["headers"]["changed"]) for c in copies}
    assert shown == {
        2: ({"outcome": "forward", "port": 2}, []),
        3: ({"outcome": "forward", "port": 3}, [{"field": "ipv4.diffserv", "before": 0, "after": 3}]),
    }


def test_added_headers_are_told(traced: Traced) -> None:
    (story,) = stories(traced, [(1, frame("10.4.0.1"))])
    (tag,) = story["headers"]["added"]
    assert (tag["header"], tag["fields"]) == ("tag", {"id": 7, "ether_type": 0x800})
    assert found(story, "validity")[0]["detail"] == "setValid"


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ({"port": 2}, ["10.9.0.2"]),
        ({"chosen": "ipv4.ttl == 3"}, ["10.9.0.3"]),
        ({"chosen": "ipv4.ttl != 64 && ipv4.ttl < 4"}, ["10.9.0.3"]),
        ({"chosen": "ipv4.dst_addr == 10.2.0.0/16"}, ["10.2.0.4"]),
        ({"chosen": "ipv4.isValid() && ethernet.dst_addr == 02:00:00:00:00:01", "port": 2}, ["10.9.0.2"]),
        ({"chosen": "ipv4.ttl >= 63", "dropped": True}, ["10.9.0.1", "10.9.0.2"]),
        ({"chosen": "ipv4.rest == 0 && ipv4.src_addr == 0x0a000000 &&& 0xff000000"}, FOUR),
        ({"chosen": "tag.isValid()"}, []),
    ],
)
def test_only_chosen_packets_are_traced(traced: Traced, choice: dict[str, object], expected: list[str]) -> None:
    sent = [(1, frame("10.9.0.1")), (2, frame("10.9.0.2")), (1, frame("10.9.0.3", 3)), (1, frame("10.2.0.4"))]
    told = stories(traced, sent, **choice)
    addresses = [found(s, "extract")[1]["headers"][0]["fields"]["dst_addr"] for s in told]
    assert sorted(addresses) == sorted(int(IPv4Address(a)) for a in expected)


def test_registers_go_on_while_a_trace_comes_and_goes(traced: Traced) -> None:
    one = (3, frame("10.9.0.1"))
    (first,) = stories(traced, [one])
    traced.links.hosts[3].send(one[1])
    traced.links.hosts[3].send(one[1])
    (second,) = stories(traced, [one])
    before, after = (found(s, "result")[0]["values"][0]["value"] for s in (first, second))
    assert after == before + 3


def wait_for(what: int, interface: str) -> None:
    end = time.monotonic() + PATIENCE_S
    while program_on(interface) != what:
        assert time.monotonic() < end, "the plain program does not come back"
        time.sleep(0.05)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_the_plain_program_comes_back_however_the_trace_ends(traced: Traced, how: signal.Signals) -> None:
    interface = traced.links.ports[1]
    process = traced.start()
    assert program_on(interface) != traced.plain
    process.send_signal(how)
    process.communicate(timeout=PATIENCE_S)
    wait_for(traced.plain, interface)


def test_no_packet_is_lost_when_a_trace_comes_and_goes(traced: Traced) -> None:
    traced.links.hosts[2].drain()
    count = 50_000
    flood = traced.links.hosts[1].flood(frame("10.2.0.1"), count)
    for _ in range(4):
        with TraceClient(traced.socket, traced.build.object, tracefilter.control((), 2, False)):
            pass
    assert flood.wait(PATIENCE_S) == 0
    assert len(traced.links.hosts[2].drain(1.0)) == count


def test_what_finds_no_room_is_counted(traced: Traced) -> None:
    count = 40_000
    with TraceClient(traced.socket, traced.build.object, tracefilter.control((), 1, False)) as client:
        assert traced.links.hosts[1].flood(frame("10.9.0.1"), count).wait(PATIENCE_S) == 0
        shown = 0
        while records := client.receive(SETTLED_S):
            shown += len(records)
        assert 0 < client.lost < count
        assert shown + client.lost == count


def test_the_text_names_states_tables_lines_and_the_end(traced: Traced) -> None:
    process = traced.start("-n", "1", "--verbose")
    traced.links.hosts[1].send(frame("10.2.0.1"))
    out, _ = process.communicate(timeout=PATIENCE_S)
    for text in (
        f"from port 1 ({traced.links.ports[1]}), 60 bytes",
        "state parse_ipv4",
        "ethernet: dst_addr=02:00:00:00:00:01 src_addr=02:00:00:00:00:02 ether_type=0x800",
        "if (hdr.ipv4.isValid()) is true",
        "table TracedIngress.routes(hdr.ipv4.dst_addr=10.2.0.1): hit",
        "action TracedIngress.forward(port=2, next_hop=02:00:00:00:00:22)",
        "ipv4.ttl: 64 -> 63",
        f"traced.p4:{line_of('action forward')}",
        f"=> out of port 2 ({traced.links.ports[2]})",
    ):
        assert text in out


def test_one_trace_runs_at_a_time(traced: Traced) -> None:
    with TraceClient(traced.socket, traced.build.object, b""):
        result = CliRunner().invoke(main, traced.command())
        assert (result.exit_code, "one trace runs at a time" in result.stderr) == (1, True)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ipv4.tt == 1", "header ipv4 has no field 'tt'"),
        ("ipv6.ttl == 1", "the program has no header 'ipv6'; it has ethernet, tag, ipv4"),
        ("ipv4.ttl = 1", "cannot read the condition"),
        ("ipv4.ttl == 256", "256 does not fit field ttl, which has 8 bits"),
        ("ipv4.ttl == blue", "'blue' is no value of field ttl"),
        ("ipv4.ttl < 0", "no packet has ttl < 0"),
        ("ipv4.dst_addr == 10.0.0.0/33", "the prefix length of field dst_addr is 0 to 32"),
        (" && ".join(["ipv4.ttl == 1"] * 17), "the filter takes 17 tests; 16 fit"),
        ("x" * 5000, "a filter of 5000 characters"),
    ],
)
def test_filters_that_make_no_sense(traced: Traced, text: str, message: str) -> None:
    with pytest.raises(tracefilter.FilterError, match=re.escape(message)):
        tracefilter.parse(text, traced.build.sites.headers)


@pytest.mark.parametrize(
    ("request_", "files", "message"),
    [
        (b"{", 0, "the request is not JSON"),
        (b"[" * 60_000, 0, "the request is not JSON"),
        (b'{"verb": "dance"}', 0, "has the verb 'trace'"),
        (b'{"verb": "trace", "control": "zz"}', 1, "not hexadecimal"),
        (b'{"verb": "trace", "control": ""}', 0, "without the file of a traced build"),
        (b'{"verb": "trace", "control": ""}', 1, "cannot be read as a BPF object"),
        (b" " * 70_000, 0, "longer than 65536 bytes"),
    ],
)
def test_malformed_requests_get_an_answer(traced: Traced, request_: bytes, files: int, message: str) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as client:
        with short_path(traced.socket) as path:
            client.connect(path)
        fds = [os.memfd_create("empty") for _ in range(files)]
        socket.send_fds(client, [request_], fds)
        for fd in fds:
            os.close(fd)
        client.settimeout(PATIENCE_S)
        assert message in json.loads(client.recv(1 << 16))["error"]


def test_a_build_of_another_program_is_refused(traced: Traced, tmp_path: Path) -> None:
    other = compile_program(PROGRAM.with_name("shown.p4"), cache=default_cache()).bundle
    changed = PROGRAM.read_text().replace("register<bit<32>>(16)", "register<bit<32>>(32)")
    larger = tmp_path / "larger.p4"
    larger.write_text(changed)
    build = compile_traced(compile_program(larger, cache=default_cache()).bundle, default_cache())
    for image, message in (
        (build.object, "this is no build of the running program"),
        (other.object, "trace cannot"),
    ):
        with pytest.raises(SwitchError, match=message), TraceClient(traced.socket, image, b""):
            pass
    assert program_on(traced.links.ports[1]) == traced.plain


def test_the_socket_is_for_root_only(traced: Traced) -> None:
    assert traced.socket.stat().st_mode & 0o777 == 0o600


def test_bmv2_has_its_own_log(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Which, "reach", lambda _: Reached("127.0.0.1:1", 1, target="bmv2"))
    result = CliRunner().invoke(main, ["trace"])
    assert (result.exit_code, "--log-console" in result.stderr) == (1, True)


def test_a_new_program_ends_the_trace(traced: Traced) -> None:
    program = XdpTarget().compile(PROGRAM, traced.setup.state_dir)

    async def push() -> None:
        options = fy.SwitchOptions(p4info=program.p4info, p4blob=program.device_config, device_id=1, p4force=True)
        await fill(traced.setup.grpc_address, options)

    with TraceClient(traced.socket, traced.build.object, b"") as client:
        asyncio.run(push())
        with pytest.raises(TraceEnded, match="the switch got another program"):
            for _ in range(PATIENCE_S):
                client.receive(1)
    (story,) = stories(traced, [(1, frame("10.2.0.1"))])
    assert story["verdict"] == {"outcome": "forward", "port": 2}
