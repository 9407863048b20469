"""Annotations, and places in a P4 source."""

from __future__ import annotations

from dataclasses import dataclass

from rackplane.compiler.source import NOWHERE, Span

__all__ = ["NOWHERE", "Annotation", "AnnotationValue", "Span"]


@dataclass(frozen=True)
class AnnotationValue:
    """A value of a structured annotation, with its key in @name[key = value, ...]."""

    value: int | str | bool
    key: str | None = None


@dataclass(frozen=True)
class Annotation:
    """@name(body) with the body as its source text; `values` are those of @name[...], None for the other form."""

    name: str
    body: str = ""
    values: tuple[AnnotationValue, ...] | None = None
