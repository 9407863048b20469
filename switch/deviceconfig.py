"""p4_device_config: the compiler's bundle, as it is or in the forms that controllers written for BMv2 can push.

Such a controller reads a text file of JSON, and wraps it in the message p4.tmp.P4DeviceConfig. `as_json` makes that
file of a bundle.
"""

from __future__ import annotations

import base64
import binascii
import json

from rackplane.compiler import bundle
from rackplane.compiler.lexing.preprocessed import source_lines
from rackplane.compiler.manifest import Manifest
from rackplane.switch import verifier
from rackplane.switch.errors import BundleError, RequestError, VerifierError
from rackplane.switch.p4runtime import wire

_KEY = "rackplane_bundle"
_ZIP, _JSON = b"PK", b"{"
_DEVICE_DATA = 3  # field of p4.tmp.P4DeviceConfig


def read(config: bytes) -> tuple[bytes, Manifest]:
    """Return the object and the manifest of a bundle."""
    found = _bundle(config)
    return found.object, found.manifest


def in_p4(error: VerifierError, config: bytes) -> VerifierError:
    """The error about a config's program, with lines of its P4 text as far as the config has it."""
    try:
        found = _bundle(config)
    except (BundleError, RequestError):
        return error
    return verifier.in_p4(error, found.c_text, source_lines(found.source))


def _bundle(config: bytes) -> bundle.Bundle:
    try:
        return bundle.Bundle.from_bytes(_unwrapped(config))
    except bundle.BundleError as e:
        raise BundleError(f"p4_device_config is not a compiled bundle: {e}") from e


def as_json(compiled: bundle.Bundle) -> str:
    """A bundle as a JSON text."""
    return json.dumps({_KEY: base64.b64encode(compiled.to_bytes()).decode()})


def _unwrapped(config: bytes) -> bytes:
    if config.startswith(_ZIP):
        return config
    text = config if config.startswith(_JSON) else _device_data(config)
    if not text.startswith(_JSON):
        return text
    try:
        value = json.loads(text)
        return base64.b64decode(value[_KEY], validate=True)
    except KeyError:
        raise bundle.BundleError(
            "it is JSON without one, such as p4c makes for BMv2; `rackplane compile --as-bmv2` makes JSON with one"
        ) from None
    except (ValueError, TypeError, RecursionError, binascii.Error) as e:
        raise bundle.BundleError(f"it is JSON with something else than a bundle: {e}") from e


def _device_data(message: bytes) -> bytes:
    """The payload of a P4DeviceConfig; what is none is returned as it is."""
    try:
        found = [
            message[start:end]
            for number, kind, start, end in wire.fields(message, 0, len(message))
            if (number, kind) == (_DEVICE_DATA, wire.LENGTH)
        ]
    except (RequestError, IndexError):
        return message
    return found[-1] if found else message
