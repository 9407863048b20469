"""Builds librackmem, the C library of a compute blade, and finds what was built before."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from rackplane.hosts.compute.errors import BuildError

ROOM = Path(__file__).resolve().parent
SOURCES = ROOM / "src"
INCLUDE = ROOM / "include"
WIRE_HEADERS = ROOM.parent.parent / "ebpf" / "generated"
FLAGS = (
    "-std=gnu11",
    "-O2",
    "-g",
    "-fPIC",
    "-shared",
    "-pthread",
    "-Wall",
    "-Wextra",
    "-Werror",
    "-Wl,-z,defs",
)


def library_path(cache: Path | None = None) -> Path:
    """The shared library of the present sources, built if it is not there yet.

    `cache` is the directory that keeps it (default: `rackplane` in the user's cache directory). Its name holds a
    digest of all sources and flags, so that a change of either is a new file and an old one is never loaded.
    """
    directory = cache if cache is not None else _user_cache()
    target = directory / f"librackmem-{_digest()}.so"
    if not target.exists():
        _build(target)
    return target


def _user_cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "rackplane"


def _inputs() -> list[Path]:
    return sorted([*SOURCES.glob("*.[ch]"), *INCLUDE.glob("*.h"), *WIRE_HEADERS.glob("*.h")])


def _digest() -> str:
    digest = hashlib.sha256(" ".join(FLAGS).encode())
    for path in _inputs():
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def _build(target: Path) -> None:
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        raise BuildError("no C compiler (gcc or cc) on PATH: install the package gcc")
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        built = Path(scratch) / target.name
        command = [compiler, *FLAGS, f"-I{INCLUDE}", f"-I{WIRE_HEADERS}", "-o", str(built)]
        command += [str(path) for path in _inputs() if path.suffix == ".c"]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        if result.returncode != 0:
            raise BuildError(f"{compiler} could not build {target.name}:\n{result.stderr.strip()}")
        built.replace(target)
