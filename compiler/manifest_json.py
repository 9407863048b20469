"""Manifest <-> JSON. Reading is strict: it comes with a bundle that a client may have made up."""

from __future__ import annotations

import dataclasses
import json
import types
from enum import Enum
from typing import Union, get_args, get_origin, get_type_hints

from rackplane.compiler.manifest import MANIFEST_VERSION, Manifest

MAX_ITEMS = 1 << 16
MAX_TEXT = 1 << 12
MAX_NUMBER_DIGITS = 1 << 12


class ManifestError(ValueError):
    """The text is not a manifest of this version."""


def to_json(manifest: Manifest) -> str:
    """The manifest as indented JSON."""
    return json.dumps(_encode(manifest), indent=1) + "\n"


def from_json(text: str | bytes) -> Manifest:
    """Read a manifest.

    Raises:
        ManifestError: when anything is missing, unknown, of the wrong type or out of bounds.
    """
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as e:
        raise ManifestError(f"the manifest is not JSON: {e}") from e
    if isinstance(value, dict) and value.get("version") != MANIFEST_VERSION:
        raise ManifestError(
            f"the manifest has version {value.get('version')!r}; this switch reads {MANIFEST_VERSION}"
        )
    manifest = _decode(Manifest, value, "manifest")
    if not isinstance(manifest, Manifest):
        raise ManifestError("the manifest is not an object")
    return manifest


def _encode(value: object) -> object:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: _encode(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, tuple):
        return [_encode(v) for v in value]
    return value


def _decode(kind: object, value: object, where: str) -> object:
    origin = get_origin(kind)
    if origin is tuple:
        return _decode_tuple(get_args(kind), value, where)
    if origin in (types.UnionType, Union):
        inner = next(a for a in get_args(kind) if a is not type(None))
        return None if value is None else _decode(inner, value, where)
    if not isinstance(kind, type):
        raise TypeError(f"{where}: a manifest has no members of type {kind}")
    if dataclasses.is_dataclass(kind):
        return _decode_object(kind, value, where)
    return _decode_enum(kind, value, where) if issubclass(kind, Enum) else _decode_plain(kind, value, where)


def _decode_plain(kind: type, value: object, where: str) -> object:
    if type(value) is not kind:
        raise ManifestError(f"{where}: expected {kind.__name__}, found {type(value).__name__}")
    if isinstance(value, str) and len(value) > MAX_TEXT:
        raise ManifestError(f"{where}: a text of {len(value)} characters; at most {MAX_TEXT} are taken")
    if isinstance(value, int) and value.bit_length() > MAX_NUMBER_DIGITS:
        raise ManifestError(
            f"{where}: a number of {value.bit_length()} bits; at most {MAX_NUMBER_DIGITS} are taken"
        )
    return value


def _decode_enum(kind: type[Enum], value: object, where: str) -> Enum:
    try:
        return kind(value)
    except ValueError as e:
        raise ManifestError(f"{where}: {value!r} is none of {', '.join(str(m.value) for m in kind)}") from e


def _decode_tuple(items: tuple[object, ...], value: object, where: str) -> tuple[object, ...]:
    if not isinstance(value, list):
        raise ManifestError(f"{where}: expected a list, found {type(value).__name__}")
    if len(value) > MAX_ITEMS:
        raise ManifestError(f"{where}: {len(value)} items; at most {MAX_ITEMS} are taken")
    if len(items) == 2 and items[1] is Ellipsis:
        return tuple(_decode(items[0], v, f"{where}[{n}]") for n, v in enumerate(value))
    if len(items) != len(value):
        raise ManifestError(f"{where}: expected {len(items)} items, found {len(value)}")
    return tuple(_decode(k, v, f"{where}[{n}]") for n, (k, v) in enumerate(zip(items, value, strict=True)))


def _decode_object(kind: type, value: object, where: str) -> object:
    if not isinstance(value, dict):
        raise ManifestError(f"{where}: expected an object, found {type(value).__name__}")
    hints = get_type_hints(kind)
    names = {f.name for f in dataclasses.fields(kind)}
    if value.keys() != names:
        odd = sorted(value.keys() ^ names)
        raise ManifestError(f"{where}: missing or unknown members: {', '.join(map(str, odd))[:200]}")
    return kind(**{name: _decode(hints[name], value[name], f"{where}.{name}") for name in names})
