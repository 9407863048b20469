"""What happened to a traced packet, told from its record: steps, header changes, and how it ended. Pure."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum

from rackplane.compiler.backend.tracesites import Site, SiteKind
from rackplane.compiler.ir import Span
from rackplane.compiler.lexing.preprocessed import source_lines
from rackplane.compiler.manifest import Manifest
from rackplane.switch.tracerecords import CONTINUES, Event, HeaderValue, Record

XDP_PASS = 2
_LOOPING = ("clone", "clone_preserving_field_list", "resubmit_preserving_field_list")
_PROGRAM = 1
_REMEMBERED = 1024
_EGRESS_SPEC = "egress_spec"


class Outcome(Enum):
    """How a packet ended."""

    FORWARD = "forward"
    MULTICAST = "multicast"
    PACKET_IN = "packet-in"
    DROP = "drop"
    CONTINUES = "continues"


@dataclass(frozen=True)
class Verdict:
    """How a packet ended: the port, the group, or the reason of its drop and the P4 place that decided it."""

    outcome: Outcome
    port: int | None = None
    group: int | None = None
    reason: str = ""
    place: Span | None = None


@dataclass(frozen=True)
class FieldChange:
    """A header field that the program changed."""

    header: str
    name: str
    width: int
    before: int | bytes
    after: int | bytes


@dataclass(frozen=True)
class Changes:
    """What the deparser's headers have that the parser's had not."""

    fields: tuple[FieldChange, ...] = ()
    added: tuple[HeaderValue, ...] = ()
    removed: tuple[str, ...] = ()


@dataclass(frozen=True)
class Story:
    """A packet from its port to its end."""

    record: Record
    verdict: Verdict
    changes: Changes
    error: str = ""


@dataclass
class Teller:
    """Makes stories of the records of one program; remembers what packets were, for copies that come later."""

    manifest: Manifest
    errors: tuple[str, ...]
    source: str
    _parsed: OrderedDict[int, dict[str, HeaderValue]] = field(default_factory=OrderedDict)
    _lines: Mapping[tuple[str, int], str] | None = None

    def tell(self, record: Record) -> Story:
        """The story of one record."""
        parsed = dict(_extracted(record))
        if record.parent:
            parsed = self._parsed.get(record.parent, {})
        else:
            self._parsed[record.id] = parsed
            while len(self._parsed) > _REMEMBERED:
                self._parsed.popitem(last=False)
        return Story(record, self._verdict(record), _changes(parsed, record), self._error(record))

    def line(self, site: Site) -> str:
        """The P4 text of a site's line."""
        if self._lines is None:
            self._lines = source_lines(self.source)
        return self._lines.get((site.span.file, site.span.line), "")

    def _error(self, record: Record) -> str:
        for event in record.events:
            if event.site.kind is SiteKind.PARSED and event.values and event.values[0]:
                code = event.values[0]
                known = isinstance(code, int) and code < len(self.errors)
                return self.errors[int(code)] if known and isinstance(code, int) else str(code)
        return ""

    def _verdict(self, record: Record) -> Verdict:
        if record.action < 0:
            reasons = self.manifest.maps.reasons
            reason = reasons[-record.action] if -record.action < len(reasons) else f"reason {-record.action}"
            place = self._dropped_at(record) if -record.action == _PROGRAM else None
            return Verdict(Outcome.DROP, reason=reason, place=place)
        port = record.port if record.action == XDP_PASS and record.parent else record.sent
        if port is not None:
            return Verdict(Outcome.PACKET_IN if port == self.manifest.cpu_port else Outcome.FORWARD, port=port)
        if not record.copied:
            again = record.action == CONTINUES
            return Verdict(
                Outcome.CONTINUES, reason="to the parser again" if again else f"XDP action {record.action}"
            )
        group = next((e.values[1] for e in reversed(record.events) if _is_ingress_decision(e)), 0)
        asked = any(e.site.kind is SiteKind.CALL and e.site.name in _LOOPING for e in record.events)
        if isinstance(group, int) and group and not asked:
            return Verdict(Outcome.MULTICAST, group=group)
        return Verdict(Outcome.CONTINUES, reason="to the switch's loop port, to be copied or to wait")

    def _dropped_at(self, record: Record) -> Span | None:
        """The last statement that told the switch to drop the packet."""
        for event in reversed(record.events):
            site = event.site
            if site.kind is SiteKind.CALL and site.name in ("mark_to_drop", "assert"):
                return site.span
            set_port = site.kind is SiteKind.ASSIGN and site.name.endswith(f".{_EGRESS_SPEC}")
            if set_port and event.values == (self.manifest.drop_port,):
                return site.span
        return None


def _is_ingress_decision(event: Event) -> bool:
    return event.site.kind is SiteKind.DECISION and event.site.block == "ingress"


def _extracted(record: Record) -> Iterator[tuple[str, HeaderValue]]:
    for event in record.events:
        if event.site.kind is SiteKind.EXTRACT:
            for value in event.values:
                if isinstance(value, HeaderValue):
                    yield value.path, value


def _changes(parsed: Mapping[str, HeaderValue], record: Record) -> Changes:
    final = {
        value.path: value
        for event in record.events
        if event.site.kind is SiteKind.FINAL
        for value in event.values
        if isinstance(value, HeaderValue)
    }
    if not final:
        return Changes()
    there = {path: header for path, header in final.items() if header.valid}
    fields = [
        FieldChange(path, name, header.widths[name], parsed[path].fields[name], value)
        for path, header in there.items()
        if path in parsed
        for name, value in header.fields.items()
        if parsed[path].fields[name] != value
    ]
    added = tuple(header for path, header in there.items() if path not in parsed)
    removed = tuple(path for path in parsed if path not in there)
    return Changes(tuple(fields), added, removed)
