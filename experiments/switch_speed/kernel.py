"""Two requests to the kernel: let a program make live frames, and how large a program has become."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from functools import cache
from typing import ClassVar

from rackplane.experiments.switch_speed.errors import BenchError

_LIVE_FRAMES = 1 << 1  # BPF_F_TEST_XDP_LIVE_FRAMES
MAX_BATCH = 64
"""Frames that are made before softirqs run. A veth ring has 256 places, and sheds what does not fit."""


class _TestRunOpts(ctypes.Structure):
    """`struct bpf_test_run_opts` of libbpf."""

    _fields_: ClassVar = [
        ("sz", ctypes.c_size_t),
        ("data_in", ctypes.c_char_p),
        ("data_out", ctypes.c_void_p),
        ("data_size_in", ctypes.c_uint32),
        ("data_size_out", ctypes.c_uint32),
        ("ctx_in", ctypes.c_char_p),
        ("ctx_out", ctypes.c_void_p),
        ("ctx_size_in", ctypes.c_uint32),
        ("ctx_size_out", ctypes.c_uint32),
        ("retval", ctypes.c_uint32),
        ("repeat", ctypes.c_int),
        ("duration", ctypes.c_uint32),
        ("flags", ctypes.c_uint32),
        ("cpu", ctypes.c_uint32),
        ("batch_size", ctypes.c_uint32),
    ]


class _ProgramInfo(ctypes.Structure):
    """The front of `struct bpf_prog_info`; the kernel fills as much as it is asked for."""

    _fields_: ClassVar = [
        ("type", ctypes.c_uint32),
        ("id", ctypes.c_uint32),
        ("tag", ctypes.c_uint8 * 8),
        ("jited_bytes", ctypes.c_uint32),
        ("translated_bytes", ctypes.c_uint32),
    ]


@dataclass(frozen=True)
class ProgramSize:
    """Instructions after the verifier's rewriting, and bytes of machine code."""

    instructions: int
    machine_code_bytes: int


def send_live(program_fd: int, frame: bytes, ifindex: int, count: int) -> None:
    """Run an XDP program on `count` copies of a frame and carry its verdicts out, on this thread's CPU.

    The program believes that the interface `ifindex` received them; XDP_TX sends them out there.
    """
    context = _context(len(frame), ifindex)
    options = _TestRunOpts(
        sz=ctypes.sizeof(_TestRunOpts),
        data_in=frame,
        data_size_in=len(frame),
        ctx_in=context,
        ctx_size_in=len(context),
        repeat=count,
        flags=_LIVE_FRAMES,
        batch_size=min(count, MAX_BATCH),
    )
    _check(_libbpf().bpf_prog_test_run_opts(program_fd, ctypes.byref(options)), f"making {count} live frames")


def program_size(program_fd: int) -> ProgramSize:
    """How large a loaded program is."""
    info = _ProgramInfo()
    length = ctypes.c_uint32(ctypes.sizeof(info))
    asked = _libbpf().bpf_obj_get_info_by_fd(program_fd, ctypes.byref(info), ctypes.byref(length))
    _check(asked, "reading the size of a program")
    return ProgramSize(info.translated_bytes // 8, info.jited_bytes)


def _context(size: int, ifindex: int) -> bytes:
    """`struct xdp_md`: data, data_end, data_meta, ingress_ifindex, rx_queue_index, egress_ifindex."""
    return b"".join(value.to_bytes(4, "little") for value in (0, size, 0, ifindex, 0, 0))


def _check(result: int, what: str) -> None:
    if result < 0:
        raise BenchError(f"{what}: the kernel refuses it (error {-result}); it needs root and Linux 6.1 or later")


@cache
def _libbpf() -> ctypes.CDLL:
    try:
        return ctypes.CDLL("libbpf.so.1")
    except OSError as error:
        raise BenchError("libbpf.so.1 is missing: install the package libbpf1") from error
