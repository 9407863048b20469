"""The forms of p4_device_config that the switch takes."""

from __future__ import annotations

import base64
import json

import basic_program as basic
import pytest

from rackplane.compiler.bundle import Bundle
from rackplane.switch import deviceconfig
from rackplane.switch.errors import BundleError
from rackplane.switch.p4runtime import wire


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return Bundle(basic.manifest(), "", b"", "int x;", b"an object")


def wrapped(data: bytes) -> bytes:
    """p4.tmp.P4DeviceConfig with reassign and device_data."""
    return b"\x08\x01" + b"\x1a" + wire.varint(len(data)) + data


@pytest.mark.parametrize("form", ["zip", "json", "wrapped zip", "wrapped json"])
def test_forms(bundle: Bundle, form: str) -> None:
    data = deviceconfig.as_json(bundle).encode() if "json" in form else bundle.to_bytes()
    found = deviceconfig.read(wrapped(data) if "wrapped" in form else data)
    assert found == (bundle.object, bundle.manifest)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (b"", "not a readable zip file"),
        (b"PK nonsense", "not a readable zip file"),
        (b'{"program": "x.p4"}', "such as p4c makes for BMv2"),
        (b'{"rackplane_bundle": 7}', "something else than a bundle"),
        (b'{"rackplane_bundle": "!"}', "something else than a bundle"),
        (b"{", "something else than a bundle"),
        (b"{" + b'"a":{' * 100_000, "something else than a bundle"),
        (json.dumps({"rackplane_bundle": base64.b64encode(b"PK").decode()}).encode(), "not a readable zip"),
        (b"\x1a\xff\xff\xff\xff\x0f", "not a readable zip file"),
        (b"\x1a\x05abc", "not a readable zip file"),
        (wrapped(b'{"program": "x.p4"}'), "such as p4c makes for BMv2"),
    ],
)
def test_what_is_refused(config: bytes, message: str) -> None:
    with pytest.raises(BundleError, match=message):
        deviceconfig.read(config)
