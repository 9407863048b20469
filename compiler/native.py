"""Builds the project's shared libraries of C, and finds what was built before."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

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


class NativeBuildError(Exception):
    """A library could not be built; the text says why."""


@dataclass(frozen=True)
class NativeLibrary:
    """A library: its name, its sources and headers, and the folders to look for included files in."""

    name: str
    inputs: Sequence[Path]
    include: Sequence[Path] = ()

    def path(self, cache: Path | None = None) -> Path:
        """The shared library of the present sources, built if it is not there yet. Raises NativeBuildError.

        `cache` is the directory that keeps it (default: `rackplane` in the user's cache directory). Its name holds
        a digest of all sources and flags, so that a change of either is a new file and an old one is never loaded.
        """
        target = (cache if cache is not None else _user_cache()) / f"lib{self.name}-{self._digest()}.so"
        if not target.exists():
            self._build(target)
        return target

    def _digest(self) -> str:
        digest = hashlib.sha256(" ".join(FLAGS).encode())
        for path in sorted(self.inputs):
            digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
        return digest.hexdigest()[:16]

    def _build(self, target: Path) -> None:
        compiler = shutil.which("gcc") or shutil.which("cc")
        if compiler is None:
            raise NativeBuildError("no C compiler (gcc or cc) on PATH: install the package gcc")
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
            built = Path(scratch) / target.name
            command = [compiler, *FLAGS, *(f"-I{folder}" for folder in self.include), "-o", str(built)]
            command += [str(path) for path in sorted(self.inputs) if path.suffix == ".c"]
            result = subprocess.run(command, capture_output=True, text=True, check=False)
            if result.returncode != 0:
                raise NativeBuildError(f"{compiler} could not build {target.name}:\n{result.stderr.strip()}")
            built.replace(target)


def _user_cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "rackplane"
