"""The control plane as its clients see it: compute blades and the command line."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import cast

from rackplane.control.service import ServiceError, call


@dataclass(frozen=True)
class Range:
    """A range of rack memory: `size` bytes from `va` on, in `regions` regions of region_size bytes (0: direct)."""

    va: int
    size: int
    regions: int
    region_size: int


@dataclass(frozen=True)
class Client:
    """Calls to the control plane that serves at a socket file. Every method raises ServiceError."""

    path: Path

    def alloc(
        self, size: int, domain: int, rights: str = "rw", *, coherent: bool = True, region_size: int = 0
    ) -> Range:
        """A new range of at least `size` bytes for `domain`; its size is a power of two.

        rights: 'r', 'w', 'rw' or '-'. A coherent range is cached by compute blades in regions of region_size
        bytes (4 KiB to 2 MiB; 0: 16 KiB, or more for a large range); a direct one is read and written remotely.
        """
        result = self._object(
            "alloc", size=size, domain=domain, rights=rights, coherent=coherent, region_size=region_size
        )
        return Range(
            *(cast(int, result[key]) for key in ("va", "size", "regions", "region_size")),
        )

    def free(self, va: int, *, force: bool = False) -> int:
        """Give back the range that starts at va; returns its size."""
        return cast(int, self._object("free", va=va, force=force)["size"])

    def protect(self, va: int, length: int, domain: int, rights: str) -> dict[str, int]:
        """Set a domain's rights over whole pages of one range; returns counts of entries and recalled regions."""
        return cast("dict[str, int]", self._object("protect", va=va, length=length, domain=domain, rights=rights))

    def regions(self, start: int = 0, limit: int = 1000) -> list[dict[str, object]]:
        """Regions from address `start` on, with their directory entries."""
        return cast("list[dict[str, object]]", call(self.path, {"call": "regions", "start": start, "limit": limit}))

    def stats(self) -> dict[str, object]:
        """Use of memory and directory, and what the switch counted."""
        return self._object("stats")

    def new_domain(self) -> int:
        """A protection domain that nobody has."""
        return cast(int, call(self.path, {"call": "domain"}))

    def _object(self, name: str, **arguments: object) -> dict[str, object]:
        result = call(self.path, {"call": name, **arguments})
        if not isinstance(result, dict):
            raise ServiceError(f"the control plane answered {name!r} with {result!r}")
        return result
