"""Every mistake in a topology or runtime file is named with its file and the path of the value."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from finsy.proto import p4i, p4r
from google.protobuf import text_format

from rackplane.compiler.driver import compile_program, default_cache
from rackplane.topologies import fabric, wires
from rackplane.topologies.exercise import commands
from rackplane.topologies.exercise.description import read_exercise
from rackplane.topologies.exercise.runtime import read_runtime
from rackplane.topologies.fabric import Shape
from rackplane.topologies.fields import Fields, TopologyError
from rackplane.topologies.order import ExerciseOrder, RackOrder, from_json
from rackplane.topologies.rack import rack

FILES = Path(__file__).parent / "exercises"
POD = FILES / "pod"
Json = Any
Change = Callable[[Json], object]


def change(*path: Json, to: Json) -> Change:
    """Set a value; `...` removes it."""

    def apply(value: Json) -> None:
        for step in path[:-1]:
            value = value[step]
        if to is ...:
            del value[path[-1]]
        else:
            value[path[-1]] = to

    return apply


def test_the_topology_as_data() -> None:
    exercise = read_exercise(POD / "topology.json", "ex")
    assert [(s.name, s.device_id, s.cpu_port) for s in exercise.switches] == [
        ("s1", 0, None),
        ("s2", 1, None),
        ("s3", 2, 510),
        ("s4", 3, None),
    ]
    assert {s.program for s in exercise.switches} == {FILES / "campus.p4"}
    assert exercise.fabric.ports("s1") == {1: "exs1-eth1", 2: "exs1-eth2", 3: "exs1-eth3", 4: "exs1-eth4"}
    assert exercise.fabric.cables[3].first.node == "h4"
    assert [c.shape for c in exercise.fabric.cables[5:]] == [Shape(2.0, 50.0), Shape(), Shape(0.5, 2.0)]
    ends = read_exercise(POD / "topology.json", at_ends=True).fabric.cables
    assert [c.shape.at_ends for c in ends] == [False] * 5 + [True, False, True]
    assert exercise.summary == "4 hosts and 4 switches"
    again = fabric.from_fields(Fields(json.loads(exercise.to_json()), "x"))
    assert again == exercise.fabric


def test_orders_survive_their_text() -> None:
    for order in (
        RackOrder(rack(1, 2, name="x", switch="x"), "bmv2"),
        ExerciseOrder(POD / "topology.json", "ex", ("s1=a.p4", "b.p4"), "xdp"),
    ):
        assert from_json(order.to_json()) == order
    with pytest.raises(TopologyError, match="the order is not JSON"):
        from_json("{")


@pytest.mark.parametrize(
    ("mistake", "message"),
    [
        (change("hosts", to=...), "$ has no 'hosts'"),
        (change("hosts", to=[]), "$.hosts must be an object"),
        (change("hosts", to={}), "$.hosts has 0 names: 1 to 64 are possible"),
        (change("hosts", "H 1", to={}), "$.hosts: 'H 1' is no name"),
        (change("hosts", "s1", to={}), "$.switches: 's1' is a host's name too"),
        (change("hosts", "h1", "ip", to="10.0.1"), "$.hosts.h1.ip must be an address such as 10.0.1.1/24"),
        (change("hosts", "h1", "ip", to=7), "$.hosts.h1.ip must be a string"),
        (change("hosts", "h1", "mac", to="08:00"), "$.hosts.h1.mac must be a MAC address such as"),
        (change("hosts", "h1", "commands", to=["x", 1]), "$.hosts.h1.commands[1] must be a string, not 1"),
        (change("hosts", "h9", to={"ip": "10.0.9.9/24", "mac": "08:00:00:00:09:09"}), "the host h9 has no link"),
        (
            change("switches", "s1", "runtime_json", to="x.json"),
            "$.switches.s1.runtime_json: there is no file 'x.json'",
        ),
        (change("switches", "s4", "cli_input", to="x"), "$.switches.s4.cli_input: there is no file 'x'"),
        (change("switches", "s4", "program", to="build/x.json"), "$.switches.s4.program: there is no x.p4 in"),
        (change("switches", "s3", "cpu_port", to="high"), "$.switches.s3.cpu_port must be a port from 1 to 511"),
        (change("switches", "s3", "cpu_port", to=True), "$.switches.s3.cpu_port must be a port from 1 to 511"),
        (change("links", to={}), "$.links must be a list"),
        (change("links", 0, to=["h1"]), "$.links[0] must be [END, END, LATENCY, BANDWIDTH]"),
        (change("links", 0, 1, to="s9-p1"), "$.links[0][1] must be a host or a switch's port such as s1-p1"),
        (change("links", 0, 1, to=5), "$.links[0][1] must be a host or a switch's port"),
        (change("links", 0, 1, to="h2"), "$.links[0] joins two hosts"),
        (change("links", 0, 1, to="s1-p600"), "$.links[0][1]: switch ports have the numbers 1 to 509, not 600"),
        (change("links", 0, 1, to="s1-p2"), "$.links: s1-p2 is an end of two links"),
        (change("links", 1, 0, to="h1"), "$.links: h1 is an end of two links"),
        (change("links", 5, 2, to="soon"), "$.links[5][2] must be a latency of 0 to 60 s"),
        (change("links", 5, 2, to=-1), "$.links[5][2] must be a latency of 0 to 60 s"),
        (change("links", 5, 3, to="fast"), "$.links[5][3] must be a bandwidth in Mbit/s"),
        (change("links", 5, 3, to=0), "$.links[5][3] must be a bandwidth in Mbit/s"),
    ],
)
def test_mistakes_in_a_topology(tmp_path: Path, mistake: Change, message: str) -> None:
    data = json.loads((POD / "topology.json").read_text())
    mistake(data)
    for switch in data["switches"].values() if isinstance(data.get("switches"), dict) else ():
        if str(switch.get("runtime_json", "")).startswith("pod/"):
            switch["runtime_json"] = str(FILES / switch["runtime_json"])
    file = tmp_path / "topology.json"
    file.write_text(json.dumps(data))
    (tmp_path / "campus.p4").write_text("")
    (tmp_path / "pod").mkdir()
    (tmp_path / "pod" / "s4-commands.txt").write_text("")
    with pytest.raises(TopologyError) as caught:
        read_exercise(file)
    assert str(caught.value).startswith(str(tmp_path))
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", ":1:2: not JSON: Expecting property name"),
        (b"\xff", "is not text in UTF-8"),
        (b"[" * 100_000, "cannot be read"),
        (b"1" * 5000, "cannot be read: Exceeds the limit"),
        (b" " * (17 << 20), "has more than 16 MiB"),
        (b"[]", "$ must be an object, not []"),
    ],
)
def test_files_that_are_no_json(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "t.json").write_bytes(content)
    with pytest.raises(TopologyError) as caught:
        read_exercise(tmp_path / "t.json")
    assert str(tmp_path) in str(caught.value)
    assert message in str(caught.value)


def test_an_absent_file(tmp_path: Path) -> None:
    with pytest.raises(TopologyError, match=r"cannot read .*t\.json: No such file"):
        read_exercise(tmp_path / "t.json")


@pytest.mark.parametrize(
    ("programs", "expected"),
    [
        ((), "campus"),
        (("other.p4",), "other"),
        (("other.p4", "campus.p4"), "campus"),
        (("s1=other.p4", "campus.p4"), "other"),
    ],
)
def test_whose_program_it_is(tmp_path: Path, programs: tuple[str, ...], expected: str) -> None:
    for name in ("campus.p4", "other.p4", "pod/s1-runtime.json", "pod/s2-runtime.json", "pod/s3-runtime.json"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text((FILES / name).read_text() if name.endswith("json") else "")
    for name in ("topology.json", "s4-commands.txt"):
        (tmp_path / "pod" / name).write_text((POD / name).read_text())
    first = read_exercise(tmp_path / "pod" / "topology.json", programs=programs).switches[0]
    assert first.program == tmp_path / f"{expected}.p4"


@pytest.mark.parametrize(
    ("program", "message"),
    [("absent.p4", "there is no file 'absent.p4' here"), ("s9=campus.p4", "no switch is called 's9'")],
)
def test_programs_that_do_not_fit(program: str, message: str) -> None:
    with pytest.raises(TopologyError, match=message):
        read_exercise(POD / "topology.json", programs=[program])


@pytest.fixture(scope="module")
def info() -> p4i.P4Info:
    compiled = compile_program(FILES / "campus.p4", cache=default_cache())
    return text_format.Parse(compiled.bundle.p4info_text, p4i.P4Info())


ENTRY = ("table_entries", 1)
FLOOD = ("table_entries", -1)


@pytest.mark.parametrize(
    ("mistake", "message"),
    [
        (change("target", to="tofino"), "$.target must be bmv2 or xdp, not 'tofino'"),
        (change("table_entries", to={}), "$.table_entries must be a list"),
        (change(*ENTRY, "table", to="Forward.none"), "[1].table: the program has no table 'Forward.none'; it has"),
        (change(*ENTRY, "match", to={"hdr.ipv4.src": 1}), "table Forward.routes has the keys hdr.ipv4.dst"),
        (change(*ENTRY, "match", "hdr.ipv4.dst", to=7), "hdr.ipv4.dst must be [value, prefix length], not 7"),
        (change(*ENTRY, "match", "hdr.ipv4.dst", to=["x", 8]), "must be a number, an IP address or a MAC address"),
        (change(*ENTRY, "match", "hdr.ipv4.dst", to=[1 << 32, 8]), "4294967296 does not fit into 32 bits"),
        (change(*ENTRY, "match", "hdr.ipv4.dst", to=["10.0.0.0", 33]), "the prefix length must be 0 to 32, not 33"),
        (
            change(*ENTRY, "action_name", to="flood"),
            "table Forward.routes has no action 'flood'; it has Forward.",
        ),
        (change(*ENTRY, "action_params", to={"dst": 1}), "action Forward.forward needs the parameter 'port'"),
        (change(*ENTRY, "action_params", "ttl", to=1), "action Forward.forward has no parameter 'ttl'"),
        (change(*ENTRY, "action_params", "port", to=512), "port: 512 does not fit into 9 bits"),
        (change(*ENTRY, "action_params", "port", to=None), "port must be a number, an IP address or a MAC address"),
        (change(*FLOOD, "priority", to=...), "needs a priority of 1 or more: table Forward.floods"),
        (change(*FLOOD, "priority", to=-1), "priority must be 0 to 2147483647, not -1"),
        (change(*FLOOD, "match", "std.ingress_port", to=[1, 2, 3]), "must be [low, high], not [1, 2, 3]"),
        (change(*FLOOD, "match", "hdr.ethernet.dst", to=3), "hdr.ethernet.dst must be [value, mask], not 3"),
        (change("table_entries", 0, "default_action", to="yes"), "[0].default_action must be true or false"),
        (change("multicast_group_entries", 0, "multicast_group_id", to=0), "multicast_group_id must be 1 to 65535"),
        (change("multicast_group_entries", 0, "replicas", 0, to=7), "replicas[0] must be an object, not 7"),
        (change("multicast_group_entries", 0, "replicas", to=[{}] * 513), "has 513 replicas: 512 are possible"),
        (
            change("clone_session_entries", to=[{"clone_session_id": 0}]),
            "clone_session_id must be 1 to 32767, not 0",
        ),
    ],
)
def test_mistakes_in_a_runtime_file(tmp_path: Path, info: p4i.P4Info, mistake: Change, message: str) -> None:
    data = json.loads((POD / "s1-runtime.json").read_text())
    mistake(data)
    file = tmp_path / "s1-runtime.json"
    file.write_text(json.dumps(data))
    with pytest.raises(TopologyError) as caught:
        read_runtime(file, info)
    assert str(caught.value).startswith(f"{file}: $")
    assert message in str(caught.value)


def test_open_matches_are_left_out(tmp_path: Path, info: p4i.P4Info) -> None:
    data = json.loads((POD / "s1-runtime.json").read_text())
    data["table_entries"][1]["match"]["hdr.ipv4.dst"] = ["10.0.0.0", 0]
    data["table_entries"][-1]["match"] = {"hdr.ethernet.dst": [5, 0], "std.ingress_port": [0, 511]}
    data["table_entries"][-1]["action_params"]["group"] = -1
    file = tmp_path / "s.json"
    file.write_text(json.dumps(data))
    entries = [request.update.entity.table_entry for request in read_runtime(file, info)]
    assert [len(entries[n].match) for n in (1, 5)] == [0, 0]
    assert entries[5].action.action.params[0].value == b"\xff\xff"


def test_clone_sessions(tmp_path: Path, info: p4i.P4Info) -> None:
    session = {"clone_session_id": 5, "packet_length_bytes": 64, "replicas": [{"egress_port": 2, "instance": 1}]}
    file = tmp_path / "s.json"
    file.write_text(json.dumps({"target": "xdp", "clone_session_entries": [session]}))
    [request] = read_runtime(file, info)
    entry = request.update.entity.packet_replication_engine_entry.clone_session_entry
    assert (entry.session_id, entry.packet_length_bytes, entry.replicas[0].egress_port) == (5, 64, 2)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("routes forward 10.0.0.0/8", "write table_add TABLE ACTION MATCH... => PARAMETER... [PRIORITY]"),
        ("none forward 10.0.0.0/8 => 1 2", "the program has no table 'none'"),
        ("routes forward => 1 2", "0 matches for the keys of Forward.routes: hdr.ipv4.dst"),
        ("routes forward 10.0.0.0 => 1 2", "must be [value, prefix length], not '10.0.0.0'"),
        ("routes forward 10.0.0.0/x => 1 2", "the prefix length must be 0 to 32, not 'x'"),
        ("routes forward 10.0.0.0/8 => 1", "action Forward.forward takes 2 parameters, not 1"),
        ("routes none 10.0.0.0/8 => 1", "table Forward.routes has no action 'none'"),
        ("floods flood 1&&&1 1->2 => 1 high", "table Forward.floods needs a priority as the last word"),
        ("floods flood 1&&&1 1 => 1 5", "must be [low, high], not '1'"),
    ],
)
def test_mistakes_in_commands(info: p4i.P4Info, line: str, message: str) -> None:
    with pytest.raises(TopologyError) as caught:
        commands.table_add(line.split(), info, "s4.txt:3")
    assert str(caught.value).startswith("s4.txt:3: ")
    assert message in str(caught.value)


def test_the_lowest_number_has_the_highest_priority(info: p4i.P4Info) -> None:
    first, second = (
        commands.table_add(f"floods flood 1&&&1 1->2 => 1 {n}".split(), info, "x").entity.table_entry
        for n in (0, 9)
    )
    assert first.priority > second.priority > 0
    default = commands.table_set_default(["identity", "identify", "4"], info, "x")
    assert (default.type, default.entity.table_entry.is_default_action) == (p4r.Update.MODIFY, True)
    with pytest.raises(TopologyError, match="write table_set_default TABLE ACTION"):
        commands.table_set_default(["identity"], info, "x")


def test_nonsense_gives_errors_only(tmp_path: Path, info: p4i.P4Info) -> None:
    """Values of other types at random places of both files."""
    chance = random.Random(4)
    odd = [None, True, -1, 1 << 70, 0.5, "", "s1-p1", [], [1, 2], {}, {"a": 1}]
    for name in ("topology.json", "s1-runtime.json"):
        original = json.loads((POD / name).read_text())
        file = tmp_path / name
        for _ in range(300):
            data = copy.deepcopy(original)
            put_anywhere(data, chance, odd)
            file.write_text(json.dumps(data))
            try:
                read_exercise(file) if name == "topology.json" else read_runtime(file, info)
            except TopologyError as error:
                assert str(error)


def put_anywhere(value: Json, chance: random.Random, odd: list[Json]) -> None:
    while True:
        steps = list(value) if isinstance(value, dict) else range(len(value))
        step = chance.choice(list(steps))
        if not isinstance(value[step], dict | list) or not value[step] or chance.random() < 0.2:
            value[step] = chance.choice(odd)
            return
        value = value[step]


def test_what_a_wire_is_told() -> None:
    cable = read_exercise(POD / "topology.json").fabric.cables[5]
    assert wires.middle(cable) == ("s4-eth1.a", "s4-eth1.b")
    lines = wires.commands(cable)
    assert "qdisc add dev s4-eth1.a ingress" in lines
    assert any("mirred egress redirect dev s4-eth1.a" in line for line in lines)
    assert any("htb rate 50000000bit" in line for line in lines)
    at_end = wires.queue("s1-eth4", replace(cable.shape, at_ends=True, delay_ms=0))
    assert at_end[-1] == "qdisc add dev s1-eth4 parent 1:1 pfifo limit 1000"
    assert any("netem delay 2ms" in line or "pfifo limit" in line for line in lines)
