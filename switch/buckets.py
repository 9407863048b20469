"""Exact-match tables in memory that the kernel reads while this process writes (docs/tables.md)."""

from __future__ import annotations

import ctypes as ct
import secrets
from collections.abc import Mapping

from rackplane.compiler.manifest import TableLayout
from rackplane.switch import native
from rackplane.switch.errors import BundleError
from rackplane.switch.maps import BpfMap, map_elements
from rackplane.switch.shared import SharedTable, words

_SEED_BITS = 64


class Buckets:
    """The keys of one HASH table, placed by a hash with a seed of their own."""

    def __init__(self, layout: TableLayout, lines: BpfMap) -> None:
        if layout.buckets is None:
            raise BundleError(f"table {layout.name} has no buckets")
        self._memory = map_elements(lines)
        self._library = native.library()
        at, info, maps = ct.addressof(ct.c_char.from_buffer(self._memory)), lines.info, layout.buckets
        self._handle = self._library.buckets_new(
            at,
            info.value_size,
            layout.key_size // 4,
            maps.slots,
            maps.buckets,
            info.max_entries,
            secrets.randbits(_SEED_BITS),
        )
        if not self._handle:
            raise BundleError(f"table {layout.name}: map {info} is too small for buckets, or memory is short")

    def __del__(self) -> None:
        if getattr(self, "_handle", None):
            self._library.buckets_free(self._handle)

    def put(self, keys: list[bytes], numbers: list[int]) -> int:
        """Write keys in order; return how many there was memory for."""
        return int(self._library.buckets_put(self._handle, b"".join(keys), words(numbers), len(keys)))

    def remove(self, keys: list[bytes], left: Mapping[bytes, int]) -> int:
        """Take keys out in order; return how many there were."""
        return int(self._library.buckets_remove(self._handle, b"".join(keys), len(keys)))


def bucket_table(layout: TableLayout, lines: BpfMap, values: BpfMap) -> SharedTable:
    """A HASH table that is kept in buckets."""
    return SharedTable(lines, values, Buckets(layout, lines))
