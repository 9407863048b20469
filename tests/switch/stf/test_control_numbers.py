"""Commands whose numbers no switch has room for are refused with their line."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest
from finsy.proto import p4i

from rackplane.switch.stf.client import Client
from rackplane.switch.stf.controls import Controls
from rackplane.switch.stf.runner import run_script
from rackplane.switch.stf.script import Control, StfError, parse_script
from rackplane.switch.target import Program
from rackplane.switch.xdp import XdpTarget


class Silent:
    """A client that takes all."""

    def write(self, _updates: object) -> None:
        return


REGISTERS = p4i.P4Info(registers=[p4i.Register(preamble=p4i.Preamble(id=1, name="r"), size=4)])


@pytest.mark.parametrize(
    "line",
    [
        "mirroring_add 99999999999 1",
        "mirroring_add -5 1",
        "register_write r 0 -1",
        "register_write r 99999999999999999999 1",
        "mc_node_create 99999999999 1\nmc_mgrp_create 1\nmc_node_associate 1 0",
        "mc_mgrp_create 99999999999\nmc_node_create 1 1\nmc_node_associate 99999999999 0",
    ],
)
def test_numbers_out_of_range(line: str) -> None:
    controls = Controls(cast(Client, Silent()), REGISTERS)
    commands = [command for command in parse_script(line) if isinstance(command, Control)]
    with pytest.raises(StfError, match=f"line {len(commands)}: .* has a number that P4Runtime has no room for"):
        for command in commands:
            controls.run(command)


@pytest.mark.parametrize("handle", ["-1", "1"])
def test_nodes_that_were_not_created(handle: str) -> None:
    controls = Controls(cast(Client, Silent()), REGISTERS)
    commands = parse_script(f"mc_mgrp_create 1\nmc_node_create 1 1\nmc_node_associate 1 {handle}")
    with pytest.raises(StfError, match=f"line 3: there is no group 1 or no node {handle}"):
        for command in commands:
            assert isinstance(command, Control)
            controls.run(command)


@pytest.mark.parametrize("line", ["mirroring_add 5 99999999999", "mc_node_create 1 512", "mc_node_create 1 010 x"])
def test_ports_that_no_switch_has(tmp_path: Path, line: str) -> None:
    """They would need a cable: the script ends before there is one."""
    script = tmp_path / "s.stf"
    script.write_text(line)
    (tmp_path / "info").write_text("")
    result = run_script(script, Program(tmp_path / "info", tmp_path / "config"), XdpTarget())
    assert len(result.problems) == 1
    assert result.problems[0].startswith("line 1: ")
