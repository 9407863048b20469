"""Tables in shared memory: programs in the kernel read what the switch writes there, at any moment."""

from __future__ import annotations

import threading
from pathlib import Path
from random import Random

import bpf_harness as bpf
import pytest

from rackplane.compiler.bundle import Bundle
from rackplane.compiler.driver import compile_program

pytestmark = pytest.mark.root

SOURCE = Path(__file__).parent / "p4" / "answers.p4"
MANY = 1 << 16


def program(width: int, entries: int, tagged: bool = False, kind: str = "lpm") -> Bundle:
    defines = {"WIDTH": str(width), "ENTRIES": str(entries), "KIND": kind} | ({"TAGGED": "1"} if tagged else {})
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
        assert (loaded.table("answers").trie is not None) == (width + 16 * tagged <= 32)
        loaded.set_port(bpf.LOOPBACK, 1)
        loaded.open_ports(1)
        for answer in range(1, 60):
            length, tag = random.randint(0, width), random.randint(0, 2) if tagged else 0
            key = random.choice(bases) >> (width - length) << (width - length)
            found[tag, key, length] = answer
            matches = [(tag, 0), (key, length)] if tagged else [(key, length)]
            loaded.insert("answers", matches, "say", answer=answer)
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
        loaded.insert("answers", [(0x20 << 120, 8)], "say", answer=7)
        assert [ask(loaded, top << 120 | 5, 128) for top in (0x20, 0x21)] == [7, 0]


@pytest.mark.parametrize(
    ("width", "entries", "tagged"), [(8, 10, False), (32, 5000, False), (48, 60, True), (128, 60, True)]
)
def test_exact_keys(width: int, entries: int, tagged: bool) -> None:
    random = Random(width)
    with bpf.Loaded(program(width, entries, tagged, "exact")) as loaded:
        assert loaded.table("answers").buckets is not None
        loaded.set_port(bpf.LOOPBACK, 1)
        loaded.open_ports(1)
        found: dict[tuple[int, int], int] = {}
        for answer in range(1, entries + 1):
            place = (random.randint(0, 2) if tagged else 0, random.getrandbits(width))
            found[place] = answer
            tag, key = place
            loaded.insert("answers", [(tag, 0), (key, 0)] if tagged else [(key, 0)], "say", answer=answer)
        for (tag, key), answer in list(found.items())[:300]:
            assert ask(loaded, key, width, tag) == answer
            other = key ^ 1 << random.randrange(width)
            assert ask(loaded, other, width, tag) == found.get((tag, other), 0)


def test_keys_too_long_for_buckets_are_in_a_kernel_map() -> None:
    bundle = program(512, 10, False, "exact")
    assert bundle.manifest.tables[0].buckets is None
    with bpf.Loaded(bundle) as loaded:
        loaded.set_port(bpf.LOOPBACK, 1)
        loaded.open_ports(1)
        loaded.insert("answers", [(5, 0)], "say", answer=7)
        assert [ask(loaded, key, 512) for key in (5, 6)] == [7, 0]


STEADY = 0x0A000000


@pytest.mark.parametrize("kind", ["lpm", "exact"])
def test_readers_see_the_old_entry_or_the_new_one(kind: str) -> None:
    """An entry flips between two answers, its neighbours come and go while packets are looked up: none is lost."""
    with bpf.Loaded(program(32, 1000 if kind == "lpm" else 10, kind=kind)) as loaded:
        loaded.set_port(bpf.LOOPBACK, 1)
        loaded.open_ports(1)
        flips = [0x11111111, 0x22222222]
        length = 24 if kind == "lpm" else 0
        loaded.insert("answers", [(STEADY, length)], "say", answer=flips[0])
        ended = threading.Event()

        def write() -> None:
            turn = 0
            while not ended.is_set():
                turn += 1
                near = (STEADY + 0x100 + (turn % 64 << 2), 30) if kind == "lpm" else (turn % 9, 0)
                loaded.insert("answers", [(STEADY, length)], "say", answer=flips[turn % 2])
                loaded.insert("answers", [near], "say", answer=turn)
                loaded.remove("answers", [near])

        writer = threading.Thread(target=write)
        writer.start()
        try:
            seen = [ask(loaded, STEADY | (n % 256 if length else 0), 32) for n in range(4000)]
        finally:
            ended.set()
            writer.join()
        assert set(seen) <= set(flips)
