"""The cables of STF tests, with a packet socket in the switch's place."""

from __future__ import annotations

import secrets
import select
from collections.abc import Iterator

import pytest
from pyroute2 import IPRoute  # type: ignore[import-untyped]

from rackplane.switch import frames
from rackplane.switch.errors import PortError
from rackplane.switch.stf.cables import Cable, TunCable, VethCable
from rackplane.switch.stf.testbed import Testbed

pytestmark = pytest.mark.root
WAIT_MS = 5000


@pytest.fixture(params=["veth", "tun"])
def cable(request: pytest.FixtureRequest) -> Iterator[tuple[Cable, str]]:
    tag = secrets.token_hex(3)
    near = f"t{tag}n"
    made: Cable = TunCable(near) if request.param == "tun" else VethCable(near, f"t{tag}f")
    try:
        yield made, near
    finally:
        made.close()
        with IPRoute() as route:
            assert not route.link_lookup(ifname=near)


def waited(fileno: int) -> bool:
    poll = select.poll()
    poll.register(fileno, select.POLLIN)
    return bool(poll.poll(WAIT_MS))


@pytest.mark.parametrize("size", [1, 13, 14, 1400])
def test_packets_cross_as_they_are(cable: tuple[Cable, str], size: int) -> None:
    made, near = cable
    if size < 14 and isinstance(made, VethCable):
        pytest.skip("a veth pair carries Ethernet frames")
    packet = bytes(range(256))[:13] * (size // 13) + bytes(size % 13)
    with frames.open_socket(near) as switch:
        made.send(packet)
        assert waited(switch.fileno())
        assert frames.receive(switch) == packet
        switch.send(packet[::-1])
        assert waited(made.fileno())
        assert made.receive() == packet[::-1]
        with pytest.raises(BlockingIOError):
            made.receive()


@pytest.mark.parametrize(("any_length", "size", "least"), [(False, 13, 14), (True, 0, 1)])
def test_packets_that_no_cable_takes_are_refused(any_length: bool, size: int, least: int) -> None:
    with (
        Testbed([1], any_length=any_length) as testbed,
        pytest.raises(PortError, match=f"no packet of {size} bytes: {least} is the least"),
    ):
        testbed.send(1, bytes(size))
