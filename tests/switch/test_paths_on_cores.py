"""Packet paths on every core at once: the state of a packet is found again, and never another one's."""

from __future__ import annotations

import os
import random
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from finsy.proto import p4i, p4r
from paths_lab import PROGRAM, group, packet, session
from paths_model import Copies, Model

from rackplane.compiler.driver import compile_program
from rackplane.switch import pipeline
from rackplane.switch.device import Device
from rackplane.switch.pipeline import Pipeline
from rackplane.switch.stf.testbed import Testbed

pytestmark = pytest.mark.root

GROUPS: dict[int, Copies] = {1: ((7, 700), (8, 701))}
SESSIONS: dict[int, Copies] = {1: ((3, 11),), 2: ((4, 12),), 3: ((5, 14),), 4: ((6, 15), (2, 17))}
IN_PORTS = (1, 10)
LATE = "its state was gone when its copy came up"
EACH = 600


@dataclass(frozen=True)
class Switch:
    """A switch of this process."""

    pipeline: Pipeline
    testbed: Testbed


@pytest.fixture
def switch() -> Iterator[Switch]:
    bundle = compile_program(PROGRAM).bundle
    with Testbed(range(1, 11)) as testbed:
        device = Device(testbed.near, None)
        try:
            info = p4i.P4Info.FromString(bundle.p4info)
            loaded = pipeline.load(bundle.object, bundle.manifest, info, device.devices(with_loop=True))
            for n, copies in GROUPS.items():
                loaded.groups.insert(p4r.Entity(packet_replication_engine_entry=group(n, copies)))
            for n, copies in SESSIONS.items():
                loaded.sessions.insert(p4r.Entity(packet_replication_engine_entry=session(n, copies)))
            device.commit(loaded)
            yield Switch(loaded, testbed)
        finally:
            device.close()


def send_from(core: int, testbed: Testbed, port: int, packets: list[bytes]) -> None:
    os.sched_setaffinity(0, {core})
    for frame in packets:
        testbed.send(port, frame)


def test_packets_of_all_cores_keep_their_state(switch: Switch) -> None:
    chosen, cores = random.Random(5), sorted(os.sched_getaffinity(0))
    sent = {
        port: [packet(n + (port << 20), chosen.randrange(256), chosen.randrange(64)) for n in range(EACH)]
        for port in IN_PORTS
    }
    work = [
        threading.Thread(target=send_from, args=(cores[n % len(cores)], switch.testbed, port, packets))
        for n, (port, packets) in enumerate(sent.items())
    ]
    for thread in work:
        thread.start()
    while any(thread.is_alive() for thread in work):
        switch.testbed.collect(0.02, 0.1)
    switch.testbed.collect(0.3, 10)
    model = Model(GROUPS, SESSIONS)
    allowed = Counter(out for port, packets in sent.items() for frame in packets for out in model.run(port, frame))
    found = Counter((port, frame) for port, frames in switch.testbed.received.items() for frame in frames)
    assert found
    assert not found - allowed
    assert switch.pipeline.drop_counts()[LATE] == 0
