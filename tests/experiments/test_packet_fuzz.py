"""Packets are made as promised, the rules find what breaks them, and a short run over all programs passes."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from dataclasses import replace

import pytest

from rackplane.compiler import ir
from rackplane.compiler.frontend import load
from rackplane.experiments.packet_fuzz.packets import MAX_FRAME, MIN_FRAME, PacketMaker
from rackplane.experiments.packet_fuzz.rules import Bounded, emitted_bytes, routed, unchanged
from rackplane.experiments.packet_fuzz.run import FuzzError, _check_directory
from rackplane.experiments.switch_speed.subjects import P4SRC
from rackplane.wire.generated.rack_headers import Ipv4
from rackplane.wire.packet import ipv4_checksum


def ipv4(ttl: int, checksum: int | None = None) -> bytes:
    """A frame of 60 bytes; the checksum is right unless one is given."""
    header = Ipv4(version=4, ihl=5, total_len=46, ttl=ttl, protocol=253, src_addr=0x0A000001, dst_addr=0x0A010203)
    right = ipv4_checksum(header.pack()) if checksum is None else checksum
    ethernet = bytes.fromhex("0200000000fe0200000000010800")
    return ethernet + replace(header, hdr_checksum=right).pack() + bytes(26)


ROUTED = ipv4(64)


@pytest.mark.parametrize("name", ["l2", "router", "mind"])
def test_packets_reach_every_state_of_the_parser(name: str) -> None:
    """Of those that a select leads to by a header's field, in any of many packets."""
    pipeline = load(P4SRC / f"{name}.p4")
    maker = PacketMaker(pipeline, (ROUTED,), random.Random(1))
    made = [maker.make() for _ in range(3000)]
    assert all(MIN_FRAME <= len(frame) <= MAX_FRAME for frame in made)
    assert len({len(frame) for frame in made}) > 100
    kinds = {frame[12:14] for frame in made}
    wanted = {
        label.value.to_bytes(2, "big")
        for state in pipeline.parser.states
        if isinstance(state.transition, ir.Select)
        for case in state.transition.cases
        for key, label in zip(state.transition.keys, case.labels, strict=True)
        if isinstance(label, ir.Masked)
        and label.mask == 0xFFFF
        and isinstance(key, ir.Member)
        and "type" in key.name
    }
    assert wanted <= kinds


def test_the_same_seed_makes_the_same_packets() -> None:
    pipeline = load(P4SRC / "router.p4")
    first, second = (PacketMaker(pipeline, (ROUTED,), random.Random(5)) for _ in range(2))
    assert [first.make() for _ in range(50)] == [second.make() for _ in range(50)]


@pytest.mark.parametrize(
    ("rule", "after", "problem"),
    [
        (unchanged, ROUTED, ""),
        (unchanged, b"meta" + ROUTED, ""),
        (unchanged, b"met" + ROUTED, "the frame was changed"),
        (unchanged, ROUTED[:-1], "the frame was changed"),
        (routed, ipv4(63), ""),
        (routed, ROUTED, "the TTL 64 became 64"),
        (routed, ipv4(63, 1), "the checksum is wrong"),
        (routed, ipv4(63)[:-1], "the frame of 60 bytes has 59"),
        (routed, ipv4(63)[:-1] + b"x", "more than MAC addresses"),
        (Bounded(4), ROUTED + bytes(4), ""),
        (Bounded(4), ROUTED + bytes(9), "the frame of 60 bytes has 69"),
        (Bounded(4), bytes(13), "the frame of 60 bytes has 13"),
    ],
)
def test_rules(rule: Bounded, after: bytes, problem: str) -> None:
    found = rule(ROUTED, after)
    assert found.startswith(problem)
    assert bool(found) == bool(problem)


def test_what_a_deparser_can_emit() -> None:
    sizes = {name: emitted_bytes(load(P4SRC / f"{name}.p4")) for name in ("l2", "router")}
    assert sizes["l2"] >= 14
    assert sizes["router"] >= 34


@pytest.mark.parametrize("value", [0xF, 1 << 4])
def test_directory_entries_without_meaning_are_found(value: int) -> None:
    with pytest.raises(FuzzError, match="the directory has an entry"):
        _check_directory(value)


@pytest.mark.root
def test_all_programs_stand_a_storm() -> None:
    """20 000 packets each; `make fuzz` sends a million."""
    command = [sys.executable, "-c", "from rackplane.cli.main import main; main()"]
    arguments = ["fuzz", "--packets", "20000", "--seed", "11", "--json"]
    done = subprocess.run([*command, *arguments], capture_output=True, text=True, check=False, timeout=250)
    assert done.returncode == 0, done.stderr
    outcomes = {outcome["program"]: outcome for outcome in json.loads(done.stdout)["outcomes"]}
    assert set(outcomes) == {"l2", "router", "mind"}
    for outcome in outcomes.values():
        assert sum(outcome["verdicts"].values()) + outcome["live"] == outcome["packets"] == 20_000
        assert outcome["verdicts"]["redirect"] > 1000
        assert outcome["verdicts"]["drop"] > 1000
        assert (outcome["shortest"], outcome["longest"] > 1514) == (14, True)
