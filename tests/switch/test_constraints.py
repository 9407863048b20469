"""The constraint language without a switch: what holds, what is refused, and texts that are no constraints."""

from __future__ import annotations

import operator
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rackplane.switch.constraints import p4annotations, syntax
from rackplane.switch.constraints.evaluate import Subject, Type, Value, compile_constraint
from rackplane.switch.constraints.syntax import ConstraintError
from rackplane.switch.errors import BundleError

TYPES = {
    "vrf": Type("exact", 10),
    "hdr.ipv4.dst": Type("ternary", 32),
    "route": Type("lpm", 32),
    "ports": Type("range", 16),
    "in_port": Type("optional", 9),
    "id": Type("bit", 16),
    "name": Type("unknown", 0),
}
FULL = 0xFFFFFFFF
ENTRY: dict[str, Value] = {
    "vrf": (7,),
    "hdr.ipv4.dst": (0x0A000001, FULL),
    "route": (0x0A000000, 8),
    "ports": (80, 90),
    "in_port": (0, 0),
    "id": 12,
}

HOLDS: list[tuple[str, bool]] = [
    ("", True),
    ("true", True),
    ("false", False),
    ("true;", True),
    ("vrf == 7", True),
    ("vrf != 7", False),
    ("vrf::value == 7", True),
    ("vrf > 6 && vrf <= 7", True),
    ("vrf == 1031", True),  # 1031 is 7 modulo 2**10
    ("vrf == -1017", True),
    ("hdr.ipv4.dst == 0x0a000001", True),
    ("hdr.ipv4.dst == ipv4('10.0.0.1')", True),
    ("hdr.ipv4.dst::mask == -1", True),
    ("hdr.ipv4.dst::mask == 0", False),
    ("hdr.ipv4.dst::value > 0x0A000000", True),
    ("route::prefix_length <= 24", True),
    ("route::prefix_length == -1", False),
    ("route == 0x0a000000", False),  # a number is a whole address: /32
    ("route::value == 0b1010000000000000000000000000", True),
    ("ports::low == 80 && ports::high == 0o132", True),
    ("ports == 80", False),
    ("in_port::mask == 0", True),
    ("in_port == 0", False),  # left out is not the value 0
    ("id < 13", True),
    ("id == 0d12", True),
    ("::priority == 5", True),
    ("-::priority < -4", True),
    ("!(::priority > 9)", True),
    ("!!true", True),
    ("--1 == 1", True),
    ("false -> false", True),
    ("true -> vrf == 8", False),
    ("vrf == 8 -> false", True),
    ("false || true && false", False),
    ("true || true && false", True),
    ("false && false -> false", True),
    ("true; false", False),
    ("false -> false; vrf == 7", True),
    ("(true; true) && true", True),
    ("mac('00:00:00:00:01:00') == 256", True),
    ("ipv6('::1') == 1", True),
    ("true == false", False),
    ("(vrf == 7) == true", True),
    ("// all of it is a comment; false", True),
    ("vrf /* not 8; */ == 7 // here", True),
    (" vrf\n\t== 7 ;\n true ; ", True),
]


@pytest.mark.parametrize(("text", "expected"), HOLDS, ids=[c[0] for c in HOLDS])
def test_what_holds(text: str, expected: bool) -> None:
    assert (compile_constraint(text, TYPES).broken_by(Subject(ENTRY, 5)) is None) is expected


REFUSED: list[tuple[str, str]] = [
    ("vrf = 7", "'=' is not part of the language"),
    ("vrf == 'x'", "an expression is expected, not \"'x'\""),
    ("vrf == ", "an expression is expected, not 'the end'"),
    ("(vrf == 7", r"'\)' is expected, not 'the end'"),
    ("vrf == 7)", r"'\)' is not expected here"),
    ("()", "an expression is expected"),
    ("; true", "an expression is expected, not ';'"),
    ("vrf == 7 true", "'true' is not expected here"),
    ("vrf == 7 == true", "'==' after '==' needs parentheses"),
    ("true -> true -> true", "'->' after '->' needs parentheses"),
    ("vrff == 7", "there is no vrff; there are vrf, hdr.ipv4.dst"),
    ("hdr. == 7", "a name is expected, not '=='"),
    ("vrf", "a condition is expected, not a value of type exact<10>"),
    ("7", "a condition is expected, not a value of type int"),
    ("vrf && true", "a condition is expected"),
    ("true == 1", "int and bool cannot be compared|bool and int cannot be compared"),
    ("vrf == id", r"exact<10> and bit<16> cannot be compared"),
    ("vrf == route", r"exact<10> and lpm<32> cannot be compared"),
    ("route < 5", "values of type lpm<32> have no order"),
    ("true < false", "values of type bool have no order"),
    ("vrf::mask == 1", r"a value of type exact<10> has no ::mask; it has value"),
    ("id::value == 1", r"a value of type bit<16> has no ::value; it has no fields"),
    ("::id == 1", "an entry has no ::id; it has ::priority"),
    ("-vrf == 1", "a number is expected after '-'"),
    ("name == 1", "name is of a type that constraints cannot speak of"),
    ("ipv4('1.2.3') == 1", "'1.2.3' is not an address of type ipv4"),
    ("mac('1:2') == 1", "not an address of type mac"),
    ("ipv6(1) == 1", r"ipv6\(\) takes an address in single quotes"),
    ("true\n && 5", r"line 2, column 5 of the constraint"),
    ("(" * 70 + "true" + ")" * 70, "nested deeper than 64"),
    ("!" * 70 + "true", "nested deeper than 64"),
    ("1" * 2000 + " == 1", "a number of 2000 digits"),
    (" " * 70000, "the constraint has 70000 characters"),
]


@pytest.mark.parametrize(("text", "message"), REFUSED, ids=[c[0][:30] for c in REFUSED])
def test_what_is_refused(text: str, message: str) -> None:
    with pytest.raises(ConstraintError, match=message):
        compile_constraint(text, TYPES)


def test_the_broken_part_is_named() -> None:
    constraint = compile_constraint(
        "vrf == 7;\n // why\n route::prefix_length\n > 8 -> in_port == vrf2", TYPES | {"vrf2": Type("bit", 9)}
    )
    assert [p.text for p in constraint.parts] == ["vrf == 7", "route::prefix_length > 8 -> in_port == vrf2"]
    broken = constraint.broken_by(Subject({**ENTRY, "route": (0, 9), "vrf2": 1}))
    assert broken is not None
    assert broken.keys == ("route", "in_port", "vrf2")


ANNOTATIONS = [
    (r'"vrf != 0"', "vrf != 0"),
    ('"a;"\n  "b"', "a;b"),
    (r'"say \"x\" \n \\"', 'say "x" \n \\'),
    ("", ""),
]


@pytest.mark.parametrize(("body", "text"), ANNOTATIONS)
def test_strings_of_annotations(body: str, text: str) -> None:
    (found,) = p4annotations.bodies([f"@entry_restriction({body})", "@other(1)", "@bare"], "entry_restriction")
    assert p4annotations.joined_strings(found, "here") == text


@pytest.mark.parametrize("body", ["vrf != 0", '"a" b', '"a'])
def test_bodies_that_are_no_strings(body: str) -> None:
    with pytest.raises(BundleError, match="here takes a text in quotes"):
        p4annotations.joined_strings(body, "here")


@pytest.mark.parametrize(
    ("body", "names"),
    [
        ("a, b", ("a", "b")),
        ("builtin : : multicast_group_table , replica . port", ("builtin::multicast_group_table", "replica.port")),
        ('"a","b"', ("a", "b")),
    ],
)
def test_pairs_of_annotations(body: str, names: tuple[str, str]) -> None:
    assert p4annotations.pair(body, "here") == names


@pytest.mark.parametrize("body", ["", "a", "a,", "a,b,c"])
def test_bodies_that_are_no_pairs(body: str) -> None:
    with pytest.raises(BundleError, match="here takes a table and a field"):
        p4annotations.pair(body, "here")


# Random expressions, as text and as what they mean.

NUMBERS = {"k": 5, "m": 200}
Meaning = tuple[str, Callable[[], int | bool]]
COMPARE = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def _number(value: int) -> Meaning:
    return str(value), lambda: value


def _compared(parts: tuple[str, str, int]) -> Meaning:
    name, sign, value = parts
    return f"{name} {sign} {value}", lambda: COMPARE[sign](NUMBERS[name], value & 0xFF)


def _ints_compared(parts: tuple[int, str, int]) -> Meaning:
    a, sign, b = parts
    return f"{a} {sign} {b}", lambda: COMPARE[sign](a, b)


def _negated(inner: Meaning) -> Meaning:
    return f"!({inner[0]})", lambda: not inner[1]()


def _joined(parts: tuple[str, list[Meaning]]) -> Meaning:
    sign, inner = parts
    text = f" {sign} ".join(f"({t})" for t, _ in inner)
    if sign == "||":
        return text, lambda: any(f() for _, f in inner)
    return text, lambda: all(f() for _, f in inner)


def _implied(parts: tuple[Meaning, Meaning]) -> Meaning:
    (a, left), (b, right) = parts
    return f"({a}) -> ({b})", lambda: not left() or right()


SIGNS = st.sampled_from(sorted(COMPARE))
ATOMS = st.one_of(
    st.tuples(st.sampled_from(["k", "m"]), SIGNS, st.integers(-300, 300)).map(_compared),
    st.tuples(st.integers(-9, 9), SIGNS, st.integers(-9, 9)).map(_ints_compared),
)
CONDITIONS = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        inner.map(_negated),
        st.tuples(st.sampled_from(["&&", "||", ";"]), st.lists(inner, min_size=1, max_size=4)).map(_joined),
        st.tuples(inner, inner).map(_implied),
    ),
    max_leaves=20,
)


@given(CONDITIONS)
def test_any_expression_means_what_it_says(meaning: Meaning) -> None:
    text, expected = meaning
    types = {"k": Type("bit", 8), "m": Type("bit", 8)}
    constraint = compile_constraint(text, types)
    assert (constraint.broken_by(Subject(dict(NUMBERS))) is None) is bool(expected())


PIECES = [
    "vrf",
    "route",
    "::",
    "mask",
    "value",
    "(",
    ")",
    "!",
    "-",
    "&&",
    "||",
    "->",
    "==",
    "<",
    ";",
    " ",
    "1",
    "0x",
]


@given(
    st.one_of(
        st.text(max_size=60), st.lists(st.sampled_from([*PIECES, "true", "'a'", "ipv4(", "//", "/*"])).map("".join)
    )
)
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        constraint = compile_constraint(text, TYPES)
    except ConstraintError as e:
        assert "of the constraint" in str(e)
        return
    constraint.broken_by(Subject({**ENTRY, "name": (0,)}, 1))


def test_long_chains_need_no_recursion() -> None:
    text = " && ".join(["vrf == 7"] * 5000)
    assert isinstance(syntax.parse(text), syntax.Chain)
    assert compile_constraint(text, TYPES).broken_by(Subject(ENTRY)) is None
