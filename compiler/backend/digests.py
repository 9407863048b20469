"""digest(): a record in a ring buffer that the control plane reads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rackplane.compiler import ir
from rackplane.compiler.backend.access import write_bits
from rackplane.compiler.backend.context import Fx, unsupported
from rackplane.compiler.backend.exprs import named
from rackplane.compiler.manifest import DigestField, DigestMaps

MAPS = DigestMaps("digests", ".bss.digests", "digests_lost")
RING_BYTES = 1 << 18
MAX_RECORD = 256
_HEAD = 4


def fields(types: Sequence[ir.Bits]) -> tuple[DigestField, ...]:
    """The leaves of a digest one after the other."""
    found, offset = [], _HEAD
    for each in types:
        size = (each.width + 7) // 8
        found.append(DigestField(each.width, each.signed, offset, size))
        offset += size
    return tuple(found)


def leaf_types(kind: ir.Type) -> Iterator[ir.Bits]:
    """The types of the numbers that a digest's data consists of."""
    if isinstance(kind, ir.Bits):
        yield kind
    elif isinstance(kind, ir.Struct | ir.Header):
        for field in kind.fields:
            yield from leaf_types(field.type)
    else:
        raise unsupported(f"a digest with a {type(kind).__name__.lower()}")


def record_size(leaves: Sequence[DigestField]) -> int:
    """The bytes of a record, a multiple of 8."""
    end = leaves[-1].offset + leaves[-1].size if leaves else _HEAD
    return (end + 7) & ~7


def maps(digests: int) -> str:
    """The definitions of the maps that programs with digests have."""
    return f"""\
#define RING_BYTES {RING_BYTES}
DEFINE_RING({MAPS.ring}, RING_BYTES);
DEFINE_MAP({MAPS.lost}, BPF_MAP_TYPE_PERCPU_ARRAY, 0, u32, u64, {digests});
u8 digests_enabled[{digests}] SEC("{MAPS.enabled}");"""


def send(fx: Fx, stmt: ir.CallExtern, data: Sequence[ir.Expr]) -> None:
    """Statements for one call: the values of now, when anybody wants them."""
    if fx.block != "ingress":
        raise unsupported(f"digest() in {fx.block}, which v1model allows in the ingress control only,", stmt.span)
    known = fx.facts.pipeline.digests
    if stmt.instance not in known:
        raise unsupported("digest() without a type", stmt.span)
    position, digest = list(known).index(stmt.instance), known[stmt.instance]
    leaves = fields(list(leaf_types(digest.type)))
    size = record_size(leaves)
    if len(leaves) != len(data) or size > MAX_RECORD:
        what = f"a digest of {len(data)} numbers in {size} bytes" if size > MAX_RECORD else "a digest of this type"
        raise unsupported(what, stmt.span, f"at most {MAX_RECORD} bytes are sent")
    with fx.out.block(f"if (digests_enabled[{position}])"):
        fx.out.line(f"u8 record[{size}] ALIGNED = {{}};")
        fx.out.line(f"*(u32 *)record = {position};")
        for field, value in zip(leaves, data, strict=True):
            for statement in write_bits("record", size, 8 * field.offset, 8 * field.size, named(fx, value)):
                fx.out.line(statement)
        fx.out.line(f"send_digest(record, {size}, {position});")
