"""Writing to a switch over P4Runtime: batches, and errors that name the entry at fault."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import Enum
from itertools import islice
from typing import Protocol

import finsy as fy

BATCH = 500
"""Updates per Write: a few hundred reach the rate of thousands, and a message stays far under gRPC's 4 MiB."""
MAX_SHOWN = 8


class WriteError(Exception):
    """The switch refused updates; the text has each entry and the switch's reason."""


class Writable(Protocol):
    """An entry as a value; its string names the table and the entry."""

    def encode(self) -> fy.P4TableEntry | fy.P4MulticastGroupEntry:
        """The P4Runtime entity."""


class Update(Enum):
    """Kinds of update."""

    INSERT = "insert"
    MODIFY = "modify"
    DELETE = "delete"


async def write(switch: fy.Switch, update: Update, entries: Iterable[Writable]) -> None:
    """Apply one kind of update to all entries, in batches. Raises WriteError at the first batch with a refusal.

    After an error the batches before it are applied, and of its own batch all entries but those named.
    """
    remaining = iter(entries)
    while batch := list(islice(remaining, BATCH)):
        try:
            await _call(switch, update, batch)
        except fy.P4ClientError as error:
            raise WriteError(_explain(update, batch, error)) from error


async def _call(switch: fy.Switch, update: Update, batch: Sequence[Writable]) -> None:
    entities = [entry.encode() for entry in batch]
    match update:
        case Update.INSERT:
            await switch.insert(entities)
        case Update.MODIFY:
            await switch.modify(entities)
        case Update.DELETE:
            await switch.delete(entities)


def _explain(update: Update, batch: Sequence[Writable], error: fy.P4ClientError) -> str:
    refused = [
        f"{batch[index]}: {detail.canonical_code.name} {detail.message}".rstrip()
        for index, detail in error.details.items()
        if index < len(batch)
    ]
    if not refused:
        return (
            f"{update.value} of {len(batch)} entries failed: {error.code.name} {error.message} (first: {batch[0]})"
        )
    more = f"\n  and {len(refused) - MAX_SHOWN} more" if len(refused) > MAX_SHOWN else ""
    lines = "".join(f"\n  {line}" for line in refused[:MAX_SHOWN])
    return f"{update.value}: the switch refused {len(refused)} of {len(batch)} entries:{lines}{more}"
