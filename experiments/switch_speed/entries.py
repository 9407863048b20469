"""Table entries in large numbers: random keys, and the P4Runtime updates that write them. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from random import Random
from typing import TypeVar

from finsy.proto import p4i, p4r

T = TypeVar("T")

_PREFIX_LENGTHS = (16, 18, 19, 20, 21, 22, 23, 24, 28, 32)
_PREFIX_SHARES = (2, 2, 3, 5, 5, 12, 10, 58, 2, 1)
"""In per cent, about as in the Internet's routing table: most prefixes are /24."""
_FULL = (1 << 32) - 1


@dataclass(frozen=True)
class Match:
    """A 32-bit key (or another width for exact ones): `mask` is all ones for exact, leading ones for lpm."""

    value: int
    mask: int
    priority: int = 0


class EntryMaker:
    """Updates for one table with one key, with one of its actions and always the same parameters.

    Raises KeyError when the program has no such table, action or parameter.
    """

    def __init__(self, info: p4i.P4Info, table: str, action: str, parameters: dict[str, int]) -> None:
        tables = {t.preamble.alias: t for t in info.tables}
        actions = {a.preamble.alias: a for a in info.actions}
        self.table_id = tables[table].preamble.id
        (field,) = tables[table].match_fields
        self._field_id, self._kind = field.id, field.match_type
        chosen = actions[action]
        ids = {parameter.name: parameter.id for parameter in chosen.params}
        self._action = p4r.Action(
            action_id=chosen.preamble.id,
            params=[
                p4r.Action.Param(param_id=ids[name], value=canonical(value)) for name, value in parameters.items()
            ],
        )

    def update(self, match: Match, kind: p4r.Update.Type.ValueType = p4r.Update.INSERT) -> p4r.Update:
        """The update that writes (or, by `kind`, deletes) an entry."""
        entry = p4r.TableEntry(
            table_id=self.table_id,
            match=[self._match(match)],
            action=p4r.TableAction(action=self._action),
            priority=match.priority,
        )
        return p4r.Update(type=kind, entity=p4r.Entity(table_entry=entry))

    def one(self, match: Match) -> p4r.Entity:
        """What reads an entry."""
        entry = p4r.TableEntry(table_id=self.table_id, match=[self._match(match)], priority=match.priority)
        return p4r.Entity(table_entry=entry)

    def all(self) -> p4r.Entity:
        """What reads every entry of the table."""
        return p4r.Entity(table_entry=p4r.TableEntry(table_id=self.table_id))

    def _match(self, match: Match) -> p4r.FieldMatch:
        value = canonical(match.value)
        if self._kind == p4i.MatchField.EXACT:
            return p4r.FieldMatch(field_id=self._field_id, exact=p4r.FieldMatch.Exact(value=value))
        if self._kind == p4i.MatchField.LPM:
            lpm = p4r.FieldMatch.LPM(value=value, prefix_len=match.mask.bit_count())
            return p4r.FieldMatch(field_id=self._field_id, lpm=lpm)
        ternary = p4r.FieldMatch.Ternary(value=value, mask=canonical(match.mask))
        return p4r.FieldMatch(field_id=self._field_id, ternary=ternary)


def canonical(value: int) -> bytes:
    """P4Runtime's shortest big-endian bytes of a number (spec section 8.4)."""
    return value.to_bytes(max(1, (value.bit_length() + 7) // 8), "big")


def batches(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Slices of `size`; the last may be shorter."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


def exact_matches(random: Random) -> Iterator[Match]:
    """Distinct keys without end."""
    return _distinct(Match(random.getrandbits(32), _FULL) for _ in _forever())


def prefix_matches(random: Random) -> Iterator[Match]:
    """Distinct prefixes of the Internet's lengths without end."""
    lengths = (random.choices(_PREFIX_LENGTHS, _PREFIX_SHARES)[0] for _ in _forever())
    masks = (_FULL & ~(_FULL >> length) for length in lengths)
    return _distinct(Match(random.getrandbits(32) & mask, mask) for mask in masks)


def ternary_matches(random: Random, masks: int, each: int) -> list[Match]:
    """`each` entries under each of `masks` distinct masks of 24 bits; any may have the highest priority."""
    chosen: dict[int, None] = {}
    while len(chosen) < masks:
        chosen[sum(1 << bit for bit in random.sample(range(32), 24))] = None
    found = []
    for mask in chosen:
        found += [
            Match(m.value, m.mask, random.randint(1, 1 << 20))
            for m in islice(_distinct(Match(random.getrandbits(32) & mask, mask) for _ in _forever()), each)
        ]
    return found


def keys_within(random: Random, matches: Sequence[Match], count: int) -> list[int]:
    """Keys that hit an entry chosen at random, as the first 8 bytes of frames (bits that are open are random)."""
    chosen = (random.choice(matches) for _ in range(count))
    return [(match.value | (random.getrandbits(32) & ~match.mask)) << 32 for match in chosen]


def _distinct(matches: Iterator[Match]) -> Iterator[Match]:
    seen: set[tuple[int, int]] = set()
    for match in matches:
        place = (match.value, match.mask)
        if place not in seen:
            seen.add(place)
            yield match


def _forever() -> Iterator[None]:
    while True:
        yield None
