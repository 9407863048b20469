"""Values as the tutorials' files write them: numbers, IPv4, IPv6 and MAC addresses, to P4Runtime's byte strings."""

from __future__ import annotations

import re
from ipaddress import AddressValueError, IPv4Address, IPv6Address

from finsy.proto import p4i, p4r

from rackplane.switch import codec
from rackplane.topologies.fields import TopologyError

_MAC = re.compile(r"[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){5}")
_NUMBER = re.compile(r"\d{1,1000}|0[xX][0-9a-fA-F]{1,1000}|0[bB][01]{1,3000}")
PRIORITY_KINDS = frozenset({p4i.MatchField.TERNARY, p4i.MatchField.RANGE, p4i.MatchField.OPTIONAL})


def number(value: object, width: int, place: str) -> int:
    """The unsigned value of `width` bits; a negative number means its two's complement. Raises TopologyError."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    found = value if isinstance(value, int) and not isinstance(value, bool) else None
    if isinstance(value, str):
        found = _text(value)
    if found is None:
        raise TopologyError(f"{place} must be a number, an IP address or a MAC address, not {value!r}")
    if not -(1 << width) // 2 <= found < 1 << width:
        raise TopologyError(f"{place}: {value!r} does not fit into {width} bits")
    return found & ((1 << width) - 1)


def _text(text: str) -> int | None:
    if _MAC.fullmatch(text):
        return int(text.replace(":", ""), 16)
    for kind in (IPv4Address, IPv6Address):
        try:
            return int(kind(text))
        except AddressValueError:
            continue
    return int(text, 0 if text[:2].lower() in ("0x", "0b") else 10) if _NUMBER.fullmatch(text) else None


def match(key: p4i.MatchField, value: object, place: str) -> p4r.FieldMatch | None:
    """The match of one key; None if it leaves every bit open: P4Runtime wants that absent. Raises TopologyError."""
    width, kind = key.bitwidth, key.match_type
    found = p4r.FieldMatch(field_id=key.id)
    if kind == p4i.MatchField.EXACT:
        found.exact.value = codec.encode(number(value, width, place))
        return found
    if kind == p4i.MatchField.OPTIONAL:
        found.optional.value = codec.encode(number(value, width, place))
        return found
    first, second = _pair(value, key, place)
    low = number(first, width, place)
    if kind == p4i.MatchField.LPM:
        if not isinstance(second, int) or not 0 <= second <= width:
            raise TopologyError(f"{place}: the prefix length must be 0 to {width}, not {second!r}")
        found.lpm.value, found.lpm.prefix_len = codec.encode(low), second
        return found if second else None
    high = number(second, width, place)
    if kind == p4i.MatchField.TERNARY:
        found.ternary.value, found.ternary.mask = codec.encode(low & high), codec.encode(high)
        return found if high else None
    found.range.low, found.range.high = codec.encode(low), codec.encode(high)
    return found if (low, high) != (0, (1 << width) - 1) else None


_SHAPES = {
    p4i.MatchField.LPM: "[value, prefix length]",
    p4i.MatchField.TERNARY: "[value, mask]",
    p4i.MatchField.RANGE: "[low, high]",
}


def _pair(value: object, key: p4i.MatchField, place: str) -> tuple[object, object]:
    if isinstance(value, list) and len(value) == 2:
        return value[0], value[1]
    shape = _SHAPES.get(key.match_type, "another kind of match, which has no form in these files")
    raise TopologyError(f"{place} must be {shape}, not {value!r}")


def action(
    f_name: str, values: dict[str, object], table: p4i.Table, info: p4i.P4Info, place: str
) -> p4r.TableAction:
    """An action by its full name or alias, with all its parameters. Raises TopologyError."""
    allowed = {ref.id for ref in table.action_refs}
    actions = [a for a in info.actions if a.preamble.id in allowed]
    found = next((a for a in actions if f_name in (a.preamble.name, a.preamble.alias)), None)
    if found is None:
        names = ", ".join(a.preamble.name for a in actions)
        raise TopologyError(f"{place}: table {table.preamble.name} has no action {f_name!r}; it has {names}")
    result = p4r.TableAction(action=p4r.Action(action_id=found.preamble.id))
    params = {param.name: param for param in found.params}
    if odd := sorted(set(values) ^ set(params)):
        what = "has no parameter" if odd[0] in values else "needs the parameter"
        raise TopologyError(f"{place}: action {found.preamble.name} {what} {odd[0]!r}")
    for name, param in params.items():
        value = number(values[name], param.bitwidth, f"{place} {name}")
        result.action.params.add(param_id=param.id, value=codec.encode(value))
    return result


def table_named(info: p4i.P4Info, name: str, place: str) -> p4i.Table:
    """A table by its full name or alias. Raises TopologyError."""
    found = next((t for t in info.tables if name in (t.preamble.name, t.preamble.alias)), None)
    if found is None:
        names = ", ".join(t.preamble.name for t in info.tables) or "no table"
        raise TopologyError(f"{place}: the program has no table {name!r}; it has {names}")
    return found
