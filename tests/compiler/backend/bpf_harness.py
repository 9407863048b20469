"""Loading a compiled program with libbpf and running it on packets, for tests only."""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
import struct
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType

from rackplane.compiler.backend.bucketplan import plan_buckets
from rackplane.compiler.backend.trieplan import LINE_BYTES, plan_trie
from rackplane.compiler.bundle import Bundle
from rackplane.compiler.manifest import TableKind, TableLayout
from rackplane.switch.buckets import bucket_table
from rackplane.switch.entries import Entry
from rackplane.switch.libbpf import MapInfo, MapType
from rackplane.switch.maps import BpfMap
from rackplane.switch.shared import SharedTable
from rackplane.switch.trie import trie_table

BPF_PROG_TEST_RUN = 10
XDP_DROP, XDP_PASS, XDP_TX, XDP_REDIRECT = 1, 2, 3, 4
LOOPBACK = 1
_PRINT = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)


def _library() -> ctypes.CDLL:
    lib = ctypes.CDLL("libbpf.so.1", use_errno=True)
    lib.bpf_object__open_mem.restype = ctypes.c_void_p
    lib.bpf_object__open_mem.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p]
    lib.bpf_object__load.argtypes = [ctypes.c_void_p]
    lib.bpf_object__close.argtypes = [ctypes.c_void_p]
    lib.bpf_object__find_map_fd_by_name.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
    lib.bpf_object__find_program_by_name.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
    lib.bpf_object__find_program_by_name.restype = ctypes.c_void_p
    lib.bpf_program__fd.argtypes = [ctypes.c_void_p]
    lib.bpf_program__insn_cnt.argtypes = [ctypes.c_void_p]
    lib.bpf_program__insn_cnt.restype = ctypes.c_size_t
    lib.bpf_program__set_log_buf.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t]
    lib.bpf_program__set_log_level.argtypes = [ctypes.c_void_p, ctypes.c_uint]
    lib.bpf_map_update_elem.argtypes = [ctypes.c_int, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_ulonglong]
    lib.bpf_map_lookup_elem.argtypes = [ctypes.c_int, ctypes.c_char_p, ctypes.c_char_p]
    lib.bpf_map_create.argtypes = [
        ctypes.c_int,
        ctypes.c_char_p,
        ctypes.c_uint,
        ctypes.c_uint,
        ctypes.c_uint,
        ctypes.c_void_p,
    ]
    return lib


@dataclass(frozen=True)
class Result:
    """What a test run gave."""

    action: int
    packet: bytes
    duration_ns: int


class Loaded:
    """A loaded bundle. Tables are filled by raw key and value bytes; close() frees it."""

    def __init__(self, bundle: Bundle) -> None:
        self.bundle = bundle
        self.manifest = bundle.manifest
        self.lib = _library()
        self._messages: list[str] = []
        self._shared: dict[str, SharedTable] = {}
        self.log = ctypes.create_string_buffer(1 << 24)
        code = ctypes.create_string_buffer(bundle.object, len(bundle.object))
        self.object = self.lib.bpf_object__open_mem(code, len(bundle.object), None)
        if not self.object:
            raise OSError(ctypes.get_errno(), "bpf_object__open_mem")
        program = self._program(self.manifest.ingress_program)
        self.lib.bpf_program__set_log_buf(program, self.log, len(self.log))
        self.lib.bpf_program__set_log_level(program, 4)
        status = self.lib.bpf_object__load(self.object)
        if status:
            text = self.log.value.decode(errors="replace")
            raise OSError(-status, f"load: {os.strerror(-status)}\n{text[-6000:]}")

    def __enter__(self) -> Loaded:
        return self

    def __exit__(self, kind: type[BaseException] | None, e: BaseException | None, t: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Unload."""
        self.lib.bpf_object__close(self.object)

    def _program(self, name: str) -> int:
        program = self.lib.bpf_object__find_program_by_name(self.object, name.encode())
        assert program, f"no program {name}"
        return int(program)

    def program_fd(self, name: str) -> int:
        """The fd of a program."""
        return int(self.lib.bpf_program__fd(self._program(name)))

    def map_fd(self, name: str) -> int:
        """The fd of a map."""
        fd = int(self.lib.bpf_object__find_map_fd_by_name(self.object, name.encode()))
        assert fd >= 0, f"no map {name}"
        return fd

    def update(self, name: str, key: bytes, value: bytes) -> None:
        """Set a map element."""
        if self.lib.bpf_map_update_elem(self.map_fd(name), key, value, 0):
            raise OSError(ctypes.get_errno(), f"update {name}: {os.strerror(ctypes.get_errno())}")

    def lookup(self, name: str, key: bytes, size: int) -> bytes | None:
        """Get a map element."""
        value = ctypes.create_string_buffer(size)
        if self.lib.bpf_map_lookup_elem(self.map_fd(name), key, value):
            if ctypes.get_errno() == errno.ENOENT:
                return None
            raise OSError(ctypes.get_errno(), f"lookup {name}")
        return value.raw

    def memory(self, name: str, size: int) -> mmap.mmap:
        """The bytes of a memory-mappable map."""
        return mmap.mmap(self.map_fd(name), (size + 4095) & ~4095)

    def set_port(self, ifindex: int, port: int) -> None:
        """Make an interface a switch port."""
        with self.memory(self.manifest.maps.ports, 2 * self.manifest.maps.max_ifindex) as ports:
            struct.pack_into("=H", ports, 2 * ifindex, port + 1)

    def open_ports(self, *ports: int, ifindex: int = LOOPBACK) -> None:
        """Let packets leave by these ports (all to the same interface)."""
        for port in ports:
            self.update(self.manifest.maps.tx, struct.pack("=I", port), struct.pack("=II", ifindex, 0))

    def table(self, name: str) -> TableLayout:
        """A table's layout by the end of its name."""
        return next(t for t in self.manifest.tables if t.name == name or t.name.endswith("." + name))

    def insert(self, table: str, matches: list[tuple[int, int]], action: str, **params: int) -> None:
        """Add an entry; matches as in ConstEntry, in the layout's key order. One mask group per entry."""
        layout = self.table(table)
        key, value = _identity(layout, matches), _value(layout, action, params)
        if layout.buckets is not None or layout.trie is not None:
            shared = self._share(layout)
            shared.put(key, Entry(b"", value, 0))
            shared.flush()
        elif layout.kind in (TableKind.HASH, TableKind.LPM):
            self.update(layout.map, key, value)
        else:
            raise NotImplementedError(layout.kind)

    def remove(self, table: str, matches: list[tuple[int, int]]) -> None:
        """Take an entry out of a table in shared memory."""
        layout = self.table(table)
        shared = self._share(layout)
        shared.remove(_identity(layout, matches), Entry(b"", b"", 0))
        shared.flush()

    def _share(self, layout: TableLayout) -> SharedTable:
        if layout.name not in self._shared:
            self._shared[layout.name] = self._map_shared(layout)
        return self._shared[layout.name]

    def _map_shared(self, layout: TableLayout) -> SharedTable:
        buckets, trie = layout.buckets, layout.trie
        if buckets is not None:
            plan = plan_buckets(layout.key_size, layout.entry_size, layout.size)
            assert plan is not None
            make, sizes = bucket_table, ((layout.map, plan.line_bytes, plan.lines), (buckets.values, plan.values))
        else:
            assert trie is not None
            trie_plan = plan_trie(layout.key_size, layout.entry_size, layout.size)
            assert trie_plan is not None
            make, sizes = trie_table, ((layout.map, LINE_BYTES, trie_plan.lines), (trie.values, trie_plan.values))
        (lines, line_bytes, count), (values, value_count) = sizes
        return make(
            layout,
            BpfMap(MapInfo(lines, MapType.ARRAY, 4, line_bytes, count), self.map_fd(lines)),
            BpfMap(MapInfo(values, MapType.ARRAY, 4, layout.entry_size, value_count), self.map_fd(values)),
        )

    def insert_group(
        self, table: str, mask: list[int], entries: list[tuple[int, list[int], str, dict[str, int]]]
    ) -> None:
        """Add one mask group with entries (priority, values, action, params); groups in falling priority."""
        layout = self.table(table)
        assert layout.ternary is not None
        active = self.lookup(layout.ternary.active, bytes(4), 8) or bytes(8)
        base, count = struct.unpack("=II", active)
        group = base + count
        mask_bytes = _key(layout, [(m, 0) for m in mask])
        head = struct.pack("=iI", max(p for p, *_ in entries), len(entries))
        self.update(layout.ternary.masks, struct.pack("=I", group), head + mask_bytes)
        for priority, values, action, params in entries:
            key = struct.pack("=I", group) + _key(layout, [(v & m, 0) for v, m in zip(values, mask, strict=True)])
            self.update(layout.map, key, struct.pack("=i", priority) + _value(layout, action, params))
        self.update(layout.ternary.active, bytes(4), struct.pack("=II", base, count + 1))

    def set_default(self, table: str, action: str, **params: int) -> None:
        """Change the default action."""
        layout = self.table(table)
        value = _value(layout, action, params)
        size = max(t.value_size for t in self.manifest.tables if t.default_map)
        self.update(layout.default_map, struct.pack("=I", layout.default_index), value.ljust(size, b"\0"))

    def run(self, packet: bytes, repeat: int = 1, ifindex: int = LOOPBACK) -> Result:
        """Run the ingress program on a packet that comes from `ifindex`."""
        out = ctypes.create_string_buffer(len(packet) + 512)
        data = ctypes.create_string_buffer(packet, len(packet))
        context = struct.pack("=6I", 0, len(packet), 0, ifindex, 0, 0)
        ctx = ctypes.create_string_buffer(context, len(context))
        attributes = bytearray(128)
        fd = self.program_fd(self.manifest.ingress_program)
        struct.pack_into("=IIIIQQIIIIQQ", attributes, 0, fd, 0, len(packet), len(out), ctypes.addressof(data),
                         ctypes.addressof(out), repeat, 0, len(context), 0, ctypes.addressof(ctx), 0)  # fmt: skip
        buffer = (ctypes.c_char * len(attributes)).from_buffer(attributes)
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.syscall(321, BPF_PROG_TEST_RUN, buffer, 80) != 0:
            raise OSError(ctypes.get_errno(), f"test run: {os.strerror(ctypes.get_errno())}")
        action, _, size = struct.unpack_from("=III", attributes, 4)
        duration = struct.unpack_from("=I", attributes, 36)[0]
        return Result(action, out.raw[:size], duration)

    def drops(self) -> dict[str, int]:
        """Packets dropped so far, by reason, only those that occurred."""
        cpus = os.sysconf("SC_NPROCESSORS_CONF")
        found = {}
        for n, reason in enumerate(self.manifest.maps.reasons):
            value = self.lookup(self.manifest.maps.drops, struct.pack("=I", n), 8 * max(cpus, 64)) or b""
            total = sum(struct.unpack_from(f"={cpus}Q", value))
            if total:
                found[reason] = total
        return found


def _key(layout: TableLayout, matches: list[tuple[int, int]]) -> bytes:
    key = bytearray(layout.key_size)
    for field, (value, _) in zip(layout.keys, matches, strict=True):
        key[field.offset : field.offset + field.size] = value.to_bytes(field.size, "big")
    return bytes(key)


def _identity(layout: TableLayout, matches: list[tuple[int, int]]) -> bytes:
    """An entry's key in the kernel; of an LPM table with the prefix's length in front."""
    key = _key(layout, matches)
    if layout.kind is not TableKind.LPM:
        return key
    last = layout.keys[-1]
    bits = 8 * layout.key_size - last.width + matches[-1][1]
    padding = -layout.key_size % 4 if layout.trie else 0
    return struct.pack("=I", bits) + key + bytes(padding)


def _value(layout: TableLayout, action: str, params: dict[str, int]) -> bytes:
    index, found = next(
        (n, a) for n, a in enumerate(layout.actions) if a.name == action or a.name.endswith("." + action)
    )
    value = bytearray(layout.value_size)
    struct.pack_into("=II", value, 0, index + 1, 0)
    for param in found.params:
        value[param.offset : param.offset + param.size] = params[param.name].to_bytes(param.size, "little")
    return bytes(value)


def where(loaded: Loaded, packet: bytes, ports: range = range(16)) -> int | None:
    """The port that a packet leaves by: the one of `ports` that has to be open for it."""
    for port in ports:
        loaded.open_ports(port)
        action = loaded.run(packet).action
        loaded.lib.bpf_map_delete_elem(loaded.map_fd(loaded.manifest.maps.tx), struct.pack("=I", port))
        if action == XDP_REDIRECT:
            return port
    return None


Check = Callable[[Loaded], None]
