"""Action profiles and selectors in C: their memory, and how a hit finds its action in them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from rackplane.compiler import ir
from rackplane.compiler.backend import checksums
from rackplane.compiler.backend.context import Fx
from rackplane.compiler.backend.profileplan import ProfilePlan
from rackplane.compiler.backend.tableplan import TablePlan


def definitions(plans: Mapping[str, ProfilePlan]) -> Iterator[str]:
    """The memory of all profiles."""
    for each in plans.values():
        yield f"DEFINE_PROFILE({each.name}, {each.slots}, {each.slots}, {each.value_size})"
        if each.profile.selector:
            yield f"DEFINE_SELECTOR({each.name}, {each.slots}, {each.choices})"


def resolve(fx: Fx, plan: TablePlan) -> None:
    """Statements that make `value` the action of the member that the entry names, or that its group chooses.

    The hash is over the selector keys as they are, and its low 32 bits decide (BMv2); an empty group has no action.
    """
    profile = fx.facts.profiles[plan.table.implementation or ""]
    out, name = fx.out, profile.name
    out.line("u64 member = VALUE(value, u32, 8);")
    if profile.profile.selector:
        with out.block("if (VALUE(value, u32, 0) == OF_GROUP)"):
            out.line(f"u64 group = {name}_group(member);")
            out.line("member = NO_MEMBER;")
            with out.block("if (group >> 32)"):
                keys = tuple(k.expression for k in plan.table.keys if k.kind is ir.MatchKind.SELECTOR)
                hashed = checksums.hash_value(fx, profile.profile.algorithm, keys) if keys else "0"
                out.line(f"member = {name}_choose(group, (u32){hashed});")
    out.line(f"value = {name}_of(member);")
