"""Annotations as P4Info has them: @name(body), the body being P4 source text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from rackplane.switch.errors import BundleError

_ANNOTATION = re.compile(r"\s*@\s*(\w+)\s*\((.*)\)\s*", re.DOTALL)
_STRING = re.compile(r'\s*"((?:[^"\\]|\\.)*)"', re.DOTALL)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}


def bodies(annotations: Iterable[str], name: str) -> Iterator[str]:
    """Yield the body of every annotation of this name."""
    for text in annotations:
        match = _ANNOTATION.fullmatch(text)
        if match and match.group(1) == name:
            yield match.group(2)


def joined_strings(body: str, where: str) -> str:
    """Return the text of a body that consists of string literals, one after the other; BundleError."""
    text, at = "", 0
    while body[at:].strip():
        match = _STRING.match(body, at)
        if match is None:
            raise BundleError(f"{where} takes a text in quotes, not {body[at:].strip()[:40]!r}")
        text += re.sub(r"\\(.)", lambda m: _ESCAPES.get(m.group(1), m.group(1)), match.group(1), flags=re.DOTALL)
        at = match.end()
    return text


def pair(body: str, where: str) -> tuple[str, str]:
    """Return the two names of a body such as `vrf_table, vrf_id`, whose spaces mean nothing; BundleError."""
    parts = "".join(body.split()).replace('"', "").split(",")
    if len(parts) != 2 or not all(parts):
        raise BundleError(f"{where} takes a table and a field, not {body.strip()[:80]!r}")
    return parts[0], parts[1]
