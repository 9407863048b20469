"""P4Runtime object ids: a type prefix in the top byte and 24 bits that p4c derives from the object's name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum

from rackplane.compiler import ir
from rackplane.compiler.errors import CompileErrors


class Prefix(IntEnum):
    """The object types of P4Runtime (p4.config.v1.P4Ids.Prefix)."""

    ACTION = 0x01
    TABLE = 0x02
    VALUE_SET = 0x03
    CONTROLLER_HEADER = 0x04
    ACTION_PROFILE = 0x11
    COUNTER = 0x12
    DIRECT_COUNTER = 0x13
    METER = 0x14
    DIRECT_METER = 0x15
    REGISTER = 0x16
    DIGEST = 0x17


_MASK = 0xFFFFFFFF


def name_hash(name: str) -> int:
    """Jenkins' one-at-a-time hash of the UTF-8 name, 32 bits."""
    value = 0
    for byte in name.encode():
        value = (value + byte) & _MASK
        value = (value + (value << 10)) & _MASK
        value ^= value >> 6
    value = (value + (value << 3)) & _MASK
    value ^= value >> 11
    return (value + (value << 15)) & _MASK


def annotated_id(annotations: Iterable[ir.Annotation]) -> int | None:
    """The number of an @id annotation, if there is one."""
    for annotation in annotations:
        if annotation.name == "id":
            try:
                return int(annotation.body.strip().rstrip("uUsS"), 0)
            except ValueError as e:
                raise CompileErrors.at(f"@id({annotation.body}) is not a number") from e
    return None


def field_ids(annotations: Sequence[Iterable[ir.Annotation]]) -> list[int]:
    """Ids of match fields, parameters or packet metadata: @id, and for the others the free numbers from 1 on."""
    wanted = [annotated_id(a) for a in annotations]
    taken = {n for n in wanted if n is not None}
    ids, following = [], 1
    for own in wanted:
        if own is not None:
            following += 1
            ids.append(own)
            continue
        while following in taken:
            following += 1
        taken.add(following)
        ids.append(following)
    return ids


@dataclass(frozen=True)
class Named:
    """An object that needs an id: its control-plane name and its annotations."""

    name: str
    annotations: tuple[ir.Annotation, ...] = ()


def assign(prefix: Prefix, objects: Iterable[Named], taken: set[int]) -> Mapping[str, int]:
    """Ids by name: @id first, then by hash in name order, the next free number on a collision.

    `taken` is shared by all types of a program and grows.
    """
    ids: dict[str, int] = {}
    rest: set[str] = set()
    for each in objects:
        wanted = annotated_id(each.annotations)
        if each.name in ids or wanted is None:
            rest.add(each.name)
            continue
        if wanted >> 24 not in (0, prefix) or not 0 < wanted <= _MASK:
            raise CompileErrors.at(f"@id({wanted:#x}) of {each.name}: the prefix byte has to be {prefix:#04x}")
        number = (wanted & 0xFFFFFF) | prefix << 24
        if number in taken:
            raise CompileErrors.at(f"@id({wanted:#x}) of {each.name} is taken by another object")
        taken.add(number)
        ids[each.name] = number
    for name in sorted(rest - set(ids)):
        ids[name] = _free(prefix, name_hash(name), taken)
    return ids


def _free(prefix: Prefix, start: int, taken: set[int]) -> int:
    """The first free id at or after a hash."""
    for step in range(1 << 24):
        number = ((start + step) & 0xFFFFFF) | prefix << 24
        if number not in taken:
            taken.add(number)
            return number
    raise CompileErrors.at(f"more than {1 << 24} objects of one type")


Ids = Mapping[Prefix, Mapping[str, int]]


def _named(
    objects: Iterable[ir.Table | ir.Action | ir.Register | ir.Meter | ir.Counter | ir.Digest],
) -> list[Named]:
    return [Named(o.name, o.annotations) for o in objects]


def assign_all(pipeline: ir.Pipeline) -> Ids:
    """The ids of every object of a pipeline, by type and control-plane name (a controller header by its type's)."""
    counters, meters = pipeline.counters.values(), pipeline.meters.values()
    objects: dict[Prefix, list[Named]] = {
        Prefix.ACTION: _named(pipeline.actions.values()),
        Prefix.TABLE: _named(pipeline.tables.values()),
        Prefix.VALUE_SET: [Named(v.name, v.annotations) for v in pipeline.value_sets.values()],
        Prefix.CONTROLLER_HEADER: [Named(c.header.name, c.annotations) for c in pipeline.controller_headers],
        Prefix.ACTION_PROFILE: [Named(p.name, p.annotations) for p in pipeline.action_profiles.values()],
        Prefix.COUNTER: _named(c for c in counters if c.table is None),
        Prefix.DIRECT_COUNTER: _named(c for c in counters if c.table is not None),
        Prefix.METER: _named(m for m in meters if m.table is None),
        Prefix.DIRECT_METER: _named(m for m in meters if m.table is not None),
        Prefix.REGISTER: _named(pipeline.registers.values()),
        Prefix.DIGEST: _named(pipeline.digests.values()),
    }
    taken: set[int] = set()
    return {prefix: assign(prefix, named, taken) for prefix, named in objects.items()}


def aliases(names: Iterable[str]) -> Mapping[str, str]:
    """For each name the shortest suffix of its dotted parts that no other name has."""
    parts = {name: name.split(".") for name in names}
    seen: dict[tuple[str, ...], int] = {}
    for each in parts.values():
        for n in range(1, len(each) + 1):
            suffix = tuple(each[-n:])
            seen[suffix] = seen.get(suffix, 0) + 1
    found = {}
    for name, each in parts.items():
        needed = next((n for n in range(1, len(each)) if seen[tuple(each[-n:])] < 2), len(each))
        found[name] = ".".join(each[-needed:])
    return found
