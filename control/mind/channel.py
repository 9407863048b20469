"""The control plane's way to the directory: packet-out and packet-in, which both targets have.

BMv2 has no register access over P4Runtime, and a register write beside running traffic could undo a change that a
packet makes. So entries are read and changed by packets that the switch program itself executes. Bulk reads use
P4Runtime's register read where the target has it.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import cast

import finsy as fy
from finsy.grpcutil import GRPCStatusCode

from rackplane.control.mind.directory import Entry
from rackplane.control.mind.entries import FALSE_PAGES, SLOTS

log = logging.getLogger(__name__)

REPLY_TIMEOUT = 0.25
"""Seconds until a question to the switch is asked again."""
TRIES = 8
WINDOW = 64
"""Questions under way at once: fewer than a CPU port's queue holds."""
QUEUE = 4096
DIRECTORY_SLOTS = 32768
"""Elements of the registers (p4src/include/sizes.p4)."""
COOKIE_BYTES = 8
PADDING = bytes(64)
"""Behind the cookie, so that no frame is shorter than Ethernet's least."""


class ChannelError(Exception):
    """The switch does not answer its control plane."""


class Operation(IntEnum):
    """packet_out.operation."""

    SEND = 1
    COMPARE_SWAP = 2
    RECALL = 3


class Cause(IntEnum):
    """packet_in.cause."""

    RESET = 1
    COMPARE_SWAP = 2
    RECALLED = 3


@dataclass(frozen=True)
class Question:
    """A packet-out."""

    operation: Operation
    payload: bytes
    slot: int = 0
    va: int = 0
    expected: int = 0
    desired: int = 0

    def metadata(self) -> dict[str, int]:
        """The fields of packet_out_t."""
        return {
            "operation": self.operation,
            "port": 0,
            "slot": self.slot,
            "va": self.va,
            "expected": self.expected,
            "desired": self.desired,
        }


@dataclass(frozen=True)
class Notice:
    """A packet-in that is no answer: which slot, its entry, and the port of the blade that caused it."""

    cause: Cause
    port: int
    slot: int
    entry: Entry


@dataclass(frozen=True)
class Slot:
    """What the switch keeps for a slot: the entry's 64 bits, and false invalidations since the program started."""

    value: int
    false_pages: int


class DirectoryChannel:
    """Questions and answers by packet. Use as `async with`; one per switch."""

    def __init__(self, switch: fy.Switch, on_notice: Callable[[Notice], None]) -> None:
        self._switch = switch
        self._on_notice = on_notice
        self._waiting: dict[int, asyncio.Future[Slot]] = {}
        self._cookies = itertools.count(1)
        self._window = asyncio.Semaphore(WINDOW)
        self._sending = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self._bulk = True

    async def __aenter__(self) -> DirectoryChannel:
        self._task = asyncio.create_task(self._receive())
        await asyncio.sleep(0)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def compare_and_swap(self, slot: int, expected: int, desired: int) -> int:
        """Make entry `slot` `desired` if it is `expected`; return what it was. Raises ChannelError.

        Asked again after a lost answer, so a caller who sees `desired` come back has also succeeded.
        """
        return (await self._ask(slot, expected, desired)).value

    async def _ask(self, slot: int, expected: int, desired: int) -> Slot:
        cookie = next(self._cookies)
        payload = cookie.to_bytes(COOKIE_BYTES, "big") + PADDING
        question = Question(Operation.COMPARE_SWAP, payload, slot=slot, expected=expected, desired=desired)
        answer: asyncio.Future[Slot] = asyncio.get_running_loop().create_future()
        self._waiting[cookie] = answer
        try:
            async with self._window:
                for _ in range(TRIES):
                    await self._send(question)
                    done, _ = await asyncio.wait([answer], timeout=REPLY_TIMEOUT)
                    if done:
                        return answer.result()
        finally:
            del self._waiting[cookie]
        raise ChannelError(f"the switch did not answer {TRIES} questions about directory slot {slot}")

    async def read(self, slot: int) -> Entry:
        """The entry of one slot."""
        return Entry.unpack(await self.compare_and_swap(slot, 0, 0))

    async def read_many(self, slots: Sequence[int]) -> list[Entry]:
        """The entries of many slots: one register read where the target has it."""
        values = await self._read_registers(SLOTS, slots)
        if values is None:
            return await asyncio.gather(*(self.read(slot) for slot in slots))
        return [Entry.unpack(value) for value in values]

    async def read_false_pages(self, slots: Sequence[int]) -> list[int]:
        """The false invalidations of many slots, since the program started, modulo 2**32."""
        values = await self._read_registers(FALSE_PAGES, slots)
        if values is None:
            return [slot.false_pages for slot in await asyncio.gather(*(self._ask(slot, 0, 0) for slot in slots))]
        return values

    async def recall(self, va: int) -> None:
        """Ask the holders of the region of `va` to give it up; a Notice with RECALLED tells of the last one."""
        await self._send(Question(Operation.RECALL, PADDING, va=va))

    async def _read_registers(self, name: str, slots: Sequence[int]) -> list[int] | None:
        """Elements of a register; None where a few questions are quicker, or the target cannot read registers."""
        if not self._bulk or len(slots) <= WINDOW:
            return None
        if 2 * len(slots) > DIRECTORY_SLOTS:
            entities = [fy.P4RegisterEntry(name)]
        else:
            entities = [fy.P4RegisterEntry(name, index=slot) for slot in slots]
        found = cast("AsyncIterator[fy.P4RegisterEntry]", self._switch.read(entities))
        try:
            values = {entity.index: int(cast(int, entity.data)) async for entity in found}
        except fy.P4ClientError as error:
            if error.code is GRPCStatusCode.UNIMPLEMENTED:
                self._bulk = False
                return None
            raise ChannelError(f"reading {name} failed: {error.message}") from error
        return [values[slot] for slot in slots]

    async def _send(self, question: Question) -> None:
        try:
            # gRPC takes one message of a stream at a time.
            async with self._sending:
                await self._switch.write([fy.P4PacketOut(question.payload, **question.metadata())])
        except fy.P4ClientError as error:
            raise ChannelError(f"the switch takes no packet-out: {error.message}") from error

    async def _receive(self) -> None:
        async for packet in self._switch.read_packets(queue_size=QUEUE):
            try:
                self._dispatch(packet)
            except (KeyError, ValueError, TypeError) as error:
                log.warning("a packet-in that is none of mind.p4's: %s", error)

    def _dispatch(self, packet: fy.P4PacketIn) -> None:
        cause = Cause(packet["cause"])
        if cause is Cause.COMPARE_SWAP:
            waiting = self._waiting.get(int.from_bytes(packet.payload[:COOKIE_BYTES], "big"))
            if waiting is not None and not waiting.done():
                waiting.set_result(Slot(packet["entry"], packet["false_pages"]))
        else:
            self._on_notice(Notice(cause, packet["port"], packet["slot"], Entry.unpack(packet["entry"])))
