"""What the switch's tests share: the hand-written program, links into namespaces, and a running switch."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import basic_program as basic
import pytest
import switch_client as p4
from compiled_program import CompiledProgram
from switch_hosts import Links, Running, serving

from rackplane.switch import bmv2


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    lacks = {"root": os.geteuid() != 0, "bmv2": any(shutil.which(t) is None for t in (bmv2.COMPILER, bmv2.SWITCH))}
    for item in items:
        for marker, lacking in lacks.items():
            if lacking and item.get_closest_marker(marker):
                item.add_marker(pytest.mark.skip(reason=f"needs what the marker {marker!r} says"))


class Image(bytes):
    """An object whose bytes stay out of a failing test's output."""

    def __repr__(self) -> str:
        return f"<{len(self)} bytes>"


@pytest.fixture(scope="session")
def basic_object(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The object of basic.bpf.c."""
    return Image(basic.build(tmp_path_factory.mktemp("basic")))


@pytest.fixture
def links() -> Iterator[Links]:
    made = Links()
    try:
        for port in (1, 2, 3):
            made.add(port)
        yield made
    finally:
        made.close()


@pytest.fixture
def switch(links: Links, basic_object: bytes) -> Iterator[Running]:
    """A switch on three links with a CPU port; the device config b"basic" is the hand-written program."""
    with serving(links.ports, basic_object) as running:
        links.wait_up()
        yield running


@pytest.fixture
def client(switch: Running) -> Iterator[p4.Client]:
    """The primary controller of a switch that runs the hand-written program."""
    client = p4.Client(switch.address)
    client.push()
    yield client
    client.close()


@pytest.fixture(scope="session")
def learning() -> CompiledProgram:
    """learning.p4: digests, idle timeouts and registers."""
    return CompiledProgram("learning")


@pytest.fixture
def bridge(switch: Running, learning: CompiledProgram) -> Iterator[p4.Client]:
    """The primary controller of a switch on three links that runs learning.p4."""
    client = p4.Client(switch.address)
    switch.programs[learning.config] = (learning.image, learning.manifest)
    client.push(learning.config, p4info=learning.p4info)
    yield client
    client.close()


@pytest.fixture(scope="session")
def filled(basic_object: bytes) -> Iterator[p4.Client]:
    """A switch without ports that tests only read from."""
    with serving({}, basic_object) as running:
        client = p4.Client(running.address)
        client.push()
        client.insert(*p4.SOME, p4.group(4, (1, 1)), p4.group(6, (2, 0)))
        yield client
        client.close()
