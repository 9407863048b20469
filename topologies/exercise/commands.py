"""Files of simple_switch_CLI commands (`cli_input` of a switch), carried out over P4Runtime.

table_add and table_set_default are read here; groups, mirror sessions and registers as STF reads them.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from finsy.proto import p4i, p4r

from rackplane.switch.stf.client import Client, RequestFailed
from rackplane.switch.stf.controls import Controls
from rackplane.switch.stf.script import Control, StfError
from rackplane.topologies.exercise import values
from rackplane.topologies.fields import TopologyError

_MAX_PRIORITY = (1 << 31) - 1
_SPLIT = {p4i.MatchField.LPM: "/", p4i.MatchField.TERNARY: "&&&", p4i.MatchField.RANGE: "->"}


def run_commands(file: Path, client: Client, info: p4i.P4Info) -> int:
    """Carry out a file's commands and return how many. Raises TopologyError with file and line."""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise TopologyError(f"cannot read {file}: {error}") from error
    controls = Controls(client, info)
    done = 0
    for number, line in enumerate(lines, start=1):
        words = line.partition("#")[0].split()
        if words:
            _run(words, f"{file}:{number}", number, controls)
            done += 1
    return done


def _run(words: list[str], place: str, line: int, controls: Controls) -> None:
    try:
        reader = _TABLE_VERBS.get(words[0])
        if reader is not None:
            controls.client.write([reader(words[1:], controls.info, place)])
        else:
            controls.run(Control(line, words[0], tuple(words[1:])))
    except StfError as error:
        raise TopologyError(f"{place}: {error}") from error
    except RequestFailed as error:
        raise TopologyError(f"{place}: the switch refuses it: {error}") from error


def table_add(words: list[str], info: p4i.P4Info, place: str) -> p4r.Update:
    """table_add TABLE ACTION MATCH... => PARAMETER... [PRIORITY]; the lowest number has the highest priority."""
    if len(words) < 2 or "=>" not in words:
        raise TopologyError(f"{place}: write table_add TABLE ACTION MATCH... => PARAMETER... [PRIORITY]")
    arrow = words.index("=>")
    matches, rest = words[2:arrow], words[arrow + 1 :]
    table = values.table_named(info, words[0], place)
    if len(matches) != len(table.match_fields):
        names = ", ".join(key.name for key in table.match_fields) or "none"
        raise TopologyError(f"{place}: {len(matches)} matches for the keys of {table.preamble.name}: {names}")
    entry = p4r.TableEntry(table_id=table.preamble.id)
    for key, text in zip(table.match_fields, matches, strict=True):
        found = values.match(key, _match_value(key, text), f"{place}: {key.name}")
        if found is not None:
            entry.match.append(found)
    if any(key.match_type in values.PRIORITY_KINDS for key in table.match_fields):
        if not rest or not rest[-1].isdecimal():
            raise TopologyError(f"{place}: table {table.preamble.name} needs a priority as the last word")
        entry.priority = _MAX_PRIORITY - min(int(rest.pop()[:10]), _MAX_PRIORITY - 1)
    entry.action.CopyFrom(_action(words[1], rest, table, info, place))
    return p4r.Update(type=p4r.Update.INSERT, entity=p4r.Entity(table_entry=entry))


def _match_value(key: p4i.MatchField, text: str) -> object:
    """What the JSON files would have for this match."""
    sign = _SPLIT.get(key.match_type)
    if sign is None or sign not in text:
        return text
    first, _, second = text.partition(sign)
    return [first, int(second) if sign == "/" and second.isdecimal() and len(second) < 5 else second]


def table_set_default(words: list[str], info: p4i.P4Info, place: str) -> p4r.Update:
    """table_set_default TABLE ACTION [=>] PARAMETER..."""
    words = [word for word in words if word != "=>"]
    if len(words) < 2:
        raise TopologyError(f"{place}: write table_set_default TABLE ACTION PARAMETER...")
    table = values.table_named(info, words[0], place)
    entry = p4r.TableEntry(table_id=table.preamble.id, is_default_action=True)
    entry.action.CopyFrom(_action(words[1], words[2:], table, info, place))
    return p4r.Update(type=p4r.Update.MODIFY, entity=p4r.Entity(table_entry=entry))


def _action(name: str, words: list[str], table: p4i.Table, info: p4i.P4Info, place: str) -> p4r.TableAction:
    found = next((a for a in info.actions if name in (a.preamble.name, a.preamble.alias)), None)
    names = [param.name for param in found.params] if found else []
    if found and len(names) != len(words):
        raise TopologyError(
            f"{place}: action {found.preamble.name} takes {len(names)} parameters, not {len(words)}"
        )
    return values.action(name, dict(zip(names, words, strict=False)), table, info, place)


_TABLE_VERBS: dict[str, Callable[[list[str], p4i.P4Info, str], p4r.Update]] = {
    "table_add": table_add,
    "table_set_default": table_set_default,
}
