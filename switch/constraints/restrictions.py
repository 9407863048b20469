"""@entry_restriction of tables and @action_restriction of actions, from P4Info to entries."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from finsy.proto import p4i, p4r

from rackplane.switch.constraints import p4annotations
from rackplane.switch.constraints.evaluate import BITS, Constraint, Subject, Type, Value, compile_constraint
from rackplane.switch.constraints.syntax import ConstraintError
from rackplane.switch.errors import BundleError, RequestError, invalid

MAX_KEY_WIDTH = 2048

_KINDS = {
    p4i.MatchField.EXACT: "exact",
    p4i.MatchField.TERNARY: "ternary",
    p4i.MatchField.LPM: "lpm",
    p4i.MatchField.RANGE: "range",
    p4i.MatchField.OPTIONAL: "optional",
}


@dataclass(frozen=True)
class _Field:
    name: str
    type: Type


@dataclass
class Restrictions:
    """The restrictions of a program, by table id and by action id; only those that have one."""

    entries: dict[int, tuple[Constraint, dict[int, _Field]]] = field(default_factory=dict)
    actions: dict[int, tuple[str, Constraint, dict[int, str]]] = field(default_factory=dict)

    def concern(self, table: p4i.Table) -> bool:
        """Whether entries of a table are restricted."""
        return table.preamble.id in self.entries or any(a.id in self.actions for a in table.action_refs)

    def check_entry(self, entry: p4r.TableEntry) -> None:
        """Refuse a match entry that breaks its table's restriction; one that is malformed is not judged."""
        constraint, fields = self.entries.get(entry.table_id, (None, {}))
        if constraint is None or entry.is_default_action:
            return
        keys = _keys(entry, fields)
        broken = constraint.broken_by(Subject(keys, entry.priority)) if keys is not None else None
        if broken and keys is not None:
            raise _violation("@entry_restriction", broken.text, {k: keys[k] for k in broken.keys}, entry.priority)

    def check_actions(self, actions: Iterable[p4r.Action]) -> None:
        """Refuse actions that break their restriction; one that is malformed is not judged."""
        for action in actions:
            name, constraint, params = self.actions.get(action.action_id, ("", None, {}))
            if constraint is None:
                continue
            given: dict[str, Value] = {
                params[p.param_id]: int.from_bytes(p.value, "big") for p in action.params if p.param_id in params
            }
            broken = constraint.broken_by(Subject(given)) if len(given) == len(params) else None
            if broken:
                what = f"@action_restriction of {name}"
                raise _violation(what, broken.text, {k: given[k] for k in broken.keys}, 0)


def actions_of(entry: p4r.TableEntry) -> list[p4r.Action]:
    """Return the actions that an entry gives directly: one, or those of a one-shot action set."""
    kind = entry.action.WhichOneof("type")
    if kind == "action_profile_action_set":
        return [a.action for a in entry.action.action_profile_action_set.action_profile_actions]
    return [entry.action.action] if kind == "action" else []


def read(p4info: p4i.P4Info) -> Restrictions:
    """Read the restrictions of a program; BundleError when one of them makes no sense."""
    found = Restrictions()
    for table in p4info.tables:
        fields = {
            m.id: _Field(m.name, _type(_KINDS.get(m.match_type, "unknown"), m.bitwidth)) for m in table.match_fields
        }
        types = {f.name: f.type for f in fields.values()}
        constraint = _constraint(table.preamble, "entry_restriction", types)
        if constraint:
            found.entries[table.preamble.id] = (constraint, fields)
    for action in p4info.actions:
        params = {p.name: _type(BITS, p.bitwidth) for p in action.params}
        constraint = _constraint(action.preamble, "action_restriction", params)
        if constraint:
            names = {p.id: p.name for p in action.params}
            found.actions[action.preamble.id] = (action.preamble.name, constraint, names)
    return found


def _type(kind: str, width: int) -> Type:
    """The type of a field; one of no width, or of a senseless one, can be no part of a constraint."""
    return Type(kind, width if width <= MAX_KEY_WIDTH else 0)


def _constraint(preamble: p4i.Preamble, name: str, keys: Mapping[str, Type]) -> Constraint | None:
    where = f"@{name} of {preamble.name}"
    texts = [p4annotations.joined_strings(body, where) for body in p4annotations.bodies(preamble.annotations, name)]
    if not texts:
        return None
    if len(texts) > 1:
        raise BundleError(f"{where} is there {len(texts)} times: join them with ';'")
    try:
        return compile_constraint(texts[0], keys)
    except ConstraintError as e:
        raise BundleError(f"{where}: {e}") from e


def _keys(entry: p4r.TableEntry, fields: Mapping[int, _Field]) -> dict[str, Value] | None:
    """The match fields of an entry by name, those that are left out included; None when they are malformed."""
    given = {match.field_id: match for match in entry.match}
    keys: dict[str, Value] = {}
    for number, each in fields.items():
        value = _value(given.get(number), each.type)
        if value is None:
            return None
        keys[each.name] = value
    return keys


def _value(match: p4r.FieldMatch | None, kind: Type) -> tuple[int, ...] | None:
    full = (1 << kind.width) - 1
    if match is None or kind.kind not in _KINDS.values():
        return {"exact": None, "range": (0, full)}.get(kind.kind, (0, 0))
    if match.WhichOneof("field_match_type") != kind.kind:
        return None
    readers: dict[str, Callable[[p4r.FieldMatch], tuple[int, ...]]] = {
        "exact": lambda m: (_number(m.exact.value),),
        "ternary": lambda m: (_number(m.ternary.value), _number(m.ternary.mask)),
        "lpm": lambda m: (_number(m.lpm.value), m.lpm.prefix_len),
        "range": lambda m: (_number(m.range.low), _number(m.range.high)),
        "optional": lambda m: (_number(m.optional.value), full),
    }
    return readers[kind.kind](match)


def _number(data: bytes) -> int:
    return int.from_bytes(data, "big")


def _violation(what: str, text: str, keys: Mapping[str, Value], priority: int) -> RequestError:
    given = [f"{name} is {_shown(value)}" for name, value in keys.items()]
    if "::priority" in text:
        given.append(f"the priority is {priority}")
    return invalid(f"{what} does not hold: {text}; {', '.join(given) or 'nothing satisfies it'}")


def _shown(value: Value) -> str:
    return " / ".join(f"{n:#x}" for n in value) if isinstance(value, tuple) else f"{value:#x}"
