"""The directory's transition table, read from the switch program, and every way to change one of its rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from rackplane.compiler import ir
from rackplane.compiler.frontend import load

TABLE = "MindIngress.directory.protocol"
CONDITIONS = ("is_sharer", "others", "is_requester", "same_page", "first", "version_current", "kept")

Enums = dict[str, dict[int, str]]


class TableError(ValueError):
    """The program's transition table is not what the model knows."""


@dataclass(frozen=True)
class Outcome:
    """What a row does. `next` is None where the entry stays as it is."""

    reply: str
    next: str | None = None
    sharers: str = "KEEP"
    begins: bool = False
    increment: int = 0
    permission: int = 0
    pending: bool = False


@dataclass(frozen=True)
class Row:
    """One entry: an event, a state (None: any), and the conditions that it asks for (None: any)."""

    event: str
    state: str | None
    conditions: tuple[int | None, ...]
    outcome: Outcome
    line: int

    def matches(self, state: str, conditions: tuple[int, ...]) -> bool:
        """Whether the row is for this state and these conditions."""
        return (self.state is None or self.state == state) and all(
            wanted is None or wanted == is_so for wanted, is_so in zip(self.conditions, conditions, strict=True)
        )

    def __str__(self) -> str:
        asked = [
            name if wanted else f"not {name}"
            for name, wanted in zip(CONDITIONS, self.conditions, strict=True)
            if wanted is not None
        ]
        return f"{self.event} in {self.state or 'any state'}" + "".join(f", {text}" for text in asked)


@dataclass(frozen=True)
class TransitionTable:
    """Rows in the order in which they are tried, and what happens when none matches."""

    rows: tuple[Row, ...]
    default: Outcome

    @cached_property
    def _by_event(self) -> dict[str, list[Row]]:
        found: dict[str, list[Row]] = {}
        for row in self.rows:
            found.setdefault(row.event, []).append(row)
        return found

    def outcome(self, event: str, state: str, conditions: tuple[int, ...]) -> Outcome:
        """What the switch does with an event."""
        for row in self._by_event.get(event, ()):
            if row.matches(state, conditions):
                return row.outcome
        return self.default

    def with_row(self, index: int, row: Row | None) -> TransitionTable:
        """A copy in which one row is another, or is missing."""
        changed = (row,) if row else ()
        return TransitionTable((*self.rows[:index], *changed, *self.rows[index + 1 :]), self.default)


def read_table(program: Path) -> TransitionTable:
    """Read the table of a MIND program.

    Raises:
        CompileErrors: when the program has errors.
        TableError: when it has no such table, or one with other keys.
    """
    pipeline = load(program, (), {})
    table = pipeline.tables.get(TABLE)
    if table is None:
        raise TableError(f"{program} has no table {TABLE}: the model is about MIND's directory")
    keys = tuple(key.name for key in table.keys)
    if keys != ("meta.event", "state", *CONDITIONS):
        raise TableError(f"{program}: the keys of {TABLE} are {', '.join(keys)}; the model knows other ones")
    reader = _Reader(pipeline)
    entries = sorted(table.entries, key=lambda entry: -entry.priority)
    return TransitionTable(tuple(reader.row(entry) for entry in entries), reader.outcome(table.default))


class _Reader:
    """Gives the numbers of a program their names."""

    def __init__(self, pipeline: ir.Pipeline) -> None:
        self._actions = pipeline.actions
        self._enums: Enums = {
            name: {value: member for member, value in members} for name, members in pipeline.enums.items()
        }

    def row(self, entry: ir.Entry) -> Row:
        masks = [_masked(element) for element in entry.elements]
        event, state, *conditions = masks
        if event is None:
            raise TableError(f"{entry.span.file}:{entry.span.line}: the row is for every event")
        return Row(
            self._enums["Event"][event],
            None if state is None else self._enums["State"][state],
            tuple(conditions),
            self.outcome(entry.call),
            entry.span.line,
        )

    def outcome(self, call: ir.ActionCall) -> Outcome:
        names = [param.name for param in self._actions[call.action].params]
        given = dict(zip(names, call.arguments, strict=True))
        match call.action.rsplit(".", 1)[-1]:
            case "move":
                return Outcome(
                    self._enums["Reply"][given["reply"]],
                    self._enums["State"][given["next"]],
                    self._enums["Sharers"][given["sharers_change"]],
                    bool(given["begin"]),
                    given["version_increment"],
                    given["permission"],
                    bool(given["pending"]),
                )
            case "stay":
                reply = self._enums["Reply"][given["reply"]]
                return Outcome(reply, permission=given["permission"], pending=bool(given["pending"]))
            case "refuse":
                return Outcome(self._enums["Syndrome"][given["syndrome"]])
            case "drop":
                return Outcome("DROP")
            case other:
                raise TableError(f"the model does not know the directory's action {other}")


def _masked(element: ir.Masked | ir.Interval | ir.Lpm) -> int | None:
    if not isinstance(element, ir.Masked):
        raise TableError(f"the model does not know what {element} matches")
    return element.value if element.mask else None


STATES = ("I", "S", "M", "SM_A", "MS_D", "MM_D", "SL_A", "ML_A", "L")
CHANGES = (
    "KEEP",
    "SENDER",
    "ADD_SENDER",
    "REMOVE_SENDER",
    "REQUESTER",
    "REQUESTER_KEPT",
    "ADD_REQUESTER",
    "NOBODY",
)


def mutations(table: TransitionTable) -> Iterator[tuple[str, TransitionTable]]:
    """Every table that differs in one row: without it, or with one part of its outcome changed."""
    for index, row in enumerate(table.rows):
        yield f"{row}: without the row", table.with_row(index, None)
        for what, outcome in _changed(row.outcome):
            yield f"{row}: {what}", table.with_row(index, replace(row, outcome=outcome))


def _changed(outcome: Outcome) -> Iterator[tuple[str, Outcome]]:
    if outcome.next is None:
        return
    for state in STATES:
        if state != outcome.next:
            yield f"to {state}", replace(outcome, next=state)
    for change in CHANGES:
        if change != outcome.sharers:
            yield f"sharers {change}", replace(outcome, sharers=change)
    yield f"begins {not outcome.begins}", replace(outcome, begins=not outcome.begins)
    yield (
        "version " + ("kept" if outcome.increment else "raised"),
        replace(outcome, increment=1 - outcome.increment),
    )
    if outcome.reply.startswith(("FORWARD", "INVALIDATE")):
        yield f"pending {not outcome.pending}", replace(outcome, pending=not outcome.pending)
