"""A typed binding of the part of libbpf 1.1 that the switch uses (libbpf.h, bpf.h).

Every function raises BpfError instead of returning a negative errno. Pointers to libbpf's objects are opaque.
"""

from __future__ import annotations

import ctypes as ct
import errno
from dataclasses import dataclass
from enum import IntEnum
from functools import cache
from typing import Any, NewType

from rackplane.switch.errors import BpfError, SwitchError

ObjectPtr = NewType("ObjectPtr", int)
MapPtr = NewType("MapPtr", int)
ProgramPtr = NewType("ProgramPtr", int)
RingPtr = NewType("RingPtr", int)

BPF_ANY = 0
BPF_F_LOCK = 1 << 2
BPF_F_MMAPABLE = 1 << 10
_LIVE_FRAMES = 1 << 1  # BPF_F_TEST_XDP_LIVE_FRAMES
MAX_LIVE_BATCH = 64
"""Live frames that are made before softirqs run. A veth ring has 256 places, and sheds what does not fit."""
XDP_FLAGS_SKB_MODE = 1 << 1
XDP_FLAGS_DRV_MODE = 1 << 2


class MapType(IntEnum):
    """enum bpf_map_type, the members that compiled programs use."""

    HASH = 1
    ARRAY = 2
    PROG_ARRAY = 3
    PERCPU_HASH = 5
    PERCPU_ARRAY = 6
    LPM_TRIE = 11
    ARRAY_OF_MAPS = 12
    HASH_OF_MAPS = 13
    DEVMAP = 14
    RINGBUF = 27


@dataclass(frozen=True)
class MapInfo:
    """What libbpf says about a map: sizes in bytes."""

    name: str
    type: int
    key_size: int
    value_size: int
    max_entries: int
    flags: int = 0

    @property
    def kind(self) -> MapType | None:
        """The type, when it is one that compiled programs use."""
        return _MAP_TYPES.get(self.type)

    def __str__(self) -> str:
        kind = self.kind.name if self.kind else f"map type {self.type}"
        return f"{self.name} ({kind}, key {self.key_size} B, value {self.value_size} B, {self.max_entries} entries)"


_MAP_TYPES = {kind.value: kind for kind in MapType}


class ProgramType(IntEnum):
    """enum bpf_prog_type, the members that compiled programs use."""

    XDP = 6


class AttachType(IntEnum):
    """enum bpf_attach_type, the members that the switch uses."""

    XDP_DEVMAP = 33
    XDP = 37


@dataclass(frozen=True)
class ProgramInfo:
    """What libbpf says about a program: its function name and how it is loaded."""

    name: str
    type: int
    attach_type: int


class _OpenOpts(ct.Structure):
    _fields_ = (
        ("sz", ct.c_size_t),
        ("object_name", ct.c_char_p),
        ("relaxed_maps", ct.c_bool),
        ("pin_root_path", ct.c_char_p),
        ("_unused", ct.c_uint32),
        ("kconfig", ct.c_char_p),
        ("btf_custom_path", ct.c_char_p),
        ("kernel_log_buf", ct.c_void_p),
        ("kernel_log_size", ct.c_size_t),
        ("kernel_log_level", ct.c_uint32),
    )


class _MapCreateOpts(ct.Structure):
    _fields_ = (
        ("sz", ct.c_size_t),
        ("btf_fd", ct.c_uint32),
        ("btf_key_type_id", ct.c_uint32),
        ("btf_value_type_id", ct.c_uint32),
        ("btf_vmlinux_value_type_id", ct.c_uint32),
        ("inner_map_fd", ct.c_uint32),
        ("map_flags", ct.c_uint32),
        ("map_extra", ct.c_uint64),
        ("numa_node", ct.c_uint32),
        ("map_ifindex", ct.c_uint32),
    )


class _ProgramLoadOpts(ct.Structure):
    _fields_ = (
        ("sz", ct.c_size_t),
        ("attempts", ct.c_int),
        ("expected_attach_type", ct.c_int),
    )


class _LinkCreateOpts(ct.Structure):
    _fields_ = (
        ("sz", ct.c_size_t),
        ("flags", ct.c_uint32),
        ("iter_info", ct.c_void_p),
        ("iter_info_len", ct.c_uint32),
        ("target_btf_id", ct.c_uint32),
        ("target", ct.c_uint64 * 4),
    )


class _BatchOpts(ct.Structure):
    _fields_ = (("sz", ct.c_size_t), ("elem_flags", ct.c_uint64), ("flags", ct.c_uint64))


@dataclass(frozen=True)
class ProgramSize:
    """Instructions after the verifier's rewriting, bytes of machine code, and instructions that it went through."""

    instructions: int
    machine_code_bytes: int
    verified_instructions: int


class _ProgramInfo(ct.Structure):
    """The front of `struct bpf_prog_info`; the kernel fills as much as it is asked for."""

    _fields_ = (
        ("type", ct.c_uint32),
        ("id", ct.c_uint32),
        ("tag", ct.c_uint8 * 8),
        ("jited_bytes", ct.c_uint32),
        ("translated_bytes", ct.c_uint32),
        ("_instructions_to_run_count", ct.c_uint8 * 192),
        ("verified_instructions", ct.c_uint32),
    )


class _TestRunOpts(ct.Structure):
    _fields_ = (
        ("sz", ct.c_size_t),
        ("data_in", ct.c_char_p),
        ("data_out", ct.c_void_p),
        ("data_size_in", ct.c_uint32),
        ("data_size_out", ct.c_uint32),
        ("ctx_in", ct.c_char_p),
        ("ctx_out", ct.c_void_p),
        ("ctx_size_in", ct.c_uint32),
        ("ctx_size_out", ct.c_uint32),
        ("retval", ct.c_uint32),
        ("repeat", ct.c_int),
        ("duration", ct.c_uint32),
        ("flags", ct.c_uint32),
        ("cpu", ct.c_uint32),
        ("batch_size", ct.c_uint32),
    )


RECORD_FN = ct.CFUNCTYPE(ct.c_int, ct.c_void_p, ct.c_void_p, ct.c_size_t)
"""Called with a context, the address and the size of a record; STOP ends the reading after this record."""
STOP = -errno.ECANCELED

_PRINT_FN = ct.CFUNCTYPE(ct.c_int, ct.c_int, ct.c_char_p, ct.c_void_p)

_P, _I, _U32, _U64, _S = ct.c_void_p, ct.c_int, ct.c_uint32, ct.c_uint64, ct.c_char_p
_U32P = ct.POINTER(ct.c_uint32)

_SIGNATURES: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "libbpf_set_print": (_P, (_P,)),
    "libbpf_num_possible_cpus": (_I, ()),
    "bpf_object__open_mem": (_P, (_S, ct.c_size_t, ct.POINTER(_OpenOpts))),
    "bpf_object__load": (_I, (_P,)),
    "bpf_object__close": (None, (_P,)),
    "bpf_object__next_map": (_P, (_P, _P)),
    "bpf_object__next_program": (_P, (_P, _P)),
    "bpf_map__name": (_S, (_P,)),
    "bpf_map__type": (_I, (_P,)),
    "bpf_map__fd": (_I, (_P,)),
    "bpf_map__key_size": (_U32, (_P,)),
    "bpf_map__value_size": (_U32, (_P,)),
    "bpf_map__max_entries": (_U32, (_P,)),
    "bpf_map__map_flags": (_U32, (_P,)),
    "bpf_map__pin_path": (_S, (_P,)),
    "bpf_map__inner_map": (_P, (_P,)),
    "bpf_map__reuse_fd": (_I, (_P, _I)),
    "bpf_program__name": (_S, (_P,)),
    "bpf_program__type": (_I, (_P,)),
    "bpf_program__expected_attach_type": (_I, (_P,)),
    "bpf_program__fd": (_I, (_P,)),
    "bpf_program__set_autoload": (_I, (_P, ct.c_bool)),
    "bpf_program__set_log_buf": (_I, (_P, _P, ct.c_size_t)),
    "bpf_map_create": (_I, (_I, _S, _U32, _U32, _U32, ct.POINTER(_MapCreateOpts))),
    "bpf_map_update_elem": (_I, (_I, _S, _S, _U64)),
    "bpf_map_lookup_elem_flags": (_I, (_I, _S, _P, ct.c_uint64)),
    "bpf_map_delete_elem": (_I, (_I, _S)),
    "bpf_map_update_batch": (_I, (_I, _S, _S, _U32P, ct.POINTER(_BatchOpts))),
    "bpf_map_delete_batch": (_I, (_I, _S, _U32P, ct.POINTER(_BatchOpts))),
    "bpf_map_lookup_batch": (_I, (_I, _P, _P, _P, _P, _U32P, ct.POINTER(_BatchOpts))),
    "ring_buffer__new": (_P, (_I, RECORD_FN, _P, _P)),
    "ring_buffer__epoll_fd": (_I, (_P,)),
    "ring_buffer__consume": (_I, (_P,)),
    "ring_buffer__free": (None, (_P,)),
    "bpf_prog_load": (_I, (_I, _S, _S, _S, ct.c_size_t, ct.POINTER(_ProgramLoadOpts))),
    "bpf_link_create": (_I, (_I, _I, _I, ct.POINTER(_LinkCreateOpts))),
    "bpf_link_update": (_I, (_I, _I, _P)),
    "bpf_obj_get_info_by_fd": (_I, (_I, _P, _U32P)),
    "bpf_prog_test_run_opts": (_I, (_I, ct.POINTER(_TestRunOpts))),
}


@cache
def _library() -> ct.CDLL:
    try:
        library = ct.CDLL("libbpf.so.1", use_errno=True)
    except OSError as e:
        raise SwitchError("libbpf.so.1 is not installed: install the package libbpf1 (apt install libbpf1)") from e
    for name, (result, arguments) in _SIGNATURES.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


def _check(result: int, what: str) -> int:
    if result < 0:
        raise BpfError(what, -result)
    return result


def _pointer(result: int | None, what: str) -> int:
    if not result:
        raise BpfError(what, ct.get_errno() or errno.EINVAL)
    return result


def possible_cpus() -> int:
    """Return the number of values that a per-CPU map element has."""
    return _check(_library().libbpf_num_possible_cpus(), "libbpf_num_possible_cpus")


_MESSAGE_SIZE = 1 << 20


class Messages:
    """Collects what libbpf says while the context is open; libbpf prints nothing to stderr then."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._callback = _PRINT_FN(self._receive)
        self._libc = ct.CDLL(None)
        self._buffer = ct.create_string_buffer(_MESSAGE_SIZE)

    def _receive(self, level: int, template: bytes, arguments: int) -> int:
        if level <= 1:  # LIBBPF_WARN, LIBBPF_INFO
            self._libc.vsnprintf(self._buffer, ct.c_size_t(len(self._buffer)), template, ct.c_void_p(arguments))
            self.lines.append(self._buffer.value.decode(errors="replace").removeprefix("libbpf: ").rstrip())
        return 0

    def __enter__(self) -> Messages:
        self._previous = _library().libbpf_set_print(self._callback)
        return self

    def __exit__(self, *_: object) -> None:
        _library().libbpf_set_print(self._previous)


def open_object(image: bytes, name: str) -> ObjectPtr:
    """Open an ELF object held in memory; nothing reaches the kernel yet."""
    opts = _OpenOpts(sz=ct.sizeof(_OpenOpts), object_name=name.encode())
    return ObjectPtr(
        _pointer(_library().bpf_object__open_mem(image, len(image), ct.byref(opts)), f"open object {name}")
    )


def load_object(obj: ObjectPtr) -> None:
    """Create the object's maps and load its programs."""
    _check(_library().bpf_object__load(obj), "load the object")


def close_object(obj: ObjectPtr) -> None:
    """Close the object's file descriptors and free it."""
    _library().bpf_object__close(obj)


def object_maps(obj: ObjectPtr) -> list[MapPtr]:
    """Return the object's maps, data sections included."""
    maps: list[MapPtr] = []
    current = _library().bpf_object__next_map(obj, None)
    while current:
        maps.append(MapPtr(current))
        current = _library().bpf_object__next_map(obj, current)
    return maps


def object_programs(obj: ObjectPtr) -> list[ProgramPtr]:
    """Return the object's programs."""
    programs: list[ProgramPtr] = []
    current = _library().bpf_object__next_program(obj, None)
    while current:
        programs.append(ProgramPtr(current))
        current = _library().bpf_object__next_program(obj, current)
    return programs


def create_map(info: MapInfo) -> int:
    """Create a map outside of any object and return its file descriptor, which the caller closes."""
    opts = _MapCreateOpts(sz=ct.sizeof(_MapCreateOpts), map_flags=info.flags)
    name = info.name.encode()[:15]
    sizes = (info.key_size, info.value_size, info.max_entries)
    return _check(_library().bpf_map_create(info.type, name, *sizes, ct.byref(opts)), f"create map {info}")


def load_xdp_return(verdict: int) -> int:
    """Load the XDP program `return verdict` and return its file descriptor."""
    code = (0xB7).to_bytes(1, "little") + bytes(3) + verdict.to_bytes(4, "little") + b"\x95" + bytes(7)
    opts = _ProgramLoadOpts(sz=ct.sizeof(_ProgramLoadOpts), expected_attach_type=AttachType.XDP)
    fd = _library().bpf_prog_load(ProgramType.XDP, b"xdp_return", b"Apache-2.0", code, 2, ct.byref(opts))
    return _check(fd, "load an XDP program (root or CAP_BPF and CAP_NET_ADMIN are needed)")


def create_xdp_link(program_fd: int, ifindex: int, flags: int) -> int:
    """Attach an XDP program to an interface of this thread's network namespace; closing the link detaches it."""
    opts = _LinkCreateOpts(sz=ct.sizeof(_LinkCreateOpts), flags=flags)
    fd = _library().bpf_link_create(program_fd, ifindex, AttachType.XDP, ct.byref(opts))
    return _check(fd, f"attach XDP to interface {ifindex}")


def update_link(link_fd: int, program_fd: int) -> None:
    """Replace the program of a link atomically."""
    _check(_library().bpf_link_update(link_fd, program_fd, None), "replace an XDP program")


def test_run(program_fd: int, frame: bytes, repeat: int = 1, ifindex: int | None = None) -> tuple[int, bytes, int]:
    """Run an XDP program on a frame (BPF_PROG_TEST_RUN): the verdict, the frame after it, ns per run."""
    out = ct.create_string_buffer(len(frame) + 512)
    opts = _TestRunOpts(sz=ct.sizeof(_TestRunOpts), data_in=frame, data_size_in=len(frame), repeat=repeat)
    opts.data_out, opts.data_size_out = ct.addressof(out), len(out)
    if ifindex is not None:
        _receive_on(opts, ifindex)
    _check(_library().bpf_prog_test_run_opts(program_fd, ct.byref(opts)), "BPF_PROG_TEST_RUN")
    return opts.retval, out.raw[: opts.data_size_out], opts.duration


def send_live(program_fd: int, frame: bytes, ifindex: int, count: int) -> None:
    """Run an XDP program on `count` copies of a frame and carry its verdicts out, on this thread's CPU.

    The program believes that the interface received them; XDP_TX sends them out there. Needs Linux 5.18.
    """
    opts = _TestRunOpts(sz=ct.sizeof(_TestRunOpts), data_in=frame, data_size_in=len(frame), repeat=count)
    opts.flags, opts.batch_size = _LIVE_FRAMES, min(count, MAX_LIVE_BATCH)
    _receive_on(opts, ifindex)
    _check(_library().bpf_prog_test_run_opts(program_fd, ct.byref(opts)), f"make {count} live frames")


def program_size(program_fd: int) -> ProgramSize:
    """How large a loaded program is."""
    info = _ProgramInfo()
    length = ct.c_uint32(ct.sizeof(info))
    done = _library().bpf_obj_get_info_by_fd(program_fd, ct.byref(info), ct.byref(length))
    _check(done, "read the size of a program")
    return ProgramSize(info.translated_bytes // 8, info.jited_bytes, info.verified_instructions)


def _receive_on(opts: _TestRunOpts, ifindex: int) -> None:
    """Let the frame of a test run come from an interface."""
    # struct xdp_md: data, data_end, data_meta, ingress_ifindex, rx_queue_index, egress_ifindex
    context = b"".join(v.to_bytes(4, "little") for v in (0, opts.data_size_in, 0, ifindex, 0, 0))
    opts.ctx_in, opts.ctx_size_in = context, len(context)


def update_elem(map_fd: int, key: bytes, value: bytes, flags: int = BPF_ANY) -> int:
    """Write one element; return 0 or a negative errno."""
    return _library().bpf_map_update_elem(map_fd, key, value, flags)  # type: ignore[no-any-return]


def lookup_elem(map_fd: int, key: bytes, into: ct.Array[ct.c_char], flags: int = BPF_ANY) -> int:
    """Read one element into a buffer of the value's size; return 0 or a negative errno."""
    return _library().bpf_map_lookup_elem_flags(map_fd, key, into, flags)  # type: ignore[no-any-return]


def delete_elem(map_fd: int, key: bytes) -> int:
    """Remove one element; return 0 or a negative errno."""
    return _library().bpf_map_delete_elem(map_fd, key)  # type: ignore[no-any-return]


def update_batch(map_fd: int, keys: bytes, values: bytes, count: int, flags: int = BPF_ANY) -> tuple[int, int]:
    """Write `count` elements in order; return (0 or a negative errno, elements written)."""
    done, opts = ct.c_uint32(count), _BatchOpts(sz=ct.sizeof(_BatchOpts), elem_flags=flags)
    result = _library().bpf_map_update_batch(map_fd, keys, values, ct.byref(done), ct.byref(opts))
    return result, done.value


def delete_batch(map_fd: int, keys: bytes, count: int) -> tuple[int, int]:
    """Remove `count` elements in order; return (0 or a negative errno, elements removed)."""
    done, opts = ct.c_uint32(count), _BatchOpts(sz=ct.sizeof(_BatchOpts))
    result = _library().bpf_map_delete_batch(map_fd, keys, ct.byref(done), ct.byref(opts))
    return result, done.value


def lookup_array_batch(map_fd: int, start: int, count: int, value_size: int) -> bytes:
    """Read elements start, start + 1, ... of an array map; value_size covers all CPUs of a per-CPU map."""
    keys, values = ct.create_string_buffer(4 * count), ct.create_string_buffer(value_size * count)
    done, opts, after = ct.c_uint32(count), _BatchOpts(sz=ct.sizeof(_BatchOpts)), ct.c_uint32()
    before = ct.byref(ct.c_uint32(start - 1)) if start else None
    result = _library().bpf_map_lookup_batch(
        map_fd, before, ct.byref(after), keys, values, ct.byref(done), ct.byref(opts)
    )
    if result < 0 and result != -errno.ENOENT:
        raise BpfError(f"read {count} elements of map {map_fd}", -result)
    return values.raw[: value_size * done.value]


def map_info(pointer: MapPtr) -> MapInfo:
    """Return what the object says about a map."""
    lib = _library()
    return MapInfo(
        name=lib.bpf_map__name(pointer).decode(errors="replace"),
        type=lib.bpf_map__type(pointer),
        key_size=lib.bpf_map__key_size(pointer),
        value_size=lib.bpf_map__value_size(pointer),
        max_entries=lib.bpf_map__max_entries(pointer),
        flags=lib.bpf_map__map_flags(pointer),
    )


def map_fd(pointer: MapPtr) -> int:
    """Return a loaded map's file descriptor, which the object owns."""
    return _check(_library().bpf_map__fd(pointer), "map file descriptor")


def reuse_map(pointer: MapPtr, fd: int) -> None:
    """Let load_object() take this map, of which it keeps a descriptor of its own, instead of making one."""
    _check(_library().bpf_map__reuse_fd(pointer, fd), "share a map")


def map_pin_path(pointer: MapPtr) -> str:
    """Return where libbpf would pin the map; empty when nowhere."""
    path = _library().bpf_map__pin_path(pointer)
    return path.decode(errors="replace") if path else ""


def inner_map(pointer: MapPtr) -> MapPtr | None:
    """Return the template of a map-in-map's inner maps."""
    return _library().bpf_map__inner_map(pointer) or None


def program_info(pointer: ProgramPtr) -> ProgramInfo:
    """Return what the object says about a program."""
    lib = _library()
    return ProgramInfo(
        name=lib.bpf_program__name(pointer).decode(errors="replace"),
        type=lib.bpf_program__type(pointer),
        attach_type=lib.bpf_program__expected_attach_type(pointer),
    )


def program_fd(pointer: ProgramPtr) -> int:
    """Return a loaded program's file descriptor, which the object owns."""
    return _check(_library().bpf_program__fd(pointer), "program file descriptor")


def set_autoload(pointer: ProgramPtr, wanted: bool) -> None:
    """Say whether load_object() loads this program."""
    _check(_library().bpf_program__set_autoload(pointer, wanted), "set autoload")


def set_log_buffer(pointer: ProgramPtr, buffer: ct.Array[ct.c_char]) -> None:
    """Give the program a buffer for the verifier's log; it must live until the object is loaded."""
    _check(_library().bpf_program__set_log_buf(pointer, buffer, len(buffer)), "set the log buffer")


def open_ring(map_fd: int, callback: ct._FuncPointer) -> RingPtr:
    """Map a ring buffer; `callback`, a RECORD_FN, must live as long as the ring."""
    return RingPtr(_pointer(_library().ring_buffer__new(map_fd, callback, None, None), f"open ring {map_fd}"))


def ring_fd(ring: RingPtr) -> int:
    """Return a file descriptor that is readable when the ring has records; it belongs to the ring."""
    return _library().ring_buffer__epoll_fd(ring)  # type: ignore[no-any-return]


def read_ring(ring: RingPtr) -> None:
    """Call the ring's callback for every record until it is empty or the callback returns STOP."""
    result = _library().ring_buffer__consume(ring)
    if result != STOP:
        _check(result, "read a ring buffer")


def close_ring(ring: RingPtr) -> None:
    """Unmap a ring buffer."""
    _library().ring_buffer__free(ring)


def memory_at(address: int, size: int) -> bytes:
    """Return a copy of memory that libbpf points to."""
    return ct.string_at(address, size)
