"""Capturing on links: frames that XDP forwards, answers or drops, in both directions; and the pcapng of them."""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import finsy as fy
import pytest
from click.testing import CliRunner
from scapy.utils import RawPcapNgReader
from switch_hosts import Host, Links

from rackplane.cli import capture as verb
from rackplane.cli.framelines import frame_line
from rackplane.cli.main import main
from rackplane.compiler import clang
from rackplane.switch import libbpf, netns
from rackplane.switch import links as interfaces
from rackplane.switch.capturing import Captured, CaptureProcess, Kind
from rackplane.switch.errors import SwitchError
from rackplane.switch.pcapng import Direction, Packet, PcapngWriter
from rackplane.switch.tap import Place
from rackplane.switch.target import SwitchSetup, free_port, running
from rackplane.switch.xdp import XdpTarget
from rackplane.topologies.fabric import Cable, End
from rackplane.topologies.fields import TopologyError

PROGRAM = Path(__file__).parent / "fixtures" / "forward.p4"
PATIENCE_S = 60
# Answers every frame from where it came, to another address, so that the bridge drops it.
REFLECTOR = """
#define SEC(name) __attribute__((section(name), used))
struct xdp_md { unsigned int data, data_end; };
SEC("xdp") int reflect(struct xdp_md *ctx)
{
	unsigned char *data = (unsigned char *)(long)ctx->data;

	if (data + 14 > (unsigned char *)(long)ctx->data_end)
		return 1;
	data[5] = 0xff;
	return 3;
}
char _license[] SEC("license") = "GPL";
"""


def frame(dst: int, size: int = 60) -> bytes:
    return (dst.to_bytes(6, "big") + bytes.fromhex("020000000a00 1234")).ljust(size, b"\7")


@contextlib.contextmanager
def reflecting(host: Host) -> Iterator[None]:
    """An XDP program on the host's end that sends every frame back."""
    pointer = libbpf.open_object(clang.compile_c(REFLECTOR), "reflect")
    libbpf.load_object(pointer)
    fd = libbpf.program_fd(libbpf.object_programs(pointer)[0])
    space = Path("/run/netns") / host.namespace
    link = netns.run_in(
        space, lambda: libbpf.create_xdp_link(fd, interfaces.index_of("eth0"), libbpf.XDP_FLAGS_DRV_MODE)
    )
    try:
        yield
    finally:
        os.close(link)
        libbpf.close_object(pointer)


@dataclass
class Bridge:
    """A switch on three links that bridges 0x200 to port 2, 0x300 to port 3 and drops others."""

    links: Links
    push: Callable[[], None]

    def near(self, port: int) -> Place:
        return Place(self.links.ports[port])

    def far(self, port: int) -> Place:
        return Place("eth0", Path("/run/netns") / self.links.hosts[port].namespace)


@pytest.fixture(scope="module")
def bridge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bridge]:
    made, folder = Links(), tmp_path_factory.mktemp("bridge")
    try:
        for port in (1, 2, 3):
            made.add(port)
        target = XdpTarget()
        program = target.compile(PROGRAM, folder)
        setup = SwitchSetup(f"127.0.0.1:{free_port()}", folder / "state", ports=made.ports)

        async def push() -> None:
            options = fy.SwitchOptions(
                p4info=program.p4info, p4blob=program.device_config, device_id=1, p4force=True
            )
            async with fy.Switch("s", setup.grpc_address, options) as sw:
                entries = [(0x200, 2), (0x300, 3)]
                await sw.write(
                    [
                        +fy.P4TableEntry("bridge", match=fy.Match(dst=d), action=fy.Action("forward", port=p))
                        for d, p in entries
                    ]
                )

        with running(target, setup):
            made.wait_up()
            asyncio.run(push())
            yield Bridge(made, lambda: asyncio.run(push()))
    finally:
        made.close()


@dataclass
class Seen:
    """What a capture gave."""

    records: list[Captured] = field(default_factory=list)

    def frames(self, place: int) -> list[bytes]:
        return [r.data for r in self.records if r.kind is Kind.FRAME and r.place == place]

    def wait(self, process: CaptureProcess, enough: Callable[[], bool]) -> None:
        end = time.monotonic() + PATIENCE_S
        while not enough():
            assert time.monotonic() < end, self.records
            self.records += process.receive(0.2)


@pytest.mark.root
def test_both_directions_of_what_xdp_takes(bridge: Bridge) -> None:
    seen = Seen()
    places = [bridge.near(1), bridge.far(1), bridge.near(3), bridge.far(3), bridge.far(2)]
    with reflecting(bridge.links.hosts[3]), CaptureProcess(places, 4096) as process:
        for dst in (0x300, 0x200, 0x999):
            bridge.links.hosts[1].send(frame(dst))
        seen.wait(process, lambda: len(seen.frames(0)) == 3 and len(seen.frames(4)) == 1 and bool(seen.frames(2)))
        seen.records += process.end()
    assert seen.frames(0) == [frame(0x300), frame(0x200), frame(0x999)]
    assert seen.frames(1) == []
    assert (seen.frames(4), seen.frames(3), seen.frames(2)) == ([frame(0x200)], [frame(0x300)], [frame(0x3FF)])
    times = [r.number for r in seen.records if r.kind is Kind.FRAME and r.data == frame(0x300)]
    assert max(abs(t - time.time_ns()) for t in times) < PATIENCE_S * 1_000_000_000
    bridge.links.hosts[2].drain()


@pytest.mark.root
def test_no_frame_is_lost_when_a_capture_comes_and_goes(bridge: Bridge) -> None:
    bridge.links.hosts[2].drain()
    count = 20_000
    flood = bridge.links.hosts[1].flood(frame(0x200), count)
    for _ in range(3):
        with CaptureProcess([bridge.near(1), bridge.far(2)], 64):
            pass
    assert flood.wait(PATIENCE_S) == 0
    assert len(bridge.links.hosts[2].drain(1.0)) == count


@pytest.mark.root
def test_long_frames_are_cut(bridge: Bridge) -> None:
    seen = Seen()
    with CaptureProcess([bridge.near(1), bridge.far(2)], 100) as process:
        bridge.links.hosts[1].send(frame(0x200, 1400))
        seen.wait(process, lambda: bool(seen.frames(0) and seen.frames(1)))
    lengths = {(r.length, len(r.data)) for r in seen.records if r.kind is Kind.FRAME}
    assert lengths == {(1400, 100)}
    bridge.links.hosts[2].drain()


@pytest.mark.root
def test_a_new_program_is_captured_too(bridge: Bridge) -> None:
    seen = Seen()
    with CaptureProcess([bridge.near(1)], 4096) as process:
        bridge.links.hosts[1].send(frame(1))
        seen.wait(process, lambda: bool(seen.frames(0)))
        bridge.push()
        seen.wait(process, lambda: any(r.kind is Kind.NOTE for r in seen.records))
        bridge.links.hosts[1].send(frame(2))
        seen.wait(process, lambda: len(seen.frames(0)) == 2)
    note = next(r.data.decode() for r in seen.records if r.kind is Kind.NOTE)
    assert note.startswith(f"the XDP program of {bridge.links.ports[1]} was replaced")
    bridge.links.hosts[1].send(frame(0x200))
    assert bridge.links.hosts[2].receive(PATIENCE_S) == frame(0x200)


@pytest.mark.root
def test_the_program_comes_back_when_the_capture_is_killed(bridge: Bridge) -> None:
    plain = bridge.near(1).program()
    body = (
        "import sys\nfrom rackplane.switch.capturing import CaptureProcess\n"
        "from rackplane.switch.tap import Place\n"
        f"with CaptureProcess([Place({bridge.links.ports[1]!r})], 64):\n"
        "    print('ready', flush=True); sys.stdin.read()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", body], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    assert bridge.near(1).program() != plain
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=PATIENCE_S)
    end = time.monotonic() + PATIENCE_S
    while bridge.near(1).program() != plain:
        assert time.monotonic() < end, "the plain program does not come back"
        time.sleep(0.05)


@pytest.mark.root
def test_an_interface_that_is_not_there() -> None:
    with (
        pytest.raises(SwitchError, match="there is no interface nowhere0"),
        CaptureProcess([Place("nowhere0")], 64),
    ):
        pass


@dataclass
class FakeFabric:
    cables: tuple[Cable, ...]


@dataclass
class FakeRack:
    """What `capture` reads of a rack's state."""

    fabric: FakeFabric
    hosts: dict[str, int]


RACK = FakeRack(
    FakeFabric(
        (
            Cable(End("c1", "c1-eth0"), End("s1", "s1-eth1", 1)),
            Cable(End("m1", "m1-eth0"), End("s1", "s1-eth2", 2)),
            Cable(End("s1", "s1-eth3", 3), End("s2", "s2-eth1", 1)),
        )
    ),
    {"c1": 11, "m1": 12},
)


@pytest.mark.parametrize(
    ("names", "near"),
    [
        (["c1"], ["s1-eth1"]),
        (["s1-eth2"], ["s1-eth2"]),
        (["m1-eth0", "s1-eth2"], ["s1-eth2"]),
        (["s1-eth3"], ["s2-eth1"]),
        (["all"], ["s1-eth1", "s1-eth2", "s2-eth1"]),
    ],
)
def test_links_by_name(names: list[str], near: list[str]) -> None:
    found = verb.find_links(RACK, names)
    assert [link.near for link in found] == [Place(n) for n in near]
    if names == ["c1"]:
        assert found[0].far == Place("c1-eth0", Path("/proc/11/ns/net"))


def test_links_that_are_not_there() -> None:
    with pytest.raises(TopologyError, match="no link is called 's1': there are c1-eth0 or s1-eth1, m1-eth0"):
        verb.find_links(RACK, ["s1"])


@pytest.mark.root
def test_the_command_writes_what_others_read(
    bridge: Bridge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = bridge.links.hosts[2]
    holder = subprocess.Popen(["ip", "netns", "exec", host.namespace, "sleep", "1000"])
    path = tmp_path / "two.pcapng"
    try:
        cable = Cable(End("h2", "eth0"), End("s1", bridge.links.ports[2], 2))
        rack = FakeRack(FakeFabric((cable,)), {"h2": holder.pid})
        entered = Path(f"/proc/{holder.pid}/ns/net")
        end = time.monotonic() + PATIENCE_S
        while entered.stat().st_ino != (Path("/run/netns") / host.namespace).stat().st_ino:
            assert time.monotonic() < end
            time.sleep(0.01)
        monkeypatch.setattr(verb.state, "load", lambda _: rack)
        announce = verb.click.echo

        def then_send(*arguments: object, **options: object) -> None:
            announce(*arguments, **options)
            if str(arguments[0]).startswith("capturing on"):
                host.send(frame(0x300))
                bridge.links.hosts[1].send(frame(0x200))

        monkeypatch.setattr(verb.click, "echo", then_send)
        result = CliRunner().invoke(main, ["capture", "h2", "-w", str(path), "-n", "2", "--seconds", "60"])
    finally:
        holder.kill()
        holder.wait()
    assert (result.exit_code, "2 frames" in result.stderr) == (0, True), result.output
    packets = dict(iter(RawPcapNgReader(str(path))))
    assert set(packets) == {frame(0x300), frame(0x200)}
    assert {meta.ifname for meta in packets.values()} == {bridge.links.ports[2].encode()}
    shown = read_by_tshark(path)
    if shown is not None:
        assert sorted(shown) == sorted(
            [[bridge.links.ports[2], "0x00000001", "60"], [bridge.links.ports[2], "0x00000002", "60"]]
        )


def read_by_tshark(path: Path) -> list[list[str]] | None:
    """Interface, direction and length of each frame; None where tshark is not installed."""
    if shutil.which("tshark") is None:
        return None
    fields = ["frame.interface_name", "frame.packet_flags_direction", "frame.len"]
    options = [option for name in fields for option in ("-e", name)]
    command = ["tshark", "-r", str(path), "-T", "fields", "-E", "separator=,", *options]
    out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return [line.split(",") for line in out.splitlines()]


def test_pcapng_is_read_back() -> None:
    stream = io.BytesIO()
    writer = PcapngWriter(stream, "test")
    writer.interface("s1-eth1", "link s1-eth1 - c1-eth0", 128)
    writer.interface("s1-eth2", "link s1-eth2 - m1-eth0", 128)
    now = 1_700_000_000_123_456_789
    sent = [
        Packet(0, now, 60, b"\1" * 60, Direction.INBOUND),
        Packet(1, now + 1, 1500, b"\2" * 127, Direction.OUTBOUND, "seen first"),
    ]
    for packet in sent:
        writer.packet(packet)
    stream.seek(0)
    read = list(RawPcapNgReader(stream))
    assert [data for data, _ in read] == [p.data for p in sent]
    for (_, meta), packet in zip(read, sent, strict=True):
        assert meta.ifname == (b"s1-eth1", b"s1-eth2")[packet.interface]
        assert (meta.tshigh << 32 | meta.tslow, meta.tsresol, meta.wirelen) == (
            packet.time_ns,
            10**9,
            packet.length,
        )
    assert b"seen first" in stream.getvalue()


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (bytes.fromhex("020000000002 020000000001 1234 aabb"),
         "02:00:00:00:00:01 > 02:00:00:00:00:02 type 0x1234 aabb"),
        (
            bytes.fromhex("020000000002 020000000001 0800 4500001c00000000401100000a0000010a0000021000 12b7"),
            "10.0.0.1:4096 > 10.0.0.2:4791 udp",
        ),
        (bytes.fromhex("020000000002 020000000001 8100 0005 0800 4500001c00000000400100000a0000010a000002"),
         "10.0.0.1 > 10.0.0.2 protocol 1"),
        (b"\1\2", "0102"),
    ],
)  # fmt: skip
def test_lines(data: bytes, text: str) -> None:
    line = frame_line("s1-eth1", Packet(0, 5, 60, data, Direction.OUTBOUND, "note"))
    assert line.endswith(f"000000005 <- s1-eth1 60 B {text}  [note]")
