"""Both targets behind one interface: the same program, controller and packets."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import finsy as fy
import pytest
from switch_hosts import Links

from rackplane.switch import bmv2
from rackplane.switch.bmv2 import Bmv2Target
from rackplane.switch.errors import SwitchError
from rackplane.switch.target import SwitchProcess, SwitchSetup, Target, TargetMissing, free_port, running
from rackplane.switch.targets import by_name

PROGRAM = Path(__file__).parent / "fixtures" / "forward.p4"
TARGETS = ["xdp", pytest.param("bmv2", marks=pytest.mark.bmv2)]


def frame(dst: int) -> bytes:
    return dst.to_bytes(6, "big") + bytes.fromhex("020000000a00 1234") + b"payload".ljust(46, b"\0")


@pytest.mark.root
@pytest.mark.parametrize("name", TARGETS)
def test_a_bridge_with_a_cpu_port(name: str, links: Links, tmp_path: Path) -> None:
    target = by_name(name)
    program = target.compile(PROGRAM, tmp_path)
    setup = SwitchSetup(f"127.0.0.1:{free_port()}", tmp_path / "state", ports=links.ports)

    async def body() -> None:
        options = fy.SwitchOptions(p4info=program.p4info, p4blob=program.device_config, device_id=setup.device_id)
        async with fy.Switch("s", setup.grpc_address, options) as sw:
            await sw.write(
                [
                    +fy.P4MulticastGroupEntry(4, replicas=[1, 2, 3]),
                    +bridge(0x0200, fy.Action("forward", port=2)),
                    +bridge(0x0300, fy.Action("to_cpu")),
                    +bridge(0x0400, fy.Action("flood", group=4)),
                ]
            )
            for dst, ports in ((0x0200, [2]), (0x0400, [2, 3]), (0x0500, [])):
                links.hosts[1].send(frame(dst))
                for port in (1, 2, 3):
                    assert links.hosts[port].drain() == [frame(dst)] * (port in ports), (hex(dst), port)
            packets = sw.read_packets(queue_size=4)
            links.hosts[3].send(frame(0x0300))
            packet = await asyncio.wait_for(anext(packets), 5)
            assert (packet.payload, packet["ingress_port"]) == (frame(0x0300), 3)
            await sw.write(fy.P4PacketOut(frame(0x0999), egress_port=1, pad=0))
            assert links.hosts[1].receive() == frame(0x0999)
            asked = fy.P4DirectCounterEntry(table_entry=bridge(0x0200, None))
            (counter,) = [e async for e in sw.read(asked)]
            assert isinstance(counter, fy.P4DirectCounterEntry)
            assert (counter.packet_count, counter.byte_count) == (1, 60)

    with running(target, setup):
        links.wait_up()
        asyncio.run(asyncio.wait_for(body(), 30))


def bridge(dst: int, action: fy.Action | None) -> fy.P4TableEntry:
    return fy.P4TableEntry("bridge", match=fy.Match(dst=dst), action=action)


@pytest.mark.bmv2
def test_p4c_refuses_with_its_own_words(tmp_path: Path) -> None:
    source = tmp_path / "bad.p4"
    source.write_text("#include <core.p4>\ncontrol C() { apply { x = 1; } }\n")
    with pytest.raises(SwitchError, match=r"p4c-bm2-ss refused .*bad.p4:\n[\s\S]*bad.p4\(2\)"):
        Bmv2Target().compile(source, tmp_path)


@pytest.mark.bmv2
def test_bmv2_that_does_not_start_shows_its_log(tmp_path: Path) -> None:
    process = SwitchProcess(Bmv2Target(), SwitchSetup("192.0.2.1:9559", tmp_path))
    with pytest.raises(SwitchError, match=r"the bmv2 switch .*its log ends with:\n[\s\S]*192.0.2.1"):
        process.start(patience=5)


@pytest.mark.parametrize("missing", [[bmv2.COMPILER], [bmv2.SWITCH], [bmv2.COMPILER, bmv2.SWITCH]])
def test_missing_tools_say_how_to_get_them(monkeypatch: pytest.MonkeyPatch, missing: list[str]) -> None:
    monkeypatch.setattr("shutil.which", lambda tool: None if tool in missing else f"/usr/bin/{tool}")
    with pytest.raises(TargetMissing, match=" and ".join(missing)) as error:
        Bmv2Target().check()
    assert "apt install p4lang-p4c p4lang-bmv2" in str(error.value)
    assert "Debian" in str(error.value)


def test_an_unknown_target_names_the_known() -> None:
    with pytest.raises(SwitchError, match="no target 'tofino'; there are xdp and bmv2"):
        by_name("tofino")


COMMANDS: list[tuple[str, Callable[[], Target], list[str]]] = [
    (
        "bmv2",
        Bmv2Target,
        [
            "--grpc-server-addr 127.0.0.1:7",
            "--thrift-port",
            "--interface 1@a",
            "--cpu-port 510",
            "--priority-queues 8",
        ],
    ),
    ("xdp", lambda: by_name("xdp"), ["--grpc 127.0.0.1:7", "--port 1=a", "--cpu-port 510", "--device-id 4"]),
]


@pytest.mark.parametrize(("name", "make", "words"), COMMANDS, ids=[c[0] for c in COMMANDS])
def test_commands_name_every_address(
    name: str, make: Callable[[], Target], words: list[str], tmp_path: Path
) -> None:
    command = " ".join(make().command(SwitchSetup("127.0.0.1:7", tmp_path, 4, {1: "a"})))
    assert make().name == name
    for word in words:
        assert word in command
