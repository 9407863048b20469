"""Clone, resubmit, recirculate, truncate and multicast in all combinations, on live switches against a model."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from paths_lab import IN_PORT, Live, Sent, group, packet, running_paths, session
from paths_model import Copies, Model

pytestmark = pytest.mark.root

TARGETS = ["xdp", pytest.param("bmv2", marks=pytest.mark.bmv2)]
GROUPS: dict[int, Copies] = {1: ((7, 700), (8, 701), (8, 702))}
SESSIONS: dict[int, Copies] = {1: ((3, 11),), 2: ((4, 12), (3, 13)), 3: ((5, 14),), 4: ((6, 15), (6, 16), (2, 17))}
BATCH = 4
# BMv2 drops what does not fit its queues of 64 packets per port.
MOST_FRAMES = {"xdp": 10_000, "bmv2": 20}


@pytest.fixture(scope="module", params=TARGETS)
def live(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with running_paths(request.param, tmp_path_factory.mktemp("paths")) as found:
        found.insert(*[group(n, copies) for n, copies in GROUPS.items()])
        found.insert(*[session(n, copies) for n, copies in SESSIONS.items()])
        yield found


def combinations() -> list[tuple[int, int]]:
    """Every set of ingress bits with none of egress, every one of egress with none, and a sample of the others."""
    pairs = [(i, 0) for i in range(256)] + [(0, e) for e in range(64)]
    chosen = random.Random(3)
    return pairs + [(chosen.randrange(256), chosen.randrange(64)) for _ in range(300)]


def test_every_combination_does_what_the_model_does(live: Live) -> None:
    model = Model(GROUPS, SESSIONS)
    packets = [packet(n, *bits) for n, bits in enumerate(combinations())]
    packets = [frame for frame in packets if len(model.run(IN_PORT, frame)) <= MOST_FRAMES[live.target]]
    for start in range(0, len(packets), BATCH):
        batch = packets[start : start + BATCH]
        expected = [sent for frame in batch for sent in model.run(IN_PORT, frame)]
        assert readable(live.outcome(batch, expected)) == readable(Counter(expected))


# The bits of ingress and of egress that ask for a path.
PATHS = {
    "I2E": (0x03, 0),
    "RESUBMIT": (0x04, 0),
    "TRUNCATE": (0x20, 0x20),
    "E2E": (0, 0x03),
    "RECIRCULATE": (0, 0x04),
}


@pytest.mark.parametrize(
    "paths",
    [("I2E", "RESUBMIT", "TRUNCATE"), ("RESUBMIT",), ("TRUNCATE",), ("E2E",), ("RECIRCULATE",)],
    ids="+".join,
)
def test_programs_with_few_paths_do_what_the_model_does(paths: tuple[str, ...], tmp_path: Path) -> None:
    """Each path has other code when some are missing."""
    without = [name for name in PATHS if name not in paths]
    ingress, egress = 0xD8 | sum(PATHS[p][0] for p in paths), 0x10 | sum(PATHS[p][1] for p in paths)
    pairs = sorted({(i & ingress, e & egress) for i in range(256) for e in range(64)})
    packets = [packet(n, *bits) for n, bits in enumerate(pairs)]
    model = Model(GROUPS, SESSIONS)
    with running_paths("xdp", tmp_path, without) as switch:
        switch.insert(*[group(n, copies) for n, copies in GROUPS.items()])
        switch.insert(*[session(n, copies) for n, copies in SESSIONS.items()])
        for start in range(0, len(packets), 4 * BATCH):
            batch = packets[start : start + 4 * BATCH]
            expected = [sent for frame in batch for sent in model.run(IN_PORT, frame)]
            assert readable(switch.outcome(batch, expected)) == readable(Counter(expected))


def readable(frames: Counter[Sent]) -> list[str]:
    """Port, number, op, report: each sorted, so that a difference is easy to see."""
    parts = ((4, 6), (14, 17), (17, 20), (20, 26), (26, 30), (30, 999))
    return sorted(f"{n} x {port} " + " ".join(f[a:b].hex() for a, b in parts) for (port, f), n in frames.items())


def test_states_of_packets_are_never_mixed_up(live: Live) -> None:
    """Many packets at once, more than queues may take: nothing comes out that the model does not say."""
    if live.target != "xdp":
        pytest.skip("BMv2 has no states that could be")
    chosen = random.Random(4)
    packets = [packet(n, chosen.randrange(256), chosen.randrange(64)) for n in range(3000)]
    model = Model(GROUPS, SESSIONS)
    allowed = Counter(sent for frame in packets for sent in model.run(IN_PORT, frame))
    found = live.outcome(packets)
    assert found
    assert not found - allowed
