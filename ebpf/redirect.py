"""Two interfaces joined by nothing but a redirect: the physical limit of a switch between them, for benchmarks."""

from __future__ import annotations

from contextlib import ExitStack
from types import TracebackType

from rackplane.ebpf.attachment import interface_index
from rackplane.ebpf.interposition import Interposition
from rackplane.ebpf.program import ROOM, Kind, Module


class BareRedirect:
    """redirect.c in the place of the programs that both interfaces have, until `close`. Raises EbpfError."""

    def __init__(self, first: str, second: str) -> None:
        with ExitStack() as undo:
            module = Module(ROOM / "redirect.c")
            undo.callback(module.close)
            program = module.load("redirect_xdp", Kind.XDP)
            indices = interface_index(first), interface_index(second)
            module.put("first_interface", 0, indices[0])
            for key, index in enumerate(reversed(indices)):
                module.put("opposite", key, index)
            for interface in (first, second):
                undo.enter_context(Interposition(interface)).insert(program)
            self._undo = undo.pop_all()

    def close(self) -> None:
        """Put the interfaces' own programs back."""
        self._undo.close()

    def __enter__(self) -> BareRedirect:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
