"""P4Runtime entries per second, written in batches and read: the router's routes, ours and BMv2's in turn."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from random import Random
from statistics import median

from finsy.proto import p4r

from rackplane.experiments.switch_speed import bed
from rackplane.experiments.switch_speed.entries import EntryMaker, Match, batches, prefix_matches
from rackplane.experiments.switch_speed.errors import BenchError
from rackplane.experiments.switch_speed.report import READ, WRITE, EntryRate
from rackplane.experiments.switch_speed.subjects import DEVICE_ID, SUBJECTS, connected
from rackplane.switch.stf.client import Client
from rackplane.switch.target import SwitchSetup, Target, free_port

_SEED = 30
_CLEANING_BATCH = 1000


@dataclass(frozen=True)
class Amounts:
    """Entries to write and to read at each size of a batch, and rounds."""

    by_batch: dict[int, int] = field(default_factory=lambda: {1: 2_000, 10: 10_000, 100: 30_000, 1000: 30_000})
    rounds: int = 5


def measure(
    targets: Sequence[Target], folder: Path, amounts: Amounts, progress: Callable[[str], None]
) -> list[EntryRate]:
    """Rates of every target; the targets take turns. Raises BenchError, SwitchError."""
    most = max(amounts.by_batch.values())
    matches = list(islice(prefix_matches(Random(_SEED)), most))  # noqa: S311
    rates: dict[tuple[str, str, int], list[float]] = defaultdict(list)
    with ExitStack() as stack:
        sessions = {t.name: stack.enter_context(_session(t, folder / t.name)) for t in targets}
        for number in range(amounts.rounds):
            progress(f"entries over P4Runtime, round {number + 1} of {amounts.rounds}")
            for batch, count in amounts.by_batch.items():
                for name, session in sessions.items():
                    rates[name, WRITE, batch].append(_write(*session, matches[:count], batch))
                    rates[name, READ, batch].append(_read(*session, matches[:count], batch))
                    if batch == max(amounts.by_batch):
                        rates[name, READ, 0].append(_read_all(*session, count))
                    _clear(*session, matches[:count])
    return [
        EntryRate(name, operation, batch, amounts.by_batch.get(batch, most), median(found))
        for (name, operation, batch), found in rates.items()
    ]


@contextmanager
def _session(target: Target, folder: Path) -> Iterator[tuple[Client, EntryMaker]]:
    """A switch without ports that runs the router."""
    program = target.compile(SUBJECTS["router"].source, folder)
    setup = SwitchSetup(f"127.0.0.1:{free_port()}", folder, DEVICE_ID, {}, None)
    with bed.switch(target, setup), connected(program, setup.grpc_address) as (client, info):
        yield client, EntryMaker(info, "routes", "next_hop", {"port": 2, "src": 1, "dst": 2})


def _write(client: Client, maker: EntryMaker, matches: Sequence[Match], batch: int) -> float:
    prepared = [[maker.update(match) for match in part] for part in batches(matches, batch)]
    start = time.perf_counter()
    for updates in prepared:
        client.write(updates)
    return len(matches) / (time.perf_counter() - start)


def _read(client: Client, maker: EntryMaker, matches: Sequence[Match], batch: int) -> float:
    prepared = [[maker.one(match) for match in part] for part in batches(matches, batch)]
    found = 0
    start = time.perf_counter()
    for entities in prepared:
        found += len(client.read(*entities))
    seconds = time.perf_counter() - start
    if found != len(matches):
        raise BenchError(f"of {len(matches)} entries that were written, {found} are read by their match")
    return found / seconds


def _read_all(client: Client, maker: EntryMaker, count: int) -> float:
    start = time.perf_counter()
    found = client.read(maker.all())
    seconds = time.perf_counter() - start
    if len(found) != count:
        raise BenchError(f"{count} entries were written, but {len(found)} are read")
    return count / seconds


def _clear(client: Client, maker: EntryMaker, matches: Sequence[Match]) -> None:
    for part in batches(matches, _CLEANING_BATCH):
        client.write(maker.update(match, p4r.Update.DELETE) for match in part)
