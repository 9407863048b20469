"""hash() with every algorithm and random(), against a model of BMv2's."""

from __future__ import annotations

import random
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from hash_model import ALGORITHMS, MORE, WIDTHS, Frame, crc16, csum16, decode
from hypothesis import given, settings
from hypothesis import strategies as st
from on_targets import TARGETS, running_program
from program_lab import Lab
from switch_hosts import Links

pytestmark = pytest.mark.root

WORD = (1 << 64) - 1
RANDOM, WIDE_RANDOM, WIDE_HASH = 8, 9, 7


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Lab("hashes") as lab:
        yield lab


def fields(**given_: int) -> dict[str, int]:
    return {"type": 0, "src": 0x0102_0304_0506, **given_}


def sent(lab: Lab, frame: Frame) -> bytes:
    out = lab.run(frame.encode())
    assert out is not None
    return out


numbers = {name: st.integers(0, (1 << width) - 1) for name, width in (WIDTHS | MORE).items()}
frames = st.fixed_dictionaries(
    {name: numbers[name] for name in ("a", "b", "c", "d", "e", "f", "src")}
    | {"type": st.just(1), "base": st.sampled_from([0, 7, WORD]), "pick": st.integers(0, 6)}
    | {"limit": st.sampled_from([0, 1, 10, 1 << 16, 1 << 32, WORD])}
).map(Frame)


CHECKSUMS = {"crc32": zlib.crc32, "csum16": csum16, "crc16": crc16}


@settings(max_examples=150, deadline=None)
@given(frames)
def test_hashes_are_those_of_bmv2(lab: Lab, frame: Frame) -> None:
    value = ALGORITHMS[frame.fields["pick"]](frame.hashed())
    wanted = frame.fields["base"] + value % (frame.fields["limit"] or 1)
    assert decode(sent(lab, frame), "result") == wanted & WORD


@settings(max_examples=60, deadline=None)
@given(frames, st.sampled_from([0, 1]))
def test_checksums_leave_invalid_headers_out(lab: Lab, frame: Frame, type_: int) -> None:
    """Whatever follows moves up, also by parts of bytes and words."""
    given_ = Frame({**frame.fields, "type": type_, "pick": 0})
    out = sent(lab, given_)
    for name, algorithm in CHECKSUMS.items():
        assert decode(out, name) == algorithm(given_.hashed()), name


def test_of_wide_bounds_the_low_word_counts(lab: Lab) -> None:
    frame = Frame(fields(pick=WIDE_HASH))
    value = zlib.crc32(frame.fields["src"].to_bytes(6, "big"))
    assert decode(sent(lab, frame), "wide") == 5 + value % 0xFFFF


@pytest.mark.parametrize(("pick", "name"), [(RANDOM, "result"), (WIDE_RANDOM, "wide")])
def test_random_numbers_are_within_their_bounds(lab: Lab, pick: int, name: str) -> None:
    few = {decode(sent(lab, Frame(fields(pick=pick, base=5, limit=8))), name) for _ in range(300)}
    assert few == {5, 6, 7, 8}
    whole = {decode(sent(lab, Frame(fields(pick=pick, base=0, limit=WORD))), name) for _ in range(64)}
    assert len(whole) == 64
    assert decode(sent(lab, Frame(fields(pick=pick, base=9, limit=9))), name) == 9
    untouched = Frame(fields(pick=pick, base=9, limit=8, result=77, wide=77))
    assert decode(sent(lab, untouched), name) == 77


@pytest.mark.parametrize("target", TARGETS)
def test_both_targets_hash_alike(target: str, links: Links, tmp_path: Path) -> None:
    chance = random.Random(11)
    with running_program(target, "hashes", links, tmp_path):
        for pick, algorithm in enumerate(ALGORITHMS):
            for type_ in (0, 1):
                values = {name: chance.getrandbits(WIDTHS[name]) for name in ("a", "b", "c", "d", "src")}
                more = {name: chance.getrandbits(width) for name, width in MORE.items()}
                frame = Frame({**values, **more, "type": type_, "pick": pick, "base": 3, "limit": 1 << 40})
                links.hosts[2].send(frame.encode())
                answer = links.hosts[1].receive(3)
                assert answer is not None
                for name, checksum in CHECKSUMS.items():
                    assert decode(answer, name) == checksum(frame.hashed()), (name, type_)
                if type_ == 1:
                    assert decode(answer, "result") == 3 + algorithm(frame.hashed()) % (1 << 40), pick
