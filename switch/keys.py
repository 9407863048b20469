"""Match fields of a table entry <-> bytes of the kernel's key (compiler/manifest.py gives the layout).

A decoder checks everything that the P4Runtime specification asks of match fields, and rewrites strings that
are longer than canonical in place, so that the message can be stored as it is for later reads.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from finsy.proto import p4r

from rackplane.compiler.manifest import KeyField, TableKind, TableLayout
from rackplane.switch import codec
from rackplane.switch.errors import BundleError, RequestError, invalid
from rackplane.switch.ranges import prefixes

MAX_EXPANSION = 1024

MaskedKey = tuple[bytes, bytes]
"""A key and the mask it is looked up under; key & ~mask is zero."""

_NEEDS_PRIORITY = frozenset({"ternary", "range", "optional"})


@dataclass(frozen=True)
class TernaryKey:
    """The kernel's side of a ternary entry: several masked keys when a range had to be expanded."""

    identity: bytes
    masked: tuple[MaskedKey, ...]


def needs_priority(layout: TableLayout) -> bool:
    """Whether entries carry a priority: a field is ternary, range or optional."""
    return any(field.kind in _NEEDS_PRIORITY for field in layout.keys)


class KeyCodec:
    """Keys of HASH and LPM tables: the whole kernel key, the LPM prefix length included.

    An LPM key is as long as the C struct {u32; bytes} that holds it.
    """

    def __init__(self, layout: TableLayout) -> None:
        self._layout = layout
        self._lpm = layout.kind is TableKind.LPM
        padded_size = (layout.key_size + 3) // 4 * 4 if self._lpm else layout.key_size
        self._fields = {field.id: _decoder(layout, field) for field in layout.keys}
        self._order = [field.id for field in layout.keys]
        self._slots = {field.id: i for i, field in enumerate(layout.keys)}
        self._padding = bytes(padded_size - sum(field.size for field in layout.keys))
        self._lpm_field = next((f for f in layout.keys if f.kind == "lpm"), None)
        self._check_order()

    def decode(self, matches: Iterable[p4r.FieldMatch]) -> bytes:
        """Return the kernel key of a complete set of match fields."""
        parts: list[bytes | None] = [None] * len(self._order)
        prefix_len = -1
        for match in matches:
            try:
                slot, decoder = self._slots[match.field_id], self._fields[match.field_id]
            except KeyError:
                raise invalid(unknown_field(self._layout, match.field_id)) from None
            if parts[slot] is not None:
                raise invalid(f"match field {self._layout.keys[slot].name} is given twice")
            parts[slot], length = decoder(match)
            if length >= 0:
                prefix_len = length
        if None in parts:
            self._fill_omitted(parts)
        data = b"".join(parts) + self._padding  # type: ignore[arg-type]
        if not self._lpm:
            return data
        return self._prefix_bits(max(prefix_len, 0)).to_bytes(4, "little") + data

    def _prefix_bits(self, prefix_len: int) -> int:
        field = self._lpm_field
        if field is None:
            raise BundleError(f"LPM table {self._layout.name} has no lpm field")
        return 8 * (field.offset + field.size) - field.width + prefix_len

    def _fill_omitted(self, parts: list[bytes | None]) -> None:
        for slot, field in enumerate(self._layout.keys):
            if parts[slot] is None:
                if field.kind != "lpm":
                    raise invalid(f"match field {field.name} is missing; an exact field must be given")
                parts[slot] = bytes(field.size)

    def _check_order(self) -> None:
        offset = 0
        for field in self._layout.keys:
            if field.offset != offset:
                raise BundleError(
                    f"key field {field.name} of {self._layout.name} is at {field.offset}, not {offset}"
                )
            offset += field.size
        if self._lpm and (not self._layout.keys or self._layout.keys[-1].kind != "lpm"):
            raise BundleError(f"the last key field of the LPM table {self._layout.name} is not lpm")


_Decoder = Callable[[p4r.FieldMatch], tuple[bytes, int]]


def _decoder(layout: TableLayout, field: KeyField) -> _Decoder:
    if field.kind == "exact":
        return _exact_decoder(layout, field)
    if field.kind == "lpm":
        return _lpm_decoder(layout, field)
    raise BundleError(f"key field {field.name} of the {layout.kind.value} table {layout.name} is {field.kind}")


def _exact_decoder(layout: TableLayout, field: KeyField) -> _Decoder:
    width, size, label = field.width, field.size, f"match field {field.name}"

    def decode(match: p4r.FieldMatch) -> tuple[bytes, int]:
        data = match.exact.value
        value = int.from_bytes(data, "big")
        if not data or value >> width:
            raise _explain(match, "exact", codec.out_of_range(data, width, label), label)
        if not data[0] and len(data) > 1:
            match.exact.value = codec.encode(value)
        return value.to_bytes(size, "big"), -1

    return decode


def _lpm_decoder(layout: TableLayout, field: KeyField) -> _Decoder:
    width, size, label = field.width, field.size, f"match field {field.name}"

    def decode(match: p4r.FieldMatch) -> tuple[bytes, int]:
        lpm = match.lpm
        data, length = lpm.value, lpm.prefix_len
        value = int.from_bytes(data, "big")
        if not data or value >> width:
            raise _explain(match, "lpm", codec.out_of_range(data, width, label), label)
        _check_prefix(value, length, width, label)
        if not data[0] and len(data) > 1:
            lpm.value = codec.encode(value)
        return value.to_bytes(size, "big"), length

    return decode


def _check_prefix(value: int, length: int, width: int, label: str) -> None:
    if length == 0:
        raise invalid(f"{label} has prefix length 0; leave the field out to match everything")
    if not 0 < length <= width:
        raise invalid(f"{label} has prefix length {length}, which is not within 1..{width}")
    if value & ((1 << (width - length)) - 1):
        raise invalid(f"{label} is 0x{value:x}/{length}: bits after the prefix must be zero")


def _explain(match: p4r.FieldMatch, kind: str, otherwise: RequestError, label: str) -> RequestError:
    given = match.WhichOneof("field_match_type")
    if given == kind:
        return otherwise
    return invalid(f"{label} must be given as {kind}, not as {given or 'nothing'}")


def unknown_field(layout: TableLayout, field_id: int) -> str:
    """Say that a table has no such match field, and which it has."""
    known = ", ".join(f"{f.id} ({f.name})" for f in layout.keys) or "none"
    return f"match field {field_id} does not exist; the table has {known}"


class TernaryCodec:
    """Keys of mask-group tables: any mix of match kinds, ranges expanded into prefixes."""

    def __init__(self, layout: TableLayout) -> None:
        self._layout = layout
        self._fields = {field.id: (i, field) for i, field in enumerate(layout.keys)}

    def decode(self, matches: Iterable[p4r.FieldMatch], priority: int) -> TernaryKey:
        """Return the masked keys of an entry; its identity is what tells it from every other entry."""
        choices: list[list[tuple[int, int]]] = [[(0, 0)]] * len(self._layout.keys)
        given: set[int] = set()
        for match in matches:
            if match.field_id not in self._fields:
                raise invalid(unknown_field(self._layout, match.field_id))
            slot, field = self._fields[match.field_id]
            if slot in given:
                raise invalid(f"match field {field.name} is given twice")
            given.add(slot)
            choices[slot] = _choices(match, field)
        for slot, field in enumerate(self._layout.keys):
            if field.kind == "exact" and slot not in given:
                raise invalid(f"match field {field.name} is missing; an exact field must be given")
        masked = self._combine(choices)
        identity = struct.pack("<i", priority) + b"".join(key + mask for key, mask in masked)
        return TernaryKey(identity, masked)

    def _combine(self, choices: list[list[tuple[int, int]]]) -> tuple[MaskedKey, ...]:
        combined: list[tuple[bytes, bytes]] = [(b"", b"")]
        for field, options in zip(self._layout.keys, choices, strict=True):
            pairs = [(v.to_bytes(field.size, "big"), m.to_bytes(field.size, "big")) for v, m in options]
            combined = [(key + v, mask + m) for key, mask in combined for v, m in pairs]
            if len(combined) > MAX_EXPANSION:
                raise invalid(f"the ranges of this entry expand to more than {MAX_EXPANSION} masked keys")
        padding = bytes(self._layout.key_size - sum(f.size for f in self._layout.keys))
        return tuple((key + padding, mask + padding) for key, mask in combined)


def _choices(match: p4r.FieldMatch, field: KeyField) -> list[tuple[int, int]]:
    first, second = bounds(match, field)
    return prefixes(first, second, field.width) if field.kind == "range" else [(first, second)]


def bounds(match: p4r.FieldMatch, field: KeyField) -> tuple[int, int]:
    """Return value and mask of what a match field matches, or for a range its low and its high end."""
    kind, label = match.WhichOneof("field_match_type"), f"match field {field.name}"
    if kind != field.kind:
        raise invalid(f"{label} must be given as {field.kind}, not as {kind or 'nothing'}")
    full = (1 << field.width) - 1
    if kind == "exact":
        return _number(match.exact, "value", field, label), full
    if kind == "optional":
        return _number(match.optional, "value", field, label), full
    if kind == "lpm":
        value, length = _number(match.lpm, "value", field, label), match.lpm.prefix_len
        _check_prefix(value, length, field.width, label)
        return value, full ^ ((1 << (field.width - length)) - 1)
    if kind == "ternary":
        return _ternary(match, field, label)
    return _range(match, field, label)


def _ternary(match: p4r.FieldMatch, field: KeyField, label: str) -> tuple[int, int]:
    value = _number(match.ternary, "value", field, label)
    mask = _number(match.ternary, "mask", field, f"the mask of {label}")
    if mask == 0:
        raise invalid(f"{label} has an all-zero mask; leave the field out to match everything")
    if value & ~mask:
        raise invalid(f"{label} is 0x{value:x} &&& 0x{mask:x}: bits outside the mask must be zero")
    return value, mask


def _range(match: p4r.FieldMatch, field: KeyField, label: str) -> tuple[int, int]:
    low = _number(match.range, "low", field, f"the low end of {label}")
    high = _number(match.range, "high", field, f"the high end of {label}")
    if low > high:
        raise invalid(f"{label} is the empty range {low}..{high}")
    if low == 0 and high == (1 << field.width) - 1:
        raise invalid(f"{label} covers every value; leave the field out to match everything")
    return low, high


def _number(
    part: p4r.FieldMatch.Exact
    | p4r.FieldMatch.LPM
    | p4r.FieldMatch.Ternary
    | p4r.FieldMatch.Range
    | p4r.FieldMatch.Optional,
    attribute: str,
    field: KeyField,
    label: str,
) -> int:
    data: bytes = getattr(part, attribute)
    value = codec.decode(data, field.width, label)
    if not codec.is_canonical(data):
        setattr(part, attribute, codec.encode(value))
    return value
