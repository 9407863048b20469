"""A memory blade whose program is given frames directly, and what it says to them."""

from __future__ import annotations

import itertools

from blade_bench import ADD, Reply, atomic_eth, frame, reply

from rackplane.ebpf.bpf_call import test_run as run_program
from rackplane.ebpf.memory_blade import MemoryBlade

DROP, PASS, REDIRECT = 1, 2, 4
INVALID, ACCESS, NOT_READY = 0x61, 0x62, 0x20
FIRST_PAGE = 64 << 10
_numbers = itertools.count(1)


class Bench:
    """A blade, its counters since the test began, and a queue pair and a page that no other test has."""

    def __init__(self, blade: MemoryBlade) -> None:
        self.blade = blade
        number = next(_numbers)
        self.qp = number
        self.va = FIRST_PAGE + number * 4096
        blade.memory[self.va : self.va + 4096] = bytes(4096)
        self._before = blade.counters()

    def counted(self) -> dict[str, int]:
        """Counters that have changed."""
        now = self.blade.counters()
        return {name: value - self._before[name] for name, value in now.items() if value != self._before[name]}

    def ask(self, opcode: int, extended: bytes, psn: int = 0, qp: int | None = None) -> Reply | None:
        """The reply to a frame; None when there is none."""
        run = run_program(self.blade.xdp, frame(opcode, extended, qp=self.qp if qp is None else qp, psn=psn))
        if run.verdict == DROP:
            return None
        assert run.verdict == REDIRECT
        found = reply(run.frame)
        assert (found.qp, found.psn) == (self.qp if qp is None else qp, psn)
        return found

    def set_word(self, value: int) -> None:
        """Sets the word that `va` points to."""
        self.blade.memory[self.va : self.va + 8] = value.to_bytes(8, "little")

    def word(self) -> int:
        """The word that `va` points to."""
        return int.from_bytes(self.blade.memory[self.va : self.va + 8], "little")

    def add(self, psn: int = 0, qp: int | None = None) -> Reply | None:
        """FETCH_ADD of 1 to the word that `va` points to."""
        return self.ask(ADD, atomic_eth(self.va, 1), psn, qp)
