"""A memory blade on an interface: loads memory_blade.c, maps its memory, reads its counters."""

from __future__ import annotations

import mmap
from dataclasses import dataclass
from ipaddress import IPv4Address

from rackplane.ebpf.attachment import Attachment, TcIngress, XdpLink
from rackplane.ebpf.errors import EbpfError, ProgramError
from rackplane.ebpf.program import ROOM, Kind, Module

PAGE_SIZE = 4096
MAX_CAPACITY = 1 << 36
_WAYS = 8  # HISTORY_WAYS of include/history.h
_MAX_LIFETIME = 3600
_MIB = 1 << 20


@dataclass(frozen=True)
class MemoryBladeOptions:
    """What a memory blade is given.

    capacity     bytes; a multiple of 4 KiB, from 4 KiB to 64 GiB
    address      requests to this IPv4 address are served; None: to any
    queue_pairs  how many queue pairs' results are remembered at once, rounded up to 8 times a power of two
    lifetime     seconds for which a silent queue pair is remembered: longer than any requester retransmits
    """

    capacity: int = 256 * _MIB
    address: IPv4Address | None = None
    queue_pairs: int = 1024
    lifetime: float = 15.0

    def __post_init__(self) -> None:
        if self.capacity % PAGE_SIZE or not PAGE_SIZE <= self.capacity <= MAX_CAPACITY:
            raise EbpfError(
                f"a memory blade's capacity is a multiple of {PAGE_SIZE} bytes up to {MAX_CAPACITY}, "
                f"not {self.capacity}"
            )
        if not 1 <= self.queue_pairs <= 1 << 16:
            raise EbpfError(f"a memory blade remembers 1 to 65536 queue pairs, not {self.queue_pairs}")
        if not 0 < self.lifetime <= _MAX_LIFETIME:
            raise EbpfError(f"a queue pair is remembered up to {_MAX_LIFETIME} seconds, not {self.lifetime}")

    @property
    def buckets(self) -> int:
        """Buckets of the history: a power of two."""
        return 1 << max(0, (self.queue_pairs + _WAYS - 1) // _WAYS - 1).bit_length()


class MemoryBlade:
    """The programs and memory of a memory blade; `attach` starts to serve an interface.

    `memory` is the blade's memory itself, shared with the kernel. `xdp` and `tc` are the programs' file
    descriptors.
    """

    def __init__(self, options: MemoryBladeOptions) -> None:
        self.options = options
        self._module = _load(options)
        self.xdp = self._module.load("memory_blade_xdp", Kind.XDP)
        self.tc = self._module.load("memory_blade_tc", Kind.TC)
        self._module.set(
            "options", 0, address=int(options.address or 0), lifetime=int(options.lifetime * 1_000_000_000)
        )
        self.memory: mmap.mmap = self._module.mapped("memory", options.capacity)
        self._attachments: list[Attachment] = []

    def attach(self, interface: str) -> None:
        """Serve requests that come in at the interface, until `close` or the end of the process."""
        self._attachments.append(XdpLink(interface, self.xdp))
        self._attachments.append(TcIngress(interface, self.tc, "memory_blade"))

    def counters(self) -> dict[str, int]:
        """What the blade has done, by the names of include/counters.h."""
        return self._module.sum_over_cpus("counters", 0)

    def close(self) -> None:
        """Stop serving and free the memory."""
        while self._attachments:
            self._attachments.pop().close()
        self.memory.close()
        self._module.close()


def _load(options: MemoryBladeOptions) -> Module:
    sizes = {"MEMORY_PAGES": options.capacity // PAGE_SIZE, "HISTORY_BUCKETS": options.buckets}
    try:
        return Module(ROOM / "memory_blade.c", sizes)
    except ProgramError as error:
        raise EbpfError(
            f"a memory blade of {options.capacity / _MIB:g} MiB cannot be made: {error}. "
            "If memory is short, give it less capacity"
        ) from error
