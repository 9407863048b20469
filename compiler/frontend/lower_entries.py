"""Priorities of entries: larger wins, whatever the program's own rule is (spec 1.2.5, section 14.2.1.4)."""

from __future__ import annotations

from rackplane.compiler import ir
from rackplane.compiler.frontend import ast
from rackplane.compiler.frontend.lower_env import LowerError

_ORDERED = (ir.MatchKind.TERNARY, ir.MatchKind.RANGE, ir.MatchKind.OPTIONAL)


def priorities(table: ast.TableDeclaration, keys: tuple[ir.Key, ...]) -> list[int]:
    """One priority per entry; 0 for tables whose keys need none.

    Raises:
        LowerError: when the first entry lacks a priority that others have, or one is no positive number.
    """
    entries = table.entries or []
    if not any(k.kind in _ORDERED for k in keys):
        return [0] * len(entries)
    annotated = [_annotated(e) for e in entries]
    if any(a is not None for a in annotated):
        ranks = [a if a is not None else i + 1 for i, a in enumerate(annotated)]
        return _turned(ranks)
    if any(e.priority is not None for e in entries):
        return _given(table, entries)
    return list(range(len(entries), 0, -1))


def _given(table: ast.TableDeclaration, entries: list[ast.TableEntry]) -> list[int]:
    larger = _property(table, "largest_priority_wins", True)
    delta = int(_property(table, "priority_delta", 1))
    numbers: list[int] = []
    for entry in entries:
        if entry.priority is not None:
            value = entry.priority.value
            if not isinstance(value, int) or value < 0:
                raise LowerError("a priority is a positive number", entry.priority.span)
            numbers.append(value)
        elif not numbers:
            raise LowerError("the first entry needs a priority when others have one", entry.span)
        else:
            following = numbers[-1] - delta if larger else numbers[-1] + delta
            if following < 0:
                raise LowerError("the priority of this entry would be negative", entry.span)
            numbers.append(following)
    return numbers if larger else _turned(numbers)


def _turned(ranks: list[int]) -> list[int]:
    """Smaller-wins numbers as larger-wins numbers."""
    top = max(ranks) + max(min(ranks), 1)
    return [top - r for r in ranks]


def _property(table: ast.TableDeclaration, name: str, default: int) -> int:
    for item in table.properties:
        if item.name == name and isinstance(item.value.value, int):
            return item.value.value
    return default


def _annotated(entry: ast.TableEntry) -> int | None:
    for annotation in entry.annotations:
        if annotation.name == "priority":
            try:
                return int(annotation.body.strip(), 0)
            except ValueError as e:
                raise LowerError(f"the priority '{annotation.body}' is no number", entry.span) from e
    return None
