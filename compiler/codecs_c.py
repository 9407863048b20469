"""A C header for wire headers: a struct of bytes per header, and accessors with host order numbers."""

from __future__ import annotations

from collections.abc import Iterator
from string import Template

from rackplane.compiler.wireformat import WireEnum, WireField, WireFormat, WireHeader, snake_case

_INLINE = "static inline __attribute__((always_inline, unused))"
_WINDOWS = (8, 16, 32, 64)
_HEAD = Template("""\
/* Wire headers, emitted from $source. Do not edit.
 *
 * struct NAME_t holds a header as it is on the wire. NAME_get_FIELD and NAME_set_FIELD give and take host order
 * integers. A BPF program (BCC or clang's BPF target) loads whole words: packet access may be unaligned there. */
#ifndef ${upper}_H
#define ${upper}_H

#include <linux/types.h>

#if defined(__bpf__) || defined(__BPF_TRACING__)
#define ${upper}_WORD __attribute__((may_alias))
#else
#define ${upper}_WORD __attribute__((may_alias, aligned(1)))
#endif

typedef __u16 ${upper}_WORD ${lower}_u16;
typedef __u32 ${upper}_WORD ${lower}_u32;
typedef __u64 ${upper}_WORD ${lower}_u64;

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define ${upper}_SWAP16(x) __builtin_bswap16(x)
#define ${upper}_SWAP32(x) __builtin_bswap32(x)
#define ${upper}_SWAP64(x) __builtin_bswap64(x)
#else
#define ${upper}_SWAP16(x) (x)
#define ${upper}_SWAP32(x) (x)
#define ${upper}_SWAP64(x) (x)
#endif

$inline __u8 ${lower}_load8(const __u8 *at)
{
    return *at;
}

$inline void ${lower}_store8(__u8 *at, __u8 value)
{
    *at = value;
}
""")
_WORD = Template("""
$inline __u$bits ${lower}_load$bits(const __u8 *at)
{
    return ${upper}_SWAP$bits(*(const ${lower}_u$bits *)at);
}

$inline void ${lower}_store$bits(__u8 *at, __u$bits value)
{
    *(${lower}_u$bits *)at = ${upper}_SWAP$bits(value);
}
""")


def render(wire: WireFormat, name: str) -> str:
    """The C header; `name` (its file's stem) prefixes what is not named after a P4 header."""
    lower, upper = name.lower(), name.upper()
    names = {"source": wire.source, "lower": lower, "upper": upper, "inline": _INLINE}
    parts = [_HEAD.substitute(names)]
    parts += [_WORD.substitute(names, bits=bits) for bits in _WINDOWS[1:]]
    parts.append("".join(f"\n#define {c.name} {c.text}" for c in wire.constants))
    if wire.constants:
        parts.append("\n")
    parts += [_enum(e) for e in wire.enums]
    parts += ["\n".join(_header(h, lower)) for h in wire.headers]
    return "".join(parts) + "\n#endif\n"


def _enum(enum: WireEnum) -> str:
    prefix = snake_case(enum.name)
    members = ",\n".join(f"    {prefix.upper()}_{n} = 0x{v:0{enum.digits}X}" for n, v in enum.members)
    return f"\nenum {prefix} {{\n{members}\n}};\n"


def _header(header: WireHeader, prefix: str) -> Iterator[str]:
    yield f"\n#define {header.base.upper()}_SIZE {header.size}\n"
    yield f"struct {header.name} {{\n    __u8 bytes[{header.size}];\n}};"
    for field in header.fields:
        if field.width <= _WINDOWS[-1]:
            yield from _accessors(header, field, prefix)
        elif field.offset % 8 == field.width % 8 == 0:
            yield from _bytes_accessor(header, field)
    yield ""


def _bytes_accessor(header: WireHeader, field: WireField) -> Iterator[str]:
    """A field that no integer holds is given as its bytes on the wire."""
    yield f"\n#define {header.base.upper()}_{field.name.upper()}_SIZE {field.width // 8}\n"
    yield f"{_INLINE} __u8 *{header.base}_at_{field.name}(struct {header.name} *header)"
    yield f"{{\n    return header->bytes + {field.offset // 8};\n}}"


def _accessors(header: WireHeader, field: WireField, prefix: str) -> Iterator[str]:
    kind = f"__u{next(b for b in _WINDOWS if field.width <= b)}"
    spans = _spans(field, header.size)
    yield f"\n{_INLINE} {kind} {header.base}_get_{field.name}(const struct {header.name} *header)"
    yield f"{{\n    return {_getter(field, spans, prefix, kind)};\n}}"
    yield f"\n{_INLINE} void {header.base}_set_{field.name}(struct {header.name} *header, {kind} value)"
    yield "{"
    below = field.width
    for span in spans:
        below -= span[3]
        yield f"    {_setter(span, below, prefix)}"
    yield "}"


Span = tuple[int, int, int, int]
"""Byte, window bits, shift within the window, and width of one part of a field."""


def _spans(field: WireField, size: int) -> list[Span]:
    """The smallest window that covers a field inside of the header, aligned if one is, or the cut of it in two."""
    first, end = field.offset // 8, (field.offset + field.width + 7) // 8
    for bits in _WINDOWS:
        count = bits // 8
        aligned, latest = first // count * count, min(first, size - count)
        start = aligned if end <= aligned + count <= size else latest
        if start >= 0 and start + count >= end:
            return [(start, bits, 8 * (start + count) - field.offset - field.width, field.width)]
    cut = max(c for c in (1, 2, 4, 8) if c < end - first)
    left = 8 * (first + cut) - field.offset
    front = WireField(field.name, left, field.offset)
    back = WireField(field.name, field.width - left, field.offset + left)
    return _spans(front, size) + _spans(back, size)


def _suffix(bits: int) -> str:
    return "ULL" if bits == 64 else "U"


def _getter(field: WireField, spans: list[Span], prefix: str, kind: str) -> str:
    below, parts = field.width, []
    for start, bits, shift, width in spans:
        below -= width
        text = f"{prefix}_load{bits}(header->bytes + {start})"
        text = f"({text} >> {shift})" if shift else text
        text = text if width + shift == bits else f"{text} & {(1 << width) - 1:#x}{_suffix(bits)}"
        parts.append(f"(({kind})({text}) << {below})" if below else text)
    return parts[0] if len(parts) == 1 else " | ".join(f"({p})" for p in parts)


def _setter(span: Span, below: int, prefix: str) -> str:
    start, bits, shift, width = span
    value = f"(value >> {below})" if below else "value"
    store = f"{prefix}_store{bits}(header->bytes + {start}, "
    if width == bits:
        return f"{store}{'(__u%d)' % bits if below else ''}{value});"  # noqa: UP031
    full, part = (1 << bits) - 1, (1 << width) - 1
    keep = f"{prefix}_load{bits}(header->bytes + {start}) & {full & ~(part << shift):#x}{_suffix(bits)}"
    put = (
        f"((__u{bits})({value} & {part:#x}{_suffix(bits)}) << {shift})"
        if shift
        else f"({value} & {part:#x}{_suffix(bits)})"
    )
    return f"{store}(__u{bits})(({keep}) | {put}));"
