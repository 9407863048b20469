"""BPF programs compiled by BCC where they stand: a typed face of Debian's `bcc` module.

BCC comes with the system's python3 only (python3-bpfcc), untyped. The other modules of this room
use it through this one.
"""

from __future__ import annotations

import ctypes
import mmap
from collections.abc import Callable, Mapping
from enum import Enum
from importlib import import_module
from pathlib import Path
from typing import Any

from rackplane.ebpf import kernel_headers
from rackplane.ebpf.bpf_call import XDP_ATTACH_TYPE
from rackplane.ebpf.errors import ProgramError
from rackplane.ebpf.source import one_text

ROOM = Path(__file__).resolve().parent


class Kind(Enum):
    """Program types that this room loads, by BCC's names."""

    XDP = "XDP"
    TC = "SCHED_CLS"


# Programs can tail call each other only if their expected attach types agree. libbpf gives XDP programs theirs.
_ATTACH_TYPES = {Kind.XDP: XDP_ATTACH_TYPE, Kind.TC: -1}


class Module:
    """One compiled C file: its programs and its maps. `close` unloads what nothing else holds.

    `sizes` are the numbers of map elements that the C file leaves open. Raises ProgramError.
    """

    def __init__(self, source: Path, sizes: Mapping[str, int] | None = None) -> None:
        self._name = source.name
        definitions = [f"-D{name}={value}" for name, value in (sizes or {}).items()]
        text = one_text(source)
        bcc = _bcc()
        try:
            self._bpf = bcc.BPF(text=text.encode(), cflags=["-Wno-macro-redefined", *definitions])
        except Exception as error:
            raise ProgramError(
                f"BCC cannot compile {source} or make its maps ({error}); its messages are above"
            ) from error
        self._kinds = {kind: getattr(bcc.BPF, kind.value) for kind in Kind}

    def load(self, function: str, kind: Kind) -> int:
        """Load a function as a program and give its file descriptor, which the module owns."""
        try:
            return int(
                self._bpf.load_func(function.encode(), self._kinds[kind], attach_type=_ATTACH_TYPES[kind]).fd
            )
        except Exception as error:
            raise ProgramError(
                f"the kernel refuses {function} of {self._name} ({error}); the verifier's messages are above. "
                "It needs root and Linux 6.1 or later"
            ) from error

    def set(self, table: str, key: int, **fields: int) -> None:
        """Write a struct element of an array, fields by name; those that are not given become 0."""
        target = self._bpf[table.encode()]
        target[ctypes.c_int(key)] = target.Leaf(**fields)

    def put(self, table: str, key: int, value: int) -> None:
        """Write an element of an array of 32-bit numbers or of a DEVMAP."""
        self._bpf[table][ctypes.c_int(key)] = ctypes.c_uint32(value)

    def get(self, table: str, key: int) -> dict[str, int]:
        """Read a struct element of an array, fields by name."""
        return _fields(self._bpf[table.encode()][ctypes.c_int(key)])

    def sum_over_cpus(self, table: str, key: int) -> dict[str, int]:
        """Read a struct element of a per-CPU array, each field summed over the CPUs."""
        total: dict[str, int] = {}
        for element in self._bpf[table.encode()].getvalue(ctypes.c_int(key)):
            for name, value in _fields(element).items():
                total[name] = total.get(name, 0) + value
        return total

    def set_program(self, table: str, key: int, program_fd: int) -> None:
        """Put a program in a program array."""
        try:
            self._bpf[table.encode()][ctypes.c_int(key)] = ctypes.c_int(program_fd)
        except Exception as error:
            raise ProgramError(f"the program cannot be tail called from {self._name} ({error})") from error

    def on_event(self, table: str, callback: Callable[[int], None]) -> None:
        """Have `callback` called by `poll_events` with the address of each element of a ring buffer."""

        def receive(context: object, data: int, size: int) -> int:
            callback(data)
            return 0

        self._bpf[table.encode()].open_ring_buffer(receive)

    def poll_events(self, seconds: float) -> None:
        """Deliver what is in the ring buffers, waiting for something at most so long (in steps of 1 ms)."""
        self._bpf.ring_buffer_poll(int(seconds * 1000))

    def mapped(self, table: str, size: int) -> mmap.mmap:
        """The first `size` bytes of a memory-mappable array, shared with the programs."""
        opaque = self._bpf.get_table(table.encode(), ctypes.c_uint32, ctypes.c_uint8)
        return mmap.mmap(opaque.map_fd, size)

    def close(self) -> None:
        """Give up the maps and programs."""
        self._bpf.cleanup()


def _fields(element: ctypes.Structure) -> dict[str, int]:
    return {name: int(getattr(element, name)) for name, *_ in element._fields_}


def _bcc() -> Any:  # noqa: ANN401 - an untyped module
    kernel_headers.configure()
    try:
        return import_module("bcc")
    except ImportError as error:
        raise ProgramError(
            "the Python module `bcc` is missing: install python3-bpfcc (Debian, Ubuntu) and make the virtual "
            "environment from /usr/bin/python3 with system packages"
        ) from error
