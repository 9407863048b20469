"""librackmem, the C library of a compute blade: where its sources are, and the library that was built of them."""

from __future__ import annotations

from pathlib import Path

from rackplane.compiler.native import NativeBuildError, NativeLibrary
from rackplane.hosts.compute.errors import BuildError

ROOM = Path(__file__).resolve().parent
SOURCES = ROOM / "src"
INCLUDE = ROOM / "include"
WIRE_HEADERS = ROOM.parent.parent / "ebpf" / "generated"


def library_path(cache: Path | None = None) -> Path:
    """The shared library of the present sources, built if it is not there yet (BuildError).

    `cache` is the directory that keeps it (default: `rackplane` in the user's cache directory).
    """
    inputs = [*SOURCES.glob("*.[ch]"), *INCLUDE.glob("*.h"), *WIRE_HEADERS.glob("*.h")]
    try:
        return NativeLibrary("rackmem", inputs, (INCLUDE, WIRE_HEADERS)).path(cache)
    except NativeBuildError as e:
        raise BuildError(str(e)) from e
