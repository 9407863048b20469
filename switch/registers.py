"""Register arrays, in memory that this process shares with the kernel's program."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from finsy.proto import p4d, p4r

from rackplane.compiler.manifest import RegisterLayout
from rackplane.switch import codec
from rackplane.switch.counters import one_index
from rackplane.switch.errors import BundleError, RequestError, invalid
from rackplane.switch.lockedregisters import LockedAccess
from rackplane.switch.maps import SharedMemory

_WORD_SIZES = (1, 2, 4, 8)


class RegisterArray:
    """register<bit<width>>(size): elements of 1, 2, 4, 8 bytes are read and written in one access each.

    Where packets access it under a lock, `access` takes it too. A read of many small elements does not: each of
    them is whole, and nobody is promised more.
    """

    def __init__(self, layout: RegisterLayout, memory: SharedMemory, access: LockedAccess | None = None) -> None:
        if layout.size * layout.element_size > memory.size or layout.element_size * 8 < layout.width:
            raise BundleError(
                f"register {layout.name} ({layout.size} elements of {layout.element_size} bytes for {layout.width} "
                f"bits) does not fit into {memory.map.info}"
            )
        self.layout = layout
        self._access = access
        self._label = f"register {layout.name}"
        self._words = memory.words(layout.element_size, layout.size) if layout.element_size in _WORD_SIZES else None
        self._bytes = memory.bytes()

    def get(self, index: int, locked: bool = False) -> int:
        """Return an element; signed for int<W>. Elements of several words are always read under the lock."""
        if self._access and (locked or self._words is None):
            value = self._access.read(index)
        elif self._words is not None:
            value = int(self._words[index])
        else:
            at = index * self.layout.element_size
            value = int.from_bytes(self._bytes[at : at + self.layout.element_size], "little")
        value &= (1 << self.layout.width) - 1
        if self.layout.signed and value >> (self.layout.width - 1):
            value -= 1 << self.layout.width
        return value

    def set(self, index: int, value: int) -> None:
        """Write an element."""
        self._fill(range(index, index + 1), value)

    def copy(self, other: RegisterArray) -> None:
        """Take over all elements of a register of the same layout; no packet may use this one yet."""
        self._bytes[:] = other._bytes[: len(self._bytes)]

    def write(self, entry: p4r.RegisterEntry) -> None:
        """Write one element, or every element when no index is given."""
        self._fill(self._indices(entry), self._decode(entry.data))

    def _fill(self, indices: range, value: int) -> None:
        stored = value & ((1 << self.layout.width) - 1)
        if self._access:
            self._access.write(indices, stored)
        elif self._words is not None:
            self._words[indices.start : indices.stop] = stored
        else:
            size = self.layout.element_size
            self._bytes[indices.start * size : indices.stop * size] = stored.to_bytes(size, "little") * len(indices)

    def snapshot(self, entry: p4r.RegisterEntry) -> Callable[[], None]:
        """Return what puts the elements that an entry names back to what they are now."""
        try:
            indices = self._indices(entry)
        except RequestError:
            indices = range(0)
        values = [self.get(index) for index in indices]

        def undo() -> None:
            for index, value in zip(indices, values, strict=True):
                self.set(index, value)

        return undo

    def read(self, entry: p4r.RegisterEntry) -> Iterator[p4r.Entity]:
        """Yield one element, or every element when no index is given."""
        encode = codec.encode_signed if self.layout.signed else codec.encode
        locked = entry.HasField("index")
        for index in self._indices(entry):
            element = p4r.Entity()
            element.register_entry.register_id = self.layout.id
            element.register_entry.index.index = index
            element.register_entry.data.bitstring = encode(self.get(index, locked))
            yield element

    def _indices(self, entry: p4r.RegisterEntry) -> range:
        if not entry.HasField("index"):
            return range(self.layout.size)
        return one_index(entry.index.index, self.layout.size, self._label)

    def _decode(self, data: p4d.P4Data) -> int:
        kind = data.WhichOneof("data")
        if kind != "bitstring":
            raise invalid(f"the data of {self._label} must be a bitstring, not {kind or 'nothing'}")
        decode = codec.decode_signed if self.layout.signed else codec.decode
        return decode(data.bitstring, self.layout.width, self._label)
