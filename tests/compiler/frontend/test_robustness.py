"""Whatever the text is, the answer is a pipeline or located messages, soon."""

from __future__ import annotations

import random
import shutil
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rackplane.compiler.errors import CompileErrors, render
from rackplane.compiler.frontend import load
from rackplane.compiler.lexing.lexer import tokenize

PROGRAMS = sorted((Path(__file__).parents[1] / "programs").glob("*.p4"))
SLOWEST = 30.0


def compile_text(path: Path, text: str) -> None:
    """Compile a text; anything but a pipeline or CompileErrors fails the test."""
    path.write_text(text, encoding="utf-8", errors="surrogateescape")
    started = time.monotonic()
    try:
        load(path)
    except CompileErrors as errors:
        assert errors.diagnostics
        for diagnostic in errors.diagnostics:
            assert diagnostic.message
            render(diagnostic)
    assert time.monotonic() - started < SLOWEST


def mutated(path: Path, seed: int) -> str:
    """A program with a few tokens lost, doubled, moved or exchanged."""
    chance = random.Random(seed)
    lines = path.read_text().splitlines()
    tokens = [t for t in tokenize(path.read_text(), "x") if not lines[t.line - 1].startswith("#")]
    for _ in range(chance.choice((1, 1, 1, 2, 4))):
        token, other = chance.choice(tokens), chance.choice(tokens)
        alike = [t for t in tokens if t.kind == token.kind] if chance.random() < 0.8 else [other]
        new = chance.choice(["", f"{token.text} {token.text}", other.text, *[chance.choice(alike).text] * 5])
        line = lines[token.line - 1]
        start = token.column - 1
        if line[start : start + len(token.text)] == token.text:
            lines[token.line - 1] = f"{line[:start]}{new}{line[start + len(token.text) :]}"
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda p: p.stem)
def test_mutated_programs(tmp_path: Path, path: Path) -> None:
    shutil.copy(path.with_name("frame.p4"), tmp_path)
    for seed in range(25):
        compile_text(tmp_path / "mutant.p4", mutated(path, seed))


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=300))
def test_any_text(tmp_path: Path, text: str) -> None:
    compile_text(tmp_path / "any.p4", text.encode("utf-8", "replace").decode())


WORDS = [
    "control",
    "parser",
    "state",
    "apply",
    "table",
    "key",
    "=",
    "actions",
    "entries",
    "(",
    ")",
    "{",
    "}",
    "<",
    ">",
    "[",
    "]",
    ";",
    ",",
    ".",
    ":",
    "?",
    "+",
    "-",
    "!",
    "==",
    "&&",
    "++",
    "&&&",
    "..",
    "...",
    "{#}",
    "header",
    "struct",
    "bit",
    "<",
    "8",
    ">",
    "int",
    "x",
    "y",
    "T",
    "1",
    "8w1",
    "true",
    "if",
    "else",
    "return",
    "exit",
    "select",
    "transition",
    "const",
    "typedef",
    "type",
    "enum",
    "error",
    "extern",
    "package",
    "action",
    "default",
    "switch",
    "for",
    "in",
    "out",
    "inout",
    "@a",
    '@name("x")',
    "#",
    "#if",
    "#endif",
    "#define",
    '"s"',
    "_",
    "this",
]


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(WORDS), max_size=60), st.sampled_from([" ", "\n"]))
def test_any_words(tmp_path: Path, words: list[str], separator: str) -> None:
    compile_text(tmp_path / "words.p4", separator.join(words))


@pytest.mark.parametrize(
    "text",
    [
        "(" * 100_000,
        "{" * 100_000,
        "const bit<8> a = " + "-" * 50_000 + "1;",
        "const bit<8> a = " + "1 + " * 50_000 + "1;",
        "const bit<8> a = " + "x." * 50_000 + "y;",
        "const bit<8> a = " + "true ? 1 : " * 5_000 + "1;",
        "control c() { apply { " + "if (true) " * 5_000 + "; } }",
        "control c() { apply { " + "{" * 5_000 + " } }",
        "struct s { " + "bit<8> f; " * 1 + "tuple<" * 5_000 + " x; }",
        "const bit<99999999999999999999> a = 1;",
        "const int a = 1 << (1 << 60);",
        "const int a = " + "9" * 3_000 + "; const int b = a * a * a * a * a * a * a * a;",
        "@a" + "(" * 50_000,
        "#if " + "(" * 50_000,
        "#if " + "!" * 50_000 + "1\n#endif",
        "\0\0\0",
        "",
    ],
    ids=lambda t: t[:24].strip() or "empty",
)
def test_deep_and_large(tmp_path: Path, text: str) -> None:
    compile_text(tmp_path / "deep.p4", text)


FRAME = (Path(__file__).parents[1] / "programs" / "frame.p4").read_text()
MAIN = "V1Switch(P(), V(), I(), E(), C(), D()) main;\n"


def ingress(body: str) -> str:
    return f"control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {{\n{body}\n}}\n{MAIN}"


def doubling(first: str, following: str, last: str) -> str:
    """A program whose parts use the part before them twice."""
    return "\n".join([FRAME, first, *(following.format(i=i, j=i - 1) for i in range(1, 45)), ingress(last)])


CONTROL = "control c{i}() {{ apply {{ c{j}.apply(); c{j}.apply(); }} }}"
LOOP = "for (bit<8> i in (list<bit<8>>) {1, 2, 3, 4, 5, 6}) {"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (doubling("struct s0 { bit<8> a; }", "struct s{i} {{ s{j} a; s{j} b; }}", "apply { s44 s; }"), "numbers"),
        (doubling("typedef tuple<bit<8>> t0;", "typedef tuple<t{j}, t{j}> t{i};", "apply { t44 t; }"), "numbers"),
        (doubling("void f0() {}", "void f{i}() {{ f{j}(); f{j}(); }}", "apply { f44(); }"), "unfold"),
        (doubling("control c0() { apply {} }", CONTROL, "apply { c44.apply(); }"), "unfold"),
        (doubling('const string S0 = "ab";', "const string S{i} = S{j} ++ S{j};", "apply {}"), "characters"),
        (doubling("const int N0 = 2;", "const int N{i} = N{j} * N{j};", "apply {}"), "bits"),
        (doubling("", "", "apply {" + LOOP * 30 + "}" * 30 + "}"), "unfold"),
    ],
    ids=["structs", "tuples", "functions", "controls", "strings", "numbers", "loops"],
)
def test_what_doubles_is_bounded(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "double.p4"
    path.write_text(text)
    started = time.monotonic()
    with pytest.raises(CompileErrors, match=message):
        load(path)
    assert time.monotonic() - started < SLOWEST
