"""Meters in C: their maps, and what executing one becomes."""

from __future__ import annotations

from collections.abc import Iterable

from rackplane.compiler import ir
from rackplane.compiler.backend.context import Fx
from rackplane.compiler.backend.exprs import expr, widened, width_of
from rackplane.compiler.backend.places import locate, write
from rackplane.compiler.backend.tableplan import TablePlan

_AMOUNTS = {ir.CounterUnit.PACKETS: "1", ir.CounterUnit.BYTES: "bytes"}


def meter_map(pipeline: ir.Pipeline, name: str) -> str:
    """The C map of an indirect meter; its key in Pipeline.meters is `name`."""
    return f"m{list(pipeline.meters).index(name)}"


def maps(pipeline: ir.Pipeline, plans: Iterable[TablePlan]) -> list[str]:
    """The definitions of all meters."""
    found = [
        _definition(meter_map(pipeline, key), max(1, meter.size), meter)
        for key, meter in pipeline.meters.items()
        if meter.table is None
    ]
    for plan in plans:
        if plan.meter_map and plan.table.direct_meter:
            found.append(_definition(plan.meter_map, plan.size + 1, pipeline.meters[plan.table.direct_meter]))
    return found


def _definition(name: str, size: int, meter: ir.Meter) -> str:
    return f"DEFINE_METER({name}, {size}, {_AMOUNTS[meter.unit]})"


def execute(fx: Fx, name: str, index: str, result: ir.Expr) -> None:
    """meter.execute_meter(index, result): an index beyond the array leaves the result as it is, as BMv2 does."""
    _store(fx, f"{meter_map(fx.facts.pipeline, name)}_execute({index}, pkt->length)", result)


def execute_direct(fx: Fx, plan: TablePlan, handle: str) -> None:
    """The meter of a table's entry: executed at every hit, before the action, whichever action it is (BMv2)."""
    meter = fx.facts.pipeline.meters[plan.table.direct_meter or ""]
    if meter.result is not None:
        _store(fx, f"{plan.meter_map}_execute({handle}, pkt->length)", meter.result)


def read_direct(fx: Fx, name: str, result: ir.Expr) -> None:
    """direct_meter.read(result): the hit has stored the colour in the place of the program's first read()."""
    stored = fx.facts.pipeline.meters[name].result
    if stored is not None and stored != result:
        write(fx, locate(fx, result, expr), _resized(expr(fx, stored), width_of(stored), width_of(result)))


def _resized(value: str, width: int, wanted: int) -> str:
    return value if width == wanted else widened(value, wanted)


def _store(fx: Fx, call: str, result: ir.Expr) -> None:
    color = fx.out.fresh("color")
    fx.out.line(f"int {color} = {call};")
    with fx.out.block(f"if ({color} >= 0)"):
        write(fx, locate(fx, result, expr), widened(f"(u32){color}", width_of(result)))
