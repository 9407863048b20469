"""Requests as they come from clients: checked before anything is done."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rackplane.control.mind.api import (
    Alloc,
    Free,
    ListRegions,
    NewDomain,
    Protect,
    RequestError,
    Stats,
    parse_request,
)
from rackplane.control.mind.protection import Rights

GOOD = (
    ({"call": "alloc", "size": 4096, "domain": 7}, Alloc(4096, 7, Rights.READ_WRITE, True, 0)),
    (
        {"call": "alloc", "size": 1, "domain": 0, "rights": "r", "coherent": False, "region_size": 4096},
        Alloc(1, 0, Rights.READ, False, 4096),
    ),
    ({"call": "free", "va": 1 << 40}, Free(1 << 40, False)),
    ({"call": "free", "va": 0, "force": True}, Free(0, True)),
    (
        {"call": "protect", "va": 4096, "length": 1, "domain": 65535, "rights": "-"},
        Protect(4096, 1, 65535, Rights(0)),
    ),
    ({"call": "regions"}, ListRegions(0, 1000)),
    ({"call": "regions", "start": 5, "limit": 1}, ListRegions(5, 1)),
    ({"call": "stats"}, Stats()),
    ({"call": "domain"}, NewDomain()),
)
BAD = (
    ([], "a request is a JSON object"),
    ({}, "unknown call None"),
    ({"call": "mmap"}, "unknown call 'mmap'; known are alloc, domain"),
    ({"call": ["alloc"]}, "unknown call"),
    ({"call": "alloc", "domain": 1}, "'size' must be a number"),
    ({"call": "alloc", "size": 0, "domain": 1}, "'size' must be a number from 1"),
    ({"call": "alloc", "size": 1 << 41, "domain": 1}, "'size'"),
    ({"call": "alloc", "size": 4096.0, "domain": 1}, "'size'"),
    ({"call": "alloc", "size": True, "domain": 1}, "'size'"),
    ({"call": "alloc", "size": 1, "domain": 65536}, "'domain' must be a number from 0 to 65535"),
    ({"call": "alloc", "size": 1, "domain": 1, "rights": "x"}, "'x' are no rights"),
    ({"call": "alloc", "size": 1, "domain": 1, "rights": 3}, "'rights' must be a string"),
    ({"call": "alloc", "size": 1, "domain": 1, "coherent": 1}, "'coherent' must be true or false"),
    ({"call": "free", "va": -1}, "'va'"),
    ({"call": "free", "va": 1 << 64}, "'va'"),
    ({"call": "protect", "va": 0, "length": 0, "domain": 1}, "'length'"),
    ({"call": "regions", "limit": 10_001}, "'limit'"),
)


@pytest.mark.parametrize(("message", "expected"), GOOD, ids=str)
def test_good(message: dict[str, object], expected: object) -> None:
    assert parse_request(message) == expected


@pytest.mark.parametrize(("message", "text"), BAD, ids=str)
def test_bad(message: object, text: str) -> None:
    with pytest.raises(RequestError, match=text.replace("[", r"\[")):
        parse_request(message)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
names = st.sampled_from(("alloc", "free", "protect", "regions", "stats", "domain"))
keys = st.sampled_from(("size", "va", "domain", "rights", "length", "coherent", "force", "start", "limit"))


@given(names, st.dictionaries(keys, values))
def test_anything_is_a_request_or_an_error(name: str, arguments: dict[str, object]) -> None:
    try:
        parse_request({**arguments, "call": name})
    except RequestError as error:
        assert str(error)
