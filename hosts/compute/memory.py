"""Rack memory for Python: mapped ranges that numpy can stand on, and explicit reads, writes and atomics.

A mapped range is ordinary memory to the process: a load or store of a page that is not here waits in the kernel
until the pager, a thread of the C library that runs no Python, has brought it. A Python thread that waits so holds
the interpreter's lock, as it does in any load; the explicit calls release it.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from rackplane.hosts.compute.errors import ArgumentError, ClosedError, ForkedError, error_for
from rackplane.hosts.compute.library import ErrorStruct, OptionsStruct, load_library
from rackplane.hosts.compute.statistics import BladeStats, snapshot

PAGE_BYTES = 4096
ANY_CPU = -1
_MOST_U64 = 2**64 - 1


@dataclass(frozen=True)
class BladeOptions:
    """How a process is a compute blade. 0 and "" stand for the default.

    `address`, `rack_address` are IPv4 and `mac`, `rack_mac` are MAC addresses in the usual text forms; the blade's
    default to those of the interface, the rack's to the ones in docs/wire.md. `cpu` pins the pager and the opening
    thread to one processor: on machines where waking another processor is dear, a fault then takes a fraction.
    """

    interface: str
    domain: int
    mac: str = ""
    address: str = ""
    rack_mac: str = ""
    rack_address: str = ""
    cpu: int = ANY_CPU
    cache_bytes: int = 0
    retransmit_us: int = 0
    give_up_ms: int = 0
    hold_us: int = 0
    spin_us: int = 0


def _mac(text: str) -> int:
    try:
        octets = bytes.fromhex(text.replace(":", ""))
    except ValueError as error:
        raise ArgumentError(f"'{text}' is no MAC address: write it as 02:00:00:00:00:01") from error
    if text and len(octets) != 6:
        raise ArgumentError(f"'{text}' is no MAC address: it has {len(octets)} bytes, not 6")
    return int.from_bytes(octets, "big")


def _ipv4(text: str) -> int:
    try:
        return int(ipaddress.IPv4Address(text)) if text else 0
    except ValueError as error:
        raise ArgumentError(f"'{text}' is no IPv4 address: write it as 10.0.0.1") from error


def _unsigned(name: str, value: int, most: int = _MOST_U64) -> int:
    if not 0 <= value <= most:
        raise ArgumentError(f"{name} is {value}: it must be 0 to {most}")
    return value


def _options_struct(options: BladeOptions) -> OptionsStruct:
    interface = options.interface.encode()
    if not 0 < len(interface) < 16:
        raise ArgumentError(f"'{options.interface}' is no interface name: it must have 1 to 15 bytes")
    return OptionsStruct(
        interface=interface,
        mac=_mac(options.mac),
        rack_mac=_mac(options.rack_mac),
        address=_ipv4(options.address),
        rack_address=_ipv4(options.rack_address),
        domain=_unsigned("domain", options.domain, 0xFFFF),
        cpu=options.cpu,
        cache_bytes=_unsigned("cache_bytes", options.cache_bytes),
        retransmit_ns=_unsigned("retransmit_us", options.retransmit_us) * 1000,
        give_up_ns=_unsigned("give_up_ms", options.give_up_ms) * 1_000_000,
        hold_ns=_unsigned("hold_us", options.hold_us) * 1000,
        spin_ns=_unsigned("spin_us", options.spin_us) * 1000,
    )


class RackMemory:
    """One process's view of the rack's memory; a context manager.

    Raises the errors of `rackplane.hosts.compute.errors`. All methods may be called from any thread. After close()
    memoryviews of mapped ranges must not be used: their addresses are unmapped, as after munmap() in C.
    """

    def __init__(self, options: BladeOptions) -> None:
        self._context = ctypes.c_void_p()
        self._library = load_library()
        struct = _options_struct(options)
        with self._checked() as error:
            self._library.rackmem_open(ctypes.byref(struct), ctypes.byref(self._context), ctypes.byref(error))
        atexit.register(self._close_at_exit)

    @contextlib.contextmanager
    def _checked(self) -> Iterator[ErrorStruct]:
        error = ErrorStruct()
        yield error
        if error.code:
            raise error_for(error.code, error.text.decode(errors="replace"), error.system_errno)

    @property
    def _open(self) -> ctypes.c_void_p:
        if not self._context:
            raise ClosedError("this RackMemory is closed")
        return self._context

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _close_at_exit(self) -> None:
        """What an ending interpreter has stored is in memory, too. A child of fork() leaves that to its parent."""
        with contextlib.suppress(ForkedError):
            self.close()

    def close(self) -> None:
        """Writes back what is dirty, gives all regions back and unmaps. A second call does nothing."""
        if self._context:
            atexit.unregister(self._close_at_exit)
            context, self._context = self._context, ctypes.c_void_p()
            with self._checked() as error:
                self._library.rackmem_close(context, ctypes.byref(error))

    def map(self, va: int, length: int) -> memoryview:
        """Maps [va, va+length) at the same addresses; the view is writable and of bytes.

        Both are multiples of 4096. The range must be coherent memory that the blade's domain may read; a store also
        needs the right to write. An access that the rack refuses, or does not answer, ends the process with SIGBUS.
        """
        with self._checked() as error:
            self._library.rackmem_map(
                self._open, _unsigned("va", va), _unsigned("length", length), ctypes.byref(error)
            )
        return memoryview((ctypes.c_char * length).from_address(va)).cast("B")

    def unmap(self, va: int, length: int) -> None:
        """The exact range of one map(): written back, given up, and not to be accessed any more."""
        with self._checked() as error:
            self._library.rackmem_unmap(
                self._open, _unsigned("va", va), _unsigned("length", length), ctypes.byref(error)
            )

    def flush(self) -> None:
        """Returns when all stores made before are in the memory blades."""
        with self._checked() as error:
            self._library.rackmem_flush(self._open, ctypes.byref(error))

    def read(self, va: int, length: int) -> bytes:
        """`length` bytes at va, from a mapped range or, by packets, from direct memory."""
        buffer = ctypes.create_string_buffer(_unsigned("length", length) or 1)
        with self._checked() as error:
            self._library.rackmem_read(self._open, _unsigned("va", va), buffer, length, ctypes.byref(error))
        return buffer.raw

    def write(self, va: int, data: bytes | bytearray | memoryview) -> None:
        """Stores the bytes at va, in a mapped range or, by packets, in direct memory."""
        content = bytes(data)
        with self._checked() as error:
            self._library.rackmem_write(self._open, _unsigned("va", va), content, len(content), ctypes.byref(error))

    def cas(self, va: int, compare: int, swap: int) -> int:
        """Puts `swap` at va if `compare` is there, both unsigned 64-bit; returns what was there (va 8-aligned)."""
        original = ctypes.c_uint64()
        with self._checked() as error:
            self._library.rackmem_compare_swap(
                self._open,
                _unsigned("va", va),
                _unsigned("compare", compare),
                _unsigned("swap", swap),
                ctypes.byref(original),
                ctypes.byref(error),
            )
        return original.value

    def fetch_add(self, va: int, add: int) -> int:
        """Adds, modulo 2**64, to the unsigned 64-bit number at va; returns what was there. va is 8-aligned."""
        original = ctypes.c_uint64()
        with self._checked() as error:
            self._library.rackmem_fetch_add(
                self._open, _unsigned("va", va), add % 2**64, ctypes.byref(original), ctypes.byref(error)
            )
        return original.value

    def stats(self) -> BladeStats:
        """Counters and latencies so far; may be called at any time."""
        return snapshot(self._library.rackmem_statistics(self._open).contents, self._library)
