"""STF's table commands as P4Runtime updates, with the names and widths that P4Info gives.

Rules of p4c's runners: names may be shortened to a suffix; `*` digits of a number are wildcards; a larger
priority wins, as in P4Runtime, where priorities start at 1.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

from finsy.proto import p4i, p4r

from rackplane.switch.stf.script import ActionCall, AddEntry, SetDefault, StfError, parse_number

_PRIORITY_KINDS = frozenset({p4i.MatchField.TERNARY, p4i.MatchField.RANGE, p4i.MatchField.OPTIONAL})
_Named = TypeVar("_Named", p4i.Table, p4i.Action, p4i.Register, p4i.Counter, p4i.DirectCounter, p4i.Meter)
_DIGIT_BITS = {"0x": 4, "0o": 3, "0b": 1}


def canonical(value: int) -> bytes:
    """P4Runtime's shortest big-endian bytes of a number (spec section 8.4)."""
    return value.to_bytes(max(1, (value.bit_length() + 7) // 8), "big")


@dataclass(frozen=True)
class _Wildcard:
    """A number of which some digits are open: value, the mask of the given bits, and how many bits lead."""

    value: int
    mask: int
    prefix_len: int


def table_add(command: AddEntry, info: p4i.P4Info) -> p4r.Update:
    """An INSERT of the entry. Raises StfError for names or values that the program does not have."""
    table = find_named(info.tables, command.table, command.line, "table")
    entry = p4r.TableEntry(table_id=table.preamble.id)
    for name, text in command.matches:
        key = _find_key(table, name, command.line)
        match = _match(key, text, command.line)
        if match is not None:
            entry.match.append(match)
    if any(key.match_type in _PRIORITY_KINDS for key in table.match_fields):
        entry.priority = (command.priority or 0) + 1
    _set_action(entry, table, command.action, info, command.line)
    return p4r.Update(type=p4r.Update.INSERT, entity=p4r.Entity(table_entry=entry))


def table_set_default(command: SetDefault, info: p4i.P4Info) -> p4r.Update:
    """A MODIFY of the table's default action."""
    table = find_named(info.tables, command.table, command.line, "table")
    entry = p4r.TableEntry(table_id=table.preamble.id, is_default_action=True)
    _set_action(entry, table, command.action, info, command.line)
    return p4r.Update(type=p4r.Update.MODIFY, entity=p4r.Entity(table_entry=entry))


def find_named(objects: Iterable[_Named], name: str, line: int, what: str) -> _Named:
    """The object of that name or, when only one has it, of that last part of its name."""
    known = list(objects)
    exact = [o for o in known if name in (o.preamble.name, o.preamble.alias)]
    found = exact or [o for o in known if o.preamble.name.endswith("." + name)]
    found = found or [o for o in known if o.preamble.name.replace(".", "_") == name]
    if len(found) == 1:
        return found[0]
    names = ", ".join(o.preamble.name for o in known) or "none"
    problem = "several are called" if found else "none is called"
    raise StfError(line, f"{what} '{name}': {problem} so; the program has {names}")


def _find_key(table: p4i.Table, name: str, line: int) -> p4i.MatchField:
    name = re.sub(r"\$(\d+)", r"[\1]", name)
    if name == "valid" or name.endswith((".valid", ".$valid")):
        name = name.rpartition(".")[0] + ".$valid$" if "." in name else "$valid$"
    for accept in (name, name + ".$valid$"):
        for key in table.match_fields:
            if key.name == accept or key.name.endswith("." + accept):
                return key
    names = ", ".join(key.name for key in table.match_fields)
    raise StfError(line, f"table {table.preamble.name} has no key '{name}'; its keys are {names}")


def _match(key: p4i.MatchField, text: str, line: int) -> p4r.FieldMatch | None:
    """The match, or None when it leaves every bit open (P4Runtime then wants it absent)."""
    kind = key.match_type
    if kind == p4i.MatchField.EXACT:
        return p4r.FieldMatch(
            field_id=key.id, exact=p4r.FieldMatch.Exact(value=canonical(parse_number(text, line)))
        )
    if kind == p4i.MatchField.RANGE:
        return _range_match(key, text, line)
    wild = _wildcard(text, key.bitwidth, line)
    if wild.mask == 0:
        return None
    if kind == p4i.MatchField.LPM:
        lpm = p4r.FieldMatch.LPM(value=canonical(wild.value & wild.mask), prefix_len=wild.prefix_len)
        return p4r.FieldMatch(field_id=key.id, lpm=lpm)
    if kind == p4i.MatchField.OPTIONAL:
        return p4r.FieldMatch(field_id=key.id, optional=p4r.FieldMatch.Optional(value=canonical(wild.value)))
    ternary = p4r.FieldMatch.Ternary(value=canonical(wild.value & wild.mask), mask=canonical(wild.mask))
    return p4r.FieldMatch(field_id=key.id, ternary=ternary)


def _range_match(key: p4i.MatchField, text: str, line: int) -> p4r.FieldMatch | None:
    low_text, dots, high_text = text.partition("..")
    low = parse_number(low_text, line)
    high = parse_number(high_text, line) if dots else low
    if low == 0 and high == (1 << key.bitwidth) - 1:
        return None
    if low > high:
        raise StfError(line, f"range {text} of key {key.name} is empty")
    bounds = p4r.FieldMatch.Range(low=canonical(low), high=canonical(high))
    return p4r.FieldMatch(field_id=key.id, range=bounds)


def _wildcard(text: str, width: int, line: int) -> _Wildcard:
    full = (1 << width) - 1
    if "&&&" in text:
        value, mask = (parse_number(part, line) for part in text.split("&&&", 1))
        return _Wildcard(value, mask & full, mask.bit_count())
    if "/" in text:
        value_text, _, length_text = text.partition("/")
        length = parse_number(length_text, line)
        if length > width:
            raise StfError(line, f"prefix length {length} is more than the key's {width} bits")
        mask = full & ~((1 << (width - length)) - 1)
        return _Wildcard(_aligned(value_text, width, length, line), mask, length)
    if "*" not in text:
        return _Wildcard(parse_number(text, line), full, width)
    bits = _DIGIT_BITS.get(text[:2].lower())
    if bits is None:
        raise StfError(line, f"'*' in '{text}' needs a 0x, 0o or 0b number")
    mask = 0
    for digit in text[2:]:
        mask = mask << bits | (0 if digit == "*" else (1 << bits) - 1)
    mask &= full
    return _Wildcard(parse_number(text.replace("*", "0"), line), mask, mask.bit_count())


def _aligned(text: str, width: int, length: int, line: int) -> int:
    """The value of a prefix; STF lets 0x010a/16 name the leading digits of a 32-bit key."""
    value = parse_number(text, line)
    bits = _DIGIT_BITS.get(text[:2].lower(), 0) * (len(text) - 2)
    if bits == length and length < width and value >> length == 0:
        return value << (width - length)
    return value


def _set_action(entry: p4r.TableEntry, table: p4i.Table, call: ActionCall, info: p4i.P4Info, line: int) -> None:
    allowed = {ref.id for ref in table.action_refs}
    action = find_named(
        (a for a in info.actions if a.preamble.id in allowed), call.name.lstrip("_"), line, "action"
    )
    target = entry.action.action
    target.action_id = action.preamble.id
    params = {param.name: param for param in action.params}
    for name, text in call.arguments:
        param = params.pop(name, None)
        if param is None:
            raise StfError(line, f"action {action.preamble.name} has no parameter '{name}'")
        target.params.add(param_id=param.id, value=canonical(parse_number(text, line)))
    if params:
        raise StfError(line, f"action {action.preamble.name} needs {', '.join(params)}")
