"""The reflector on an interface: the physical limit of a memory blade on the same link, for benchmarks."""

from __future__ import annotations

from types import TracebackType

from rackplane.ebpf.interposition import Interposition
from rackplane.ebpf.program import ROOM, Kind, Module


class Reflector:
    """reflector.c, answering at `interface` in the place of the program that is there, until `close`.

    Long reads have to be padded: it has no slow path. Raises EbpfError.
    """

    def __init__(self, interface: str) -> None:
        self._module = Module(ROOM / "reflector.c")
        self.program = self._module.load("reflector_xdp", Kind.XDP)
        self._place = Interposition(interface)
        self._place.insert(self.program)

    def close(self) -> None:
        """Stop answering."""
        self._place.close()
        self._module.close()

    def __enter__(self) -> Reflector:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
