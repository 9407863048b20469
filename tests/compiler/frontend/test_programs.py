"""Programs of tests/compiler/programs on the IR machine: the packets of their STF files come out as they should."""

from __future__ import annotations

from pathlib import Path

import pytest
from ir_switch import Switch

from rackplane.compiler.frontend import load
from rackplane.switch.stf.script import Expect, Send, parse_script

PROGRAMS = Path(__file__).parents[1] / "programs"
SCRIPTS = sorted(PROGRAMS.glob("*.stf"))


def fits(expected: Expect, found: bytes) -> bool:
    """Whether a packet is the expected one."""
    digits, pattern = found.hex(), (expected.pattern or "").lower()
    if len(digits) < len(pattern) or (expected.exact and len(digits) != len(pattern)):
        return False
    return all(p in ("*", d) for p, d in zip(pattern, digits, strict=False))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda p: p.stem)
def test_packets(script: Path) -> None:
    switch = Switch(load(script.with_suffix(".p4")))
    sent: list[tuple[int, bytes]] = []
    for command in parse_script(script.read_text()):
        if isinstance(command, Send):
            sent.extend(switch.process(command.port, command.data))
        elif isinstance(command, Expect):
            port, packet = sent.pop(0)
            assert port == command.port
            assert fits(command, packet), f"line {command.line}: {packet.hex(' ')}"
    assert not sent


def test_a_packet_too_short_for_lookahead_is_an_error() -> None:
    switch = Switch(load(PROGRAMS / "parsing.p4"))
    assert switch.process(0, bytes.fromhex("10")) == [(1, bytes.fromhex("03 00 00 10"))]
