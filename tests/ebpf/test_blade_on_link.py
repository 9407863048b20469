"""A memory blade's process on a veth link: real packets, lost packets, a stopped process, two requesters."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from blade_bench import (
    FAR,
    NEAR,
    READ_RESPONSE,
    BladeLink,
    Change,
    frame,
    read_json,
    reply,
    reth,
    run,
    stop,
    unpadded_read,
    wait_until,
)

from rackplane.hosts.memory.control import ControlError, ask
from rackplane.wire import errors
from rackplane.wire.memory import RackMemory
from rackplane.wire.requester import Timing

pytestmark = pytest.mark.root
STATS = {"verb": "stats"}
MIB = 1 << 20


@pytest.fixture(scope="module")
def served() -> Iterator[BladeLink]:
    """A link with a blade, for tests that leave it as it is but for its memory."""
    link = BladeLink()
    link.serve()
    yield link
    link.close()


def counters(link: BladeLink) -> dict[str, int]:
    found = ask(link.control, STATS)["counters"]
    assert isinstance(found, dict)
    return {name: value for name, value in found.items() if value}


@pytest.mark.parametrize(
    ("va", "length"), [(0, 0), (0, 8), (5, 64), (1000, 100), (4096, 4096), (3, 10_000), (MIB - 300_000, 300_000)]
)
def test_what_is_written_is_read(served: BladeLink, va: int, length: int) -> None:
    data = Random(va).randbytes(length)
    before, behind = max(0, va - 16), min(MIB, va + length + 16)
    with served.memory() as memory:
        memory.write(before, bytes(behind - before))
        memory.write(va, data)
        assert memory.read(va, length) == data
        assert memory.read(before, behind - before) == bytes(va - before) + data + bytes(behind - va - length)


def test_atomics(served: BladeLink) -> None:
    with served.memory() as memory:
        memory.write(64, bytes(8))
        assert [memory.fetch_add(64, 5) for _ in range(3)] == [0, 5, 10]
        assert memory.fetch_add(64, -16) == 15
        assert memory.cas(64, 0, 1) == 2**64 - 1
        assert memory.cas(64, 2**64 - 1, 7) == 2**64 - 1
        assert memory.read(64, 8) == (7).to_bytes(8, "little")


def test_refusals_are_errors_of_their_kinds(served: BladeLink) -> None:
    with served.memory() as memory:
        with pytest.raises(errors.RemoteAccessError, match=r"RDMA_READ_REQUEST of 8 bytes at 0x100000 was refused"):
            memory.read(MIB, 8)
        with pytest.raises(errors.RemoteAccessError):
            memory.write(MIB - 1024, bytes(2048))
        with pytest.raises(errors.RemoteAccessError):
            memory.fetch_add(1 << 40, 1)
        memory.write(0, b"goes on")
        assert memory.read(0, 7) == b"goes on"


@pytest.mark.parametrize("length", [129, 141, 142, 777, 1000, 1023, 1024])
def test_long_reads_without_padding_take_the_slow_path(served: BladeLink, length: int) -> None:
    data = Random(length).randbytes(1024)
    with served.memory() as memory:
        memory.write(2048, data)
    before = counters(served).get("slow_reads", 0)
    with served.socket() as near:
        near.send(unpadded_read(2048, length, psn=length))
        found = reply(near.recv(2048))
    assert (found.opcode, found.psn, found.syndrome, found.body) == (READ_RESPONSE, length, 0, data[:length])
    assert counters(served).get("slow_reads", 0) - before == (1 if length > 140 else 0)


def test_what_does_not_concern_a_blade_reaches_its_host(link: BladeLink) -> None:
    link.serve()
    run("ip", "-n", link.namespace, "addr", "add", "10.0.1.1/16", "dev", link.far)
    run("ip", "-n", link.namespace, "link", "set", link.far, "address", "02:00:00:00:01:01")
    script = (
        "import socket; s = socket.socket(type=2); s.bind(('', 4790)); print('{}', flush=True); print(s.recv(99))"
    )
    command = ["ip", "netns", "exec", link.namespace, "/usr/bin/python3", "-c", script]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as listener, link.socket() as near:
        read_json(listener, 10)
        near.send(frame(0x0C, reth(0, 8), change=Change(udp={"dport": 4790})))
        assert listener.communicate(timeout=10)[0].startswith("b'\\x0c")


def test_memory_is_served_while_its_process_is_stopped(link: BladeLink) -> None:
    process = link.serve()
    with link.memory() as memory:
        memory.write(0, b"before")
        os.kill(process.pid, signal.SIGSTOP)
        state = Path(f"/proc/{process.pid}/stat")
        wait_until(lambda: state.read_text().split()[2] == "T")
        with pytest.raises(ControlError):
            ask(link.control, STATS)
        assert memory.read(0, 6) == b"before"
        memory.write(4096, b"x" * 4096)
        assert memory.read(4096, 4096) == b"x" * 4096
        assert memory.fetch_add(64, 3) == 0
        assert memory.cas(64, 3, 4) == 3
        with link.socket() as near:
            near.send(unpadded_read(4096, 1024))
            assert reply(near.recv(2048)).body == b"x" * 1024
        assert state.read_text().split()[2] == "T"
        os.kill(process.pid, signal.SIGCONT)
    assert counters(link)["fetch_adds"] == 1
    stop(process)


def test_a_blade_that_is_gone_is_no_answer_and_one_that_returns_is_served_again(link: BladeLink) -> None:
    process = link.serve()
    with link.memory(Timing(patience=0.3)) as memory:
        memory.write(0, b"here")
        stop(process)
        with pytest.raises(errors.NoAnswerError, match=r"got no answer for 0.3 s"):
            memory.read(0, 4)
        link.serve()
        assert memory.read(0, 4) == bytes(4)


def additions(memory: RackMemory, count: int, seen: list[int]) -> None:
    seen += [memory.fetch_add(0, 1) for _ in range(count)]


def test_two_queue_pairs_at_once(served: BladeLink) -> None:
    seen: list[list[int]] = [[], []]
    with served.memory() as one, served.memory() as other:
        one.write(0, bytes(8))
        assert one.queue_pair != other.queue_pair
        threads = [
            threading.Thread(target=additions, args=(memory, 2000, found))
            for memory, found in zip((one, other), seen, strict=True)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert one.read(0, 8) == (4000).to_bytes(8, "little")
    assert sorted(seen[0] + seen[1]) == list(range(4000))
    assert all(found == sorted(found) for found in seen)


DISTURBED = [
    ("--drop", "10"),
    ("--drop", "100", "--seed", "7"),
    ("--duplicate", "200"),
    ("--delay", "200", "--lateness", "3000"),
    ("--drop", "50", "--duplicate", "50", "--delay", "50", "--lateness", "5000", "--seed", "3"),
]


@pytest.mark.parametrize("faults", DISTURBED, ids=[" ".join(faults) for faults in DISTURBED])
def test_no_update_is_lost_or_doubled_on_a_bad_link(link: BladeLink, faults: tuple[str, ...]) -> None:
    link.serve()
    injectors = [link.disturb(*faults, far=True), link.disturb(*faults, far=False)]
    additions, pages = 1500, 60
    with link.memory() as memory:
        assert [memory.fetch_add(8, 1) for _ in range(additions)] == list(range(additions))
        for number in range(pages):
            memory.write(4096 + number % 4 * 4096, bytes([number]) * 4096)
            assert memory.read(4096 + number % 4 * 4096, 4096) == bytes([number]) * 4096
        lost = memory.statistics.retransmitted
        time.sleep(0.02)  # what is late may come
        assert memory.read(8, 8) == additions.to_bytes(8, "little")
        assert {memory.read(4096 + n * 4096, 4096) for n in range(4)} == {
            bytes([number]) * 4096 for number in range(pages - 4, pages)
        }
    found = counters(link)
    assert (found["fetch_adds"], found["writes"]) == (additions, 4 * pages)
    for injector in injectors:
        printed = json.loads(stop(injector))
        assert printed["frames"] > additions
        assert printed["unheld"] == 0
        assert sum(printed[fault] for fault in ("dropped", "duplicated", "delayed")) > 0.005 * printed["frames"]
    assert lost > 0 or "--drop" not in faults
    assert found["repeated_answers"] > 0


def test_a_requester_knows_its_own_address(link: BladeLink) -> None:
    run("ip", "addr", "add", "10.213.0.1/32", "dev", link.near)
    run("ip", "link", "set", link.near, "address", "02:00:00:00:00:01")
    link.serve()
    with RackMemory(link.near, peer=FAR) as memory:
        assert memory.fetch_add(0, 1) == 0
    with pytest.raises(errors.TransportError, match="cannot open interface nix"):
        RackMemory("nix", own=NEAR)
