"""STF scripts as data: what each line asks for. Parsing only; nothing here touches a switch.

The language is the one of p4c's tools/stf: a command a line, `#` starts a comment.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

MAX_SCRIPT_BYTES = 4 << 20
MAX_PACKET_BYTES = 16 << 10
MAX_PORT = 511


class StfError(ValueError):
    """A script that cannot be run: the message names the line and what is wrong there."""

    def __init__(self, line: int, problem: str) -> None:
        super().__init__(f"line {line}: {problem}")
        self.line = line
        self.problem = problem


@dataclass(frozen=True)
class Send:
    """packet PORT BYTES."""

    line: int
    port: int
    data: bytes


@dataclass(frozen=True)
class Expect:
    """expect PORT [PATTERN]: hex digits or `*` per digit; None accepts any packet, any number of times.

    A received packet may be longer than the pattern, unless `exact` (the line ends with `$`).
    """

    line: int
    port: int
    pattern: str | None
    exact: bool


@dataclass(frozen=True)
class ActionCall:
    """ACTION(name:value, ...)."""

    name: str
    arguments: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class AddEntry:
    """add TABLE [PRIORITY] KEY:VALUE... ACTION; values keep their text, which means something per match kind."""

    line: int
    table: str
    priority: int | None
    matches: tuple[tuple[str, str], ...]
    action: ActionCall


@dataclass(frozen=True)
class SetDefault:
    """setdefault TABLE ACTION."""

    line: int
    table: str
    action: ActionCall


@dataclass(frozen=True)
class CheckCounter:
    """check_counter NAME(INDEX) [packets|bytes] OPERATOR VALUE."""

    line: int
    counter: str
    index: int
    bytes: bool
    operator: str
    value: int


@dataclass(frozen=True)
class Control:
    """Any of the commands that simple_switch_CLI has: mirroring_add, mc_node_create, register_write, ..."""

    line: int
    verb: str
    arguments: tuple[str, ...]


@dataclass(frozen=True)
class Wait:
    """wait: let all packets that are under way arrive."""

    line: int


@dataclass(frozen=True)
class NoPacket:
    """no_packet: nothing more may arrive than was expected (which every script implies)."""

    line: int


Command = Send | Expect | AddEntry | SetDefault | CheckCounter | Control | Wait | NoPacket

CONTROL_VERBS = frozenset(
    {
        "mirroring_add",
        "mirroring_add_mc",
        "mirroring_delete",
        "mirroring_get",
        "mc_mgrp_create",
        "mc_node_create",
        "mc_node_associate",
        "counter_read",
        "counter_write",
        "register_read",
        "register_write",
        "register_reset",
        "meter_get_rates",
        "meter_set_rates",
        "meter_array_set_rates",
    }
)

_ACTION = re.compile(r"^(?P<name>[\w.$\"\[\]]+)\s*\((?P<arguments>[^()]*)\)\s*(?:=\s*\w+)?$")
_ADD = re.compile(r"^(?P<table>\S+)\s+(?P<middle>.*?)\s*(?P<action>[\w.$\"\[\]]+\s*\([^()]*\)(?:\s*=\s*\w+)?)$")
_CHECK = re.compile(
    r"^(?P<name>[\w.$]+)\s*[(\[]?\s*(?P<index>\w+)?\s*[)\]]?\s*(?P<unit>packets|bytes)?\s*"
    r"(?P<operator>==|!=|<=|>=|<|>)?\s*(?P<value>\w+)?$"
)


def parse_script(text: str) -> list[Command]:
    """The commands of a script, in order. Raises StfError at the first line that is not STF."""
    if len(text) > MAX_SCRIPT_BYTES:
        raise StfError(1, f"the script has {len(text)} characters; at most {MAX_SCRIPT_BYTES} are read")
    commands: list[Command] = []
    for number, raw in enumerate(text.splitlines(), start=1):
        line = raw.split("#", 1)[0].strip()
        if line:
            commands.append(_parse_line(number, line))
    return commands


def parse_port(text: str, line: int) -> int:
    """A number that a port of v1model can have."""
    port = parse_number(text, line)
    if not 0 <= port <= MAX_PORT:
        raise StfError(line, f"a switch has no port {text}: ports are 0 to {MAX_PORT}")
    return port


def parse_number(text: str, line: int) -> int:
    """A decimal, 0x, 0o or 0b number."""
    try:
        return int(text, 0) if text.lower().startswith(("0x", "0b", "0o")) else int(text, 10)
    except ValueError as error:
        raise StfError(line, f"'{text}' is not a number") from error


def _parse_line(number: int, line: str) -> Command:
    verb, _, rest = line.partition(" ")
    verb = verb.lower()
    rest = rest.strip()
    parser = _PARSERS.get(verb)
    if parser is not None:
        return parser(number, rest)
    if verb in CONTROL_VERBS:
        return Control(number, verb, tuple(rest.split()))
    raise StfError(number, f"unknown command '{verb}'; known are {', '.join(sorted([*_PARSERS, *CONTROL_VERBS]))}")


def _parse_send(number: int, rest: str) -> Send:
    port, _, data = rest.partition(" ")
    digits = "".join(data.split())
    if re.search(r"[^0-9a-fA-F]", digits):
        raise StfError(number, "a packet is written in hex digits")
    if len(digits) % 2:
        raise StfError(number, f"the packet has {len(digits)} hex digits; a byte needs two")
    if len(digits) > 2 * MAX_PACKET_BYTES:
        raise StfError(number, f"the packet has {len(digits) // 2} bytes; at most {MAX_PACKET_BYTES} are sent")
    return Send(number, parse_port(port, number), bytes.fromhex(digits))


def _parse_expect(number: int, rest: str) -> Expect:
    port, _, data = rest.partition(" ")
    pattern = "".join(data.split()).upper()
    exact = pattern.endswith("$")
    pattern = pattern.removesuffix("$")
    if re.search(r"[^0-9A-F*]", pattern):
        raise StfError(number, "an expected packet is written in hex digits and '*', with '$' at its end")
    return Expect(number, parse_port(port, number), pattern if data.strip() else None, exact)


def _parse_action(number: int, text: str) -> ActionCall:
    match = _ACTION.match(text.strip())
    if match is None:
        raise StfError(number, f"'{text}' is not an action call such as set_port(port:1)")
    arguments = []
    for part in filter(None, (a.strip() for a in match["arguments"].split(","))):
        name, colon, value = part.rpartition(":")
        if not colon:
            raise StfError(number, f"argument '{part}' needs the form name:value")
        arguments.append((name.strip(), value.strip()))
    return ActionCall(match["name"].strip('"'), tuple(arguments))


def _parse_add(number: int, rest: str) -> AddEntry:
    match = _ADD.match(rest)
    if match is None:
        raise StfError(number, "add needs TABLE [PRIORITY] KEY:VALUE ... ACTION(name:value, ...)")
    words = match["middle"].split()
    priority = None
    if words and ":" not in words[0]:
        priority = parse_number(words.pop(0), number)
    matches = []
    for word in words:
        name, colon, value = word.rpartition(":")
        if not colon or not value:
            raise StfError(number, f"match '{word}' needs the form key:value")
        matches.append((name.strip('"'), value))
    return AddEntry(number, match["table"], priority, tuple(matches), _parse_action(number, match["action"]))


def _parse_setdefault(number: int, rest: str) -> SetDefault:
    table, _, action = rest.partition(" ")
    return SetDefault(number, table, _parse_action(number, action))


def _parse_check(number: int, rest: str) -> CheckCounter:
    match = _CHECK.match(rest)
    if match is None or match["value"] is None:
        raise StfError(number, "check_counter needs NAME(INDEX) [packets|bytes] OPERATOR VALUE")
    index = parse_number(match["index"] or "0", number)
    value = parse_number(match["value"], number)
    return CheckCounter(number, match["name"], index, match["unit"] == "bytes", match["operator"] or "==", value)


_PARSERS: dict[str, Callable[[int, str], Command]] = {
    "packet": _parse_send,
    "expect": _parse_expect,
    "add": _parse_add,
    "setdefault": _parse_setdefault,
    "check_counter": _parse_check,
    "wait": lambda number, _: Wait(number),
    "no_packet": lambda number, _: NoPacket(number),
}
