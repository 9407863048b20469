"""librackmem as Python sees it: its structures and functions, by ctypes. Calls release the interpreter's lock."""

from __future__ import annotations

import ctypes
from ctypes import POINTER, c_char, c_char_p, c_double, c_int, c_int32, c_uint32, c_uint64, c_void_p
from pathlib import Path

from rackplane.hosts.compute.build import library_path

BUCKETS = 592

COUNTERS = (
    "read_faults",
    "write_faults",
    "upgrade_faults",
    "fills",
    "upgrades",
    "invalidations",
    "false_invalidations",
    "write_backs",
    "pushes",
    "empty_pushes",
    "evictions",
    "releases",
    "retransmissions",
    "receiver_not_ready",
    "stale",
    "voided",
    "refused",
    "failures",
    "resets",
    "malformed",
    "unexpected",
    "send_errors",
    "ring_drops",
    "local_faults",
    "reads",
    "writes",
    "atomics",
    "cached_pages",
    "dirty_pages",
)


class ErrorStruct(ctypes.Structure):
    """`struct rackmem_error`."""

    _fields_ = (("code", c_int32), ("system_errno", c_int32), ("text", c_char * 320))


class OptionsStruct(ctypes.Structure):
    """`struct rackmem_options`."""

    _fields_ = (
        ("interface", c_char * 16),
        ("mac", c_uint64),
        ("rack_mac", c_uint64),
        ("address", c_uint32),
        ("rack_address", c_uint32),
        ("domain", c_uint32),
        ("cpu", c_int32),
        ("cache_bytes", c_uint64),
        ("retransmit_ns", c_uint64),
        ("give_up_ns", c_uint64),
        ("hold_ns", c_uint64),
        ("spin_ns", c_uint64),
    )


class HistogramStruct(ctypes.Structure):
    """`struct rackmem_histogram`."""

    _fields_ = (("count", c_uint64), ("sum", c_uint64), ("max", c_uint64), ("buckets", c_uint64 * BUCKETS))


class StatsStruct(ctypes.Structure):
    """`struct rackmem_stats`."""

    _fields_ = (
        *((name, c_uint64) for name in COUNTERS),
        ("fault_ns", HistogramStruct),
        ("read_ns", HistogramStruct),
    )


_PROTOTYPES: dict[str, tuple[object, tuple[object, ...]]] = {
    "rackmem_open": (c_int, (POINTER(OptionsStruct), POINTER(c_void_p), POINTER(ErrorStruct))),
    "rackmem_close": (c_int, (c_void_p, POINTER(ErrorStruct))),
    "rackmem_map": (c_int, (c_void_p, c_uint64, c_uint64, POINTER(ErrorStruct))),
    "rackmem_unmap": (c_int, (c_void_p, c_uint64, c_uint64, POINTER(ErrorStruct))),
    "rackmem_flush": (c_int, (c_void_p, POINTER(ErrorStruct))),
    "rackmem_read": (c_int, (c_void_p, c_uint64, c_void_p, c_uint64, POINTER(ErrorStruct))),
    "rackmem_write": (c_int, (c_void_p, c_uint64, c_char_p, c_uint64, POINTER(ErrorStruct))),
    "rackmem_compare_swap": (
        c_int,
        (c_void_p, c_uint64, c_uint64, c_uint64, POINTER(c_uint64), POINTER(ErrorStruct)),
    ),
    "rackmem_fetch_add": (c_int, (c_void_p, c_uint64, c_uint64, POINTER(c_uint64), POINTER(ErrorStruct))),
    "rackmem_statistics": (POINTER(StatsStruct), (c_void_p,)),
    "rackmem_quantile": (c_uint64, (POINTER(HistogramStruct), c_double)),
}


def load_library(path: Path | None = None) -> ctypes.CDLL:
    """The library, built first where that is needed (BuildError), with the types of its functions declared."""
    library = ctypes.CDLL(str(path if path is not None else library_path()))
    for name, (result, arguments) in _PROTOTYPES.items():
        function = getattr(library, name)
        function.restype = result
        function.argtypes = arguments
    return library
