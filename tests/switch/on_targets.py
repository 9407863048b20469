"""Programs of fixtures/ on both targets."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from compiled_program import FIXTURES
from finsy.proto import p4i
from google.protobuf import text_format
from switch_hosts import Links

from rackplane.switch.stf.client import Client
from rackplane.switch.target import SwitchSetup, free_port, running
from rackplane.switch.targets import by_name

TARGETS = ["xdp", pytest.param("bmv2", marks=pytest.mark.bmv2)]


@contextlib.contextmanager
def running_program(
    target_name: str, program_name: str, links: Links, folder: Path
) -> Iterator[tuple[Client, p4i.P4Info]]:
    """A switch that runs a program on three links, its primary controller, and the program's P4Info."""
    target = by_name(target_name)
    program = target.compile(FIXTURES / f"{program_name}.p4", folder)
    info = text_format.Parse(program.p4info.read_text(), p4i.P4Info())
    setup = SwitchSetup(f"127.0.0.1:{free_port()}", folder / "state", ports=links.ports)
    with running(target, setup), Client(setup.grpc_address, setup.device_id) as client:
        client.set_pipeline(info, program.device_config.read_bytes())
        links.wait_up()
        yield client, info
