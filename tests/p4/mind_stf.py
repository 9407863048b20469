"""The protocol's transitions as STF scripts: stories of a region that starts idle, one file per state.

`python tests/p4/mind_stf.py` writes tests/p4/stf/; the expected packets are the model's. Every story has a region
of its own, so a file needs no state but what its packets make: it runs on any target, and by any STF runner.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import mind_model as model
from mind_bench import COMPUTE_HOSTS, DOMAIN, HOSTS, MEMORY_HOSTS, RACK
from mind_packets import RACK_IP, RACK_MAC, ROCE_PORT, frame
from mind_verbs import Action, verb
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether
from scapy.packet import Raw

from rackplane.control.mind.entries import Entry, MulticastGroup, grant_entries, rack_entries, region_entries
from rackplane.control.mind.prefixes import Prefix
from rackplane.control.mind.protection import Grant, Rights
from rackplane.control.mind.regions import Region

FOLDER = Path(__file__).parent / "stf"
LOG2 = 14
BASE = 1 << 40


@dataclass(frozen=True)
class Story:
    """What happens to one region, and why it is told."""

    title: str
    actions: tuple[Action, ...]


def c(number: int, kind: str, page: int = 0, segment: int = 0, **more: bool) -> Action:
    """Compute blade c<number> does something."""
    return Action(number - 1, kind, page, segment, peer_psn=64, **more)


def shared(*numbers: int) -> tuple[Action, ...]:
    return tuple(c(number, "GET_SHARED") for number in numbers)


OWNED = (c(2, "GET_MODIFIED"),)
SM_A = (*shared(1, 2, 3), c(1, "GET_MODIFIED", 1))
MS_D = (*OWNED, c(1, "GET_SHARED", 1))
MM_D = (*OWNED, c(1, "GET_MODIFIED", 1))

FILES: dict[str, tuple[Story, ...]] = {
    "idle": (
        Story("GET_SHARED: S, data from memory", (c(1, "GET_SHARED", 1, 2),)),
        Story("GET_MODIFIED: M, data from memory", (c(1, "GET_MODIFIED", 1, 2),)),
        Story("UPGRADE: the copy is lost", (c(1, "UPGRADE"),)),
        Story(
            "nothing is acknowledged, pushed, written back or evicted",
            tuple(c(1, kind) for kind in ("INVALIDATE_ACK", "PUSH", "PUSH_EMPTY", "WRITE", "EVICT", "READ")),
        ),
    ),
    "shared": (
        Story("GET_SHARED: one more sharer", shared(1, 2, 2)),
        Story("GET_MODIFIED of the only sharer: M at once", (*shared(1), c(1, "GET_MODIFIED"))),
        Story(
            "GET_MODIFIED beside others: INVALIDATE and data in one multicast",
            (*shared(1, 2, 3), c(1, "GET_MODIFIED")),
        ),
        Story("GET_MODIFIED of a blade that has no copy", (*shared(2), c(1, "GET_MODIFIED"))),
        Story("UPGRADE of the only sharer: granted at once", (*shared(1), c(1, "UPGRADE"))),
        Story("UPGRADE beside others: INVALIDATE alone", (*shared(1, 2), c(1, "UPGRADE", 2))),
        Story("UPGRADE of a blade that has no copy", (*shared(2), c(1, "UPGRADE"))),
        Story("EVICT: one sharer less, then idle", (*shared(1, 2), c(1, "EVICT"), c(2, "EVICT"))),
        Story("EVICT of an old version, and of no sharer", (*shared(1), c(1, "EVICT", late=True), c(2, "EVICT"))),
        Story("no WRITE, no PUSH", (*shared(1), c(1, "WRITE"), c(1, "PUSH"))),
    ),
    "modified": (
        Story(
            "the owner's requests go to memory",
            (*OWNED, c(2, "GET_SHARED", 3), c(2, "GET_MODIFIED", 2), c(2, "UPGRADE")),
        ),
        Story("GET_SHARED: the owner is asked to keep shared copies", MS_D),
        Story("GET_MODIFIED: the owner is asked to go", MM_D),
        Story("UPGRADE of another blade", (*OWNED, c(1, "UPGRADE"))),
        Story("WRITE: of the owner only", (*OWNED, c(2, "WRITE", 1, 3), c(1, "WRITE"))),
        Story("EVICT of the owner", (*OWNED, c(2, "EVICT"))),
        Story("EVICT of an old version", (*OWNED, c(2, "EVICT", late=True))),
    ),
    "sm_a": (
        Story("acknowledged by all: GRANT", (*SM_A, c(2, "INVALIDATE_ACK", 1), c(3, "INVALIDATE_ACK", 1))),
        Story("acknowledged twice by one", (*SM_A, c(2, "INVALIDATE_ACK", 1), c(2, "INVALIDATE_ACK", 1))),
        Story("an acknowledgement of an older version", (*SM_A, c(2, "INVALIDATE_ACK", 1, late=True))),
        Story("the requester repeats its first segment", (*SM_A, c(1, "GET_MODIFIED", 1))),
        Story(
            "the requester's other segments and pages",
            (*SM_A, c(1, "GET_MODIFIED", 1, 1), c(1, "GET_MODIFIED", 2), c(1, "GET_SHARED", 3)),
        ),
        Story("the requester repeats an UPGRADE", (*shared(1, 2), c(1, "UPGRADE"), c(1, "UPGRADE"))),
        Story("others wait", (*SM_A, c(2, "GET_SHARED"), c(4, "GET_MODIFIED"), c(2, "UPGRADE"))),
        Story(
            "no WRITE, PUSH or EVICT", (*SM_A, c(2, "WRITE"), c(2, "PUSH", 1), c(2, "PUSH_EMPTY", 1), c(2, "EVICT"))
        ),
    ),
    "ms_d": (
        Story(
            "PUSH: to memory and requester; the owner keeps copies",
            (*MS_D, c(2, "PUSH", 1), c(2, "PUSH", 1, 3), c(2, "INVALIDATE_ACK", 1, kept=True)),
        ),
        Story(
            "PUSH_EMPTY: READ for the requester; the owner keeps nothing",
            (*MS_D, c(2, "PUSH_EMPTY", 1, 1), c(2, "INVALIDATE_ACK", 1)),
        ),
        Story(
            "PUSH of another page, of an older version, of another blade",
            (*MS_D, c(2, "PUSH", 2), c(2, "PUSH", 1, late=True), c(3, "PUSH", 1)),
        ),
        Story(
            "the requester repeats",
            (*MS_D, c(1, "GET_SHARED", 1), c(1, "GET_SHARED", 1, 2), c(1, "GET_MODIFIED", 1)),
        ),
        Story(
            "everybody else waits",
            (*MS_D, c(1, "GET_SHARED", 2), c(3, "GET_SHARED", 1), c(2, "GET_SHARED", 1), c(1, "UPGRADE", 1)),
        ),
        Story("the owner writes back", (*MS_D, c(2, "WRITE", 2), c(1, "WRITE", 2))),
        Story(
            "acknowledgements of others and of the past",
            (*MS_D, c(1, "INVALIDATE_ACK", 1), c(2, "INVALIDATE_ACK", 1, late=True), c(2, "EVICT")),
        ),
    ),
    "mm_d": (
        Story(
            "PUSH: to memory and requester; then GRANT",
            (*MM_D, c(2, "PUSH", 1, 2), c(2, "INVALIDATE_ACK", 1, kept=True)),
        ),
        Story("PUSH_EMPTY: READ for the requester", (*MM_D, c(2, "PUSH_EMPTY", 1, 3), c(2, "INVALIDATE_ACK", 1))),
        Story(
            "the requester repeats",
            (*MM_D, c(1, "GET_MODIFIED", 1), c(1, "GET_MODIFIED", 1, 2), c(1, "GET_SHARED", 1)),
        ),
        Story(
            "everybody else waits", (*MM_D, c(1, "GET_MODIFIED", 2), c(3, "GET_MODIFIED", 1), c(2, "UPGRADE", 1))
        ),
        Story("the owner writes back", (*MM_D, c(2, "WRITE", 2), c(1, "WRITE", 2))),
        Story(
            "PUSH of the past and of another blade",
            (*MM_D, c(2, "PUSH", 1, late=True), c(1, "PUSH", 1), c(3, "PUSH_EMPTY", 1)),
        ),
    ),
}


def scripts() -> dict[str, str]:
    """File name -> text of every script."""
    return {f"{name}.stf": "\n".join(_script(name, stories)) + "\n" for name, stories in FILES.items()}


def _script(name: str, stories: tuple[Story, ...]) -> Iterator[str]:
    regions = [Region(Prefix(BASE + (i << LOG2), 1 << LOG2), i) for i in range(len(stories))]
    yield f"# {name}: what each packet does there. Written by mind_stf.py from the model of the protocol."
    yield ""
    span = 1 << (len(stories) << LOG2).bit_length()
    yield from _entries((*rack_entries(RACK), *region_entries(regions)))
    yield from _entries(grant_entries([Grant(DOMAIN, Prefix(BASE, span), Rights.READ_WRITE)]))
    for region, story in zip(regions, stories, strict=True):
        yield ""
        yield f"# {story.title}"
        yield from _story(region, story)


def _story(region: Region, story: Story) -> Iterator[str]:
    ports = tuple(host.port for host in COMPUTE_HOSTS)
    place = model.Region(region.prefix.base, LOG2, region.prefix.base - BASE, MEMORY_HOSTS[0].port, ports)
    entry = model.Directory()
    for psn, action in enumerate(story.actions, start=1000):
        packet = verb(place, entry, action, psn, padding=0)
        step = model.step(place, entry, action.blade, packet)
        host = COMPUTE_HOSTS[action.blade]
        what = f"{host_name(host.port)} {action.kind} page {action.page} segment {action.segment}"
        yield "wait"
        yield f"# {what}: {show(entry)} -> {show(step.entry)}"
        yield f"packet {host.port} {frame(packet, host).hex()}"
        for output in step.outputs:
            yield f"expect {output.port} {expected(output, host.port).hex()}"
        entry = step.entry


def expected(output: model.Output, sender: int) -> bytes:
    """The frame as it leaves; what was behind the request's headers may follow."""
    host = HOSTS[output.port]
    packet = Ether(src=RACK_MAC, dst=host.mac) / IP(src=RACK_IP, dst=host.ip)
    packet /= UDP(sport=0xC000 + sender, dport=ROCE_PORT, chksum=0)
    for layer in output.verb.headers():
        packet /= layer
    return bytes(packet / Raw(output.verb.payload + bytes(4)))


def host_name(port: int) -> str:
    return f"c{port}"


def show(entry: model.Directory) -> str:
    holders = ",".join(host_name(blade + 1) for blade in sorted(entry.holders))
    return f"{entry.state}({holders}) v{entry.version}"


def _entries(entries: tuple[Entry, ...] | list[Entry]) -> Iterator[str]:
    handles = 0
    for entry in entries:
        if isinstance(entry, MulticastGroup):
            yield f"mc_mgrp_create {entry.group}"
            yield f"mc_node_create {handles} {' '.join(map(str, entry.ports))}"
            yield f"mc_node_associate {entry.group} {handles}"
            handles += 1
        else:
            match = " ".join(f"{key}:{_value(value)}" for key, value in entry.match)
            arguments = ", ".join(f"{key}:{value:#x}" for key, value in entry.arguments)
            yield f"add {entry.table} {match} {entry.action}({arguments})"


def _value(value: int | str) -> str:
    if isinstance(value, int):
        return f"{value:#x}"
    number, _, length = value.partition("/")
    return f"{int(number):#018x}/{length}"


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, text in scripts().items():
        (FOLDER / name).write_text(text)
