"""Checks of the programs and packages that rackplane uses."""

from __future__ import annotations

import ctypes
import importlib
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from rackplane.cli.checks.model import Finding, lacking, missing, ok
from rackplane.ebpf import kernel_headers

_BMV2_MEND = (
    "Ubuntu: sudo apt-get install p4lang-p4c p4lang-bmv2; Debian: the same packages from the P4 project "
    "(https://github.com/p4lang/p4c#installing-packaged-versions-of-p4c)"
)


@dataclass(frozen=True)
class Program:
    """A program, what it is for, and the Debian package that brings it."""

    name: str
    purpose: str
    package: str


_PROGRAMS = (
    Program("clang", "compiles P4 programs to XDP", "clang"),
    Program("gcc", "compiles the pager", "gcc"),
    Program("mnexec", "Mininet's helper", "mininet"),
    Program("ip", "makes links", "iproute2"),
    Program("ethtool", "sets offloads", "ethtool"),
    Program("ping", "checks links", "iputils-ping"),
    Program("apt-cache", "reads the package graph of the demo", "apt"),
)
_BMV2_PROGRAMS = ("p4c-bm2-ss", "simple_switch_grpc")


def check_tools() -> list[Finding]:
    """Findings about the system's programs, libraries and Python modules."""
    return [
        _check_root(),
        *(_check_program(program) for program in _PROGRAMS),
        _check_library("libbpf.so.1", "libbpf1"),
        _check_header(Path("/usr/include/bpf/bpf_helpers.h"), "libbpf-dev"),
        *(_check_module(name, package) for name, package in (("mininet.net", "mininet"), ("bcc", "python3-bpfcc"))),
        _check_bmv2(),
    ]


def _check_root() -> Finding:
    if os.geteuid() == 0:
        return ok("root", "running as root")
    return missing("root", "not running as root: the kernel was not probed", "run `sudo rackplane doctor`")


def _check_program(program: Program) -> Finding:
    found = shutil.which(program.name, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin")
    if found:
        return ok(program.name, found)
    return missing(program.name, f"not found; it {program.purpose}", f"sudo apt-get install {program.package}")


def _check_library(name: str, package: str) -> Finding:
    try:
        ctypes.CDLL(name)
    except OSError as error:
        return missing(name, str(error), f"sudo apt-get install {package}")
    return ok(name, "loads")


def _check_header(path: Path, package: str) -> Finding:
    if path.exists():
        return ok(path.name, str(path))
    return missing(path.name, f"{path} is missing", f"sudo apt-get install {package}")


def _check_module(name: str, package: str) -> Finding:
    try:
        module = importlib.import_module(name)
    except ImportError as error:
        if _is_system_environment():
            return missing(name, f"cannot be imported: {error}", f"sudo apt-get install {package}")
        return missing(
            name,
            f"cannot be imported by {sys.executable}: {error}",
            "run `make demo`: it makes .venv from the system's Python",
        )
    return ok(name, str(module.__file__))


def _is_system_environment() -> bool:
    """Whether this Python sees the system's packages."""
    return any(path.startswith("/usr/lib/python3") and "dist-packages" in path for path in sys.path)


def _check_bmv2() -> Finding:
    absent = [name for name in _BMV2_PROGRAMS if not shutil.which(name)]
    if not absent:
        return ok("BMv2 (optional)", "p4c-bm2-ss and simple_switch_grpc are there: --target bmv2 works")
    return lacking("BMv2 (optional)", f"{' and '.join(absent)} not found: no --target bmv2", _BMV2_MEND)


def check_bcc() -> Finding:
    """Compile and load a small program with BCC, as a memory blade does: this takes a second or two."""
    program = "#include <linux/bpf.h>\nint pass(struct xdp_md *ctx) { return XDP_PASS; }"
    try:
        kernel_headers.configure()
    except kernel_headers.KernelHeadersError as error:
        return missing("kernel headers for BCC", str(error), f"sudo apt-get install {_headers_package()}")
    # In a process of its own: BCC prints the compiler's messages straight to standard error.
    code = f"from bcc import BPF; BPF(text={program!r}).load_func('pass', BPF.XDP)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return ok(
            "BCC compiles", os.environ.get(kernel_headers.ENVIRONMENT_NAME) or "with the running kernel's headers"
        )
    lines = [line for line in done.stderr.splitlines() if "error" in line.lower()] or done.stderr.splitlines()[-1:]
    reason = lines[0].strip() if lines else f"status {done.returncode}"
    return missing("BCC compiles", reason, f"sudo apt-get install --reinstall python3-bpfcc {_headers_package()}")


def _headers_package() -> str:
    """The package with kernel headers on this distribution."""
    ubuntu = "ubuntu" in Path("/etc/os-release").read_text().lower() if Path("/etc/os-release").exists() else False
    return "linux-headers-generic" if ubuntu else "linux-headers-amd64"
