"""Registers that packets read and write in one span, written by the control plane at the same time."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
from compiled_program import CompiledProgram
from finsy.proto import p4r

from rackplane.switch import libbpf, lockedregisters
from rackplane.switch import pipeline as pipelines
from rackplane.switch.errors import SwitchError
from rackplane.switch.fanout import Devices
from rackplane.switch.maps import SharedMemory
from rackplane.switch.registers import RegisterArray

pytestmark = pytest.mark.root
LOOPBACK = 1
FRAME = bytes(12) + b"\x11\x11" + bytes(46)
ROUNDS = 8000


@pytest.fixture(scope="module")
def loaded(learning: CompiledProgram) -> Iterator[pipelines.Pipeline]:
    """learning.p4 in the kernel; frames come from the loopback interface as port 1."""
    made = pipelines.load(learning.image, learning.manifest, learning.p4info, Devices({}))
    maps = learning.manifest.maps
    SharedMemory(made.loaded.map(maps.ports)).words(2, maps.max_ifindex)[LOOPBACK] = 2
    yield made
    made.close()


class Traffic:
    """Packets from another thread, as many as can be, until the block ends."""

    def __init__(self, pipeline: pipelines.Pipeline) -> None:
        self._program = pipeline.loaded.ingress_fd
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.bursts = 0

    def __enter__(self) -> Traffic:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            libbpf.test_run(self._program, FRAME, 20000, LOOPBACK)
            self.bursts += 1


def entry(register: RegisterArray, index: int | None, value: int) -> p4r.RegisterEntry:
    made = p4r.RegisterEntry(register_id=register.layout.id)
    if index is not None:
        made.index.index = index
    made.data.bitstring = value.to_bytes(16, "big")
    return made


def read(register: RegisterArray, index: int) -> int:
    (element,) = register.read(entry(register, index, 0))
    return int.from_bytes(element.register_entry.data.bitstring, "big")


def test_no_write_is_lost(loaded: pipelines.Pipeline, learning: CompiledProgram) -> None:
    """Packets add one; a write between a packet's read and its write would be gone at once."""
    packets = loaded.registers[learning.register_id("packets")]
    assert packets.layout.locked
    counted = 0
    with Traffic(loaded) as traffic:
        while not traffic.bursts:
            time.sleep(0.001)
        for number in range(ROUNDS):
            base = (1 + number % 200) << 24
            packets.write(entry(packets, 0, base))
            value = read(packets, 0)
            assert base <= value < base + (1 << 24), f"write {number} was lost"
            counted += value - base
    assert traffic.bursts > 1
    assert counted, "packets were counted meanwhile"


def test_no_element_is_torn(loaded: pipelines.Pipeline, learning: CompiledProgram) -> None:
    """Packets add one to each third of a wide element: all thirds are always the same."""
    wide = loaded.registers[learning.register_id("wide")]
    third = (1 << 64) | (1 << 32) | 1
    with Traffic(loaded):
        for number in range(ROUNDS):
            wide.write(entry(wide, 0, third * (number % 100 + 1)))
            value = read(wide, 0)
            assert value % third == 0, f"{value:#x}"
            assert [read(wide, 0) % third for _ in range(3)] == [0, 0, 0]


def test_many_elements_at_once(loaded: pipelines.Pipeline, learning: CompiledProgram) -> None:
    for name in ("packets", "wide"):
        register = loaded.registers[learning.register_id(name)]
        register.write(entry(register, None, 77))
        assert [read(register, n) for n in range(register.layout.size)] == [77] * register.layout.size
        undo = register.snapshot(entry(register, 1, 0))
        register.write(entry(register, 1, 78))
        assert read(register, 1) == 78
        undo()
        whole = p4r.RegisterEntry(register_id=register.layout.id)
        values = [int.from_bytes(e.register_entry.data.bitstring, "big") for e in register.read(whole)]
        assert values == [77] * register.layout.size


def test_a_lock_that_stays_taken_is_an_error(
    loaded: pipelines.Pipeline, learning: CompiledProgram, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lockedregisters.libbpf, "test_run", lambda *_: (1, b"", 0))
    monkeypatch.setattr(lockedregisters, "_TRIES", 2)
    packets = loaded.registers[learning.register_id("packets")]
    with pytest.raises(
        SwitchError, match=r"register IngressImpl\.packets stayed locked by packets through 2 tries"
    ):
        packets.write(entry(packets, 0, 1))
