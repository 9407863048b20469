"""The preprocessor: macros, conditions, included files, and where tokens stand afterwards."""

from __future__ import annotations

from pathlib import Path

import pytest

from rackplane.compiler.lexing.diagnostics import Diagnostics
from rackplane.compiler.lexing.lexer import parse_integer, tokenize
from rackplane.compiler.lexing.preprocessor import Preprocessor


def preprocessed(tmp_path: Path, text: str, **defines: str) -> str:
    """The words that are left, separated by spaces."""
    path = tmp_path / "program.p4"
    path.write_text(text)
    diagnostics = Diagnostics()
    tokens = Preprocessor([], defines, diagnostics).run(path)
    assert not diagnostics.errors
    return " ".join(t.text for t in tokens[:-1])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("#define A 1\nA B", "1 B"),
        ("#define A B\n#define B 2\nA", "2"),
        ("#define A A + 1\nA", "A + 1"),
        ("#define A B\n#define B A\nA", "A"),
        ("#define F(x) (x)\nF(1) F (2) F", "( 1 ) ( 2 ) F"),
        ("#define F(x, y) y x\nF((1, 2), {3})", "{ 3 } ( 1 , 2 )"),
        ("#define F() 7\nF()", "7"),
        ("#define F(x) x x\n#define G F(1)\nG", "1 1"),
        ("#define F(x) x\n#define G F\nG(3)", "3"),
        ("#define F(x) #x\nF(a + b)", '"a + b"'),
        ("#define F(x, y) x##y\nF(ab, 12)", "ab12"),
        ("#define A (1)\nA", "( 1 )"),
        ("#define A 1\n#undef A\nA", "A"),
        ("#define LONG 1 + \\\n  2\nLONG", "1 + 2"),
        ("#define table 5\ntable", "5"),
        ("__LINE__\n__LINE__", "1 2"),
        ("#if 1\na\n#else\nb\n#endif", "a"),
        ("#if 0\na\n#elif 1\nb\n#else\nc\n#endif", "b"),
        ("#if 0\n#if 1\na\n#endif\n#else\nb\n#endif", "b"),
        ("#ifdef X\na\n#endif\n#ifndef X\nb\n#endif", "b"),
        ("#define X\n#if defined(X) && !defined Y\na\n#endif", "a"),
        ("#if (1 + 2 * 3 == 7) && (8 >> 1 == 4) && (5 % 3 != 1)\na\n#endif", "a"),
        ("#if UNKNOWN || 0x10 > 15 ? 1 : 0\na\n#endif", "a"),
        ("#if -1 < 0 && ~0 == -1 && 7 / 2 == 3\na\n#endif", "a"),
        ("#if 0\nit's \" not closed\n#endif\nb", "b"),
        ("a // comment\nb /* c\nd */ e", "a b e"),
        ("#pragma once\na", "a"),
        ("# 5\na", "a"),
    ],
)
def test_words(tmp_path: Path, text: str, words: str) -> None:
    assert preprocessed(tmp_path, text) == words


def test_definitions_from_outside(tmp_path: Path) -> None:
    assert preprocessed(tmp_path, "#if VERSION >= 2\nNAME\n#endif", VERSION="3", NAME="x + 1") == "x + 1"


def test_places_survive_macros_and_joined_lines(tmp_path: Path) -> None:
    path = tmp_path / "program.p4"
    path.write_text("#define TWO 1 + 1\nfirst \\\n  second\n  TWO last\n")
    tokens = Preprocessor([], {}, Diagnostics()).run(path)
    places = [(t.text, t.line, t.column) for t in tokens[:-1]]
    assert places == [("first", 2, 1), ("second", 3, 3), ("1", 4, 3), ("+", 4, 3), ("1", 4, 3), ("last", 4, 7)]


def test_include_searches_beside_the_file_and_then_the_directories(tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    (tmp_path / "far" / "one.p4").write_text("far_one")
    (tmp_path / "far" / "two.p4").write_text("far_two")
    (tmp_path / "one.p4").write_text("near_one")
    main = tmp_path / "main.p4"
    main.write_text('#define FILE <two.p4>\n#include "one.p4"\n#include <one.p4>\n#include FILE\n')
    tokens = Preprocessor([tmp_path / "far"], {}, Diagnostics()).run(main)
    assert [t.text for t in tokens[:-1]] == ["near_one", "far_one", "far_two"]


def test_line_changes_what_messages_name(tmp_path: Path) -> None:
    path = tmp_path / "program.p4"
    path.write_text('#line 40 "other.p4"\na\n')
    token = Preprocessor([], {}, Diagnostics()).run(path)[0]
    assert (token.file, token.line) == ("other.p4", 40)


def test_a_macro_that_grows_without_end_is_stopped(tmp_path: Path) -> None:
    path = tmp_path / "program.p4"
    lines = ["#define A0 x x x x x x x x"]
    lines += [f"#define A{i} A{i - 1} A{i - 1} A{i - 1} A{i - 1} A{i - 1} A{i - 1}" for i in range(1, 12)]
    path.write_text("\n".join([*lines, "A11"]))
    diagnostics = Diagnostics()
    Preprocessor([], {}, diagnostics).run(path)
    assert "expand without end" in diagnostics.errors[0].message


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"\xff\xfe", "is not UTF-8 text: byte 0 is 0xff"), (None, "cannot read")],
)
def test_files_that_cannot_be_read(tmp_path: Path, content: bytes | None, message: str) -> None:
    path = tmp_path / "program.p4"
    if content is not None:
        path.write_bytes(content)
    diagnostics = Diagnostics()
    Preprocessor([], {}, diagnostics).run(path)
    assert message in diagnostics.errors[0].message


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("10", (10, None, False)),
        ("1_000", (1000, None, False)),
        ("0xFf", (255, None, False)),
        ("0b1010", (10, None, False)),
        ("0o17", (15, None, False)),
        ("0d19", (19, None, False)),
        ("8w0x1F", (31, 8, False)),
        ("4s7", (7, 4, True)),
        ("16w0b11", (3, 16, False)),
        ("007", (7, None, False)),
    ],
)
def test_numbers(text: str, value: tuple[int, int | None, bool]) -> None:
    assert [t.text for t in tokenize(text, "x")] == [text]
    assert parse_integer(text) == value


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a>>b", ["a", ">", ">", "b"]),
        ("a>>=b", ["a", ">>=", "b"]),
        ("{#}", ["{#}"]),
        ("a|+|b|-|=c", ["a", "|+|", "b", "|-|=", "c"]),
        ("1..2...3", ["1", "..", "2", "...", "3"]),
        ("a&&&b", ["a", "&&&", "b"]),
        ('@x("two\nlines") y', ["@", "x", "(", '"two\nlines"', ")", "y"]),
    ],
)
def test_marks(text: str, words: list[str]) -> None:
    assert [t.text for t in tokenize(text, "x")] == words
