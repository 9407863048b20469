"""What the control plane sees of a program: names, priorities, objects, types."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from rackplane.compiler import ir
from rackplane.compiler.errors import CompileErrors, Diagnostic
from rackplane.compiler.frontend import load

FRAME = (Path(__file__).parents[1] / "programs" / "frame.p4").read_text()
BITS8 = ir.Bits(8)


def pipeline(tmp_path: Path, body: str, top: str = "", *, frame: str = FRAME) -> ir.Pipeline:
    """A program whose ingress has the body."""
    path = tmp_path / "program.p4"
    signature = "control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm)"
    path.write_text(f"{frame}\n{top}\n{signature} {{\n{body}\n}}\nV1Switch(P(), V(), I(), E(), C(), D()) main;\n")
    return load(path)


def table(keys: str = "", actions: str = "NoAction;", rest: str = "", annotations: str = "") -> str:
    return f"{annotations} table t {{ key = {{ {keys} }} actions = {{ {actions} }} {rest} }} apply {{ t.apply(); }}"


@pytest.mark.parametrize(
    ("annotations", "name"),
    [
        ("", "I.t"),
        ('@name("u")', "I.u"),
        ('@name("u" ++ "v")', "I.uv"),
        ('@name(".u")', "u"),
        ('@name("a.b")', "I.a.b"),
    ],
)
def test_table_names(tmp_path: Path, annotations: str, name: str) -> None:
    assert list(pipeline(tmp_path, table(annotations=annotations)).tables) == [name]


def test_names_inside_of_instances(tmp_path: Path) -> None:
    top = "control inner(inout bit<8> x) { counter(4, CounterType.bytes) c; action a() { c.count(0); x = 1; } "
    top += "table t { actions = { a; } default_action = a; } apply { t.apply(); } }"
    body = '@name("second") inner() two; inner() one; apply { one.apply(meta.x); two.apply(meta.y); '
    found = pipeline(tmp_path, body + "inner.apply(meta.x); }", top)
    assert set(found.tables) == {"I.one.t", "I.second.t", "I.inner.t"}
    assert {a.name for a in found.actions.values()} == {"I.one.a", "I.second.a", "I.inner.a"}
    assert set(found.counters) == {"I.one.c", "I.second.c", "I.inner.c"}


@pytest.mark.parametrize(
    ("expression", "name"),
    [
        ("hdr.data.a", "hdr.data.a"),
        ("hdr.data.isValid()", "hdr.data.$valid$"),
        ("hdr.data.a[3:0]", "hdr.data.a[3:0]"),
        ("hdr.bytes[1].v", "hdr.bytes[1].v"),
        ("hdr.data.a & 0x0F", "hdr.data.a & 0xf"),
        ("sm.ingress_port", "sm.ingress_port"),
    ],
)
def test_key_names(tmp_path: Path, expression: str, name: str) -> None:
    found = pipeline(tmp_path, table(f"{expression} : exact;"))
    assert found.tables["I.t"].keys[0].name == name


def test_key_name_annotation(tmp_path: Path) -> None:
    found = pipeline(tmp_path, table('hdr.data.a + 1 : exact @name("more");'))
    assert found.tables["I.t"].keys[0].name == "more"


ACTION = "action a(bit<8> v) { meta.x = v; }"


@pytest.mark.parametrize(
    ("rest", "expected"),
    [
        ("const entries = { 1 : a(1); 2 : a(2); 3 : a(3); }", [3, 2, 1]),
        ("const entries = { 1 : a(1) @priority(5); 2 : a(2) @priority(1); }", [1, 5]),
        ("entries = { priority = 7 : 1 : a(1); 2 : a(2); priority = 3 : 3 : a(3); }", [7, 6, 3]),
        ("priority_delta = 10; entries = { priority = 70 : 1 : a(1); 2 : a(2); }", [70, 60]),
        ("largest_priority_wins = false; entries = { priority = 7 : 1 : a(1); 2 : a(2); }", [8, 7]),
    ],
)
def test_priorities_larger_wins(tmp_path: Path, rest: str, expected: list[int]) -> None:
    found = pipeline(tmp_path, ACTION + table("hdr.data.a : ternary;", "a; NoAction;", rest))
    assert [e.priority for e in found.tables["I.t"].entries] == expected


@pytest.mark.parametrize(
    ("kind", "text", "element"),
    [
        ("exact", "0x12", ir.Masked(0x12, 0xFF)),
        ("ternary", "0x1F &&& 0xF0", ir.Masked(0x10, 0xF0)),
        ("ternary", "_", ir.Masked(0, 0)),
        ("optional", "default", ir.Masked(0, 0)),
        ("lpm", "0x12 &&& 0xF0", ir.Lpm(0x10, 4)),
        ("lpm", "0x12", ir.Lpm(0x12, 8)),
        ("lpm", "_", ir.Lpm(0, 0)),
        ("range", "1 .. 5", ir.Interval(1, 5)),
        ("range", "7", ir.Interval(7, 7)),
        ("range", "_", ir.Interval(0, 255)),
    ],
)
def test_entry_elements(tmp_path: Path, kind: str, text: str, element: object) -> None:
    entries = f"const entries = {{ {text} : a(1); }}"
    found = pipeline(tmp_path, ACTION + table(f"hdr.data.a : {kind};", "a; NoAction;", entries))
    assert found.tables["I.t"].entries[0].elements == (element,)


def test_a_table_without_default_does_nothing(tmp_path: Path) -> None:
    found = pipeline(tmp_path, ACTION + table("hdr.data.a : exact;", "a;")).tables["I.t"]
    assert [(r.name, r.default_only) for r in found.actions] == [("I.a", False), ("NoAction", True)]
    assert found.default == ir.ActionCall("NoAction")


def test_bound_arguments_make_actions_of_their_own(tmp_path: Path) -> None:
    body = "action put(inout bit<8> place, bit<8> v) { place = v; } "
    body += "table one { actions = { put(meta.x); } default_action = put(meta.x, 1); } "
    body += "table two { actions = { put(meta.y); } default_action = put(meta.y, 2); } "
    found = pipeline(tmp_path, body + "apply { one.apply(); two.apply(); }")
    assert {a.name for a in found.actions.values()} == {"I.put"}
    assert len(found.actions) == 2
    assert [t.default.arguments for t in found.tables.values()] == [(1,), (2,)]


def test_table_objects(tmp_path: Path) -> None:
    body = "direct_counter(CounterType.bytes) c; direct_meter<bit<2>>(MeterType.packets) m; bit<2> color; "
    body += "action_selector(HashAlgorithm.crc16, 64, 10) s; action a() { c.count(); m.read(color); } "
    keys = "hdr.data.a : exact; hdr.data.b : selector;"
    rest = (
        "counters = c; meters = m; implementation = s; size = 99; support_timeout = true; const default_action = a;"
    )
    found = pipeline(tmp_path, body + table(keys, "a;", rest))
    t = found.tables["I.t"]
    assert (t.direct_counter, t.direct_meter, t.implementation) == ("I.c", "I.m", "I.s")
    assert (t.size, t.idle_timeout, t.const_default) == (99, True, True)
    assert found.counters["I.c"] == ir.Counter("I.c", ir.CounterUnit.BYTES, 0, "I.t")
    assert found.meters["I.m"].unit is ir.CounterUnit.PACKETS
    assert found.meters["I.m"].table == "I.t"
    assert found.action_profiles["I.s"] == ir.ActionProfile("I.s", 64, True, 2, 10)


def test_an_object_without_a_table_is_left_out(tmp_path: Path) -> None:
    assert not pipeline(tmp_path, "direct_counter(CounterType.bytes) c; apply {}").counters


def test_registers_counters_and_meters(tmp_path: Path) -> None:
    body = (
        "register<bit<33>>(7) r; counter(5, CounterType.packets_and_bytes) c; meter(6, MeterType.bytes) m; apply {}"
    )
    found = pipeline(tmp_path, body, "register<bit<8>>(2) everywhere;")
    sizes = {n: (r.type, r.size) for n, r in found.registers.items()}
    assert sizes == {"everywhere": (BITS8, 2), "I.r": (ir.Bits(33), 7)}
    assert (found.counters["I.c"].unit, found.counters["I.c"].size) == (ir.CounterUnit.BOTH, 5)
    assert (found.meters["I.m"].unit, found.meters["I.m"].size) == (ir.CounterUnit.BYTES, 6)


UNITS = [
    ("packets", ir.CounterUnit.PACKETS),
    ("bytes", ir.CounterUnit.BYTES),
    ("packets_and_bytes", ir.CounterUnit.BOTH),
]


@pytest.mark.parametrize(("word", "unit"), UNITS)
def test_counter_units(tmp_path: Path, word: str, unit: ir.CounterUnit) -> None:
    body = f"counter(5, CounterType.{word}) c; apply {{ c.count(1); }}"
    assert pipeline(tmp_path, body).counters["I.c"] == ir.Counter("I.c", unit, 5)


def test_digests(tmp_path: Path) -> None:
    top = "struct learn_t { bit<8> a; bit<16> b; }"
    body = "apply { learn_t l = { hdr.data.a, 7 }; digest(1, l); digest<learn_t>(1, { 1, 2 }); "
    body += "digest(2, { meta.x }); }"
    found = pipeline(tmp_path, body, top)
    assert list(found.digests) == ["learn_t", "digest_1"]
    assert [f.name for f in found.digests["learn_t"].type.fields] == ["a", "b"]
    calls = [s for s in found.ingress.body if isinstance(s, ir.CallExtern)]
    assert [c.instance for c in calls] == ["learn_t", "learn_t", "digest_1"]
    assert calls[1].arguments[1] == (ir.Const(1, BITS8), ir.Const(2, ir.Bits(16)))


def test_field_lists(tmp_path: Path) -> None:
    frame = FRAME.replace("bit<8> x;", "@field_list(1, KEPT) bit<8> x;").replace(
        "bit<8> y;", "@field_list(2) bit<8> y;"
    )
    frame = frame.replace("header data_t", "const bit<8> KEPT = 2;\nheader data_t", 1)
    found = pipeline(tmp_path, "apply { clone_preserving_field_list(CloneType.I2E, 5, 2); }", frame=frame)
    names = {f.index: [p.name for p in f.places if isinstance(p, ir.Member)] for f in found.field_lists}
    assert names == {1: ["x"], 2: ["x", "y"]}


PORT = ir.NamedSpec(ir.SpecKind.NEW_TYPE, "port_t")


def test_types_constants_enums_and_errors(tmp_path: Path) -> None:
    top = "enum bit<4> k_t { A = 3, B = 5 } enum e_t { X, Y } error { Mine } const bit<12> N = 0xABC; "
    top += '@p4runtime_translation("u", string) type bit<9> port_t; struct pair_t<T> { T l; T r; }'
    body = "action a(port_t p, e_t e) {} " + table('(port_t) sm.ingress_port : exact @name("p");', "a; NoAction;")
    found = pipeline(tmp_path, body, top)
    assert found.enums["k_t"] == (("A", 3), ("B", 5))
    assert found.enums["e_t"] == (("X", 0), ("Y", 1))
    assert found.errors[:3] == ("NoError", "PacketTooShort", "NoMatch")
    assert found.errors[-1] == "Mine"
    assert found.constants["N"] == (0xABC, ir.Bits(12))
    port = ir.NewType(ir.BitSpec(9), ir.Translation("u", None), found.type_info[PORT].annotations)
    assert found.type_info == {
        PORT: port,
        ir.NamedSpec(ir.SpecKind.ENUM, "e_t"): ir.Enumerators((("X", 0), ("Y", 1))),
    }
    assert found.tables["I.t"].keys[0].type_name == "port_t"
    assert [p.type_name for p in found.actions["I.a"].params] == ["port_t", "e_t"]
    assert isinstance(found.type_names["data_t"], ir.Header)
    assert "pair_t" not in found.type_names


def test_controller_headers(tmp_path: Path) -> None:
    top = '@controller_header("packet_in") header in_t { bit<9> port; bit<7> pad; }'
    found = pipeline(tmp_path, "apply {}", top)
    assert [(h.name, h.header.fixed_width) for h in found.controller_headers] == [("packet_in", 16)]
    assert [(f.name, f.width) for f in found.controller_headers[0].fields] == [("port", 9), ("pad", 7)]


def test_variables_belong_to_one_block_and_have_names_of_their_own(tmp_path: Path) -> None:
    top = "control inner(inout bit<8> x) { bit<8> v = x; apply { x = v + 1; } }"
    found = pipeline(tmp_path, "inner() i; bit<8> v; apply { v = 1; i.apply(v); bit<8> v = 2; meta.x = v; }", top)
    names = [v.name for each in found.variables.values() for v in each]
    assert len(names) == len(set(names))
    assert len(found.variables["ingress"]) == 3


def test_places_are_shared_where_nobody_can_tell(tmp_path: Path) -> None:
    top = "control inner(inout headers_t h, in bit<8> n) { apply { h.data.a = n; } }"
    found = pipeline(tmp_path, "inner() i; apply { i.apply(hdr, meta.x); }", top)
    assert re.sub(r"_\d+", "", str(found.variables)) == "{}"
    assert len(found.ingress.body) == 1


def test_warnings_are_collected(tmp_path: Path) -> None:
    path = tmp_path / "program.p4"
    body = "control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) "
    body += "{ apply { meta.x = 300; } }"
    path.write_text(f"{FRAME}\n{body}\nV1Switch(P(), V(), I(), E(), C(), D()) main;\n")
    warnings: list[Diagnostic] = []
    load(path, warnings=warnings)
    assert [w.message for w in warnings] == ["300 does not fit in bit<8>: it becomes 44"]


def test_a_control_with_tables_cannot_be_ingress_and_egress(tmp_path: Path) -> None:
    path = tmp_path / "program.p4"
    body = table("hdr.data.a : exact;")
    signature = "control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm)"
    path.write_text(f"{FRAME}\n{signature} {{ {body} }}\nV1Switch(P(), V(), I(), I(), C(), D()) main;\n")
    with pytest.raises(CompileErrors, match=r"two tables have the control-plane name 'I\.t'") as caught:
        load(path)
    assert "under another name" in caught.value.diagnostics[0].notes[0]
