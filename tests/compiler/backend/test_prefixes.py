"""Longest prefixes in the kernel: programs read from shared memory what the switch writes there, at any moment."""

from __future__ import annotations

import threading
from pathlib import Path
from random import Random

import bpf_harness as bpf
import pytest

from rackplane.compiler.bundle import Bundle
from rackplane.compiler.driver import compile_program

pytestmark = pytest.mark.root

SOURCE = Path(__file__).parent / "p4" / "prefixes.p4"
MANY = 1 << 16


def program(width: int, entries: int, tagged: bool = False) -> Bundle:
    defines = {"WIDTH": str(width), "ENTRIES": str(entries)} | ({"TAGGED": "1"} if tagged else {})
    return compile_program(SOURCE, defines=defines).bundle


def ask(loaded: bpf.Loaded, key: int, width: int, tag: int = 0) -> int:
    frame = tag.to_bytes(2, "big") + key.to_bytes(width // 8, "big") + bytes(14)
    answer = loaded.run(frame).packet
    return int.from_bytes(answer[2 + width // 8 : 6 + width // 8], "big")


@pytest.mark.parametrize(
    ("width", "entries", "tagged"),
    [(8, 100, False), (16, 100, False), (32, 100, False), (32, MANY, False), (48, 100, True), (128, 100, False)],
)
def test_the_longest_prefix_wins(width: int, entries: int, tagged: bool) -> None:
    random = Random(width)
    found: dict[tuple[int, int, int], int] = {}
    bases = [random.getrandbits(width) for _ in range(5)]
    with bpf.Loaded(program(width, entries, tagged)) as loaded:
        assert loaded.table("prefixes").trie is not None
        loaded.set_port(bpf.LOOPBACK, 1)
        loaded.open_ports(1)
        for answer in range(1, 60):
            length, tag = random.randint(0, width), random.randint(0, 2) if tagged else 0
            key = random.choice(bases) >> (width - length) << (width - length)
            found[tag, key, length] = answer
            matches = [(tag, 0), (key, length)] if tagged else [(key, length)]
            loaded.insert("prefixes", matches, "say", answer=answer)
        for _ in range(300):
            tag = random.randint(0, 2) if tagged else 0
            probe = random.choice(bases) ^ random.getrandbits(width) >> random.randint(0, width)
            covering = [
                (length, answer)
                for (t, key, length), answer in found.items()
                if t == tag and probe >> (width - length) == key >> (width - length)
            ]
            assert ask(loaded, probe, width, tag) == max(covering, default=(0, 0))[1]


def test_a_program_without_room_for_a_trie_has_the_kernels() -> None:
    bundle = program(128, 1 << 20)
    assert bundle.manifest.tables[0].trie is None
    with bpf.Loaded(bundle) as loaded:
        loaded.set_port(bpf.LOOPBACK, 1)
        loaded.open_ports(1)
        loaded.insert("prefixes", [(0x20 << 120, 8)], "say", answer=7)
        assert [ask(loaded, top << 120 | 5, 128) for top in (0x20, 0x21)] == [7, 0]


def test_readers_see_the_old_entry_or_the_new_one() -> None:
    """A route flips between two answers, its neighbours come and go while packets are looked up: none is lost."""
    with bpf.Loaded(program(32, 1000)) as loaded:
        loaded.set_port(bpf.LOOPBACK, 1)
        loaded.open_ports(1)
        flips = [0x11111111, 0x22222222]
        loaded.insert("prefixes", [(0x0A000000, 24)], "say", answer=flips[0])
        ended = threading.Event()

        def write() -> None:
            turn = 0
            while not ended.is_set():
                turn += 1
                loaded.insert("prefixes", [(0x0A000000, 24)], "say", answer=flips[turn % 2])
                loaded.insert("prefixes", [(0x0A000100 + (turn % 64 << 2), 30)], "say", answer=turn)

        writer = threading.Thread(target=write)
        writer.start()
        try:
            seen = [ask(loaded, 0x0A000000 | n % 256, 32) for n in range(4000)]
        finally:
            ended.set()
            writer.join()
        assert set(seen) <= set(flips)
