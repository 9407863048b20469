"""The names that the control plane uses."""

from __future__ import annotations

from collections.abc import Iterable

from rackplane.compiler import ir
from rackplane.compiler.annotations import string_of


def name_annotation(annotations: Iterable[ir.Annotation]) -> str | None:
    """The text of @name("..."), None when there is none."""
    for annotation in annotations:
        if annotation.name == "name":
            return string_of(annotation) if '"' in annotation.body else annotation.body.strip()
    return None


def control_plane_name(annotations: Iterable[ir.Annotation], prefix: str, name: str) -> str:
    """The name that the control plane uses: a leading dot in @name leaves the prefix out."""
    given = name_annotation(annotations) or name
    if given.startswith("."):
        return given[1:]
    return f"{prefix}.{given}" if prefix else given
