"""What simple_switch does with the packets of stf/programs/paths.p4, by its documentation: a queue of packets."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

NORMAL, INGRESS_CLONE, EGRESS_CLONE, RECIRCULATED, REPLICATED, RESUBMITTED = 0, 1, 2, 4, 5, 6
DROP_PORT = 511
ETHERNET, REPORT_BYTES = 14, 13
ENDLESS = 1 << 30

Copies = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Meta:
    """The program's metadata."""

    kept: int = 0
    parsed: int = 0
    twice: int = 0
    other: int = 0


@dataclass(frozen=True)
class Headers:
    """The parsed packet; the report is what egress wrote, None when it is not valid."""

    ethernet: bytes
    ingress: int
    egress: int
    hops: int
    payload: bytes
    report: bytes | None = None

    def frame(self) -> bytes:
        """The deparsed packet."""
        return self.ethernet + bytes([self.ingress, self.egress, self.hops]) + (self.report or b"") + self.payload


@dataclass(frozen=True)
class Waiting:
    """A packet in front of ingress (no headers yet) or of egress, with what goes with it."""

    frame: bytes
    type: int = NORMAL
    ingress_port: int = 0
    meta: Meta = field(default_factory=Meta)
    headers: Headers | None = None
    egress_port: int = 0
    rid: int = 0
    group: int = 0
    length: int = 0
    cut: int = ENDLESS


@dataclass
class Model:
    """Groups and sessions of (port, instance), and what has left, by port."""

    groups: dict[int, Copies]
    sessions: dict[int, Copies]
    sent: list[tuple[int, bytes]] = field(default_factory=list)
    _queue: deque[Waiting] = field(default_factory=deque)

    def run(self, port: int, frame: bytes) -> list[tuple[int, bytes]]:
        """The frames that come out, with their ports."""
        self.sent = []
        self._queue.append(Waiting(frame, ingress_port=port))
        while self._queue:
            packet = self._queue.popleft()
            if packet.headers is None:
                self._ingress(packet)
            else:
                self._egress(packet, packet.headers)
        return self.sent

    def _ingress(self, packet: Waiting) -> None:
        headers = parse(packet.frame)
        before = packet.meta
        meta = Meta(before.kept + 1, 1, before.twice + 16, 9)
        bit = [headers.ingress >> n & 1 for n in range(8)]
        group = 0 if bit[6] or not bit[3] else 1
        spec = DROP_PORT if bit[4] or bit[6] or bit[7] else 2
        if bit[1]:
            self._clone_ingress(packet, 2, Meta(kept=meta.kept))
        elif bit[0]:
            self._clone_ingress(packet, 1, Meta())
        if bit[2] and packet.type != RESUBMITTED:
            kept = Meta(kept=meta.kept, twice=meta.twice)
            self._queue.append(Waiting(packet.frame, RESUBMITTED, meta=kept))
            return
        changed = replace(headers, hops=(headers.hops + 1) % 256)
        goes_on = replace(packet, headers=changed, meta=meta, length=len(packet.frame))
        if group:
            self._multicast(replace(goes_on, type=REPLICATED, group=group), self.groups.get(group, ()))
        elif spec != DROP_PORT:
            cut = 20 if bit[5] else ENDLESS
            self._queue.append(replace(goes_on, type=NORMAL, egress_port=spec, cut=cut))

    def _clone_ingress(self, packet: Waiting, session: int, meta: Meta) -> None:
        headers, length = parse(packet.frame), len(packet.frame)
        clone = Waiting(packet.frame, INGRESS_CLONE, meta=meta, headers=headers, length=length)
        self._multicast(clone, self.sessions.get(session, ()))

    def _multicast(self, packet: Waiting, copies: Iterable[tuple[int, int]]) -> None:
        for port, rid in copies:
            self._queue.append(replace(packet, egress_port=port, rid=rid))

    def _egress(self, packet: Waiting, before: Headers) -> None:
        bit = [before.egress >> n & 1 for n in range(8)]
        headers = replace(before, report=report(packet))
        length = packet.length + (REPORT_BYTES if before.report is None else 0)
        cut = min(packet.cut, 22) if bit[5] else packet.cut
        again = dropped = False
        session = 0
        if packet.type != EGRESS_CLONE:
            session = 4 if bit[1] else 3 if bit[0] else 0
            again = bool(bit[2]) and before.hops < 2
            dropped = bool(bit[4])
        if again:
            headers = replace(headers, report=None, hops=headers.hops + 1)
            length -= REPORT_BYTES
        kept = (packet.meta.kept + 1) % 256
        if session:
            meta = Meta(kept=kept) if session == 4 else Meta()
            clone = Waiting(b"", EGRESS_CLONE, meta=meta, headers=headers, length=length)
            self._multicast(clone, self.sessions.get(session, ()))
        if dropped:
            return
        if again:
            self._queue.append(Waiting(headers.frame(), RECIRCULATED, meta=Meta(kept=kept)))
        else:
            self.sent.append((packet.egress_port, headers.frame()[:cut]))


def parse(frame: bytes) -> Headers:
    """Ethernet and the op header; the rest is payload."""
    ingress, egress, hops = frame[ETHERNET : ETHERNET + 3]
    return Headers(frame[:ETHERNET], ingress, egress, hops, frame[ETHERNET + 3 :])


def report(packet: Waiting) -> bytes:
    """The report header that egress writes."""
    meta = packet.meta
    seen = bytes([packet.type, packet.ingress_port, packet.egress_port])
    numbers = b"".join(n.to_bytes(2, "big") for n in (packet.rid, packet.group, packet.length))
    return seen + numbers + bytes([(meta.kept + meta.twice) % 256, meta.other, meta.parsed, 0])
