"""Made-up packets give the same on the IR machine and in the kernel, and on both targets where BMv2 is there."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from compiled_switches import (
    GROUPS,
    IN_PORT,
    NAMES,
    OUT_PORT,
    PATHS,
    PROGRAMS,
    SESSIONS,
    KernelSwitch,
    linked,
    packets,
)
from ir_switch import Switch
from random_expressions import Writer

from rackplane.compiler.frontend import load
from rackplane.switch.target import TargetMissing
from rackplane.switch.targets import by_name

PACKETS = 400
BATCH = 25
CRASHES_BMV2 = frozenset({"unions"})
"""simple_switch_grpc 1.15 ends at the first packet of these, without a word."""

pytestmark = pytest.mark.root


@pytest.mark.parametrize("name", [name for name in NAMES if name != PATHS])
def test_the_kernel_does_what_the_program_means(name: str) -> None:
    kernel, machine = KernelSwitch(PROGRAMS / f"{name}.p4"), Switch(load(PROGRAMS / f"{name}.p4"))
    forwarded = 0
    try:
        for number, packet in enumerate(packets(name, PACKETS, seed=1)):
            expected = machine.process(IN_PORT, packet)
            assert [port for port, _ in expected] in ([], [OUT_PORT])
            wanted = expected[0][1] if expected else None
            found = kernel.process(packet)
            assert show(found) == show(wanted), f"packet {number} of {name}.p4: {packet.hex()}"
            forwarded += wanted is not None
    finally:
        kernel.close()
    assert forwarded > PACKETS // 4


@pytest.mark.parametrize("seed", range(4))
def test_random_expressions_have_their_value(seed: int, tmp_path: Path) -> None:
    """On fields of 0, 1, all ones and anything between."""
    source, chance = tmp_path / "expressions.p4", random.Random(seed)
    source.write_text(Writer(seed).program())
    (tmp_path / "tail.p4").write_text((PROGRAMS / "tail.p4").read_text())
    kernel, machine = KernelSwitch(source), Switch(load(source))
    try:
        for _ in range(100):
            packet = bytes(chance.choice((0, 0xFF, 0x80, 1, chance.randrange(256))) for _ in range(100))
            [(_, wanted)] = machine.process(IN_PORT, packet)
            assert show(kernel.process(packet)) == show(wanted), source.read_text()
    finally:
        kernel.close()


def show(packet: bytes | None) -> str:
    return "dropped" if packet is None else packet.hex(" ")


def test_copies_and_second_passes_are_as_the_program_means(tmp_path: Path) -> None:
    machine = Switch(load(PROGRAMS / f"{PATHS}.p4"), groups=GROUPS, sessions=SESSIONS)
    with linked(by_name("xdp"), PATHS, tmp_path) as switch:
        for batch in batches(PATHS, seed=1):
            wanted: dict[int, list[bytes]] = {}
            for packet in batch:
                for port, frame in machine.process(IN_PORT, packet):
                    wanted.setdefault(port, []).append(frame)
            found = switch.process(batch)
            assert found == {port: sorted(frames) for port, frames in wanted.items()}, [p.hex() for p in batch]


def batches(name: str, seed: int) -> list[list[bytes]]:
    """Packets that links carry."""
    sent = [packet.ljust(14, b"\0") for packet in packets(name, 200, seed)]
    return [sent[at : at + BATCH] for at in range(0, len(sent), BATCH)]


@pytest.mark.bmv2
@pytest.mark.parametrize("name", [name for name in NAMES if name not in CRASHES_BMV2])
def test_the_targets_agree(name: str, tmp_path: Path) -> None:
    try:
        by_name("bmv2").check()
    except TargetMissing as error:
        pytest.skip(str(error))
    sent, seen = batches(name, seed=2), []
    for target in ("xdp", "bmv2"):
        with linked(by_name(target), name, tmp_path) as switch:
            seen.append([switch.process(batch) for batch in sent])
    for number, (ours, theirs) in enumerate(zip(*seen, strict=True)):
        assert ours == theirs, f"{name}.p4, batch {number}: {[packet.hex() for packet in sent[number]]}"
