"""What docs/faults.md says of a controller and of a switch that are killed (SIGKILL)."""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import time
from pathlib import Path

import basic_program as basic
import pytest
import switch_client as p4
from finsy.proto import p4r
from switch_hosts import Links, Running

from rackplane.compiler.bundle import Bundle
from rackplane.switch.target import SwitchProcess, SwitchSetup, free_port
from rackplane.switch.xdp import XdpTarget

pytestmark = pytest.mark.root

FRAME = bytes.fromhex("000000000200 020000000a00 1234") + bytes(46)
SPAWN = multiprocessing.get_context("spawn")
RECONCILE = p4r.SetForwardingPipelineConfigRequest.RECONCILE_AND_COMMIT


def controller(address: str, config: bytes, ready: multiprocessing.connection.Connection) -> None:
    """Program a switch, and do nothing until killed."""
    client = p4.Client(address)
    client.push(config)
    client.insert(p4.l2(0x0200, 2), p4.l2(0x0300, 3), p4.group(4, (2, 0), (3, 0)))
    client.modify(p4.register(basic.SEEN, 3, 77))
    ready.send("programmed")
    time.sleep(1000)


def kill_a_controller(address: str, config: bytes) -> None:
    receiver, sender = SPAWN.Pipe(duplex=False)
    process = SPAWN.Process(target=controller, args=(address, config, sender))
    process.start()
    try:
        assert receiver.poll(30)
        assert receiver.recv() == "programmed"
    finally:
        process.kill()
        process.join(10)


def passes(links: Links) -> bool:
    links.hosts[2].drain(0.05)
    links.hosts[1].send(FRAME)
    return links.hosts[2].receive(1.0) == FRAME


def test_the_dataplane_outlives_its_controller_and_the_next_one_reconciles(switch: Running, links: Links) -> None:
    kill_a_controller(switch.address, b"basic")
    assert passes(links)
    follower = p4.Client(switch.address)
    assert follower.arbitration.status.code == 0
    held = follower.read(p4.everything_in(basic.L2))
    assert [e.table_entry.match[0].exact.value for e in held] == [b"\x02\x00", b"\x03\x00"]
    follower.push(action=RECONCILE)
    assert passes(links)
    assert follower.read(p4.everything_in(basic.L2)) == held
    assert follower.read(p4.register(basic.SEEN, 3)) == [p4.register(basic.SEEN, 3, 77)]
    follower.delete(p4.l2(0x0300, 3))
    follower.insert(p4.l2(0x0400, group=4))
    links.hosts[1].send(FRAME.replace(b"\x02\x00", b"\x04\x00", 1))
    assert links.hosts[3].receive() == FRAME.replace(b"\x02\x00", b"\x04\x00", 1)
    follower.close()


def test_a_killed_switch_forwards_nothing_and_another_takes_its_place(
    links: Links, basic_object: bytes, tmp_path: Path
) -> None:
    bundle = tmp_path / "basic.xdp.zip"
    Bundle(basic.manifest(), "", basic.p4info().SerializeToString(), "", basic_object).save(bundle)
    setup = SwitchSetup(f"127.0.0.1:{free_port()}", tmp_path / "switch", p4.DEVICE_ID, links.ports)
    first, second = SwitchProcess(XdpTarget(), setup), SwitchProcess(XdpTarget(), setup)
    try:
        first.start()
        links.wait_up()
        kill_a_controller(setup.grpc_address, bundle.read_bytes())
        assert passes(links)
        first.kill()
        assert not first.running
        assert not passes(links)
        second.start()
        kill_a_controller(setup.grpc_address, bundle.read_bytes())
        assert passes(links)
    finally:
        first.stop()
        second.stop()
