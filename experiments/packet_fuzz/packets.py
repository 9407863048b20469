"""Packets that reach deep into a program: made along its parser's states, then damaged. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

from rackplane.compiler import ir

MIN_FRAME = 14
MAX_FRAME = 3000
"""What the kernel makes a live frame of is less than a page, with room in front and behind."""
_MAX_STATES = 48
_LENGTHS = (0, 0, 1, 8, 26, 46, 64, 200, 1024, 1446)
_EDGES = (0, 1, 0x7F, 0x80, 0xFF)


@dataclass
class PacketMaker:
    """Makes packets for a parser. `seeds` are frames that the program forwards: their bytes are good guesses."""

    pipeline: ir.Pipeline
    seeds: Sequence[bytes]
    chance: Random
    _states: dict[str, ir.State] = field(init=False)

    def __post_init__(self) -> None:
        self._states = {state.name: state for state in self.pipeline.parser.states}

    def make(self) -> bytes:
        """A frame of MIN_FRAME to MAX_FRAME bytes."""
        draw = self.chance.random()
        if draw < 0.05:
            made = self.chance.randbytes(self.chance.choice((14, 20, 60, 90, 1514)))
        elif draw < 0.25:
            made = self.chance.choice(self.seeds)
        else:
            made = _Walk(self._states, self.chance.choice(self.seeds), self.chance).run()
        for _ in range(self.chance.choice((0, 0, 1, 1, 2, 4))):
            made = self._damage(made)
        return made[:MAX_FRAME].ljust(MIN_FRAME, b"\0")

    def _damage(self, frame: bytes) -> bytes:
        chance, raw = self.chance, bytearray(frame)
        at = chance.randrange(min(len(raw), 120) + 1)
        match chance.randrange(8):
            case 0:
                return bytes(raw[:at])
            case 1:
                return bytes(raw + chance.randbytes(chance.choice(_LENGTHS)))
            case 2:
                del raw[at : at + chance.randint(1, 8)]
            case 3:
                raw[at:at] = chance.randbytes(chance.randint(1, 8))
            case 4:
                other = chance.choice(self.seeds)
                raw[at:] = other[at:]
            case _ if at < len(raw):
                raw[at] = chance.choice((raw[at] ^ 1 << chance.randrange(8), chance.choice(_EDGES)))
        return bytes(raw)


class _Walk:
    """One way through the parser: what it extracts is put into the frame, with the values that it asks for."""

    def __init__(self, states: dict[str, ir.State], seed: bytes, chance: Random) -> None:
        self._states = states
        self._seed = seed
        self._chance = chance
        self._frame = bytearray()
        self._fields: dict[tuple[str, str], tuple[int, int]] = {}

    def run(self) -> bytes:
        state = self._states.get("start")
        for _ in range(_MAX_STATES):
            if state is None:
                break
            for statement in state.body:
                if isinstance(statement, ir.Extract):
                    self._extract(statement)
            state = self._states.get(self._next(state.transition))
        size = self._chance.choice(_LENGTHS)
        rest = self._seed[len(self._frame) :] if self._chance.random() < 0.5 else self._chance.randbytes(size)
        return bytes(self._frame) + rest

    def _extract(self, statement: ir.Extract) -> None:
        header = statement.header.type
        if not isinstance(header, ir.Header):
            return
        offset, name = 8 * len(self._frame), _name(statement.header)
        for f in header.fields:
            width = f.type.width if isinstance(f.type, ir.Bits) else 0
            self._fields[name, f.name] = (offset, width)
            offset += width
        size = header.fixed_width // 8
        if statement.varbit_bits is not None:
            size += self._chance.choice((0, 4, 8, 40))
        at = len(self._frame)
        guess = self._seed[at : at + size]
        missing = self._chance.randbytes(size - len(guess))
        self._frame += guess + missing if self._chance.random() < 0.7 else self._chance.randbytes(size)

    def _next(self, transition: ir.Select | str) -> str:
        if isinstance(transition, str):
            return transition
        if not transition.cases:
            return ""
        case = self._chance.choice(transition.cases)
        if self._chance.random() < 0.95:
            for key, label in zip(transition.keys, case.labels, strict=False):
                self._satisfy(key, label)
        return case.next

    def _satisfy(self, key: ir.Expr, label: object) -> None:
        """Write a value that a label wants to the field that a key reads, where that is so simple."""
        high = None
        if isinstance(key, ir.Slice):
            high, low, key = key.high, key.low, key.base
        if not isinstance(key, ir.Member) or (_name(key.base), key.name) not in self._fields:
            return
        offset, width = self._fields[_name(key.base), key.name]
        if high is not None:
            offset, width = offset + width - 1 - high, high - low + 1
        if isinstance(label, ir.Masked):
            value = label.value & label.mask | self._bits(offset, width) & ~label.mask
        elif isinstance(label, ir.Interval):
            value = self._chance.choice((label.low, label.high))
        else:
            return
        self._set_bits(offset, width, value & ((1 << width) - 1))

    def _bits(self, offset: int, width: int) -> int:
        total = 8 * len(self._frame)
        return int.from_bytes(self._frame, "big") >> (total - offset - width) & ((1 << width) - 1)

    def _set_bits(self, offset: int, width: int, value: int) -> None:
        total = 8 * len(self._frame)
        shift = total - offset - width
        whole = int.from_bytes(self._frame, "big") & ~(((1 << width) - 1) << shift) | value << shift
        self._frame = bytearray(whole.to_bytes(len(self._frame), "big"))


def _name(place: ir.Expr) -> str:
    """A name for the header that a place is; the last element of a stack is the one that came with `next`."""
    if isinstance(place, ir.Var):
        return place.name
    if isinstance(place, ir.Member):
        return f"{_name(place.base)}.{place.name}"
    if isinstance(place, ir.StackNext | ir.StackLast):
        return f"{_name(place.base)}.next"
    return ""
