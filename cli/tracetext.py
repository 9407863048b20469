"""A traced packet as text: compact, in the order of what happened, with P4 names and lines."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from rich.text import Text

from rackplane.cli.readable import readable
from rackplane.cli.tracestory import XDP_PASS, Changes, Outcome, Story, Teller, Verdict
from rackplane.compiler.backend.tracesites import Site, SiteKind
from rackplane.compiler.ir import Span
from rackplane.switch.tracerecords import Event, HeaderValue

_PLACE_COLUMN = 88
_DETAILS = frozenset((SiteKind.ASSIGN, SiteKind.SELECT, SiteKind.CASE, SiteKind.ADVANCE))
_SILENT = frozenset((SiteKind.FINAL, SiteKind.PARSED, SiteKind.DECISION, SiteKind.HIT, SiteKind.RESULT))
_LONG = 80
_COLOURS = {
    Outcome.FORWARD: "bold green",
    Outcome.MULTICAST: "bold green",
    Outcome.PACKET_IN: "bold cyan",
    Outcome.DROP: "bold red",
}


@dataclass(frozen=True)
class TextView:
    """How stories are shown: the names of ports, and whether every statement is."""

    teller: Teller
    port_names: Mapping[int, str]
    verbose: bool = False

    def lines(self, story: Story, number: int, epoch_ns: int) -> Iterator[Text]:
        """The lines of one packet."""
        yield self._head(story, number, epoch_ns)
        if story.record.overflow:
            yield Text("  it met more than one record holds: the steps are lost", style="yellow")
        block = ""
        events = story.record.events
        for n, event in enumerate(events):
            if event.site.kind in _SILENT or (event.site.kind in _DETAILS and not self.verbose):
                continue
            if event.site.block != block:
                block = event.site.block
                yield Text(f"  {block}", style="bold")
            yield self._line(self._step(event, events[n + 1 :]), event.site)
        if story.error:
            yield Text(f"    the parser ends with error.{story.error}", style="yellow")
        yield from self._changes(story.changes)
        yield self._end(story.verdict)

    def _port(self, port: int | None) -> str:
        if port is None:
            return "no port"
        name = self.port_names.get(port)
        return f"port {port} ({name})" if name else f"port {port}"

    def _head(self, story: Story, number: int, epoch_ns: int) -> Text:
        record = story.record
        at = record.time + epoch_ns
        clock = time.strftime("%H:%M:%S", time.localtime(at // 1_000_000_000)) + f".{at % 1_000_000_000:09d}"
        where = f"from {self._port(record.port)}"
        if record.parent:
            where = (
                f"copy to {self._port(record.port)}"
                if record.action == XDP_PASS
                else "the same, or a copy, goes on"
            )
        text = Text(f"#{number} ", style="bold")
        text.append(f"{clock}  {where}, {record.length} bytes", style="not bold")
        return text

    def _line(self, step: str, site: Site) -> Text:
        deeper = "      " if site.kind is SiteKind.EXTRACT else "    "
        cut = len(step) > _LONG and site.kind is SiteKind.CALL and not self.verbose
        text = Text(deeper + (f"{step[: _LONG - 3]}..." if cut else step))
        place = _place(site.span)
        if place:
            text.append(" " * max(2, _PLACE_COLUMN - len(text)) + place, style="dim")
        return text

    def _step(self, event: Event, following: tuple[Event, ...]) -> str:
        site = event.site
        if site.kind is SiteKind.IF:
            return f"{_condition(self.teller.line(site))} is {site.detail}"
        if site.kind is SiteKind.TABLE:
            return f"table {site.name}({_values(event)}): {_hit(site, following)}"
        if site.kind is SiteKind.CALL:
            return f"{site.name}({_call(event)}){_result(site, following)}"
        return _STEPS[site.kind](event)

    def _changes(self, changes: Changes) -> Iterator[Text]:
        if not (changes.fields or changes.added or changes.removed):
            return
        yield Text("  deparser", style="bold")
        for change in changes.fields:
            before, after = (readable(v, change.name, change.width) for v in (change.before, change.after))
            yield Text(f"    {change.header}.{change.name}: {before} -> {after}")
        for header in changes.added:
            yield Text(f"    + {_header(header)}", style="green")
        for path in changes.removed:
            yield Text(f"    - {path}", style="red")

    def _end(self, verdict: Verdict) -> Text:
        match verdict.outcome:
            case Outcome.DROP:
                place = f" at {_place(verdict.place)}" if verdict.place else ""
                shown = f"dropped: {verdict.reason}{place}"
            case Outcome.MULTICAST:
                shown = f"to multicast group {verdict.group}"
            case Outcome.PACKET_IN:
                shown = "to the control plane (packet-in)"
            case Outcome.FORWARD:
                shown = f"out of {self._port(verdict.port)}"
            case _:
                shown = verdict.reason
        return Text(f"  => {shown}", style=_COLOURS.get(verdict.outcome, "bold"))


def _values(event: Event) -> str:
    shown = []
    for value, number in zip(event.site.values, event.values, strict=True):
        if isinstance(number, int):
            text = readable(number, value.name, value.width)
            shown.append(f"{value.name}={text}" if value.name and value.name != text else text)
    return ", ".join(shown)


def _call(event: Event) -> str:
    quoted = [f'"{event.site.detail}"'] if event.site.name == "log_msg" and event.site.detail else []
    return ", ".join([*quoted, *([_values(event)] if event.values else [])])


def _assigned(event: Event) -> str:
    for value, found in zip(event.site.values, event.values, strict=True):
        return _header(found) if isinstance(found, HeaderValue) else readable(found, value.name, value.width)
    return "..."


def _header(header: HeaderValue) -> str:
    fields = " ".join(f"{n}={readable(v, n, header.widths[n])}" for n, v in header.fields.items())
    return f"{header.path}: {fields}" if header.valid else f"{header.path}: not valid"


def _hit(site: Site, following: tuple[Event, ...]) -> str:
    for event in following:
        if event.site.kind is SiteKind.HIT and event.site.name == site.name:
            return "hit" if event.values and event.values[0] else "miss"
    return "left by an exit"


def _result(site: Site, following: tuple[Event, ...]) -> str:
    for event in following[:1]:
        if event.site.kind is SiteKind.RESULT and event.site.span == site.span:
            return f" gives {_values(event)}"
    return ""


def _condition(line: str) -> str:
    """The P4 line of an if, without what comes after its condition."""
    start = line.find("if")
    if start < 0 or "(" not in line:
        return "if"
    depth = 0
    for n in range(line.index("(", start), len(line)):
        depth += (line[n] == "(") - (line[n] == ")")
        if depth == 0:
            return line[start : n + 1]
    return f"{line[start:]} ..."


def _place(span: Span | None) -> str:
    return f"{span.file.rsplit('/', 1)[-1]}:{span.line}" if span is not None and span.line else ""


_STEPS: dict[SiteKind, Callable[[Event], str]] = {
    SiteKind.STATE: lambda e: f"state {e.site.name}",
    SiteKind.EXTRACT: lambda e: " ".join(_header(v) for v in e.values if isinstance(v, HeaderValue)),
    SiteKind.SELECT: lambda e: f"select({_values(e)})",
    SiteKind.CASE: lambda e: f"switch: {e.site.detail}",
    SiteKind.ACTION: lambda e: f"  action {e.site.name}({_values(e)})",
    SiteKind.ASSIGN: lambda e: f"{e.site.name} = {_assigned(e)}",
    SiteKind.VALIDITY: lambda e: f"{e.site.name}.{e.site.detail}()",
    SiteKind.SHIFT: lambda e: f"{e.site.name}.{e.site.detail}",
    SiteKind.ADVANCE: lambda e: f"advance({_values(e)})",
    SiteKind.EXIT: lambda e: "exit",
}
