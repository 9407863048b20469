"""Capturing on several interfaces by a process of its own, which puts everything back however its starter ends.

`python -m rackplane.switch.capturing` reads one line of JSON from standard input: {"snap": BYTES, "places":
[{"interface": NAME, "namespace": PATH or null}, ...]}. It taps them until standard input ends, and writes records
to standard output: struct {u8 kind; u32 place; u64 ns since the epoch; u32 length; u32 size}, then `size` bytes.
The kinds are READY, FRAME, NOTE (a text about the place's frames from here on), LOST (u64 in place of the time),
and ERROR (a text; the process ends).
"""

from __future__ import annotations

import json
import os
import select
import struct
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from types import TracebackType

from rackplane.switch.errors import SwitchError
from rackplane.switch.tap import Place, Tap

_HEAD = struct.Struct("<BIQII")
_CHECK_S = 0.25
_CHUNK = 1 << 16
_REPLACED = "the XDP program of {} was replaced: frames just before this one are missing"


class Kind(IntEnum):
    """What a record is."""

    READY = 0
    FRAME = 1
    NOTE = 2
    LOST = 3
    ERROR = 4


@dataclass(frozen=True)
class Captured:
    """A record: `place` counts the places from 0; `number` is the time, or how many frames were lost."""

    kind: Kind
    place: int
    number: int
    length: int
    data: bytes


class CaptureProcess:
    """The taps, from the start of the context to its end. Raises SwitchError when one cannot be opened."""

    def __init__(self, places: Sequence[Place], snap: int) -> None:
        self._places = places
        self._snap = snap
        self._buffer = b""

    def __enter__(self) -> CaptureProcess:
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
        )
        places = [
            {"interface": p.interface, "namespace": str(p.namespace) if p.namespace else None} for p in self._places
        ]
        stdin = self._process.stdin
        if stdin is not None:
            stdin.write(json.dumps({"snap": self._snap, "places": places}).encode() + b"\n")
            stdin.flush()
        try:
            self._await_ready()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, e: BaseException | None, t: TracebackType | None) -> None:
        self._stop()

    def receive(self, timeout: float) -> list[Captured]:
        """Return what has come, after waiting up to `timeout` s; raise SwitchError when the process has ended."""
        stdout = self._process.stdout
        if stdout is None or not select.select([stdout], [], [], timeout)[0]:
            return []
        chunk = os.read(stdout.fileno(), _CHUNK)
        if not chunk:
            raise SwitchError(f"the capturing process ended with status {self._process.wait()}")
        self._buffer += chunk
        found = list(self._parsed())
        for record in found:
            if record.kind is Kind.ERROR:
                raise SwitchError(record.data.decode(errors="replace"))
        return found

    def end(self) -> list[Captured]:
        """Close the taps and return what is left."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        if self._process.stdout is not None:
            self._buffer += self._process.stdout.read()
        return list(self._parsed())

    def _await_ready(self) -> None:
        while not any(record.kind is Kind.READY for record in self.receive(1.0)):
            continue

    def _parsed(self) -> Iterator[Captured]:
        at = 0
        while len(self._buffer) >= at + _HEAD.size:
            kind, place, number, length, size = _HEAD.unpack_from(self._buffer, at)
            if len(self._buffer) < at + _HEAD.size + size:
                break
            at += _HEAD.size + size
            yield Captured(Kind(kind), place, number, length, self._buffer[at - size : at])
        self._buffer = self._buffer[at:]

    def _stop(self) -> None:
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()
        self._process.wait()


class _Tapped:
    """One place with its tap, which is opened anew when another XDP program is put on the interface."""

    def __init__(self, number: int, place: Place, snap: int) -> None:
        self.number = number
        self.place = place
        self._snap = snap
        self.tap: Tap = place.tap(snap)
        self._lost = 0

    def check(self) -> Iterator[bytes]:
        """Look after the tap; the notes about it."""
        lost = self._lost + self.tap.lost()
        if self.place.program() != self.tap.program_id:
            yield from self.frames()
            self.close()
            self._lost = lost
            self.tap = self.place.tap(self._snap)
            yield _record(Kind.NOTE, self.number, data=_REPLACED.format(self.place.interface).encode())
        yield _record(Kind.LOST, self.number, lost)

    def frames(self) -> Iterator[bytes]:
        """The records of the frames that have come."""
        for frame in self.tap.receive():
            yield _record(Kind.FRAME, self.number, frame.time_ns, frame.length, frame.data)

    def close(self) -> None:
        """Put back what was on the interface; nothing if it is gone."""
        with suppress(SwitchError):
            self.place.inside(self.tap.close)


def _record(kind: Kind, place: int = 0, number: int = 0, length: int = 0, data: bytes = b"") -> bytes:
    return _HEAD.pack(kind, place, number, length, len(data)) + data


def main() -> None:
    """Tap until standard input ends."""
    request = json.loads(sys.stdin.buffer.readline() or b"{}")
    out = sys.stdout.buffer
    with ExitStack() as stack:
        try:
            _tap(request, stack)
        except SwitchError as e:
            out.write(_record(Kind.ERROR, data=str(e).encode()))
            out.flush()
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), out.fileno())


def _tap(request: dict[str, object], stack: ExitStack) -> None:
    out = sys.stdout.buffer
    places = request.get("places", [])
    snap = request.get("snap", 0)
    if not isinstance(places, list) or not isinstance(snap, int):
        raise SwitchError("the request to capture is malformed")
    tapped = []
    for number, place in enumerate(places):
        namespace = Path(place["namespace"]) if place["namespace"] else None
        each = _Tapped(number, Place(place["interface"], namespace), snap)
        stack.callback(each.close)
        tapped.append(each)
    out.write(_record(Kind.READY))
    out.flush()
    running, check_at = True, 0.0
    while running:
        ready = select.select([sys.stdin, *(t.tap.fd for t in tapped)], [], [], _CHECK_S)[0]
        running, now = sys.stdin not in ready, time.monotonic()
        due = now >= check_at or not running
        check_at = now + _CHECK_S if due else check_at
        for each in tapped:
            out.writelines(each.frames())
            if due:
                out.writelines(each.check())
        out.flush()


if __name__ == "__main__":
    main()
