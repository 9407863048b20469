"""What a client may ask of the control plane, as values: requests that are checked, and results. Pure.

On the wire: a line of JSON each way. A request is {"call": name, ...arguments}, an answer {"result": ...} or
{"error": text}.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from rackplane.control.mind.prefixes import ADDRESS_BITS
from rackplane.control.mind.protection import MAX_DOMAIN, Rights
from rackplane.control.mind.regions import MAX_REGION

MAX_REGIONS = 10_000
"""Regions in one answer."""


class RequestError(ValueError):
    """A request that cannot be understood; the text names the argument."""


@dataclass(frozen=True)
class Alloc:
    """A new range of at least `size` bytes, with `rights` for `domain`; region_size 0: chosen by the controller."""

    size: int
    domain: int
    rights: Rights
    coherent: bool
    region_size: int


@dataclass(frozen=True)
class Free:
    """Give back the range that starts at va. `force`: even if a holder does not answer."""

    va: int
    force: bool


@dataclass(frozen=True)
class Protect:
    """Set a domain's rights over va..va+length-1, within one range."""

    va: int
    length: int
    domain: int
    rights: Rights


@dataclass(frozen=True)
class ListRegions:
    """Regions from address `start` on, at most `limit` of them."""

    start: int
    limit: int


@dataclass(frozen=True)
class Stats:
    """Counters and the state of the directory."""


@dataclass(frozen=True)
class NewDomain:
    """A protection domain that nobody has."""


Request = Alloc | Free | Protect | ListRegions | Stats | NewDomain


def parse_request(message: object) -> Request:
    """The request in a decoded JSON message. Raises RequestError."""
    if not isinstance(message, Mapping):
        raise RequestError("a request is a JSON object")
    call = message.get("call")
    parser = _PARSERS.get(call) if isinstance(call, str) else None
    if parser is None:
        raise RequestError(f"unknown call {call!r}; known are {', '.join(sorted(_PARSERS))}")
    return parser(message)


def _alloc(m: Mapping[str, object]) -> Alloc:
    return Alloc(
        size=_number(m, "size", 1, 1 << 40),
        domain=_number(m, "domain", 0, MAX_DOMAIN),
        rights=_rights(m),
        coherent=_flag(m, "coherent", True),
        region_size=_number(m, "region_size", 0, MAX_REGION, 0),
    )


def _free(m: Mapping[str, object]) -> Free:
    return Free(_address(m, "va"), _flag(m, "force", False))


def _protect(m: Mapping[str, object]) -> Protect:
    length = _number(m, "length", 1, 1 << 40)
    return Protect(_address(m, "va"), length, _number(m, "domain", 0, MAX_DOMAIN), _rights(m))


def _regions(m: Mapping[str, object]) -> ListRegions:
    return ListRegions(_address(m, "start", 0), _number(m, "limit", 1, MAX_REGIONS, 1000))


_PARSERS: dict[str, Callable[[Mapping[str, object]], Request]] = {
    "alloc": _alloc,
    "free": _free,
    "protect": _protect,
    "regions": _regions,
    "stats": lambda _: Stats(),
    "domain": lambda _: NewDomain(),
}


def _address(m: Mapping[str, object], key: str, default: int | None = None) -> int:
    return _number(m, key, 0, (1 << ADDRESS_BITS) - 1, default)


def _number(m: Mapping[str, object], key: str, least: int, most: int, default: int | None = None) -> int:
    value = m.get(key, default)
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise RequestError(f"{key!r} must be a number from {least} to {most}, not {value!r}")
    return value


def _flag(m: Mapping[str, object], key: str, default: bool) -> bool:
    value = m.get(key, default)
    if not isinstance(value, bool):
        raise RequestError(f"{key!r} must be true or false, not {value!r}")
    return value


def _rights(m: Mapping[str, object]) -> Rights:
    value = m.get("rights", "rw")
    if not isinstance(value, str):
        raise RequestError(f"'rights' must be a string, not {value!r}")
    try:
        return Rights.parse(value)
    except ValueError as error:
        raise RequestError(str(error)) from error
