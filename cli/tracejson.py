"""A traced packet as one JSON object."""

from __future__ import annotations

from rackplane.cli.tracestory import Changes, Story, Teller, Verdict
from rackplane.compiler.backend.tracesites import SiteKind
from rackplane.compiler.ir import Span
from rackplane.switch.tracerecords import Event, HeaderValue


def to_json(story: Story, teller: Teller, epoch_ns: int) -> dict[str, object]:
    """The object; times are ns since the epoch, numbers are numbers, varbits are hexadecimal text."""
    record = story.record
    return {
        "id": record.id,
        "copy_of": record.parent or None,
        "time_ns": record.time + epoch_ns,
        "port": record.port,
        "length": record.length,
        "parser_error": story.error or None,
        "events": [_event(e, teller) for e in record.events if e.site.kind is not SiteKind.FINAL],
        "overflow": record.overflow,
        "headers": _changes(story.changes),
        "verdict": _verdict(story.verdict),
    }


def _event(event: Event, teller: Teller) -> dict[str, object]:
    site = event.site
    shown: dict[str, object] = {"kind": site.kind.value, "block": site.block, "name": site.name}
    if site.detail:
        shown["detail"] = site.detail
    if site.span.line:
        shown |= {"at": _place(site.span), "p4": teller.line(site)}
    headers = [v for v in event.values if isinstance(v, HeaderValue)]
    numbers = [(v.name, n) for v, n in zip(site.values, event.values, strict=True) if isinstance(n, int)]
    if numbers:
        shown["values"] = [{"name": name, "value": value} for name, value in numbers]
    if headers:
        shown["headers"] = [_header(h) for h in headers]
    return shown


def _header(header: HeaderValue) -> dict[str, object]:
    fields = {name: v.hex() if isinstance(v, bytes) else v for name, v in header.fields.items()}
    return {"header": header.path, "type": header.type_name, "valid": header.valid, "fields": fields}


def _changes(changes: Changes) -> dict[str, object]:
    fields = [
        {
            "field": f"{c.header}.{c.name}",
            "before": c.before.hex() if isinstance(c.before, bytes) else c.before,
            "after": c.after.hex() if isinstance(c.after, bytes) else c.after,
        }
        for c in changes.fields
    ]
    return {"changed": fields, "added": [_header(h) for h in changes.added], "removed": list(changes.removed)}


def _verdict(verdict: Verdict) -> dict[str, object]:
    shown: dict[str, object] = {"outcome": verdict.outcome.value}
    if verdict.port is not None:
        shown["port"] = verdict.port
    if verdict.group is not None:
        shown["group"] = verdict.group
    if verdict.reason:
        shown["reason"] = verdict.reason
    if verdict.place is not None:
        shown["at"] = _place(verdict.place)
    return shown


def _place(span: Span) -> str:
    return f"{span.file}:{span.line}"
