"""packet_in and packet_out: the controller headers in front of a frame <-> P4Runtime metadata."""

from __future__ import annotations

from collections.abc import Iterable

from finsy.proto import p4r

from rackplane.compiler.manifest import PacketHeader
from rackplane.switch import codec
from rackplane.switch.errors import BundleError, invalid


class ControllerHeader:
    """One of the two headers; no layout means that the program declares none and frames are bare."""

    def __init__(self, layout: PacketHeader | None) -> None:
        self._fields = layout.fields if layout else ()
        self._name = layout.name if layout else ""
        bits = sum(width for _, _, width in self._fields)
        if bits % 8 or any(width <= 0 for _, _, width in self._fields):
            raise BundleError(f"the {self._name} header has {bits} bits, which is not a whole number of bytes")
        self.size = bits // 8
        self._known = {field_id: name for field_id, name, _ in self._fields if field_id}

    def split(self, frame: bytes) -> tuple[list[p4r.PacketMetadata], bytes]:
        """Cut the header off a frame from the switch; a frame that is too short has no metadata."""
        if len(frame) < self.size:
            return [], frame
        value, metadata, left = int.from_bytes(frame[: self.size], "big"), [], self.size * 8
        for field_id, _, width in self._fields:
            left -= width
            if field_id:
                part = value >> left & ((1 << width) - 1)
                metadata.append(p4r.PacketMetadata(metadata_id=field_id, value=codec.encode(part)))
        return metadata, frame[self.size :]

    def join(self, metadata: Iterable[p4r.PacketMetadata], payload: bytes) -> bytes:
        """Put the header in front of a frame to the switch; INVALID_ARGUMENT when fields are missing or unknown."""
        given: dict[int, bytes] = {}
        for item in metadata:
            if item.metadata_id not in self._known:
                raise invalid(
                    f"packet-out metadata {item.metadata_id} does not exist; there are: {self._listing()}"
                )
            if item.metadata_id in given:
                raise invalid(f"packet-out metadata {self._known[item.metadata_id]} is given twice")
            given[item.metadata_id] = item.value
        value = 0
        for field_id, name, width in self._fields:
            value <<= width
            if not field_id:
                continue
            if field_id not in given:
                raise invalid(f"packet-out metadata {name} ({field_id}) is missing")
            value |= codec.decode(given[field_id], width, f"packet-out metadata {name}")
        return value.to_bytes(self.size, "big") + payload

    def _listing(self) -> str:
        return ", ".join(f"{i} ({name})" for i, name in self._known.items()) or "none"
