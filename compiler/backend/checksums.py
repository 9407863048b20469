"""Hash and checksum algorithms over a list of fields, as BMv2 computes them.

The fields make one bit string, zero-padded at its end. Checksums and selectors leave fields of invalid headers out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import IntEnum

from rackplane.compiler import ir
from rackplane.compiler.backend import places
from rackplane.compiler.backend.access import part, pieces, read_bits, value_type
from rackplane.compiler.backend.context import Fx, unsupported
from rackplane.compiler.backend.exprs import expr, named, valid, width_of


class Algorithm(IntEnum):
    """v1model's HashAlgorithm, in its order. The custom CRCs have the parameters that BMv2 starts with."""

    CRC32 = 0
    CRC32_CUSTOM = 1
    CRC16 = 2
    CRC16_CUSTOM = 3
    RANDOM = 4
    IDENTITY = 5
    CSUM16 = 6
    XOR16 = 7


MAX_RAGGED = 3
_CRC = {
    Algorithm.CRC32: "crc32",
    Algorithm.CRC32_CUSTOM: "crc32",
    Algorithm.CRC16: "crc16",
    Algorithm.CRC16_CUSTOM: "crc16",
}


@dataclass(frozen=True)
class Leaf:
    """Some bits of the string: a C value, or with `base` the bytes of a header at bit `offset`."""

    width: int
    value: str = ""
    base: str = ""
    limit: int = 0
    offset: int = 0

    def cut(self, start: int, width: int) -> str:
        """`width` bits of the leaf from bit `start` (0: the most significant), as a C value."""
        if self.base:
            return read_bits(self.base, self.limit, self.offset + start, width)
        return part(self.value, self.width, self.width - start - width, width)


@dataclass
class Group:
    """Leaves that are in the string together: always, or when `guard` holds; or the varbit with this lvalue."""

    leaves: list[Leaf]
    guard: str = ""
    varbit: str = ""
    max_size: int = 0

    @property
    def width(self) -> int:
        """The width in bits."""
        return sum(leaf.width for leaf in self.leaves)


def _owner(e: ir.Expr) -> ir.Expr | None:
    """The header that a field belongs to."""
    if isinstance(e, ir.Member) and isinstance(e.base.type, ir.Header):
        return e.base
    return None


def _leaf(fx: Fx, e: ir.Expr) -> Leaf:
    width = width_of(e)
    if _owner(e) is not None:
        found = places.locate(fx, e, expr)
        if isinstance(found, places.Raw) and not found.guard:
            return Leaf(width, base=found.base, limit=found.limit, offset=found.offset)
    return Leaf(width, value=named(fx, e))


def _joined(leaves: list[Leaf]) -> list[Leaf]:
    """Put fields that follow each other in one header together."""
    out: list[Leaf] = []
    for leaf in leaves:
        last = out[-1] if out else None
        if last and leaf.base and last.base == leaf.base and last.offset + last.width == leaf.offset:
            out[-1] = Leaf(last.width + leaf.width, base=last.base, limit=last.limit, offset=last.offset)
        else:
            out.append(leaf)
    return out


@dataclass(frozen=True)
class Data:
    """The fields of a string. The headers in `present` are known to be valid."""

    fields: tuple[ir.Expr, ...]
    present: frozenset[ir.Expr] = frozenset()

    def owner(self, e: ir.Expr) -> ir.Expr | None:
        """The header that a field belongs to, if its validity is not known."""
        found = _owner(e)
        return None if found in self.present else found

    def split(self, header: ir.Expr) -> tuple[Data, Data]:
        """The data when a header is valid, and when it is not."""
        rest = tuple(e for e in self.fields if _owner(e) != header)
        return Data(self.fields, self.present | {header}), Data(rest, self.present)

    def ragged(self, unit: int) -> ir.Expr | None:
        """A header whose fields, when it is not valid, leave the others at other places within units."""
        width = 0
        owner: ir.Expr | None = None
        for e in self.fields:
            mine = self.owner(e)
            if mine != owner and width % unit:
                return owner or mine
            varbit = isinstance(e.type, ir.Varbit)
            owner = None if varbit else mine
            width = 0 if varbit else width + width_of(e)
        return None


def groups(fx: Fx, data: Data, unit: int) -> list[Group]:
    """The fields in groups of whole units, each in or out of the string as a whole; `data` has no ragged header."""
    found: list[Group] = []
    owner: ir.Expr | None = None
    for e in data.fields:
        mine = data.owner(e)
        if isinstance(e.type, ir.Varbit):
            found.append(_varbit(fx, e, e.type, mine))
            owner = None
            continue
        if found and not found[-1].varbit and (found[-1].width % unit or mine == owner):
            found[-1].leaves.append(_leaf(fx, e))
        else:
            found.append(Group([_leaf(fx, e)], valid(fx, mine) if mine is not None else ""))
        owner = mine
    for group in found:
        group.leaves = _joined(group.leaves)
    return found


def _varbit(fx: Fx, e: ir.Expr, kind: ir.Varbit, owner: ir.Expr | None) -> Group:
    found = places.aggregate(fx, e, expr)
    return Group([], valid(fx, owner) if owner is not None else "", found.lvalue, max(1, (kind.max_width + 7) // 8))


def _each_byte(group: Group, statement: str) -> list[str]:
    """A loop over a varbit's bytes; the statement has `byte` and its position `n`."""
    head = f"for (u32 n = 0; n < {group.max_size}; n++) {{"
    return [
        head,
        f"\tif (n >= {group.varbit}.size) break;",
        f"\tu32 byte = {group.varbit}.v[n];",
        f"\t{statement}",
        "}",
    ]


def _words(group: Group, unit: int) -> Iterator[tuple[str, int]]:
    """The group's bits in C values of `unit` bits, and how many bits of each are there (the last may be cut)."""
    queue = [(leaf, 0) for leaf in group.leaves]
    while queue:
        parts, room = [], unit
        while queue and room:
            leaf, start = queue.pop(0)
            take = min(room, leaf.width - start)
            room -= take
            text = leaf.cut(start, take)
            parts.append(f"(({value_type(unit)}){text} << {room})" if room else text)
            if start + take < leaf.width:
                queue.insert(0, (leaf, start + take))
        yield " | ".join(parts), unit - room


def _guarded(fx: Fx, group: Group, lines: list[str]) -> None:
    if group.guard:
        with fx.out.block(f"if ({group.guard})"):
            fx.out.text("\n".join(lines))
    else:
        fx.out.text("\n".join(lines))


def _sum_terms(group: Group) -> Iterator[str]:
    """Values whose sum is the group's ones' complement sum: 16-bit words may be added in larger numbers too."""
    behind = group.width
    padding = -group.width % 16
    for leaf in group.leaves:
        behind -= leaf.width
        low = (behind + padding) % 16
        if leaf.base:
            end = leaf.offset + leaf.width
            for piece in reversed(pieces(leaf.offset, leaf.width, leaf.limit)):
                yield from _sum_piece(leaf, end - piece.width, piece.width, low)
                low = (low + piece.width) % 16
                end -= piece.width
        else:
            yield from _sum_piece(leaf, 0, leaf.width, low)


def _sum_piece(leaf: Leaf, start: int, width: int, low: int) -> Iterator[str]:
    """Cut `width` bits in terms of at most 32 bits, from the end, that begin `low` bits up."""
    first = start - leaf.offset if leaf.base else start
    end = first + width
    while end > first:
        take = min(32, end - first)
        text = leaf.cut(end - take, take)
        yield f"((u64){text} << {low})" if low else text
        low = (low + take) % 16
        end -= take


def _csum16(fx: Fx, data: Data, with_payload: bool) -> str:
    total = fx.out.fresh("sum")
    fx.out.line(f"u64 {total} = 0;")
    found = groups(fx, data, 16)
    for group in found:
        terms = [f"{total} += {term};" for term in _sum_terms(group)]
        _guarded(fx, group, _each_byte(group, f"{total} += n & 1 ? byte : byte << 8;") if group.varbit else terms)
    if with_payload:
        odd = found[-1].width % 16 if found else 0
        if odd % 8:
            raise unsupported("a checksum with payload over fields that do not fill bytes")
        fx.facts.features.add("payload")
        payload = "(u32)csum_payload(pkt->ctx, LEAD_BYTES + pkt->parsed)"
        # Behind an odd number of bytes the payload's bytes change their places within the words.
        fx.out.line(f"{total} += {f'__builtin_bswap16((u16){payload})' if odd else payload};")
    return fx.out.temp("u32", f"~csum_fold({total}) & 0xffff")


def _crc(fx: Fx, name: str, data: Data) -> str:
    fx.facts.features.add(name)
    state = fx.out.fresh("crc")
    start, end = ("0xffffffffu", "^ 0xffffffffu") if name == "crc32" else ("0", "")
    fx.out.line(f"u32 {state} = {start};")
    for group in groups(fx, data, 8):
        lines = []
        for word, bits in _words(group, 32):
            lines.append(f"{state} = {name}_word({state}, {word}, {(bits + 7) // 8});")
        step = f"{state} = {name}_word({state}, byte << 24, 1);"
        _guarded(fx, group, _each_byte(group, step) if group.varbit else lines)
    return fx.out.temp("u32", f"{state} {end}")


def _xor16(fx: Fx, data: Data) -> str:
    total = fx.out.fresh("xor")
    fx.out.line(f"u32 {total} = 0;")
    for group in groups(fx, data, 16):
        steps = [f"{total} ^= {word};" for word, _ in _words(group, 16)]
        _guarded(fx, group, _each_byte(group, f"{total} ^= n & 1 ? byte : byte << 8;") if group.varbit else steps)
    return total


def _identity(fx: Fx, data: Data) -> str:
    """The first eight bytes, or all bytes when there are fewer, as one number."""
    total, count = fx.out.fresh("id"), fx.out.fresh("n")
    fx.out.line(f"u64 {total} = 0; u32 {count} = 0;")
    for group in groups(fx, data, 8):
        lines = []
        for word, _ in _words(group, 8):
            lines.append(f"if ({count} < 8) {{ {total} = {total} << 8 | ({word}); {count}++; }}")
        step = f"if ({count} < 8) {{ {total} = {total} << 8 | byte; {count}++; }}"
        _guarded(fx, group, _each_byte(group, step) if group.varbit else lines[:8])
    return total


def _algorithm(number: int) -> Algorithm:
    try:
        return Algorithm(number)
    except ValueError as e:
        raise unsupported(f"hash algorithm number {number}") from e


def hash_of_values(fx: Fx, number: int, fields: tuple[ir.Expr, ...]) -> str:
    """A C value with the hash of all fields, those of invalid headers too: hash() takes values."""
    owners = (_owner(e) for e in fields)
    return _hash(fx, number, Data(fields, frozenset(header for header in owners if header is not None)))


def hash_value(fx: Fx, number: int, fields: tuple[ir.Expr, ...]) -> str:
    """A C value with the hash of the fields of valid headers and of other fields: of checksums and selectors."""
    return _hash(fx, number, Data(fields))


def _hash(fx: Fx, number: int, whole: Data) -> str:
    algorithm = _algorithm(number)
    if algorithm in _CRC:
        return _by_validity(fx, whole, 8, lambda data: _crc(fx, _CRC[algorithm], data))
    if algorithm is Algorithm.CSUM16:
        return _by_validity(fx, whole, 16, lambda data: _csum16(fx, data, False))
    if algorithm is Algorithm.XOR16:
        return _by_validity(fx, whole, 16, lambda data: _xor16(fx, data))
    if algorithm is Algorithm.IDENTITY:
        return _by_validity(fx, whole, 8, lambda data: _identity(fx, data))
    return "bpf_get_prandom_u32()"


def value(fx: Fx, number: int, fields: tuple[ir.Expr, ...], with_payload: bool) -> str:
    """A C value with the checksum of the fields, and of the payload when asked for."""
    algorithm = _algorithm(number)
    if not with_payload:
        return hash_value(fx, number, fields)
    if algorithm is not Algorithm.CSUM16:
        raise unsupported(f"{algorithm.name.lower()} over the payload")
    return _by_validity(fx, Data(fields), 16, lambda data: _csum16(fx, data, True))


def _by_validity(fx: Fx, data: Data, unit: int, compute: Callable[[Data], str], depth: int = 0) -> str:
    """Compute a hash, in a branch of its own for each header whose validity shifts the bits of others."""
    header = data.ragged(unit)
    if header is None:
        return compute(data)
    if depth == MAX_RAGGED:
        raise unsupported(f"a hash over more than {MAX_RAGGED} headers whose fields do not fill {unit} bits")
    total, out = fx.out.fresh("hashed"), fx.out
    with_it, without = data.split(header)
    out.line(f"u64 {total};")
    with out.block(f"if ({valid(fx, header)})", "} else {"):
        out.line(f"{total} = {_by_validity(fx, with_it, unit, compute, depth + 1)};")
    out.indent += 1
    out.line(f"{total} = {_by_validity(fx, without, unit, compute, depth + 1)};")
    out.indent -= 1
    out.line("}")
    return total
