"""Multicast on real links: every copy goes through egress by itself and may become shorter or longer."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import bpf_harness as bpf
import pytest
from links import Links, isolated

from rackplane.compiler.bundle import Bundle
from rackplane.compiler.driver import compile_program

pytestmark = pytest.mark.root

SOURCE = Path(__file__).parent / "p4" / "copies.p4"
SENDER = bytes.fromhex("020000000001")
ALL, TWICE, ONE = bytes.fromhex("ffffffffffff"), bytes.fromhex("010000000001"), bytes.fromhex("020000000009")
PAYLOAD = bytes(range(50))
EXTRA = b"EXTRA..."


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return compile_program(SOURCE).bundle


def frame(destination: bytes, number: int = 0, *, extra: bool = True) -> bytes:
    source = SENDER[:2] + number.to_bytes(4, "big")
    return destination + source + (b"\x12\x34" + EXTRA if extra else b"\x99\x99") + PAYLOAD


def tagged(original: bytes, port: int, rid: int) -> bytes:
    tag = port.to_bytes(2, "big") + rid.to_bytes(2, "big") + original[8:12]
    return original[:14] + tag + original[14:]


def cut(original: bytes, *, extra: bool = True) -> bytes:
    return original[:12] + b"\x22\x22" + original[22 if extra else 14 :]


def _exchange(bundle: Bundle, frames: list[bytes]) -> dict[int, list[bytes]]:
    with bpf.Loaded(bundle) as loaded:
        links = Links(loaded, 4)
        links.add_group(1, [(1, 1), (2, 2), (3, 3), (4, 4)])
        links.add_group(2, [(3, 7), (4, 1), (3, 9)])
        for each in frames:
            links.send(1, each)
        return {port: links.received(port) for port in (1, 2, 3, 4)}


def exchange(bundle: Bundle, frames: list[bytes]) -> dict[int, list[bytes]]:
    found = isolated(partial(_exchange, bundle, frames))
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("extra", [True, False])
def test_copies_differ_by_port(bundle: Bundle, extra: bool) -> None:
    sent = frame(ALL, extra=extra)
    assert exchange(bundle, [sent]) == {
        1: [],
        2: [cut(sent, extra=extra)],
        3: [tagged(sent, 3, 3)],
        4: [tagged(sent, 4, 4)],
    }


def test_replicas_on_one_port_have_their_own_rid(bundle: Bundle) -> None:
    sent = frame(TWICE)
    found = exchange(bundle, [sent])
    assert found[3] == [tagged(sent, 3, 7), tagged(sent, 3, 9)]
    assert found[4] == [tagged(sent, 4, 1)]


def test_unicast_and_copies_do_not_mix(bundle: Bundle) -> None:
    """Each packet keeps its own headers and metadata, however unicast and multicast alternate."""
    frames = [frame((ALL, ONE, TWICE)[n % 3], n) for n in range(300)]
    found = exchange(bundle, frames)
    everywhere, single, twice = frames[0::3], frames[1::3], frames[2::3]
    assert sorted(found[2]) == sorted([*single, *map(cut, everywhere)])
    expected = [tagged(f, 3, 3) for f in everywhere] + [tagged(f, 3, rid) for f in twice for rid in (7, 9)]
    assert sorted(found[3]) == sorted(expected)
    assert len(found[4]) == len(everywhere) + len(twice)


def test_unknown_group_is_dropped_and_counted(bundle: Bundle) -> None:
    with bpf.Loaded(bundle) as loaded:
        loaded.set_port(bpf.LOOPBACK, 1)
        assert loaded.run(frame(ALL)).action == bpf.XDP_DROP
        assert loaded.drops() == {"its multicast group does not exist": 1}
