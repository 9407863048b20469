"""The metadata that a field list keeps when a packet is cloned, resubmitted or recirculated."""

from __future__ import annotations

from rackplane.compiler import ir
from rackplane.compiler.backend import places
from rackplane.compiler.backend.context import Fx
from rackplane.compiler.backend.exprs import expr

_KEPT = "kept"


def write_keep(fx: Fx) -> None:
    """The C function keep(): copy the fields of one list from the packet's metadata to cleared metadata."""
    out, pipeline = fx.out, fx.facts.pipeline
    kept = ir.Var(_KEPT, pipeline.metadata)
    out.line(f"#define {fx.variable(kept)} (*kept)")
    with (
        out.block(f"INLINE void keep(struct phv *phv, {fx.types.c_type(pipeline.metadata)} *kept, u32 list)"),
        out.block("switch (list)"),
    ):
        for number, fields in enumerate(pipeline.field_lists, start=1):
            with out.block(f"case {number}:", "} break;"):
                for place in fields.places:
                    _keep_one(fx, _in(kept, place), place)


def _keep_one(fx: Fx, target: ir.Place, source: ir.Place) -> None:
    if isinstance(source.type, ir.Bits):
        places.write(fx, places.locate(fx, target, expr), expr(fx, source))
        return
    to, found = places.aggregate(fx, target, expr), places.aggregate(fx, source, expr)
    fx.out.line(f"{to.lvalue} = {found.lvalue};")


def _in(base: ir.Var, place: ir.Place) -> ir.Place:
    """The place of the same name under another variable."""
    if isinstance(place, ir.Member):
        return ir.Member(_in(base, place.base), place.name, place.type)
    if isinstance(place, ir.Element):
        return ir.Element(_in(base, place.base), place.index, place.type)
    return base
