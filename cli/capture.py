"""`rackplane capture`: the frames on links of a running rack, as pcapng or as lines."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import click

from rackplane import __version__
from rackplane.cli.framelines import frame_line
from rackplane.cli.output import end_on_signals, reports, require_root
from rackplane.switch.capturing import Captured, CaptureProcess, Kind
from rackplane.switch.errors import SwitchError
from rackplane.switch.pcapng import Direction, Packet, PcapngWriter
from rackplane.switch.tap import MAX_SNAP, Place
from rackplane.topologies import state
from rackplane.topologies.fabric import Cable, End
from rackplane.topologies.fields import TopologyError
from rackplane.topologies.rack import DEFAULT_NAME

_WAIT_S = 0.25


@dataclass(frozen=True)
class Link:
    """A link to capture on: it is called by the interface `near`, and what comes to that one is inbound."""

    near: Place
    far: Place

    @property
    def description(self) -> str:
        """Both ends."""
        return f"link {self.near.interface} - {self.far.interface}"


@click.command()
@click.argument("links", metavar="LINK...", nargs=-1, required=True)
@click.option("-w", "--write", "path", metavar="FILE", help="Write pcapng; - is standard output.")
@click.option("-n", "--count", type=click.IntRange(1), help="End after so many frames. [default: at Ctrl-C]")
@click.option("--seconds", type=click.FloatRange(0, min_open=True), help="End after this time.")
@click.option(
    "--snap", type=click.IntRange(14, MAX_SNAP), default=MAX_SNAP, show_default=True, help="Bytes kept of a frame."
)
@click.option("--rack", "rack_name", default=DEFAULT_NAME, show_default=True, help="The rack's name.")
@reports(TopologyError, SwitchError, OSError)
def capture(  # noqa: PLR0913, PLR0917 (one argument per option)
    links: tuple[str, ...], path: str | None, count: int | None, seconds: float | None, snap: int, rack_name: str
) -> None:
    """Capture every frame on links of a running rack: a host's name, an interface's, or `all`.

    Also frames that XDP programs forward, answer or drop, which tcpdump on these interfaces does not see. Each
    frame is there once, when it is received; inbound is towards the switch. Without -w a line is printed for each.
    """
    require_root("capturing")
    chosen = find_links(state.load(rack_name), links)
    places = [place for link in chosen for place in (link.near, link.far)]
    ending = _Ending(count, None if seconds is None else time.monotonic() + seconds)
    with ExitStack() as stack:
        stack.enter_context(end_on_signals())
        writer = _writer(stack, path, chosen, snap)
        process = stack.enter_context(CaptureProcess(places, snap))
        click.echo(f"capturing on {', '.join(link.near.interface for link in chosen)}; Ctrl-C ends it", err=True)
        sink = _Sink(chosen, writer)
        try:
            for records in _batches(process, ending, sink):
                sink.take(records, ending)
        except KeyboardInterrupt:
            click.echo("", err=True)
        sink.take(process.end(), ending)
    click.echo(sink.summary(), err=True)


def find_links(rack: state.RackState, names: Sequence[str]) -> list[Link]:
    """The links that are called so. Raises TopologyError."""
    cables = rack.fabric.cables
    chosen: list[Cable] = []
    for name in names:
        found = [c for c in cables if name == "all" or _is_called(c, name, rack)]
        if not found:
            known = ", ".join(f"{c.first.interface} or {c.second.interface}" for c in cables)
            raise TopologyError(f"no link is called {name!r}: there are {known}, hosts by their names, and all")
        chosen += [c for c in found if c not in chosen]
    return [Link(_place(c.second, rack), _place(c.first, rack)) for c in chosen]


def _is_called(cable: Cable, name: str, rack: state.RackState) -> bool:
    hosts = {end.node for end in (cable.first, cable.second) if end.node in rack.hosts}
    return name in hosts or name in (cable.first.interface, cable.second.interface)


def _place(end: End, rack: state.RackState) -> Place:
    pid = rack.hosts.get(end.node)
    return Place(end.interface, Path(f"/proc/{pid}/ns/net") if pid is not None else None)


@dataclass(frozen=True)
class _Ending:
    """When a capture ends: after `count` frames, or at a time of the monotonic clock."""

    count: int | None
    at: float | None

    def left(self) -> float:
        """How long to wait for the next frames."""
        return _WAIT_S if self.at is None else max(0.0, min(_WAIT_S, self.at - time.monotonic()))

    def over(self, frames: int) -> bool:
        """Whether it is now."""
        full = self.count is not None and frames >= self.count
        return full or (self.at is not None and time.monotonic() >= self.at)


class _Sink:
    """Writes or prints frames, and counts them."""

    def __init__(self, links: Sequence[Link], writer: PcapngWriter | None) -> None:
        self._links = links
        self._writer = writer
        self._notes: dict[int, str] = {}
        self._lost: dict[int, int] = {}
        self.frames = 0

    def take(self, records: Sequence[Captured], ending: _Ending) -> None:
        """Take records; frames of a batch are put in the order of their times."""
        for record in sorted(records, key=lambda r: r.number if r.kind is Kind.FRAME else 0):
            if record.kind is Kind.NOTE:
                self._notes[record.place] = record.data.decode()
            elif record.kind is Kind.LOST:
                self._lost[record.place] = record.number
            elif record.kind is Kind.FRAME and (ending.count is None or self.frames < ending.count):
                self._frame(record)
        if self._writer is not None:
            self._writer.flush()

    def summary(self) -> str:
        """How many frames there were."""
        lost = sum(self._lost.values())
        more = f", {lost} more came faster than they could be taken" if lost else ""
        return f"{self.frames} frames{more}"

    def _frame(self, record: Captured) -> None:
        number, far = divmod(record.place, 2)
        direction = Direction.OUTBOUND if far else Direction.INBOUND
        packet = Packet(
            number, record.number, record.length, record.data, direction, self._notes.pop(record.place, "")
        )
        self.frames += 1
        if self._writer is not None:
            self._writer.packet(packet)
        else:
            click.echo(frame_line(self._links[number].near.interface, packet))


def _batches(process: CaptureProcess, ending: _Ending, sink: _Sink) -> Iterator[list[Captured]]:
    while not ending.over(sink.frames):
        yield process.receive(ending.left())


@contextmanager
def _stream(path: str) -> Iterator[BinaryIO]:
    if path == "-":
        yield sys.stdout.buffer
        return
    with Path(path).open("wb") as stream:
        yield stream


def _writer(stack: ExitStack, path: str | None, links: Sequence[Link], snap: int) -> PcapngWriter | None:
    if path is None:
        return None
    stream = stack.enter_context(_stream(path))
    writer = PcapngWriter(stream, f"rackplane {__version__}")
    for link in links:
        writer.interface(link.near.interface, link.description, snap)
    return writer
