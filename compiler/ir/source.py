"""Places in a P4 source, and annotations."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Span:
    """A place in a P4 source: file name, 1-based line and column, and the length of the marked text."""

    file: str
    line: int
    column: int
    length: int = 1


NOWHERE = Span("", 0, 0, 0)


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
