"""A program that the kernel's verifier rejects is shown at the P4 line that caused it, on old kernels too."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from finsy.proto import p4i

from rackplane.compiler import clang
from rackplane.compiler.bundle import Bundle
from rackplane.compiler.clines import p4_place, without_directives
from rackplane.compiler.driver import compile_program, default_cache
from rackplane.compiler.errors import CompileErrors
from rackplane.switch import deviceconfig, verifier
from rackplane.switch.errors import VerifierError
from rackplane.switch.lineinfo import line_at, lines_of
from rackplane.switch.loader import load, open_object
from rackplane.switch.pipeline import program_names
from rackplane.switch.stf.client import Client, RequestFailed
from rackplane.switch.target import SwitchSetup, free_port, running
from rackplane.switch.xdp import XdpTarget

PROGRAM = Path(__file__).parent / "fixtures" / "traced.p4"
CULPRIT = "packet.extract(hdr.ipv4);"
CHECK = re.compile(r"if \(unlikely\(cursor \+ 20 > pkt->end\)\)[^\n]*")
NO_PLACE = re.compile(r" @ [^@\n]*:\d+$", re.MULTILINE)


def line_of(text: str) -> int:
    rows = PROGRAM.read_text().splitlines()
    return next(n for n, row in enumerate(rows, start=1) if text in row)


@pytest.fixture(scope="module")
def broken() -> Bundle:
    """traced.p4 without the check that the IPv4 header is in the packet."""
    bundle = compile_program(PROGRAM, cache=default_cache()).bundle
    text, changed = CHECK.subn("", bundle.c_text)
    assert changed == 1
    return replace(bundle, c_text=text, object=clang.compile_c(text))


def rejection(bundle: Bundle) -> VerifierError:
    names = program_names(bundle.manifest)
    opened = open_object(bundle.object, names)
    try:
        with pytest.raises(VerifierError) as caught:
            load(opened, names)
    finally:
        opened.close()
    return caught.value


@pytest.mark.root
@pytest.mark.parametrize("kernel", ["that names lines", "that does not"])
def test_the_culprit_is_the_last_line(broken: Bundle, kernel: str) -> None:
    error = rejection(broken)
    if kernel == "that does not":
        old = NO_PLACE.sub("", error.log)
        error = verifier.explain(error.program, old, lines_of(broken.object, error.program))
    shown = deviceconfig.in_p4(error, broken.to_bytes())
    last = shown.lines[-1]
    assert (last.file, last.line, last.text) == (str(PROGRAM), line_of(CULPRIT), CULPRIT)
    assert "invalid access to packet" in shown.reason
    assert f"{PROGRAM}:{line_of(CULPRIT)}: invalid access to packet" in str(shown)
    assert str(shown).endswith(f"{PROGRAM}:{line_of(CULPRIT)}: {CULPRIT}")


@pytest.mark.root
def test_a_controller_is_told(broken: Bundle, tmp_path: Path) -> None:
    setup = SwitchSetup(f"127.0.0.1:{free_port()}", tmp_path, cpu_port=None)
    with running(XdpTarget(), setup), Client(setup.grpc_address, 1) as client:
        info = p4i.P4Info.FromString(broken.p4info)
        with pytest.raises(RequestFailed, match=f"traced.p4:{line_of(CULPRIT)}: {re.escape(CULPRIT)}"):
            client.set_pipeline(info, broken.to_bytes())


def test_what_clang_refuses_is_located(broken: Bundle) -> None:
    text = broken.c_text.replace("IN8(phv->hdr.f_ipv4.b, cursor, 0);", "IN8(phv->hdr.f_ipv5.b, cursor, 0);")
    with pytest.raises(CompileErrors) as caught:
        clang.compile_c(text)
    span = caught.value.diagnostics[0].span
    assert (span.file, span.line) == (str(PROGRAM), line_of(CULPRIT))


TEXT = 'a\n#line 7 "x.p4"\nb\nc\n#line 6 "program.c"\nd\n#line 1 "y.p4"\ne'


@pytest.mark.parametrize(
    ("line", "place"), [(1, None), (3, ("x.p4", 7)), (4, ("x.p4", 8)), (6, None), (8, ("y.p4", 1))]
)
def test_places_of_c_lines(line: int, place: tuple[str, int] | None) -> None:
    found = p4_place(TEXT, line)
    assert (found and (found.file, found.line)) == place


def test_lines_keep_their_numbers_without_directives() -> None:
    assert without_directives(TEXT).split("\n") == ["a", "", "b", "c", "", "d", "", "e"]


@pytest.mark.parametrize(
    "image", [b"", b"\x7fELF", bytes(64), b"\xff" * 4096], ids=["empty", "short", "zero", "ones"]
)
def test_objects_without_line_information(image: bytes) -> None:
    assert lines_of(image, "rackplane_in") == {}
    assert line_at({}, 3) is None


def test_functions_that_are_not_there(broken: Bundle) -> None:
    assert lines_of(broken.object, "nothing") == {}
