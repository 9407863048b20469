"""C text for numbers: their types, constants, parts, and bit fields of byte arrays.

Numbers of up to 64 bits are u32 or u64. Wider ones are struct wN of N 64-bit words, the least significant first.
Bits of byte arrays are in wire order (bit 0 is the most significant bit of byte 0) and big-endian; the widest
aligned loads and stores that fit are used.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

WINDOWS = (1, 2, 4, 8)
WORD = 64


@dataclass(frozen=True)
class Piece:
    """Part of a field inside one aligned window: `size` bytes at `start`, the field part `shift` bits up."""

    start: int
    size: int
    shift: int
    width: int


def pieces(offset: int, width: int, limit: int) -> list[Piece]:
    """Cut a field of `width` bits at bit `offset` into aligned windows within the first `limit` bytes."""
    first, end = offset // 8, (offset + width + 7) // 8
    for size in WINDOWS:
        start = first // size * size
        if start + size >= end and start + size <= limit:
            return [Piece(start, size, 8 * (start + size) - offset - width, width)]
    cut = next(m for a in reversed(WINDOWS) if first < (m := (first // a + 1) * a) < end)
    left = cut * 8 - offset
    return pieces(offset, left, limit) + pieces(cut * 8, width - left, limit)


def mask(width: int) -> int:
    """An all-ones value."""
    return (1 << width) - 1


def words(width: int) -> int:
    """How many 64-bit words a number of this width has."""
    return (width + WORD - 1) // WORD


def is_wide(width: int) -> bool:
    """Whether numbers of this width are structs of words."""
    return width > WORD


def value_type(width: int) -> str:
    """The C type that expressions of this width are computed in."""
    if is_wide(width):
        return f"struct w{words(width)}"
    return "u32" if width <= 32 else "u64"


def storage_type(width: int) -> str:
    """The C type that a variable of this width is kept in."""
    if is_wide(width):
        return value_type(width)
    return next(f"u{8 * size}" for size in WINDOWS if width <= 8 * size)


def storage_size(width: int) -> int:
    """Bytes of storage_type(width)."""
    return 8 * words(width) if is_wide(width) else next(size for size in WINDOWS if width <= 8 * size)


def literal(parts: Sequence[str]) -> str:
    """A wide number of these words, the least significant first."""
    return f"((struct w{len(parts)}){{{{{', '.join(parts)}}}}})"


def number(value: int, width: int) -> str:
    """A C constant of value_type(width)."""
    if is_wide(width):
        return literal([f"{value >> WORD * n & mask(WORD):#x}ull" for n in range(words(width))])
    if width <= 32:
        return f"{value:#x}u" if value > 9 else f"{value}u"
    return f"{value:#x}ull"


def part(name: str, whole: int, low: int, width: int) -> str:
    """Bits low .. low + width - 1 of the variable `name` of `whole` bits, as value_type(width)."""
    if is_wide(width):
        return literal([part(name, whole, low + n, min(WORD, width - n)) for n in range(0, width, WORD)])
    kind = value_type(width)
    if not is_wide(whole):
        text = f"({name} >> {low})" if low else name
        return f"(({kind})({text} & {number(mask(width), whole)}))" if low + width < whole else f"(({kind}){text})"
    word, shift = divmod(low, WORD)
    text = f"({name}.w[{word}] >> {shift})" if shift else f"{name}.w[{word}]"
    if shift + width > WORD:
        text = f"({text} | {name}.w[{word + 1}] << {WORD - shift})"
    elif shift + width == WORD:
        return f"(({kind}){text})"
    return f"(({kind}){text})" if width in (32, WORD) else f"(({kind})({text} & {mask(width):#x}ull))"


def join(names: Sequence[tuple[str, int]]) -> str:
    """The variables (name, width) one after the other, the most significant first, as one number."""
    total = sum(width for _, width in names)
    if not is_wide(total):
        return _join_word(names, 0, total, value_type(total))
    return literal([_join_word(names, n, min(WORD, total - n), "u64") for n in range(0, total, WORD)])


def _join_word(names: Sequence[tuple[str, int]], low: int, width: int, kind: str) -> str:
    parts, base = [], 0
    for name, whole in reversed(names):
        start, end = max(low, base), min(low + width, base + whole)
        if start < end:
            text = part(name, whole, start - base, end - start)
            parts.append(f"(({kind}){text} << {start - low})" if start > low else f"({kind}){text}")
        base += whole
    return f"({' | '.join(reversed(parts))})"


def _load(base: str, piece: Piece) -> str:
    text = f"LD{piece.size}({base}, {piece.start})"
    if piece.shift:
        text = f"({text} >> {piece.shift})"
    if piece.shift + piece.width < 8 * piece.size:
        text = f"({text} & {mask(piece.width):#x}{'ull' if piece.size == 8 else 'u'})"
    return text


def read_bits(base: str, limit: int, offset: int, width: int) -> str:
    """An expression of value_type(width) for a field of the byte array `base` of `limit` bytes."""
    if is_wide(width):
        ends = range(offset + width, offset, -WORD)
        return literal([read_bits(base, limit, max(offset, e - WORD), min(WORD, e - offset)) for e in ends])
    kind = value_type(width)
    below, parts = width, []
    for piece in pieces(offset, width, limit):
        below -= piece.width
        text = f"({kind}){_load(base, piece)}"
        parts.append(f"({text} << {below})" if below else text)
    return f"({parts[0]})" if len(parts) == 1 else f"({' | '.join(parts)})"


def write_bits(base: str, limit: int, offset: int, width: int, value: str) -> Iterator[str]:
    """Statements that store `value`, a name of value_type(width) with no bit above `width`."""
    below = width
    for piece in pieces(offset, width, limit):
        below -= piece.width
        text = part(value, width, below, piece.width)
        bits = 8 * piece.size
        if piece.width == bits:
            yield f"ST{piece.size}({base}, {piece.start}, {text});"
            continue
        kind, suffix = ("u64", "ull") if piece.size == 8 else ("u32", "u")
        keep = f"{mask(bits) & ~(mask(piece.width) << piece.shift):#x}{suffix}"
        put = f"(({kind}){text} << {piece.shift})"
        yield f"ST{piece.size}({base}, {piece.start}, (LD{piece.size}({base}, {piece.start}) & {keep}) | {put});"


def equal(a: str, b: str, width: int) -> str:
    """A C condition: two variables of this width are equal."""
    if not is_wide(width):
        return f"{a} == {b}"
    return " && ".join(f"{a}.w[{n}] == {b}.w[{n}]" for n in range(words(width)))


def matches(name: str, width: int, value: int, bits: int) -> list[str]:
    """C conditions: the variable has `value` in these bits."""
    if is_wide(width):
        parts = ((f"{name}.w[{n}]", value >> WORD * n, bits >> WORD * n) for n in range(words(width)))
        return [c for text, v, m in parts for c in matches(text, WORD, v & mask(WORD), m & mask(WORD))]
    if not bits & mask(width):
        return []
    wanted = number(value & bits & mask(width), width)
    if bits & mask(width) == mask(width):
        return [f"{name} == {wanted}"]
    return [f"({name} & {number(bits & mask(width), width)}) == {wanted}"]


def within(name: str, width: int, low: int, high: int) -> list[str]:
    """C conditions: the variable is one of low .. high."""
    lower, upper = number(low, width), number(high, width)
    at_least = f"!{value_type(width)[7:]}_less({name}, {lower})" if is_wide(width) else f"{name} >= {lower}"
    at_most = f"!{value_type(width)[7:]}_less({upper}, {name})" if is_wide(width) else f"{name} <= {upper}"
    return ([at_least] if low > 0 else []) + ([at_most] if high < mask(width) else [])
