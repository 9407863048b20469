"""Checks of the running kernel: each feature is tried, not looked up."""

from __future__ import annotations

import ctypes
import fcntl
import os
import platform
import struct
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rackplane.cli.checks.model import Finding, missing, ok

_BPF = {"x86_64": 321, "aarch64": 280}
_USERFAULTFD = {"x86_64": 323, "aarch64": 282}
_NEWER_KERNEL = "boot a kernel of Debian 12, Ubuntu 24.04 or newer (6.1 at least)"
_BUILD_OPTION = "boot a distribution kernel: this one was built without it"

_MAP_CREATE, _PROG_LOAD = 0, 5
_PROG_TYPE_XDP, _ATTACH_XDP_DEVMAP = 6, 33
_MAP_ARRAY, _MAP_DEVMAP, _F_MMAPABLE = 2, 14, 1 << 10
_UFFD_API, _UFFDIO_API, _UFFD_WRITE_PROTECT = 0xAA, 0xC018AA3F, 1

_RETURN_PASS = struct.pack("<BBhi", 0xB7, 0, 0, 2) + struct.pack("<BBhi", 0x95, 0, 0, 0)
# r2 = 0 (offset); r3 = r10 - 8 (buffer); r4 = 8 (length); bpf_xdp_load_bytes(ctx, r2, r3, r4): Linux 5.18
_LOAD_BYTES = b"".join(
    struct.pack("<BBhi", *fields)
    for fields in (
        (0xB7, 2, 0, 0),
        (0xBF, 3 | 10 << 4, 0, 0),
        (0x07, 3, 0, -8),
        (0xB7, 4, 0, 8),
        (0x85, 0, 0, 189),
    )
)


@dataclass(frozen=True)
class KernelProbe:
    """Tries one feature. `number` is the system call's."""

    number: int

    def load_xdp(self, code: bytes, attach: int = 0) -> None:
        """Load an XDP program and drop it. Raises OSError."""
        instructions, text = ctypes.create_string_buffer(code, len(code)), ctypes.create_string_buffer(b"GPL")
        attributes = struct.pack("=IIQQ", _PROG_TYPE_XDP, len(code) // 8, _address(instructions), _address(text))
        self._bpf(_PROG_LOAD, attributes.ljust(68, b"\0") + struct.pack("=I", attach))

    def create_map(self, kind: int, value_size: int, flags: int = 0) -> None:
        """Create a map of one element and drop it. Raises OSError."""
        self._bpf(_MAP_CREATE, struct.pack("=IIIII", kind, 4, value_size, 1, flags))

    def _bpf(self, command: int, attributes: bytes) -> None:
        buffer = ctypes.create_string_buffer(attributes.ljust(144, b"\0"), 144)
        libc = ctypes.CDLL(None, use_errno=True)
        descriptor = libc.syscall(self.number, command, ctypes.byref(buffer), 144)
        if descriptor < 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        os.close(descriptor)


def _address(buffer: ctypes.Array[ctypes.c_char]) -> int:
    return ctypes.addressof(buffer)


def check_kernel() -> list[Finding]:
    """All findings about the kernel; those that need root are left out without it."""
    release, machine = os.uname().release, platform.machine()
    findings = [_check_machine(release, machine)]
    if machine not in _BPF or os.geteuid() != 0:
        return findings
    probe = KernelProbe(_BPF[machine])
    devmap_value = 8
    tries: tuple[tuple[str, Callable[[], None], str], ...] = (
        ("XDP programs", lambda: probe.load_xdp(_RETURN_PASS), _BUILD_OPTION),
        ("XDP program per devmap entry", lambda: probe.load_xdp(_RETURN_PASS, _ATTACH_XDP_DEVMAP), _NEWER_KERNEL),
        ("bpf_xdp_load_bytes", lambda: probe.load_xdp(_LOAD_BYTES + _RETURN_PASS), _NEWER_KERNEL),
        ("devmap", lambda: probe.create_map(_MAP_DEVMAP, devmap_value), _BUILD_OPTION),
        ("memory-mapped arrays", lambda: probe.create_map(_MAP_ARRAY, 4096, _F_MMAPABLE), _NEWER_KERNEL),
        ("userfaultfd with write-protect", lambda: try_userfaultfd(_USERFAULTFD[machine]), _BUILD_OPTION),
    )
    for name, attempt, mend in tries:
        try:
            attempt()
        except OSError as error:
            findings.append(missing(name, f"refused: {error.strerror}", mend))
        else:
            findings.append(ok(name, "works"))
    return [*findings, _check_btf(), _check_veth()]


def _check_machine(release: str, machine: str) -> Finding:
    if machine not in _BPF:
        return missing("machine", f"{machine} is not supported", "use an x86-64 or arm64 machine")
    return ok("machine", f"Linux {release}, {machine}")


def try_userfaultfd(number: int) -> None:
    """Open a userfaultfd and ask for write-protect faults. Raises OSError."""
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = libc.syscall(number, os.O_CLOEXEC)
    if descriptor < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    try:
        fcntl.ioctl(descriptor, _UFFDIO_API, struct.pack("=QQQ", _UFFD_API, _UFFD_WRITE_PROTECT, 0))
    finally:
        os.close(descriptor)


def _check_btf() -> Finding:
    path = Path("/sys/kernel/btf/vmlinux")
    if path.exists():
        return ok("kernel type information", str(path))
    return missing("kernel type information", f"{path} is missing", _BUILD_OPTION)


def _check_veth() -> Finding:
    """A veth pair in namespaces as Mininet makes them; they end with the command."""
    command = ["mnexec", "-n", "ip", "link", "add", "rp0", "type", "veth", "peer", "name", "rp1"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        return missing("network namespaces and veth", str(error), "sudo apt-get install mininet iproute2")
    if done.returncode:
        return missing("network namespaces and veth", done.stderr.strip(), _BUILD_OPTION)
    return ok("network namespaces and veth", "work")
