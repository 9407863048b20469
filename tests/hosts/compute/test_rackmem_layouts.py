"""Structures that Python writes down again are those of the C headers."""

from __future__ import annotations

import ctypes
import subprocess
from pathlib import Path

import pytest
from protocol_core import MIRRORS

from rackplane.hosts.compute import build, library

STRUCTURES: dict[str, type[ctypes.Structure]] = {
    **MIRRORS,
    "struct rackmem_error": library.ErrorStruct,
    "struct rackmem_options": library.OptionsStruct,
    "struct rackmem_histogram": library.HistogramStruct,
    "struct rackmem_stats": library.StatsStruct,
}


def measured(names: list[str], scratch: Path) -> list[int]:
    lines = [f'printf("%zu\\n", {name});' for name in names]
    source = scratch / "layout.c"
    source.write_text(
        '#include <stddef.h>\n#include <stdio.h>\n#include "protocol.h"\n'
        f"int main(void) {{ {' '.join(lines)} return 0; }}\n"
    )
    program = scratch / "layout"
    includes = [f"-I{build.SOURCES}", f"-I{build.INCLUDE}", f"-I{build.WIRE_HEADERS}"]
    subprocess.run(["gcc", "-std=gnu11", *includes, str(source), "-o", str(program)], check=True)
    return [int(line) for line in subprocess.check_output([str(program)]).split()]


@pytest.mark.parametrize("name", STRUCTURES)
def test_layout(name: str, tmp_path: Path) -> None:
    mirror = STRUCTURES[name]
    fields = [field[0] for field in mirror._fields_]
    expressions = [f"sizeof({name})", *(f"offsetof({name}, {field})" for field in fields)]
    offsets = [getattr(mirror, field).offset for field in fields]
    assert measured(expressions, tmp_path) == [ctypes.sizeof(mirror), *offsets]
