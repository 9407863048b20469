"""What a lookup costs as tables grow: lookup.p4 with one kind of match at a time, entries over P4Runtime."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from random import Random

from rackplane.ebpf.interposition import Interposition
from rackplane.experiments.switch_speed import bed
from rackplane.experiments.switch_speed.entries import (
    EntryMaker,
    Match,
    batches,
    exact_matches,
    keys_within,
    prefix_matches,
    ternary_matches,
)
from rackplane.experiments.switch_speed.errors import BenchError
from rackplane.experiments.switch_speed.report import FEW_MASKS, TERNARY, Lookup
from rackplane.experiments.switch_speed.subjects import DEVICE_ID, connected
from rackplane.experiments.switch_speed.throughput import live_cost, replay
from rackplane.experiments.switch_speed.traffic import MAX_KEYS, MIN_FRAME, Flow, Traffic
from rackplane.switch.stf.client import Client
from rackplane.switch.target import SwitchSetup, free_port
from rackplane.switch.xdp import XdpTarget

_SOURCE = Path(__file__).with_name("lookup.p4")
_SEED = 20
_BATCH = 1000
_MASK_ENTRIES = 64
_REPEAT = 1 << 20
_ROUNDS = 5


@dataclass(frozen=True)
class Sizes:
    """Numbers of entries of exact and lpm tables, rising; of distinct ternary masks, and of ternary entries.

    A ternary table has as many entries under each mask.
    """

    entries: tuple[int, ...] = (10, 1_000, 100_000, 1_000_000)
    masks: tuple[int, ...] = (1, 2, 4, 8, 16, 32, 64)
    ternary_entries: tuple[int, ...] = (80, 8_000, 80_000)


def measure(traffic: Traffic, folder: Path, sizes: Sizes, progress: Callable[[str], None]) -> Iterator[Lookup]:
    """Measure every size. Raises BenchError, SwitchError, EbpfError."""
    for kind, source in (("exact", exact_matches), ("lpm", prefix_matches)):
        matches = list(islice(source(Random(_SEED)), max(sizes.entries)))  # noqa: S311
        with _table(folder, kind, len(matches)) as (client, maker):
            written = 0
            for count in sizes.entries:
                progress(f"lookups among {count} {kind} entries")
                _write(client, maker, matches[written:count])
                written = count
                yield Lookup(kind, count, 1, *_cost(traffic, matches[:count]))
    shapes = [(masks, _MASK_ENTRIES) for masks in sizes.masks]
    shapes += [(FEW_MASKS, entries // FEW_MASKS) for entries in sizes.ternary_entries]
    for masks, each in shapes:
        progress(f"lookups under {masks} ternary masks with {each} entries each")
        matches = ternary_matches(Random(_SEED), masks, each)  # noqa: S311
        with _table(folder, TERNARY, len(matches)) as (client, maker):
            _write(client, maker, matches)
            yield Lookup(TERNARY, len(matches), masks, *_cost(traffic, matches))


@contextmanager
def _table(folder: Path, kind: str, entries: int) -> Iterator[tuple[Client, EntryMaker]]:
    target = XdpTarget()
    program = target.compile(_SOURCE, folder, (), {"MATCH": kind, "ENTRIES": str(entries)})
    setup = SwitchSetup(f"127.0.0.1:{free_port()}", folder, DEVICE_ID, bed.PORTS, None)
    with bed.switch(target, setup), connected(program, setup.grpc_address) as (client, info):
        yield client, EntryMaker(info, "entries", "forward", {"port": 2})


def _write(client: Client, maker: EntryMaker, matches: Sequence[Match]) -> None:
    for batch in batches(matches, _BATCH):
        client.write(maker.update(match) for match in batch)


def _cost(traffic: Traffic, matches: Sequence[Match]) -> tuple[float, float]:
    """ns per packet with keys that hit the entries: of the program alone, and over the links.

    The cost of the measurement itself, with the same keys, is taken off the first. There are as many keys for any
    number of entries, so that what reading them does to the caches is always the same.
    """
    keys = keys_within(Random(_SEED), matches, MAX_KEYS)  # noqa: S311
    traffic.set_flow(Flow(bytes(MIN_FRAME), bytes(6)), keys)
    with Interposition(bed.PORTS[1]) as attached:
        if attached.original is None:
            raise BenchError(f"{bed.PORTS[1]} has no XDP program to measure")
        cost = replay(traffic, attached.original, _REPEAT, _ROUNDS)
    alone = cost - replay(traffic, None, _REPEAT, _ROUNDS)
    return alone, live_cost(traffic, _REPEAT, _ROUNDS)
