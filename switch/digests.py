"""The digests of a running program: which are wanted, how, and what came of them."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from finsy.proto import p4d, p4i, p4r

from rackplane.compiler.manifest import DigestLayout, DigestMaps, Manifest
from rackplane.switch.digestdata import DigestCodec
from rackplane.switch.digestqueue import DigestBatch, DigestConfig, DigestQueue
from rackplane.switch.errors import BundleError, Code, RequestError, invalid, not_found
from rackplane.switch.loader import LoadedObject
from rackplane.switch.maps import PerCpuCounters, SharedMemory
from rackplane.switch.ringbuffer import RingBuffer


@dataclass
class Digest:
    """One digest; `queue` is there while a DigestEntry is, `wire` is that entry as a p4r.Entity."""

    layout: DigestLayout
    codec: DigestCodec
    position: int
    queue: DigestQueue | None = None
    wire: bytes = b""
    next_list: int = 1


@dataclass(frozen=True)
class DigestList:
    """A list that is to be sent: which digest, its number, and its messages."""

    digest_id: int
    list_id: int
    data: list[p4d.P4Data] = field(default_factory=list)


class Digests:
    """All digests of a program, by P4Runtime id. `on_change` is called when deadline() may have become another."""

    def __init__(self, digests: Mapping[int, Digest], maps: DigestMaps | None, loaded: LoadedObject) -> None:
        self._by_id = dict(digests)
        self._by_position = list(digests.values())
        self._ring_map = loaded.map(maps.ring) if maps else None
        self._ring: RingBuffer | None = None
        self.on_change: Callable[[], None] = _nothing
        self._enabled = SharedMemory(loaded.map(maps.enabled)).bytes() if maps else memoryview(bytearray())
        self._lost = PerCpuCounters(loaded.map(maps.lost)) if maps else None

    def open(self) -> int | None:
        """Begin to read; return what is readable when there are messages, None when the program has no digests."""
        if self._ring is None and self._ring_map is not None:
            self._ring = RingBuffer(self._ring_map)
        return self._ring.fd if self._ring else None

    def close(self) -> None:
        """Stop reading."""
        ring, self._ring = self._ring, None
        if ring:
            ring.close()

    def lost(self) -> dict[str, int]:
        """Return how many messages found no room in the ring, by digest."""
        if self._lost is None:
            return {}
        counts = self._lost.read(0, len(self._by_position))[:, 0].tolist()
        return {digest.layout.name: count for digest, count in zip(self._by_position, counts, strict=True)}

    # Configuration

    def write(self, update: p4r.Update) -> None:
        """INSERT, MODIFY or DELETE a DigestEntry."""
        entry = update.entity.digest_entry
        digest = self._digest(entry.digest_id)
        if update.type == p4r.Update.INSERT and digest.queue:
            raise RequestError(Code.ALREADY_EXISTS, f"digest {digest.layout.name} is already configured: MODIFY it")
        if update.type != p4r.Update.INSERT and not digest.queue:
            raise not_found(f"digest {digest.layout.name} is not configured: INSERT it first")
        if update.type == p4r.Update.DELETE:
            self._set(digest, None, b"")
        else:
            self._set(digest, _config(entry, digest.layout.name), update.entity.SerializeToString())

    def put(self, entity: p4r.Entity) -> None:
        """Configure a digest whatever its configuration is; RequestError when there is no such digest."""
        entry = entity.digest_entry
        digest = self._digest(entry.digest_id)
        self._set(digest, _config(entry, digest.layout.name), entity.SerializeToString())

    def drop(self, digest_id: int) -> None:
        """Let a digest be without configuration."""
        self._set(self._digest(digest_id), None, b"")

    def wires(self, digest_id: int) -> list[bytes]:
        """Return the entry of a digest, or of all of them (0), as p4r.Entity; NOT_FOUND."""
        chosen = [self._digest(digest_id)] if digest_id else self._by_position
        return [digest.wire for digest in chosen if digest.queue]

    def known(self, digest_id: int) -> bool:
        """Whether the program has this digest."""
        return digest_id in self._by_id

    # Messages

    def receive(self, limit: int, now: int) -> Iterator[DigestList]:
        """Take up to `limit` records from the ring; yield the lists that are full now."""
        for record in self._ring.receive(limit) if self._ring else ():
            position = struct.unpack_from("<I", record)[0] if len(record) >= 4 else len(self._by_position)
            if position >= len(self._by_position):
                continue
            digest = self._by_position[position]
            if digest.queue and len(record) >= digest.layout.size:
                batch = digest.queue.add(record[: digest.layout.size], now)
                yield from self._lists(digest, batch)

    def tick(self, now: int) -> Iterator[DigestList]:
        """Yield the lists whose time has come."""
        for digest in self._by_position:
            if digest.queue:
                yield from self._lists(digest, digest.queue.tick(now))

    def deadline(self) -> int | None:
        """When tick() has to be called next."""
        times = (d.queue.deadline() for d in self._by_position if d.queue)
        return min((t for t in times if t is not None), default=None)

    def acknowledge(self, ack: p4r.DigestListAck) -> None:
        """Take an acknowledgement; INVALID_ARGUMENT when there is no such digest."""
        digest = self._by_id.get(ack.digest_id)
        if digest is None:
            raise invalid(f"there is no digest {ack.digest_id}")
        if digest.queue:
            digest.queue.acknowledge(ack.list_id)

    def undelivered(self, lost: DigestList) -> None:
        """A list reached nobody: its messages are no duplicates when they come again."""
        digest = self._by_id[lost.digest_id]
        if digest.queue:
            digest.queue.acknowledge(lost.list_id)

    def forget(self) -> None:
        """A new controller begins anew: it is told what the one before it was told."""
        for digest in self._by_position:
            if digest.queue:
                digest.queue.forget()

    def _lists(self, digest: Digest, batch: DigestBatch | None) -> Iterator[DigestList]:
        if batch is not None:
            data = [digest.codec.decode(message) for message in batch.messages]
            yield DigestList(digest.layout.id, batch.list_id, data)

    def _set(self, digest: Digest, config: DigestConfig | None, wire: bytes) -> None:
        if digest.queue:
            digest.next_list = digest.queue.next_list
        if config is None:
            digest.queue = None
        elif digest.queue is None:
            digest.queue = DigestQueue(config, digest.next_list)
        else:
            digest.queue.config = config
        digest.wire = wire
        self._enabled[digest.position] = digest.queue is not None
        self.on_change()

    def _digest(self, digest_id: int) -> Digest:
        digest = self._by_id.get(digest_id)
        if digest is None:
            if not digest_id:
                raise invalid("the digest id is missing")
            raise not_found(f"there is no digest with id {digest_id}; known are {_listing(self._by_id)}")
        return digest


def _nothing() -> None:
    """Nobody follows these digests."""


def build(manifest: Manifest, p4info: p4i.P4Info, loaded: LoadedObject) -> Digests:
    """Return the digests of a loaded program; BundleError when its P4Info has others."""
    infos = {d.preamble.id: d for d in p4info.digests}
    if infos.keys() != {d.id for d in manifest.digests}:
        raise BundleError("the P4Info has other digests than the device config: they come from different programs")
    types = p4info.type_info
    digests = {d.id: Digest(d, DigestCodec(d, infos[d.id], types), n) for n, d in enumerate(manifest.digests)}
    return Digests(digests, manifest.digest_maps, loaded)


def _config(entry: p4r.DigestEntry, name: str) -> DigestConfig:
    config = entry.config
    for what in ("max_timeout_ns", "max_list_size", "ack_timeout_ns"):
        if getattr(config, what) < 0:
            raise invalid(f"{what} of digest {name} is {getattr(config, what)}; it may not be negative")
    return DigestConfig(config.max_timeout_ns, config.max_list_size, config.ack_timeout_ns)


def _listing(known: Mapping[int, Digest]) -> str:
    return ", ".join(f"{i} ({d.layout.name})" for i, d in known.items()) or "none"
