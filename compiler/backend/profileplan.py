"""How each action profile and selector is kept: its sizes, and what its tables must agree on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rackplane.compiler import ir
from rackplane.compiler.backend.tableplan import TablePlan
from rackplane.compiler.errors import CompileErrors

MAX_MEMBERS = 1 << 20
DEFAULT_MEMBERS = 1024
# Numbers that were freed are given out again only when no packet can still hold them: there are some to spare.
SPARE = 64
CHOICES_PER_MEMBER = 4


@dataclass(frozen=True)
class ProfilePlan:
    """An action profile: its C name, the tables that use it (they have the same actions), and its sizes."""

    profile: ir.ActionProfile
    name: str
    tables: tuple[TablePlan, ...]

    @property
    def size(self) -> int:
        """How many members it holds."""
        return self.profile.size or DEFAULT_MEMBERS

    @property
    def slots(self) -> int:
        """How many numbers members, values and groups have each."""
        return self.size + SPARE

    @property
    def choices(self) -> int:
        """How many choices all groups have together, weights counted."""
        return CHOICES_PER_MEMBER * self.slots

    @property
    def value_size(self) -> int:
        """The size of an action with its parameters."""
        return self.tables[0].value_size


def plan(pipeline: ir.Pipeline, plans: Mapping[str, TablePlan]) -> dict[str, ProfilePlan]:
    """Plan every profile that a table uses, by its key in Pipeline.action_profiles.

    Raises:
        CompileErrors: when tables that share a profile have different actions, or one has entries.
    """
    found = {}
    for n, (key, profile) in enumerate(pipeline.action_profiles.items()):
        users = tuple(p for p in plans.values() if p.table.implementation == key)
        for user in users:
            _check(profile, users[0], user)
        if users:
            found[key] = ProfilePlan(profile, f"ap{n}", users)
    return found


def _check(profile: ir.ActionProfile, first: TablePlan, user: TablePlan) -> None:
    table = user.table
    if table.entries:
        raise CompileErrors.at(
            f"table {table.name} has entries and {profile.name} as implementation, whose members they cannot name",
            table.entries[0].span,
        )
    if [a.id for a in user.actions] != [a.id for a in first.actions]:
        raise CompileErrors.at(
            f"tables {first.table.name} and {table.name} share {profile.name}: they need the same actions in order",
            table.span,
        )
    if profile.size > MAX_MEMBERS:
        raise CompileErrors.at(
            f"{profile.name} has {profile.size} members; the xdp target takes up to {MAX_MEMBERS}", table.span
        )
