"""The cache of whole programs: what is taken from it, and what makes a program another one."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from rackplane.compiler import cache as caches
from rackplane.compiler.driver import compile_program
from rackplane.compiler.errors import CompileErrors

FRAME = (Path(__file__).parent / "programs" / "frame.p4").read_text()
BODY = """
#include "port.p4"
control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply { sm.egress_spec = PORT + EXTRA; }
}
V1Switch(P(), V(), I(), E(), C(), D()) main;
"""


class Workshop:
    """A program in a folder, and its cache."""

    def __init__(self, folder: Path) -> None:
        self.source, self.included, self.cache = folder / "p.p4", folder / "port.p4", folder / "cache"
        self.source.write_text(FRAME + BODY)
        self.included.write_text("#define PORT 1\n")

    def compile(self, defines: Mapping[str, str] | None = None) -> bool:
        """Compile; whether the program came from the cache."""
        before = set(self.cache.glob("*.xdp.zip"))
        compile_program(self.source, defines=defines or {"EXTRA": "1"}, cache=self.cache)
        return set(self.cache.glob("*.xdp.zip")) == before


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    made = Workshop(tmp_path)
    assert not made.compile()
    return made


def test_the_same_program_comes_from_the_cache(workshop: Workshop) -> None:
    first = compile_program(workshop.source, defines={"EXTRA": "1"})
    again = compile_program(workshop.source, defines={"EXTRA": "1"}, cache=workshop.cache)
    assert again.cached
    assert (again.bundle.manifest, again.bundle.c_text) == (first.bundle.manifest, first.bundle.c_text)


CHANGES: dict[str, Callable[[Workshop], object]] = {
    "an included file": lambda w: w.included.write_text("#define PORT 2\n"),
    "a line in front, which moves places": lambda w: w.source.write_text("\n" + w.source.read_text()),
    "the program": lambda w: w.source.write_text(w.source.read_text().replace("+ EXTRA", "")),
}


@pytest.mark.parametrize("change", CHANGES)
def test_changes_make_another_program(workshop: Workshop, change: str) -> None:
    CHANGES[change](workshop)
    assert not workshop.compile()


def test_another_definition_makes_another_program(workshop: Workshop) -> None:
    assert not workshop.compile({"EXTRA": "2"})
    assert workshop.compile({"EXTRA": "2"})


def test_a_damaged_entry_is_made_again(workshop: Workshop) -> None:
    (entry,) = workshop.cache.glob("*.xdp.zip")
    entry.write_bytes(b"PK")
    workshop.compile()
    assert len(entry.read_bytes()) > 2


def test_programs_with_errors_are_not_looked_up(workshop: Workshop) -> None:
    workshop.included.unlink()
    with pytest.raises(CompileErrors, match=r"port\.p4"):
        workshop.compile()


def test_another_state_of_the_compiler_has_another_fingerprint(tmp_path: Path) -> None:
    tool = tmp_path / "tool"
    tool.write_text("1")
    first = caches.fingerprint([tool])
    assert caches.fingerprint([tool]) == first
    tool.write_text("22")
    assert caches.fingerprint([tool]) != first


def test_a_cached_program_needs_no_front_end(workshop: Workshop) -> None:
    code = "import sys; from pathlib import Path; from rackplane.compiler.driver import compile_program; "
    code += f"compile_program(Path({str(workshop.source)!r}), defines={{'EXTRA': '1'}}, "
    code += f"cache=Path({str(workshop.cache)!r})); "
    code += "print([m for m in ('rackplane.compiler.frontend', 'finsy', 'grpc') if m in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
