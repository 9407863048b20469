"""What the target has no code for is refused at its place, all of it in one run; the cache and clang's messages."""

from __future__ import annotations

import time
from pathlib import Path

import ir_programs as programs
import pytest

from rackplane.compiler import clang, ir
from rackplane.compiler.build import compile_pipeline
from rackplane.compiler.errors import CompileErrors, render


def at(line: int) -> ir.Span:
    return ir.Span("program.p4", line, 9, 5)


def ingress(*body: ir.Stmt) -> ir.Pipeline:
    return programs.pipeline(ingress=ir.Control("ingress", body))


I2E, E2E, NUMBER = ir.Const(0, ir.BIT32), ir.Const(1, ir.BIT32), ir.Const(5, ir.BIT32)


@pytest.mark.parametrize(
    ("block", "name", "arguments", "message"),
    [
        ("egress", "clone", (I2E, NUMBER), "clone(I2E, ...) can be called in ingress only, not in egress"),
        ("ingress", "clone", (E2E, NUMBER), "clone(E2E, ...) can be called in egress only, not in ingress"),
        (
            "ingress",
            "clone_preserving_field_list",
            (E2E, NUMBER, NUMBER),
            "clone(E2E, ...) can be called in egress only, not in ingress",
        ),
        (
            "egress",
            "resubmit_preserving_field_list",
            (NUMBER,),
            "resubmit() can be called in ingress only, not in egress",
        ),
        (
            "ingress",
            "recirculate_preserving_field_list",
            (NUMBER,),
            "recirculate() can be called in egress only, not in ingress",
        ),
        ("compute", "truncate", (NUMBER,), "truncate() can be called in ingress and egress only, not in compute"),
        ("ingress", "unheard_of", (), "unheard_of() is not supported by the xdp target"),
    ],
)
def test_externs_in_the_wrong_place_are_named(
    block: str, name: str, arguments: tuple[ir.Argument, ...], message: str
) -> None:
    body = (ir.CallExtern(name, arguments, None, at(7)),)
    with pytest.raises(CompileErrors) as caught:
        compile_pipeline(programs.pipeline(**{block: ir.Control(block, body)}))
    (found,) = caught.value.diagnostics
    assert found.span == at(7)
    assert found.message == message


@pytest.mark.parametrize(
    ("block", "kind", "message"),
    [
        ("egress", ir.Bits(8), r"digest\(\) in egress, which v1model allows in the ingress control only"),
        ("ingress", ir.Varbit(64), "a digest with a varbit"),
        ("ingress", ir.Bits(2048), "a digest of 1 numbers in 264 bytes"),
        ("ingress", None, r"digest\(\) without a type"),
    ],
)
def test_digests_that_cannot_be_sent(block: str, kind: ir.Type | None, message: str) -> None:
    call = ir.CallExtern("digest", (ir.Const(1, ir.BIT32), ir.Const(0, ir.Bits(8))), "d", at(7))
    known = (
        {"d": ir.Digest("d", ir.Struct("d", (ir.Field("f", kind),)), spec=ir.NamedSpec(ir.SpecKind.STRUCT, "d"))}
        if kind
        else {}
    )
    changes = {block: ir.Control(block, (call,)), "digests": known}
    with pytest.raises(CompileErrors, match=message) as caught:
        compile_pipeline(programs.pipeline(**changes))
    assert caught.value.diagnostics[0].span == at(7)


def test_all_are_reported_in_one_run() -> None:
    body = [ir.CallExtern("first_oracle", (), None, at(3)), ir.CallExtern("second_oracle", (), None, at(5))]
    with pytest.raises(CompileErrors) as caught:
        compile_pipeline(ingress(ir.If(ir.Const(1, ir.BOOL), tuple(body[:1]), tuple(body[1:]))))
    assert [d.span.line for d in caught.value.diagnostics] == [3, 5]


def test_too_wide_numbers_are_refused_at_their_statement() -> None:
    wide = ir.Unary(ir.UnaryOp.COMPLEMENT, ir.Const(1, ir.Bits(4096)), ir.Bits(4096))
    assign = ir.Assign(programs.std("priority"), ir.Cast(wide, ir.Bits(3)), at(9))
    with pytest.raises(CompileErrors, match=r"program\.p4:9:9: error: a computation with 4096 bits"):
        compile_pipeline(ingress(assign))


def test_too_long_keys_are_refused_at_their_table() -> None:
    key = ir.Key("k", ir.Cast(programs.std("priority"), ir.Bits(2000)), ir.MatchKind.EXACT)
    table = ir.Table("ingress.t", (key,), (ir.ActionRef("a"),), ir.ActionCall("a"), span=at(4))
    changes = {"tables": {"t": table}, "actions": {"a": ir.Action("ingress.a", (), ())}}
    with pytest.raises(CompileErrors, match=r"program\.p4:4:9: error: the key of table ingress\.t has 252 bytes"):
        compile_pipeline(programs.pipeline(**changes))


def test_clang_errors_show_the_p4_line(tmp_path: Path) -> None:
    source = tmp_path / "some.p4"
    source.write_text("first\nthe guilty line\n")
    with pytest.raises(CompileErrors) as caught:
        clang.compile_c(f'#line 2 "{source}"\nint f(void) {{ return nothing; }}\n')
    (found,) = caught.value.diagnostics
    assert "the guilty line" in render(found)


def test_programs_without_room_on_the_stack_name_their_functions() -> None:
    text = """
    void *(*helper)(void *) = (void *)1;
    int large(void) { char b[600]; for (int n = 0; n < 600; n++) b[n] = n; helper(b); return b[3]; }
    """
    with pytest.raises(clang.StackTooSmall) as caught:
        clang.compile_c(text)
    assert caught.value.functions == {"large"}


def test_second_compilation_comes_from_the_cache(tmp_path: Path) -> None:
    first, cached_before = compile_pipeline(programs.forwarder(), cache=tmp_path)
    start = time.monotonic()
    second, cached_after = compile_pipeline(programs.forwarder(), cache=tmp_path)
    assert (cached_before, cached_after) == (False, True)
    assert second == first
    assert time.monotonic() - start < 5


def test_a_cache_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    folder = tmp_path / "file"
    folder.write_text("in the way")
    assert compile_pipeline(programs.forwarder(), cache=folder)[1] is False
