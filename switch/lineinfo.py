"""Line information of a compiled object: which line of its source each instruction comes from (.BTF.ext).

Kernels before 6.9 do not tell file and line in the verifier's log; the instructions' numbers are always there.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from rackplane.switch.errors import SourceLine

_SECTION = struct.Struct("<IIQQQQIIQQ")
_SYMBOL = struct.Struct("<IBBHQQ")
_RECORD = struct.Struct("<IIII")
_WORD = struct.Struct("<I")
_INSTRUCTION = 8
_LINE_SHIFT = 10


@dataclass(frozen=True)
class _Section:
    name: str
    data: bytes


def lines_of(image: bytes, function: str) -> dict[int, SourceLine]:
    """The source lines of a function, by the number of the first instruction of each; empty when it has none."""
    try:
        return dict(_lines(image, function))
    except (struct.error, LookupError, OverflowError, ValueError):
        return {}


def line_at(lines: dict[int, SourceLine], instruction: int) -> SourceLine | None:
    """The source line of an instruction."""
    before = [number for number in lines if number <= instruction]
    return lines[max(before)] if before else None


def _lines(image: bytes, function: str) -> Iterator[tuple[int, SourceLine]]:
    sections = list(_sections(image))
    by_name = {section.name: section.data for section in sections}
    section, start, size = _place(sections, by_name, function)
    btf, ext = by_name[".BTF"], by_name[".BTF.ext"]
    strings = btf[_WORD.unpack_from(btf, 4)[0] + _WORD.unpack_from(btf, 16)[0] :]
    at = _WORD.unpack_from(ext, 4)[0] + _WORD.unpack_from(ext, 16)[0]
    end = at + _WORD.unpack_from(ext, 20)[0]
    record_size = _WORD.unpack_from(ext, at)[0]
    if record_size < _RECORD.size:
        raise ValueError(f"records of {record_size} bytes")
    at += 4
    while at < end:
        name, count = struct.unpack_from("<II", ext, at)
        at += 8
        for offset, file, text, line in (_RECORD.unpack_from(ext, at + n * record_size) for n in range(count)):
            if _text(strings, name) == section and start <= offset < start + size:
                name_of_file = _text(strings, file).rsplit("/", 1)[-1]
                found = SourceLine(name_of_file, line >> _LINE_SHIFT, _text(strings, text).strip())
                yield (offset - start) // _INSTRUCTION, found
        at += count * record_size


def _sections(image: bytes) -> Iterator[_Section]:
    (table,) = struct.unpack_from("<Q", image, 0x28)
    entry_size, count, names = struct.unpack_from("<HHH", image, 0x3A)
    headers = [_SECTION.unpack_from(image, table + n * entry_size) for n in range(count)]
    strings = image[headers[names][4] : headers[names][4] + headers[names][5]]
    for header in headers:
        yield _Section(_text(strings, header[0]), image[header[4] : header[4] + header[5]])


def _place(sections: list[_Section], by_name: dict[str, bytes], function: str) -> tuple[str, int, int]:
    """Section, offset and size of a function. Raises ValueError when there is none of that name."""
    for name, _, _, index, value, size in _SYMBOL.iter_unpack(by_name[".symtab"]):
        if _text(by_name[".strtab"], name) == function:
            return sections[index].name, value, size
    raise ValueError(f"no function {function}")


def _text(strings: bytes, offset: int) -> str:
    return strings[offset : strings.index(b"\0", offset)].decode(errors="replace")
