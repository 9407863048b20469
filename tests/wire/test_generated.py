"""The committed codecs are what the compiler emits from the headers."""

from __future__ import annotations

from pathlib import Path

import pytest

from rackplane import ebpf, p4src, wire
from rackplane.compiler import codecs

HEADERS = Path(p4src.__path__[0]) / "include" / "headers.p4"
C_HEADER = Path(ebpf.__path__[0]) / "generated" / "rack_headers.h"
PYTHON_MODULE = Path(wire.__path__[0]) / "generated" / "rack_headers.py"


@pytest.mark.parametrize(
    ("committed", "emitted"),
    [
        (C_HEADER, codecs.c_header(HEADERS, C_HEADER.stem)),
        (PYTHON_MODULE, codecs.python_module(HEADERS)),
    ],
    ids=["C", "Python"],
)
def test_committed_codecs_are_current(committed: Path, emitted: str) -> None:
    mend = (
        "python -m rackplane.compiler.codecs p4src/include/headers.p4 "
        "--c ebpf/generated/rack_headers.h --py wire/generated/rack_headers.py"
    )
    assert committed.read_text() == emitted, f"{committed.name} is not what headers.p4 says; run: {mend}"
