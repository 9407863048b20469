"""The switch of the model: one region's directory entry, moved by the transition table, and what leaves it."""

from __future__ import annotations

from typing import NamedTuple

from rackplane.experiments.protocol_model.table import Outcome, TransitionTable

MEMORY = -1
SWITCH = -2
CONTROL = -3
NOBODY = 0xFF
SHARED, MODIFIED = 1, 2
NO_PAGE = -1


class Message(NamedTuple):
    """A packet under way. `to` and `sender` are blades, or MEMORY, SWITCH, CONTROL. A page is one segment here.

    `peer` and `peer_psn` are an INVALIDATE's: for whom, and under which number it is answered; PUSH, PUSH_EMPTY and
    INVALIDATE_ACK carry them back. `flag` is KEPT, DOWNGRADE, MODIFIED, STALE or pending, by kind.
    """

    kind: str
    to: int
    sender: int
    page: int = NO_PAGE
    psn: int = 0
    version: int = 0
    value: int = 0
    permission: int = 0
    flag: bool = False
    peer: int = NOBODY
    peer_psn: int = 0


class Entry(NamedTuple):
    """A directory entry; `sharers` is a bit per blade."""

    state: str = "I"
    sharers: int = 0
    page: int = 0
    requester: int = NOBODY
    version: int = 0


REQUESTS = frozenset({"GET_SHARED", "GET_MODIFIED", "UPGRADE", "WRITE", "PUSH"})


def switch(table: TransitionTable, entry: Entry, packet: Message, blades: int) -> tuple[Entry, list[Message]]:
    """One packet passes the switch: the entry after it, and the packets that leave."""
    outcome = table.outcome(packet.kind, entry.state, _conditions(entry, packet))
    after = _move(entry, outcome, packet)
    return after, _leaving(after, outcome, packet, blades)


def _conditions(entry: Entry, packet: Message) -> tuple[int, ...]:
    mask = _bit(packet.sender)
    return (
        int(bool(entry.sharers & mask)),
        int(bool(entry.sharers & ~mask)),
        int(entry.requester == packet.sender),
        int(entry.page == packet.page),
        1,
        int(packet.version == entry.version),
        int(packet.kind == "INVALIDATE_ACK" and packet.flag),
    )


def _bit(blade: int) -> int:
    return 1 << blade if 0 <= blade < 16 else 0


def _move(entry: Entry, outcome: Outcome, packet: Message) -> Entry:
    if outcome.next is None:
        return entry
    sender, requester, sharers = _bit(packet.sender), _bit(entry.requester), entry.sharers
    sharers = {
        "KEEP": sharers,
        "SENDER": sender,
        "ADD_SENDER": sharers | sender,
        "REMOVE_SENDER": sharers & ~sender,
        "REQUESTER": requester,
        "REQUESTER_KEPT": requester | sender,
        "ADD_REQUESTER": sharers | requester,
        "NOBODY": 0,
    }[outcome.sharers]
    begun = {"page": packet.page, "requester": _sender_of(packet)} if outcome.begins else {}
    return entry._replace(state=outcome.next, sharers=sharers, version=entry.version + outcome.increment, **begun)


def _sender_of(packet: Message) -> int:
    return packet.sender if packet.sender >= 0 else NOBODY


def _leaving(entry: Entry, outcome: Outcome, packet: Message, blades: int) -> list[Message]:  # noqa: PLR0911
    """Stage `copies` of the program."""
    match outcome.reply:
        case "FORWARD":
            return [_forward(entry, outcome, packet)]
        case "INVALIDATE":
            return _invalidations(entry, packet, blades)
        case "INVALIDATE_FORWARD":
            return [_forward(entry, outcome, packet), *_invalidations(entry, packet, blades)]
        case "PUSH":
            write = Message("WRITE", MEMORY, packet.sender, packet.page, packet.psn, value=packet.value)
            return [write, _data(entry, outcome, packet)._replace(value=packet.value)]
        case "FETCH":
            return [_data(entry, outcome, packet)._replace(kind="READ", to=MEMORY, peer=entry.requester)]
        case "GRANT":
            return [_grant(entry, packet, entry.requester, packet.peer_psn, entry.state == "M")]
        case "GRANT_BACK":
            return [_grant(entry, packet, packet.sender, packet.psn, True)]
        case "CONFIRM" | "CONFIRM_STALE":
            stale = outcome.reply == "CONFIRM_STALE"
            return [Message("CONFIRM", packet.sender, SWITCH, psn=packet.psn, version=entry.version, flag=stale)]
        case "CPU":
            return [Message(packet.kind, CONTROL, SWITCH)]
        case "RNR_NAK" | "NAK_INVALID_REQUEST" as syndrome if packet.kind in REQUESTS:
            return [Message(syndrome, packet.sender, SWITCH, packet.page, packet.psn)]
        case _:
            return []


def _forward(entry: Entry, outcome: Outcome, packet: Message) -> Message:
    if packet.kind == "WRITE":
        return packet._replace(to=MEMORY)
    return Message(
        "READ",
        MEMORY,
        SWITCH,
        packet.page,
        version=entry.version,
        permission=outcome.permission,
        flag=outcome.pending,
        peer=packet.sender,
        peer_psn=packet.psn,
    )


def _data(entry: Entry, outcome: Outcome, packet: Message) -> Message:
    return Message(
        "DATA",
        entry.requester,
        SWITCH,
        packet.page,
        version=entry.version,
        permission=outcome.permission,
        flag=outcome.pending,
        peer_psn=packet.peer_psn,
    )


def _invalidations(entry: Entry, packet: Message, blades: int) -> list[Message]:
    about = packet.page if entry.state in ("MS_D", "MM_D") else NO_PAGE
    return [
        Message(
            "INVALIDATE",
            blade,
            SWITCH,
            about,
            version=entry.version,
            flag=entry.state == "MS_D",
            peer=entry.requester,
            peer_psn=packet.psn,
        )
        for blade in range(blades)
        if entry.sharers >> blade & 1
    ]


def _grant(entry: Entry, packet: Message, to: int, psn: int, modified: bool) -> Message:
    return Message("GRANT", to, SWITCH, packet.page, psn, entry.version, flag=modified)
