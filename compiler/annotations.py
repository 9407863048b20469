"""What the bodies of annotations say."""

from __future__ import annotations

import re

from rackplane.compiler import ir

_PAIR = re.compile(r'\s*(\w+)\s*=\s*("(?:[^"\\]|\\.)*"|[^,"]+?)\s*(?:,|$)')
_STRING = re.compile(r'"((?:[^"\\]|\\.)*)"')


def string_of(annotation: ir.Annotation) -> str:
    """The string of @name("..."): several that follow each other are one."""
    if annotation.values is not None:
        return "".join(v.value for v in annotation.values if isinstance(v.value, str))
    return "".join(_plain(m.group(1)) for m in _STRING.finditer(annotation.body))


def pairs_of(annotation: ir.Annotation) -> dict[str, int | str]:
    """The values of @name(key = value, ...) or @name[key = value, ...] by key; what is neither is left out."""
    if annotation.values is not None:
        return {v.key: v.value for v in annotation.values if v.key is not None}
    found: dict[str, int | str] = {}
    for m in _PAIR.finditer(annotation.body):
        key, text = m.groups()
        if text.startswith('"'):
            found[key] = _plain(text[1:-1])
        elif re.fullmatch(r"\d+|0[xX][0-9a-fA-F]+", text):
            found[key] = int(text, 0)
    return found


def _plain(text: str) -> str:
    return text.replace('\\"', '"').replace("\\\\", "\\")
