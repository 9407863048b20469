"""P4Info: ids, names and aliases as p4c gives them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from finsy.proto import p4i
from google.protobuf import text_format

from rackplane.compiler import ids, p4info
from rackplane.compiler.errors import CompileErrors
from rackplane.compiler.frontend import load
from rackplane.compiler.ir import Annotation

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = sorted((ROOT / "p4src").glob("*.p4"))


@pytest.mark.parametrize(
    ("name", "number"),
    [("ingress.ipv4_lpm", 43030458), ("ingress.forward", 26512162), ("ingress.drop", 33281717)],
)
def test_id_is_prefix_and_name_hash(name: str, number: int) -> None:
    prefix = ids.Prefix(number >> 24)
    assert ids.assign(prefix, [ids.Named(name)], set()) == {name: number}


def test_collisions_take_the_next_free_id() -> None:
    taken = {ids.name_hash("a") & 0xFFFFFF | ids.Prefix.TABLE << 24}
    (first,) = taken
    assert ids.assign(ids.Prefix.TABLE, [ids.Named("a")], taken)["a"] == first + 1


def test_id_annotation_is_honoured() -> None:
    named = [ids.Named("b"), ids.Named("a", (Annotation("id", "7"),))]
    assert ids.assign(ids.Prefix.ACTION, named, set())["a"] == 0x01000007


@pytest.mark.parametrize(
    ("body", "message"),
    [("0x02000001", "prefix byte"), ("seven", "not a number"), ("0", "prefix byte"), ("9, 9", "not a number")],
)
def test_bad_id_annotations_are_refused(body: str, message: str) -> None:
    with pytest.raises(CompileErrors, match=message):
        ids.assign(ids.Prefix.ACTION, [ids.Named("a", (Annotation("id", body),))], set())


@pytest.mark.parametrize(
    ("annotated", "expected"), [([None, None], [1, 2]), ([2, None, None], [2, 3, 4]), ([None, 1, None], [2, 1, 3])]
)
def test_field_ids_step_over_taken_ones(annotated: list[int | None], expected: list[int]) -> None:
    annotations = [(Annotation("id", str(n)),) if n is not None else () for n in annotated]
    assert ids.field_ids(annotations) == expected


def test_aliases_are_the_shortest_unique_suffixes() -> None:
    names = ["ingress.t", "egress.t", "ingress.aux.u", "u", "alone"]
    assert ids.aliases(names) == {
        "ingress.t": "ingress.t",
        "egress.t": "egress.t",
        "ingress.aux.u": "aux.u",
        "u": "u",
        "alone": "alone",
    }


@pytest.mark.bmv2
@pytest.mark.skipif(shutil.which("p4c-bm2-ss") is None, reason="p4c-bm2-ss is not on PATH")
@pytest.mark.parametrize("path", PROGRAMS, ids=lambda p: p.stem)
def test_same_as_p4c(path: Path, tmp_path: Path) -> None:
    text = tmp_path / "p4c.txtpb"
    include = ROOT / "p4src" / "include"
    command = ["p4c-bm2-ss", "-I", include, "--p4runtime-files", text, "-o", tmp_path / "out.json", path]
    subprocess.run(command, check=True, capture_output=True)
    theirs = text_format.Parse(text.read_text(), p4i.P4Info())
    pipeline = load(path, [include])
    ours = p4info.build(pipeline, ids.assign_all(pipeline))
    ours_again = text_format.Parse(p4info.to_text(ours), p4i.P4Info())
    assert ours_again == ours
    assert ours == theirs
