"""Whether the packets that a switch sent are those that a script expects. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from rackplane.switch.stf.script import Command, Expect


def compare(expected: Expect, received: bytes) -> str | None:
    """None when the packet fits the pattern, else what differs."""
    pattern = expected.pattern
    if pattern is None:
        return None
    digits = received.hex().upper()
    if len(digits) < len(pattern):
        return f"{len(received)} bytes, expected at least {len(pattern) // 2}: {digits}"
    if expected.exact and len(digits) > len(pattern):
        return f"{len(received)} bytes, expected exactly {len(pattern) // 2}: {digits}"
    for position, (want, got) in enumerate(zip(pattern, digits, strict=False)):
        if want not in ("*", got):
            return f"byte {position // 2} differs\n  expected {pattern}\n  received {digits}"
    return None


def problems(commands: Sequence[Command], received: Mapping[int, Sequence[bytes]]) -> list[str]:
    """One line for every packet that is missing, superfluous or different; empty when the script holds.

    received: per port, the packets in their order of arrival.
    """
    expected: dict[int, list[Expect]] = defaultdict(list)
    for command in commands:
        if isinstance(command, Expect):
            expected[command.port].append(command)
    found = []
    for port in sorted({*expected, *received}):
        found += _port_problems(port, expected.get(port, []), received.get(port, []))
    return found


def _port_problems(port: int, expected: Sequence[Expect], received: Sequence[bytes]) -> list[str]:
    if any(e.pattern is None for e in expected):
        return [] if received else [f"line {expected[0].line}: port {port}: no packet came"]
    found = []
    for want, got in zip(expected, received, strict=False):
        difference = compare(want, got)
        if difference is not None:
            found.append(f"line {want.line}: port {port}: {difference}")
    found += [f"line {want.line}: port {port}: no packet came" for want in expected[len(received) :]]
    found += [f"port {port}: unexpected packet {got.hex().upper()}" for got in received[len(expected) :]]
    return found
