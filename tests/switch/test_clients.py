"""The clients that people use: finsy, and p4runtime-shell from its own environment."""

from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path

import basic_program as basic
import finsy as fy
import pytest
from compiled_program import CompiledProgram
from google.protobuf import text_format
from switch_hosts import DEVICE_ID, Links, Running

from rackplane.switch import shell_env

pytestmark = pytest.mark.root


@pytest.fixture
def pushed(tmp_path: Path) -> tuple[Path, Path]:
    """P4Info and device config as files, as clients take them."""
    p4info, config = tmp_path / "basic.p4info.txtpb", tmp_path / "basic.bin"
    p4info.write_text(text_format.MessageToString(basic.p4info()))
    config.write_bytes(b"basic")
    return p4info, config


def test_finsy(switch: Running, links: Links, pushed: tuple[Path, Path]) -> None:
    async def body() -> None:
        options = fy.SwitchOptions(p4info=pushed[0], p4blob=pushed[1], device_id=DEVICE_ID)
        async with fy.Switch("s", switch.address, options) as sw:
            route = fy.P4TableEntry(
                "routes",
                match=fy.Match(dst="10.0.0.0/8"),
                action=fy.Action("route", mac="02:00:00:00:00:02", port=2),
            )
            acl = fy.P4TableEntry(
                "acl", match=fy.Match({"hdr.udp.dst_port": (5, 9)}), action=fy.Action("deny"), priority=3
            )
            group = fy.P4MulticastGroupEntry(1, replicas=[1, 2, (3, 7)])
            await sw.write([+route, +acl, +group])
            for kind, written in (
                (fy.P4TableEntry("routes"), route),
                (fy.P4TableEntry("acl"), acl),
                (fy.P4MulticastGroupEntry(), group),
            ):
                found = [e.encode(sw.p4info) async for e in sw.read(kind)]
                assert found == [written.encode(sw.p4info)]
            await sw.write([fy.P4RegisterEntry("seen", index=3, data=77)])
            (register,) = [e async for e in sw.read(fy.P4RegisterEntry("seen", index=3))]
            assert isinstance(register, fy.P4RegisterEntry)
            assert register.data == 77
            with pytest.raises(fy.P4ClientError) as failure:
                await sw.insert([fy.P4MulticastGroupEntry(2, replicas=[1]), route])
            assert failure.value.details[1].canonical_code is fy.GRPCStatusCode.ALREADY_EXISTS
            await sw.insert([fy.P4TableEntry("l2", match=fy.Match(dst=0x0500), action=fy.Action("to_cpu"))])
            packets = sw.read_packets(queue_size=4)
            frame = bytes.fromhex("000000000500 020000000a00 1234") + bytes(50)
            links.hosts[2].send(frame)
            packet = await asyncio.wait_for(anext(packets), 5)
            assert (packet.payload, packet["ingress_port"]) == (frame, 2)
            await sw.write(fy.P4PacketOut(frame, egress_port=3))
            assert links.hosts[3].receive() == frame
            await sw.delete_all()
            assert [e async for e in sw.read(fy.P4TableEntry()) if e.table_id != "fixed"] == []

    asyncio.run(asyncio.wait_for(body(), 30))


SCRIPT = """
import sys
import p4runtime_sh.shell as sh
from p4runtime_sh.p4runtime import P4RuntimeWriteException

sh.setup(device_id=int(sys.argv[2]), grpc_addr=sys.argv[1], election_id=(0, 1),
         config=sh.FwdPipeConfig(sys.argv[3], sys.argv[4]))
te = sh.TableEntry("ingress.routes")(action="ingress.route")
te.match["hdr.ipv4.dst"] = "10.0.0.0/8"
te.action["mac"] = "02:00:00:00:00:02"
te.action["port"] = "2"
te.insert()
try:
    te.insert()
except P4RuntimeWriteException as e:
    print("refused:", e)
te.action["port"] = "3"
te.modify()
acl = sh.TableEntry("ingress.acl")(action="ingress.deny")
acl.match["hdr.udp.dst_port"] = "5..9"
acl.priority = 4
acl.insert()
group = sh.MulticastGroupEntry(1)
group.add(1, 1).add(2, 1)
group.insert()
counter = sh.CounterEntry("ingress.port_counter")
counter.index = 2
counter.packet_count = 9
counter.modify()
for entry in sh.TableEntry("ingress.routes").read():
    print("route port", entry.action["port"], "count", entry.counter_data)
for entry in sh.TableEntry("ingress.acl").read():
    print("acl priority", entry.priority)
for entry in sh.MulticastGroupEntry(1).read():
    print("replicas", len(entry.replicas))
print("counter", *(c.packet_count for c in counter.read()))
acl.delete()
print("left", len(list(sh.TableEntry("ingress.acl").read())))
sh.teardown()
print("done")
"""


@pytest.fixture(scope="session")
def shell_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = Path(__file__).resolve().parents[2]
    return shell_env.ensure(root / shell_env.DIRECTORY)


def test_p4runtime_shell(switch: Running, pushed: tuple[Path, Path], shell_python: Path) -> None:
    arguments = [switch.address, str(DEVICE_ID), *map(str, pushed)]
    result = subprocess.run(
        [shell_python, "-c", SCRIPT, *arguments], check=False, capture_output=True, text=True, timeout=60
    )
    assert result.returncode == 0, result.stderr
    for words in ("ALREADY_EXISTS", "route port", "acl priority 4", "replicas 2", "counter 9", "left 0", "done"):
        assert words in result.stdout, result.stdout


def test_p4runtime_shell_as_a_command(switch: Running, pushed: tuple[Path, Path], shell_python: Path) -> None:
    command = shell_env.command(shell_python, switch.address, DEVICE_ID)
    result = subprocess.run(
        [*command, "--config", ",".join(map(str, pushed))],
        check=False,
        input="tables\n",
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "ingress.routes" in result.stdout, result.stdout + result.stderr


def test_the_environment_is_made_once(shell_python: Path) -> None:
    said: list[str] = []
    assert shell_env.ensure(shell_python.parents[1], said.append) == shell_python
    assert said == []


RESTRICTED_SCRIPT = """
import sys
import p4runtime_sh.shell as sh
from p4runtime_sh.p4runtime import P4RuntimeWriteException

sh.setup(device_id=int(sys.argv[2]), grpc_addr=sys.argv[1], election_id=(0, 1),
         config=sh.FwdPipeConfig(sys.argv[3], sys.argv[4]))


def attempt(change):
    try:
        change()
    except P4RuntimeWriteException as e:
        print("refused:", e)


vrf = sh.TableEntry("vrf_table")(action="admit")
vrf.match["vrf"] = "0"
attempt(vrf.insert)
route = sh.TableEntry("route_table")(action="drop")
route.match["vrf"] = "3"
attempt(route.insert)
vrf.match["vrf"] = "3"
vrf.insert()
route.insert()
attempt(vrf.delete)
print("entries", len(list(sh.TableEntry("vrf_table").read())), len(list(sh.TableEntry("route_table").read())))
sh.teardown()
"""


def test_p4runtime_shell_shows_restrictions(switch: Running, tmp_path: Path, shell_python: Path) -> None:
    program = CompiledProgram("restricted")
    switch.programs[program.config] = (program.image, program.manifest)
    p4info, config = tmp_path / "restricted.p4info.txtpb", tmp_path / "restricted.bin"
    p4info.write_text(text_format.MessageToString(program.p4info))
    config.write_bytes(program.config)
    command = [shell_python, "-c", RESTRICTED_SCRIPT, switch.address, str(DEVICE_ID), p4info, config]
    result = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stderr
    for words in (
        "@entry_restriction does not hold: vrf != 0; vrf is 0x0",
        "refers to the entry of IngressImpl.vrf_table with vrf = 0x3",
        "still in use: 1 reference(s) from IngressImpl.route_table",
        "entries 1 1",
    ):
        assert words in result.stdout, result.stdout
