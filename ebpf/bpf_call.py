"""The few commands of bpf(2) that BCC has no function for: links, programs by id, and test runs."""

from __future__ import annotations

import ctypes
import os
import platform
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from rackplane.ebpf.errors import BpfCallError, EbpfError

XDP_ATTACH_TYPE = 37  # enum bpf_attach_type: BPF_XDP
_SYSCALL_NUMBERS = {"x86_64": 321, "aarch64": 280, "riscv64": 280}
_PROG_TEST_RUN = 10
_PROG_GET_FD_BY_ID = 13
_LINK_GET_NEXT_ID = 31
_LINK_GET_FD_BY_ID = 30
_OBJ_GET_INFO_BY_FD = 15
_LINK_CREATE = 28
_LINK_UPDATE = 29
_LINK_TYPE_XDP = 6
_TEST_RUN_LIVE_FRAMES = 1 << 1


class _Attributes(ctypes.Structure):
    """Part of `union bpf_attr`; the kernel takes any size and reads the rest as zero."""


class _LinkCreate(_Attributes):
    _fields_: ClassVar = [
        ("prog_fd", ctypes.c_uint32),
        ("target", ctypes.c_uint32),
        ("attach_type", ctypes.c_uint32),
        ("flags", ctypes.c_uint32),
    ]


class _LinkUpdate(_Attributes):
    _fields_: ClassVar = [
        ("link_fd", ctypes.c_uint32),
        ("new_prog_fd", ctypes.c_uint32),
        ("flags", ctypes.c_uint32),
        ("old_prog_fd", ctypes.c_uint32),
    ]


class _ById(_Attributes):
    _fields_: ClassVar = [
        ("id", ctypes.c_uint32),
        ("next_id", ctypes.c_uint32),
        ("open_flags", ctypes.c_uint32),
    ]


class _Info(_Attributes):
    _fields_: ClassVar = [
        ("fd", ctypes.c_uint32),
        ("length", ctypes.c_uint32),
        ("info", ctypes.c_uint64),
    ]


class _LinkInfo(ctypes.Structure):
    """`struct bpf_link_info` of an XDP link."""

    _fields_: ClassVar = [
        ("type", ctypes.c_uint32),
        ("id", ctypes.c_uint32),
        ("prog_id", ctypes.c_uint32),
        ("reserved", ctypes.c_uint32),
        ("ifindex", ctypes.c_uint32),
    ]


class _TestRun(_Attributes):
    _fields_: ClassVar = [
        ("prog_fd", ctypes.c_uint32),
        ("retval", ctypes.c_uint32),
        ("data_size_in", ctypes.c_uint32),
        ("data_size_out", ctypes.c_uint32),
        ("data_in", ctypes.c_uint64),
        ("data_out", ctypes.c_uint64),
        ("repeat", ctypes.c_uint32),
        ("duration", ctypes.c_uint32),
        ("ctx_size_in", ctypes.c_uint32),
        ("ctx_size_out", ctypes.c_uint32),
        ("ctx_in", ctypes.c_uint64),
        ("ctx_out", ctypes.c_uint64),
        ("flags", ctypes.c_uint32),
        ("cpu", ctypes.c_uint32),
        ("batch_size", ctypes.c_uint32),
        ("reserved", ctypes.c_uint32),
    ]


class _XdpMetadata(ctypes.Structure):
    """`struct xdp_md`: the context of a test run."""

    _fields_: ClassVar = [
        ("data", ctypes.c_uint32),
        ("data_end", ctypes.c_uint32),
        ("data_meta", ctypes.c_uint32),
        ("ingress_ifindex", ctypes.c_uint32),
        ("rx_queue_index", ctypes.c_uint32),
        ("egress_ifindex", ctypes.c_uint32),
    ]


@dataclass(frozen=True)
class TestRun:
    """What a program made of a frame: its return value, the frame afterwards, and ns per run."""

    __test__ = False

    verdict: int
    frame: bytes
    duration: int


def link_xdp(program_fd: int, ifindex: int) -> int:
    """Attach a program to an interface until the returned file descriptor is closed, or its process ends."""
    attributes = _LinkCreate(prog_fd=program_fd, target=ifindex, attach_type=XDP_ATTACH_TYPE)
    return _call(_LINK_CREATE, attributes, f"attaching an XDP program to interface {ifindex}")


def link_update(link_fd: int, program_fd: int) -> None:
    """Put another program in the place of a link's."""
    _call(_LINK_UPDATE, _LinkUpdate(link_fd=link_fd, new_prog_fd=program_fd), "replacing the program of a link")


def program_by_id(program_id: int) -> int:
    """A file descriptor of a loaded program, to be closed by the caller."""
    return _call(_PROG_GET_FD_BY_ID, _ById(id=program_id), f"opening BPF program {program_id}")


def find_xdp_link(ifindex: int, program_id: int) -> int | None:
    """A file descriptor of the link that holds an interface's XDP program; None when there is no such link.

    The same index may be another interface's in another network namespace, so the program counts too.
    """
    after = 0
    while (link_id := _next_link(after)) is not None:
        after = link_id
        try:
            fd = _call(_LINK_GET_FD_BY_ID, _ById(id=link_id), f"opening BPF link {link_id}")
        except BpfCallError:
            continue  # it has gone meanwhile
        info = _LinkInfo()
        _call(
            _OBJ_GET_INFO_BY_FD,
            _Info(fd=fd, length=ctypes.sizeof(info), info=ctypes.addressof(info)),
            f"reading BPF link {link_id}",
        )
        if (info.type, info.ifindex, info.prog_id) == (_LINK_TYPE_XDP, ifindex, program_id):
            return fd
        os.close(fd)
    return None


def _next_link(after: int) -> int | None:
    attributes = _ById(id=after)
    try:
        _call(_LINK_GET_NEXT_ID, attributes, f"listing BPF links after {after}")
    except BpfCallError:
        return None
    return int(attributes.next_id)


def test_run(program_fd: int, frame: bytes, *, repeat: int = 1) -> TestRun:
    """Run an XDP program on one frame, without an interface."""
    given = ctypes.create_string_buffer(frame, len(frame))
    made = ctypes.create_string_buffer(4096)
    attributes = _TestRun(
        prog_fd=program_fd,
        data_size_in=len(frame),
        data_in=ctypes.addressof(given),
        data_size_out=len(made),
        data_out=ctypes.addressof(made),
        repeat=repeat,
    )
    _call(_PROG_TEST_RUN, attributes, f"running a BPF program on {len(frame)} bytes")
    return TestRun(attributes.retval, made.raw[: attributes.data_size_out], attributes.duration)


def inject(program_fd: int, frame: bytes, ifindex: int) -> None:
    """Let a program treat a frame as if the interface had just received it: its verdict is carried out."""
    given = ctypes.create_string_buffer(frame, len(frame))
    context = _XdpMetadata(data_end=len(frame), ingress_ifindex=ifindex)
    attributes = _TestRun(
        prog_fd=program_fd,
        data_size_in=len(frame),
        data_in=ctypes.addressof(given),
        repeat=1,
        ctx_size_in=ctypes.sizeof(context),
        ctx_in=ctypes.addressof(context),
        flags=_TEST_RUN_LIVE_FRAMES,
        batch_size=1,
    )
    _call(_PROG_TEST_RUN, attributes, f"injecting {len(frame)} bytes at interface {ifindex}")


def _call(command: int, attributes: _Attributes, what: str) -> int:
    """bpf(2). Raises BpfCallError."""
    result = _system_call()(
        _syscall_number(), command, ctypes.byref(attributes), ctypes.c_uint(ctypes.sizeof(attributes))
    )
    if result < 0:
        raise BpfCallError(what, ctypes.get_errno())
    return result


def _system_call() -> Callable[..., int]:
    function = ctypes.CDLL(None, use_errno=True).syscall
    function.restype = ctypes.c_long
    return function


def _syscall_number() -> int:
    machine = platform.machine()
    try:
        return _SYSCALL_NUMBERS[machine]
    except KeyError:
        known = ", ".join(_SYSCALL_NUMBERS)
        raise EbpfError(f"the number of bpf(2) on {machine} is not known here; it is on {known}") from None
