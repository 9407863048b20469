"""A compute blade of the model: what hosts/compute decides, without times and with one segment to a page.

Where the real blade chooses by the clock (when to evict, when to send again, when to give an UPGRADE up), the
model may do either at any moment, so whatever the real one does is among what is searched.
"""

from __future__ import annotations

from typing import NamedTuple

from rackplane.experiments.protocol_model.directory import (
    MODIFIED,
    NO_PAGE,
    NOBODY,
    SHARED,
    SWITCH,
    Message,
)

NEVER = -1


class Fill(NamedTuple):
    """A page, or the right to write to it, on its way."""

    kind: str
    psn: int
    waits: bool = False
    """It was refused, or voided by an INVALIDATE, and has to be sent again."""
    value: int | None = None
    permission: int = 0
    version: int = NEVER
    pending: int = NEVER
    clear: int = NEVER
    granted: int = NEVER

    @property
    def acknowledged(self) -> bool:
        """Whether every other copy is known to be gone."""
        return self.pending in (NEVER, self.granted) or self.clear >= self.pending


class Page(NamedTuple):
    """A page at a blade. `wants` is the access that waits: "", "load" or "store"."""

    state: int = 0
    value: int = 0
    writable: bool = False
    dirty: bool = False
    version: int = NEVER
    served: int = NEVER
    kept: bool = False
    wants: str = ""
    fill: Fill | None = None
    writing: int = NEVER
    """The number of the WRITE or PUSH under way."""
    push: int = NEVER
    """The version of the INVALIDATE that the PUSH answers."""
    evict: bool = False


class Blade(NamedTuple):
    """All that a blade knows. `revoking` is the INVALIDATE that it serves, `releasing` the number of its EVICT."""

    pages: tuple[Page, ...]
    left: int
    revoking: Message | None = None
    pushed: bool = False
    releasing: int = NEVER
    released: int = 0
    numbers: int = 0

    @property
    def blocked(self) -> bool:
        """Whether no request for the region may start."""
        return self.revoking is not None or self.releasing != NEVER

    @property
    def idle(self) -> bool:
        """Whether nothing is under way."""
        return not self.blocked and all(
            page.fill is None and page.writing == NEVER and not page.wants for page in self.pages
        )

    def with_page(self, number: int, page: Page) -> Blade:
        """A copy with one page changed."""
        return self._replace(pages=(*self.pages[:number], page, *self.pages[number + 1 :]))


class Lost(AssertionError):
    """The directory gave a page away under its owner: what was stored is lost."""


Step = tuple[Blade, list[Message]]


def _fill(page: Page) -> Fill:
    if page.fill is None:
        raise ValueError("no fill of the page is under way")
    return page.fill


def _revoking(blade: Blade) -> Message:
    if blade.revoking is None:
        raise ValueError("the blade serves no INVALIDATE")
    return blade.revoking


class Rules:
    """What blade number `me` does."""

    def __init__(self, me: int) -> None:
        self.me = me

    def send(self, kind: str, page: int = NO_PAGE, **fields: int | bool) -> Message:
        """A packet of this blade to the switch."""
        return Message(kind, SWITCH, self.me, page, **fields)  # type: ignore[arg-type]

    def want(self, blade: Blade, number: int, access: str) -> Step:
        """A thread can not go on."""
        page = blade.pages[number]._replace(wants=access)
        return self.settle(blade.with_page(number, page), number)

    def settle(self, blade: Blade, number: int) -> Step:
        """Begin what a waiting access needs, unless something is in the way."""
        page = blade.pages[number]
        store = page.wants == "store"
        if not page.wants or page.fill or page.writing != NEVER:
            return blade, []
        if page.state == MODIFIED:
            if store and blade.blocked:
                return blade, []
            changed = page._replace(writable=True, dirty=True) if store else page
            return blade.with_page(number, changed._replace(wants="", evict=False)), []
        if page.state == SHARED and not store:
            return blade.with_page(number, page._replace(wants="", evict=False)), []
        if blade.blocked:
            return blade, []
        kind = ("UPGRADE" if page.state else "GET_MODIFIED") if store else "GET_SHARED"
        fill = Fill(kind, blade.numbers)
        begun = blade.with_page(number, page._replace(fill=fill))._replace(numbers=blade.numbers + 1)
        return begun, [self.send(kind, number, psn=fill.psn)]

    def settle_all(self, blade: Blade, sent: list[Message]) -> Step:
        """Something that was in the way is gone."""
        for number in range(len(blade.pages)):
            blade, more = self.settle(blade, number)
            sent = sent + more
        return blade, sent

    def send_again(self, blade: Blade, number: int) -> Step:
        """A refused fill goes out once more, or one whose packets are lost."""
        page = blade.pages[number]
        fill = _fill(page)
        if fill.kind == "UPGRADE" and page.state == 0:
            return self.give_up_upgrade(blade, number)
        again = blade.with_page(number, page._replace(fill=fill._replace(waits=False)))
        return again, [self.send(fill.kind, number, psn=fill.psn)]

    def give_up_upgrade(self, blade: Blade, number: int) -> Step:
        """The copy is gone, or the directory does not seem to know it: the page is asked for."""
        page = self.dropped(blade.pages[number])
        fill = Fill("GET_MODIFIED", blade.numbers)
        begun = blade.with_page(number, page._replace(fill=fill))._replace(numbers=blade.numbers + 1)
        return begun, [self.send(fill.kind, number, psn=fill.psn)]

    @staticmethod
    def dropped(page: Page) -> Page:
        """The page is not here any more."""
        return page._replace(state=0, value=0, writable=False, dirty=False, evict=False)

    def refused(self, blade: Blade, packet: Message) -> Step:
        """RNR NAK to a fill."""
        page = blade.pages[packet.page]
        if page.fill is None or page.fill.psn != packet.psn or page.fill.value is not None:
            return blade, []
        return blade.with_page(packet.page, page._replace(fill=page.fill._replace(waits=True))), []

    def data(self, blade: Blade, packet: Message) -> Step:
        """A page's data, from memory or from its owner."""
        page = blade.pages[packet.page]
        fill = page.fill
        if fill is None or fill.psn != packet.peer_psn or fill.kind == "UPGRADE":
            return blade, []
        tells_all = packet.permission == MODIFIED or fill.kind == "GET_SHARED"
        if fill.value is None:
            fill = fill._replace(
                value=packet.value, permission=packet.permission, version=packet.version, waits=False
            )
            if packet.flag:
                fill = fill._replace(pending=packet.version)
            elif tells_all:
                fill = fill._replace(clear=packet.version)
        elif not packet.flag and tells_all:
            fill = fill._replace(clear=packet.version)
        return self.finish_fill(blade.with_page(packet.page, page._replace(fill=fill)), packet.page)

    def grant(self, blade: Blade, packet: Message) -> Step:
        """Everybody has acknowledged: good for every fill of the region."""
        sent: list[Message] = []
        for number, page in enumerate(blade.pages):
            fill = page.fill
            if fill is None:
                continue
            if fill.kind == "UPGRADE":
                stale = not packet.flag or packet.version < page.version
                if stale or page.state != SHARED or blade.revoking is not None:
                    continue
                fill = fill._replace(value=page.value, permission=MODIFIED, version=packet.version)
            granted = page._replace(fill=fill._replace(granted=packet.version))
            blade, more = self.finish_fill(blade.with_page(number, granted), number)
            sent += more
        return blade, sent

    def finish_fill(self, blade: Blade, number: int) -> Step:
        """Install the page when its data and all acknowledgements are here."""
        page = blade.pages[number]
        fill = _fill(page)
        if fill.value is None or not fill.acknowledged:
            return blade, []
        modified = fill.permission == MODIFIED
        write = modified and fill.kind in ("GET_MODIFIED", "UPGRADE")
        filled = page._replace(
            state=MODIFIED if modified else SHARED,
            value=fill.value,
            writable=write,
            dirty=write,
            version=fill.version,
            wants="",
            fill=None,
            evict=False,
        )
        return blade.with_page(number, filled), []

    def invalidate(self, blade: Blade, packet: Message) -> Step:
        """INVALIDATE: news, a repetition, or of a transaction that is over."""
        running = blade.revoking
        if running is not None:
            if packet.version < running.version:
                return blade, []
            newer = packet.version != running.version
            blade = blade._replace(revoking=packet)
            return self.begin(blade) if newer else self.redirect(blade)
        if any(page.state and page.version < packet.version for page in blade.pages):
            return self.begin(blade._replace(revoking=packet))
        if any(page.served == packet.version for page in blade.pages):
            kept = any(page.served == packet.version and page.kept for page in blade.pages)
            return blade, [self.acknowledgement(packet, kept)]
        if any(page.state for page in blade.pages):
            return blade, []
        return self.begin(blade._replace(revoking=packet))

    def acknowledgement(self, packet: Message, kept: bool) -> Message:
        """INVALIDATE_ACK brings back what the INVALIDATE said."""
        return packet._replace(kind="INVALIDATE_ACK", to=SWITCH, sender=self.me, flag=kept)

    def begin(self, blade: Blade) -> Step:
        """Void what fills have got so far, then make every page safe."""
        packet = _revoking(blade)
        pages = list(blade.pages)
        numbers = blade.numbers
        for number, page in enumerate(pages):
            if page.fill is not None:
                pages[number] = page._replace(fill=Fill(page.fill.kind, numbers, waits=True))
                numbers += 1
        sent = []
        empty = packet.page != NO_PAGE and pages[packet.page].state != MODIFIED
        if empty:
            sent = [
                self.send(
                    "PUSH_EMPTY", packet.page, version=packet.version, peer=packet.peer, peer_psn=packet.peer_psn
                )
            ]
        begun = blade._replace(pages=tuple(pages), pushed=empty, numbers=numbers)
        return self.advance(begun, sent)

    def redirect(self, blade: Blade) -> Step:
        """The requester asks again, perhaps under another number."""
        packet = _revoking(blade)
        sent = [
            self.pushed(page, number, packet)
            for number, page in enumerate(blade.pages)
            if page.writing != NEVER and page.push == packet.version and number == packet.page
        ]
        return blade, sent

    def pushed(self, page: Page, number: int, packet: Message) -> Message:
        """PUSH of a page that another blade waits for."""
        return self.send(
            "PUSH",
            number,
            psn=page.writing,
            version=packet.version,
            value=page.value,
            peer=packet.peer,
            peer_psn=packet.peer_psn,
        )

    def advance(self, blade: Blade, sent: list[Message]) -> Step:
        """Write back what only this blade has; then give everything up and acknowledge."""
        packet = _revoking(blade)
        safe = True
        for number, page in enumerate(blade.pages):
            push = number == packet.page and not blade.pushed and page.state == MODIFIED
            if page.writing != NEVER:
                safe = False
            elif push or page.dirty:
                safe = False
                blade, more = self.write_back(blade, number, packet if push else None)
                sent = sent + more
                blade = blade._replace(pushed=blade.pushed or push)
        return self.finish(blade, packet, sent) if safe else (blade, sent)

    def write_back(self, blade: Blade, number: int, push: Message | None, *, evict: bool = False) -> Step:
        """The page is made read-only first: what is sent is what it holds until the end."""
        page = blade.pages[number]._replace(
            writable=False, writing=blade.numbers, push=push.version if push else NEVER, evict=evict
        )
        begun = blade.with_page(number, page)._replace(numbers=blade.numbers + 1)
        return begun, [self.rewrite(begun, number)]

    def rewrite(self, blade: Blade, number: int) -> Message:
        """The WRITE or PUSH of a write-back under way."""
        page = blade.pages[number]
        packet = blade.revoking
        if page.push != NEVER and packet is not None and packet.version == page.push:
            return self.pushed(page, number, packet)
        if page.push != NEVER:
            peer = Message("INVALIDATE", self.me, SWITCH, number, version=page.push, peer=NOBODY)
            return self.pushed(page, number, peer)
        return self.send("WRITE", number, psn=page.writing, value=page.value)

    def finish(self, blade: Blade, packet: Message, sent: list[Message]) -> Step:
        """Every page is safe."""
        pages = []
        for page in blade.pages:
            if page.state and packet.flag:
                pages.append(page._replace(state=SHARED, version=packet.version))
            else:
                pages.append(self.dropped(page))
        kept = any(page.state for page in pages)
        done = tuple(page._replace(served=packet.version, kept=kept) for page in pages)
        ended = blade._replace(pages=done, revoking=None)
        return self.settle_all(ended, [*sent, self.acknowledgement(packet, kept)])

    def written(self, blade: Blade, packet: Message) -> Step:
        """The memory blade has the page."""
        return self._write_ended(blade, packet, refused=False)

    def write_refused(self, blade: Blade, packet: Message) -> Step:
        """A refused PUSH: the transaction is over or another one. A refused WRITE: this blade is not the owner."""
        return self._write_ended(blade, packet, refused=True)

    def _write_ended(self, blade: Blade, packet: Message, *, refused: bool) -> Step:
        page = blade.pages[packet.page]
        if page.writing == NEVER or page.writing != packet.psn:
            return blade, []
        push, evict = page.push, page.evict
        if refused and push == NEVER:
            raise Lost(f"blade {self.me} can not write page {packet.page} back: it is not the owner any more")
        page = page._replace(writing=NEVER, push=NEVER, evict=False, dirty=page.dirty and refused)
        blade = blade.with_page(packet.page, page)
        sent: list[Message] = []
        if blade.revoking is not None:
            if refused and push == blade.revoking.version:
                blade, sent = self.settle_all(blade._replace(revoking=None), [])
            else:
                blade, sent = self.advance(blade, [])
        page = blade.pages[packet.page]
        if evict and page.state and not page.dirty and not page.wants and not blade.blocked:
            blade, more = self.evicted(blade, packet.page)
            sent = sent + more
        blade, more = self.settle(blade, packet.page)
        return blade, sent + more

    def evict(self, blade: Blade, number: int) -> Step:
        """Make room."""
        if blade.pages[number].dirty:
            return self.write_back(blade, number, None, evict=True)
        return self.evicted(blade, number)

    def evicted(self, blade: Blade, number: int) -> Step:
        """A clean page goes; with the last one of the region the directory is told."""
        blade = blade.with_page(number, self.dropped(blade.pages[number]))
        if blade.blocked or any(page.state or page.fill for page in blade.pages):
            return blade, []
        version = max(max(page.version, page.served) for page in blade.pages)
        told = blade._replace(releasing=blade.numbers, released=version, numbers=blade.numbers + 1)
        return told, [self.release(told)]

    def release(self, blade: Blade) -> Message:
        """The EVICT under way."""
        return self.send("EVICT", psn=blade.releasing, version=blade.released)

    def confirmed(self, blade: Blade, packet: Message) -> Step:
        """The directory knows."""
        if blade.releasing != packet.psn:
            return blade, []
        return self.settle_all(blade._replace(releasing=NEVER), [])

    def receive(self, blade: Blade, packet: Message) -> Step:
        """A packet came."""
        handle = {
            "DATA": self.data,
            "GRANT": self.grant,
            "INVALIDATE": self.invalidate,
            "RNR_NAK": self.refused,
            "WRITTEN": self.written,
            "NAK_INVALID_REQUEST": self.write_refused,
            "CONFIRM": self.confirmed,
        }[packet.kind]
        return handle(blade, packet)
