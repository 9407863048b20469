"""A cache of compiled things by content: files in a folder, each written at once or not at all."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterable
from pathlib import Path

from rackplane import __version__

_COMPILER = Path(__file__).resolve().parent
_SUFFIXES = frozenset((".py", ".h", ".p4"))


def key(*parts: str) -> str:
    """A file name for what these parts make."""
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()


def read(entry: Path) -> bytes | None:
    """What is under an entry, None when there is nothing."""
    try:
        return entry.read_bytes()
    except OSError:
        return None


def keep(entry: Path, data: bytes) -> None:
    """Put data under an entry; a cache that cannot be written is no error."""
    try:
        entry.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=entry.parent, delete=False) as part:
            part.write(data)
        Path(part.name).replace(entry)
    except OSError:
        return


def fingerprint(files: Iterable[Path] = ()) -> str:
    """The state of the compiler's own files, and of others: changed ones make other programs."""
    own = (p for p in _COMPILER.rglob("*") if p.suffix in _SUFFIXES)
    states = (f"{p}:{(s := p.stat()).st_size}:{s.st_mtime_ns}" for p in sorted([*own, *files]))
    return key(__version__, *states)
