"""What a switch has, with the names of its P4Info: entries, registers, counters, meters, groups. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from finsy.proto import p4d, p4i, p4r

from rackplane.cli.readable import readable
from rackplane.switch.errors import SwitchError


class _Named(Protocol):
    @property
    def preamble(self) -> p4i.Preamble:
        """Id and names."""


N = TypeVar("N", bound=_Named)


@dataclass(frozen=True)
class Shown:
    """A value: the number, and how people read it."""

    value: int
    text: str


@dataclass(frozen=True)
class MatchShown:
    """A match field: its numbers by what they are (value, mask, prefix_len, low, high), and its text."""

    name: str
    numbers: dict[str, int]
    text: str


@dataclass(frozen=True)
class ActionShown:
    """An action with its data; of a table with an action profile the member or group, or several actions."""

    name: str
    params: dict[str, Shown] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """As a call."""
        return f"{self.name}({', '.join(f'{n}={p.text}' for n, p in self.params.items())})"


@dataclass(frozen=True)
class EntryShown:
    """A table entry; the default one has no matches."""

    matches: tuple[MatchShown, ...]
    actions: tuple[ActionShown, ...]
    priority: int = 0
    is_default: bool = False
    packets: int | None = None
    bytes: int | None = None


def pick(objects: Iterable[N], name: str, what: str) -> N:
    """The object of that name or alias, or the only one whose name ends so. Raises SwitchError."""
    known = list(objects)
    exact = [o for o in known if name in (o.preamble.name, o.preamble.alias)]
    found = exact or [o for o in known if o.preamble.name.endswith(f".{name}")]
    if len(found) == 1:
        return found[0]
    names = ", ".join(o.preamble.name for o in known) or "none"
    how = "several are" if found else "none is"
    raise SwitchError(f"{what} {name!r}: {how} called so; the program has {names}")


def number(data: bytes) -> int:
    """P4Runtime's big-endian bytes."""
    return int.from_bytes(data, "big")


class Namer:
    """Names what comes from a switch by its P4Info."""

    def __init__(self, info: p4i.P4Info) -> None:
        self.info = info
        self._actions = {a.preamble.id: a for a in info.actions}

    def entry(self, table: p4i.Table, entry: p4r.TableEntry) -> EntryShown:
        """A table entry."""
        given = {m.field_id: m for m in entry.match}
        matches = tuple(_match(f, given.get(f.id)) for f in table.match_fields if not entry.is_default_action)
        counted = entry.counter_data if entry.HasField("counter_data") else None
        return EntryShown(
            matches,
            tuple(self._table_action(entry.action)),
            entry.priority,
            entry.is_default_action,
            counted.packet_count if counted else None,
            counted.byte_count if counted else None,
        )

    def action(self, action: p4r.Action) -> ActionShown:
        """An action with its data."""
        known = self._actions.get(action.action_id)
        if known is None:
            return ActionShown(f"action {action.action_id:#x}")
        params = {p.id: p for p in known.params}
        data = {}
        for given in action.params:
            param = params.get(given.param_id)
            if param is not None:
                data[param.name] = _shown(number(given.value), param.name, param.bitwidth, tuple(param.annotations))
        return ActionShown(known.preamble.name, data)

    def _table_action(self, action: p4r.TableAction) -> Iterator[ActionShown]:
        match action.WhichOneof("type"):
            case "action":
                yield self.action(action.action)
            case "action_profile_member_id":
                yield ActionShown(f"member {action.action_profile_member_id}")
            case "action_profile_group_id":
                yield ActionShown(f"group {action.action_profile_group_id}")
            case "action_profile_action_set":
                for each in action.action_profile_action_set.action_profile_actions:
                    yield self.action(each.action)


def register_width(register: p4i.Register) -> int:
    """The width of a register's elements; 0 when they are no numbers."""
    spec = register.type_spec.bitstring
    return spec.bit.bitwidth or spec.int.bitwidth


def register_value(register: p4i.Register, data: p4d.P4Data) -> Shown:
    """An element of a register."""
    if data.WhichOneof("data") == "bool":
        return Shown(int(data.bool), str(data.bool).lower())
    width = register_width(register)
    return _shown(number(data.bitstring), register.preamble.name, width, tuple(register.preamble.annotations))


def _shown(value: int, name: str, width: int, annotations: tuple[str, ...]) -> Shown:
    return Shown(value, readable(value, name, width, annotations))


def _match(known: p4i.MatchField, given: p4r.FieldMatch | None) -> MatchShown:
    if given is None:
        return MatchShown(known.name, {}, "*")
    annotations = tuple(known.annotations)

    def text(value: int) -> str:
        return readable(value, known.name, known.bitwidth, annotations)

    numbers, shown = _parts(given, text)
    return MatchShown(known.name, numbers, shown)


class _Text(Protocol):
    def __call__(self, value: int, /) -> str:
        """A number of the field as people read it."""


def _parts(given: p4r.FieldMatch, text: _Text) -> tuple[dict[str, int], str]:
    match given.WhichOneof("field_match_type"):
        case "exact":
            value = number(given.exact.value)
            return {"value": value}, text(value)
        case "lpm":
            value, length = number(given.lpm.value), given.lpm.prefix_len
            return {"value": value, "prefix_len": length}, f"{text(value)}/{length}"
        case "ternary":
            value, mask = number(given.ternary.value), number(given.ternary.mask)
            return {"value": value, "mask": mask}, f"{text(value)} &&& {mask:#x}"
        case "range":
            low, high = number(given.range.low), number(given.range.high)
            return {"low": low, "high": high}, f"{text(low)} .. {text(high)}"
        case _:
            value = number(given.optional.value)
            return {"value": value}, text(value)
