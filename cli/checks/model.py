"""What a check of the machine finds."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Level(Enum):
    """How a finding counts: MISSING stops the rack, LACKING costs a part that is optional."""

    OK = "ok"
    LACKING = "lacking"
    MISSING = "missing"


@dataclass(frozen=True)
class Finding:
    """One line of the doctor's report; `mend` is the one command or step that helps, empty when all is well."""

    check: str
    level: Level
    detail: str
    mend: str = ""


def ok(check: str, detail: str) -> Finding:
    """A check that passed."""
    return Finding(check, Level.OK, detail)


def missing(check: str, detail: str, mend: str) -> Finding:
    """A check without which no rack runs."""
    return Finding(check, Level.MISSING, detail, mend)


def lacking(check: str, detail: str, mend: str) -> Finding:
    """A check without which something optional does not run."""
    return Finding(check, Level.LACKING, detail, mend)
