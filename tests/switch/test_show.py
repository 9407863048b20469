"""`rackplane show`, on either target: names, readable values, and JSON of numbers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import finsy as fy
import pytest
from click.testing import CliRunner, Result
from switch_hosts import Links

from rackplane.cli.main import main
from rackplane.cli.readable import readable
from rackplane.switch.target import SwitchSetup, free_port, running
from rackplane.switch.targets import by_name

PROGRAM = Path(__file__).parent / "fixtures" / "shown.p4"
FRAME = bytes.fromhex("020000000077 020000000088 1234").ljust(60, b"\0")


@pytest.fixture(scope="module", params=["xdp", pytest.param("bmv2", marks=pytest.mark.bmv2)])
def shown(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """The target and the address of a switch with one of everything; a frame came in by port 1."""
    target, folder, links = by_name(request.param), tmp_path_factory.mktemp("shown"), Links()
    try:
        links.add(1)
        program = target.compile(PROGRAM, folder)
        setup = SwitchSetup(f"127.0.0.1:{free_port()}", folder / "state", ports=links.ports, cpu_port=None)
        with running(target, setup):
            links.wait_up()
            options = fy.SwitchOptions(p4info=program.p4info, p4blob=program.device_config, device_id=1)
            asyncio.run(fill(setup.grpc_address, options, links))
            yield request.param, setup.grpc_address
    finally:
        links.close()


async def fill(address: str, options: fy.SwitchOptions, links: Links) -> None:
    async with fy.Switch("s", address, options) as sw:
        exact = {"dst_mac": "02:00:00:00:00:77", "service_port": "80...443"}
        ternary = {"client_ip": "10.0.0.0/&255.0.0.0", "server_ip": "2001:db8::1"}
        await sw.write(
            [
                +fy.P4MulticastGroupEntry(5, replicas=[1]),
                +fy.P4CloneSessionEntry(6, replicas=[1]),
                +fy.P4TableEntry("filters", match=fy.Match(**exact, **ternary), action=hop(1), priority=10),
                +fy.P4TableEntry("filters", match=fy.Match(dst_mac=5), action=fy.Action("drop"), priority=9),
                +fy.P4ActionProfileMember("hops", member_id=3, action=hop(2)),
                +fy.P4TableEntry(
                    "balanced", match=fy.Match(ether_type=0x800), action=fy.P4IndirectAction(member_id=3)
                ),
            ]
        )
        links.hosts[1].send(FRAME)
        await asyncio.sleep(0.5)


def hop(port: int) -> fy.Action:
    return fy.Action("forward", port=port, gateway="02:00:00:00:00:99")


def run(shown: tuple[str, str], *arguments: str) -> Result:
    return CliRunner().invoke(main, ["show", *arguments, "--grpc", shown[1]], env={"COLUMNS": "300"})


def told(shown: tuple[str, str], *arguments: str) -> object:
    result = run(shown, *arguments, "--json")
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


@pytest.mark.root
@pytest.mark.parametrize(
    ("arguments", "texts"),
    [
        (["tables"], ["ShownIngress.filters", "client_ip: ternary, server_ip: optional, service_port: range"]),
        (
            ["table", "filters"],
            [
                "10.0.0.0 &&& 0xff000000",
                "2001:db8::1",
                "80 .. 443",
                "02:00:00:00:00:77",
                "ShownIngress.forward(port=1, gateway=02:00:00:00:00:99)",
                "ShownIngress.drop() (default)",
            ],
        ),
        (["table", "balanced"], ["0x800", "member 3"]),
        (["registers"], ["ShownIngress.last_mac", "48"]),
        (["counters"], ["ShownIngress.arrivals"]),
        (["groups"], ["multicast group", "clone session", "port 1"]),
        (["profiles"], ["ShownIngress.hops", "member", "forward(port=2, gateway=02:00:00:00:00:99)"]),
    ],
)
def test_text(shown: tuple[str, str], arguments: list[str], texts: list[str]) -> None:
    result = run(shown, *arguments)
    assert result.exit_code == 0, result.stderr
    for text in texts:
        assert text in result.stdout


@pytest.mark.root
def test_entries_as_json(shown: tuple[str, str]) -> None:
    first, second, default = told(shown, "table", "ShownIngress.filters")
    assert first["match"] == {
        "client_ip": {"value": 10 << 24, "mask": 255 << 24},
        "server_ip": {"value": 0x20010DB8 << 96 | 1},
        "service_port": {"low": 80, "high": 443},
        "dst_mac": {"value": 0x020000000077},
    }
    assert first["actions"] == [
        {"action": "ShownIngress.forward", "params": {"port": 1, "gateway": 0x020000000099}}
    ]
    assert (first["priority"], first["default"], second["priority"]) == (10, False, 9)
    assert second["match"]["client_ip"] == {}
    assert (default["default"], default["actions"][0]["action"]) == (True, "ShownIngress.drop")


@pytest.mark.root
def test_counters_as_json(shown: tuple[str, str]) -> None:
    assert told(shown, "counter", "arrivals") == [{"index": 1, "packets": 1, "bytes": 60}]
    assert told(shown, "counter", "arrivals", "2-3") == [{"index": n, "packets": 0, "bytes": 0} for n in (2, 3)]


@pytest.mark.root
def test_registers(shown: tuple[str, str]) -> None:
    result = run(shown, "register", "last_mac")
    if shown[0] == "bmv2":
        assert (result.exit_code, "register_read ShownIngress.last_mac" in result.stderr) == (1, True)
        return
    assert "02:00:00:00:00:88" in result.stdout
    assert told(shown, "register", "last_mac") == [{"index": 1, "value": 0x020000000088}]
    assert told(shown, "register", "last_mac", "0") == [{"index": 0, "value": 0}]
    assert len(told(shown, "register", "last_mac", "--all")) == 8


@pytest.mark.root
@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["table", "nothing"], 1, "table 'nothing': none is called so; the program has ShownIngress.filters"),
        (["register", "last_mac", "8"], 1, "ShownIngress.last_mac has elements 0 to 7, not 8"),
        (["register", "last_mac", "3-1"], 2, "'3-1' is no range: write 7, or 0-15"),
        (["counter", "packets"], 1, "counter 'packets': none is called so; the program has ShownIngress.arrivals"),
    ],
)
def test_wrong_names_and_ranges(shown: tuple[str, str], arguments: list[str], status: int, message: str) -> None:
    result = run(shown, *arguments)
    assert result.exit_code == status
    assert message in result.stderr


def test_nobody_answers() -> None:
    result = CliRunner().invoke(main, ["show", "tables", "--grpc", "127.0.0.1:1"])
    assert (result.exit_code, "no P4Runtime server answers on 127.0.0.1:1" in result.stderr) == (1, True)


@pytest.mark.parametrize(
    ("value", "name", "width", "annotations", "text"),
    [
        (0x0200000000FF, "hdr.ethernet.dst_addr", 48, (), "02:00:00:00:00:ff"),
        (0x0A000001, "hdr.ipv4.srcAddr", 32, (), "10.0.0.1"),
        (1, "meta.server_ip", 128, (), "::1"),
        (0x0A000001, "meta.count", 32, (), "0xa000001"),
        (0x0A000001, "meta.count", 32, ("@format(IPV4_ADDRESS)",), "10.0.0.1"),
        (1 << 40, "std.ingress_global_timestamp", 48, (), "0x10000000000"),
        (0x800, "hdr.ethernet.ether_type", 16, (), "0x800"),
        (443, "hdr.tcp.dst_port", 16, (), "443"),
        (1, "hdr.ethernet.type", 1, (), "1"),
        (b"", "options", 0, (), "empty"),
        (b"\x01\x02", "options", 0, (), "0x0102"),
        (-3, "delta", 32, (), "-3"),
    ],
)
def test_readable_values(
    value: int | bytes, name: str, width: int, annotations: tuple[str, ...], text: str
) -> None:
    assert readable(value, name, width, annotations) == text
