"""STF's commands that are no table commands, as P4Runtime requests."""

from __future__ import annotations

from typing import cast

import pytest
from finsy.proto import p4i, p4r
from google.protobuf import text_format

from rackplane.switch.stf.client import Client
from rackplane.switch.stf.controls import Controls
from rackplane.switch.stf.script import Control, StfError, parse_script

INFO = "meters { preamble { id: 5 name: 'ingress.m' alias: 'm' } size: 4 }"


class Recorder:
    """Takes what a script writes and reads."""

    def __init__(self) -> None:
        self.updates: list[p4r.Update] = []
        self.reads: list[p4r.Entity] = []

    def write(self, updates: list[p4r.Update]) -> None:
        self.updates += updates

    def read(self, entity: p4r.Entity) -> list[p4r.Entity]:
        self.reads.append(entity)
        return []


def run(*lines: str) -> Recorder:
    recorder = Recorder()
    controls = Controls(cast(Client, recorder), text_format.Parse(INFO, p4i.P4Info()))
    for command in parse_script("\n".join(lines)):
        assert isinstance(command, Control)
        controls.run(command)
    return recorder


CONFIG = "config { cir: 5 cburst: 4 pir: 20 pburst: 5 }"


@pytest.mark.parametrize(
    ("line", "entry"),
    [
        ("meter_set_rates m 2 0.000005:4 0.00002:5", f"meter_id: 5 index {{ index: 2 }} {CONFIG}"),
        ("meter_array_set_rates ingress.m 0.000005:4 0.00002:5", f"meter_id: 5 {CONFIG}"),
    ],
)
def test_rates_of_meters(line: str, entry: str) -> None:
    wanted = p4r.Update(type=p4r.Update.MODIFY)
    text_format.Parse(entry, wanted.entity.meter_entry)
    assert run(line).updates == [wanted]


SESSION = "clone_session_entry { session_id: 5 %s }"
GROUP = "multicast_group_entry { multicast_group_id: 3 %s }"
ONE, TWO = "replicas { egress_port: 1 instance: 7 }", "replicas { egress_port: 2 instance: 7 }"
NODE = ["mc_mgrp_create 3", "mc_node_create 7 1 2"]


@pytest.mark.parametrize(
    ("lines", "wanted"),
    [
        (["mirroring_add 5 1"], [("INSERT", SESSION % "replicas { egress_port: 1 }")]),
        (
            ["mirroring_add 5 1", "mirroring_add 5 2"],
            [
                ("INSERT", SESSION % "replicas { egress_port: 1 }"),
                ("MODIFY", SESSION % "replicas { egress_port: 2 }"),
            ],
        ),
        (
            [*NODE, "mc_node_associate 3 0", "mirroring_add_mc 5 3"],
            [("INSERT", GROUP % (ONE + TWO)), ("INSERT", SESSION % (ONE + TWO))],
        ),
        (
            [*NODE, "mirroring_add_mc 5 3", "mc_node_associate 3 0"],
            [("INSERT", SESSION % ""), ("INSERT", GROUP % (ONE + TWO)), ("MODIFY", SESSION % (ONE + TWO))],
        ),
        (
            ["mirroring_add 5 1", "mirroring_delete 5", "mirroring_add 5 1"],
            [
                ("INSERT", SESSION % "replicas { egress_port: 1 }"),
                ("DELETE", SESSION % ""),
                ("INSERT", SESSION % "replicas { egress_port: 1 }"),
            ],
        ),
    ],
)
def test_mirrors_and_groups(lines: list[str], wanted: list[tuple[str, str]]) -> None:
    found = [(u.type, u.entity.packet_replication_engine_entry) for u in run(*lines).updates]
    assert found == [
        (p4r.Update.Type.Value(kind), text_format.Parse(text, p4r.PacketReplicationEngineEntry()))
        for kind, text in wanted
    ]


def test_mirrors_can_be_looked_at() -> None:
    text = "packet_replication_engine_entry { clone_session_entry { session_id: 5 } }"
    assert run("mirroring_get 5").reads == [text_format.Parse(text, p4r.Entity())]


def test_meters_can_be_looked_at() -> None:
    wanted = text_format.Parse("meter_entry { meter_id: 5 index { index: 3 } }", p4r.Entity())
    assert run("meter_get_rates m 3").reads == [wanted]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("meter_set_rates m 2 1:4", "meter_set_rates needs CIR:CBURST and PIR:PBURST"),
        ("meter_set_rates m 2 1:4 x:5", "'x:5' is not a rate and a burst, such as 0.5:100"),
        ("meter_set_rates m 2 1:4 inf:5", "'inf:5' is not a rate and a burst"),
        ("meter_set_rates m 2 1:4 1", "'1' is not a rate and a burst"),
        ("meter_set_rates other 2 1:4 1:5", "meter 'other': none is called so; the program has ingress.m"),
        ("meter_get_rates m", "meter_get_rates needs more arguments"),
    ],
)
def test_bad_commands_are_named(line: str, message: str) -> None:
    with pytest.raises(StfError) as caught:
        run(line)
    assert message in str(caught.value)
