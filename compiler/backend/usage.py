"""What a program uses of the standard metadata, and whether its egress has anything to do per copy."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rackplane.compiler import ir
from rackplane.compiler.backend import walk

_STANDARD = "standard_metadata"


def _places(body: Iterable[ir.Stmt], pipeline: ir.Pipeline) -> Iterator[ir.Expr]:
    for stmt in walk.statements(body, pipeline):
        for e in (*walk.reads(stmt, pipeline), *walk.writes(stmt)):
            yield from walk.expressions(e)


def standard_fields(pipeline: ir.Pipeline) -> frozenset[str]:
    """The members of standard_metadata that the program names; all of them when it uses the struct as a whole."""
    bodies: list[ir.Stmt] = []
    for state in pipeline.parser.states:
        bodies.extend(state.body)
    for block in walk.BLOCKS:
        bodies.extend(walk.block_body(pipeline, block))
    found, members, wholes = set(), 0, 0
    keys = (inner for e in walk.select_keys(pipeline) for inner in walk.expressions(e))
    for e in (*_places(bodies, pipeline), *keys):
        if isinstance(e, ir.Member) and isinstance(e.base, ir.Var) and e.base.name == _STANDARD:
            found.add(e.name)
            members += 1
        elif isinstance(e, ir.Var) and e.name == _STANDARD:
            wholes += 1
    if any(
        isinstance(s, ir.CallExtern) and s.name.startswith("verify_checksum") for s in walk.all_statements(pipeline)
    ):
        found.add("checksum_error")
    if wholes > members:
        return frozenset(f.name for f in pipeline.standard_metadata.fields)
    return frozenset(found)


def length_after_ingress(pipeline: ir.Pipeline) -> bool:
    """Whether packet_length is used where it depends on the headers that became valid or invalid before."""
    late = (*pipeline.egress.body, *pipeline.compute.body, *pipeline.deparser.body)
    found = [e for e in _places(late, pipeline) if isinstance(e, ir.Var | ir.Member)]
    whole = ir.Var(_STANDARD, pipeline.standard_metadata)
    members = [e for e in found if isinstance(e, ir.Member) and e.base == whole]
    wholes = sum(e == whole for e in found)
    return wholes > len(members) or any(e.name == "packet_length" for e in members)


def has_effect(body: Iterable[ir.Stmt]) -> bool:
    """Whether a body does anything at all."""
    return any(not isinstance(s, ir.Scope | ir.Leave | ir.Exit) for s in walk.statements(body))


def egress_per_copy(pipeline: ir.Pipeline) -> bool:
    """Whether the copies of a multicast packet can differ, so that egress has to run for each of them."""
    if has_effect(pipeline.egress.body):
        return True
    late = (*pipeline.compute.body, *pipeline.deparser.body)
    return any(isinstance(e, ir.Var) and e.name == _STANDARD for e in _places(late, pipeline))


def reads_egress_rid(pipeline: ir.Pipeline) -> bool:
    """Whether anything after the traffic manager can tell replicas on one port apart."""
    return "egress_rid" in standard_fields(pipeline) and egress_per_copy(pipeline)
