"""P4Info's parts, each for the construct that makes it. The expected texts are what p4c writes."""

from __future__ import annotations

from pathlib import Path

import pytest
from finsy.proto import p4i
from google.protobuf import text_format
from google.protobuf.message import Message

from rackplane.compiler import ids, p4info
from rackplane.compiler.frontend import load

FRAME = (Path(__file__).parent / "programs" / "frame.p4").read_text()
TYPES = """
@p4runtime_translation("u/port", bit<32>) type bit<16> port_t;
@p4runtime_translation("u/name", string) type bit<16> name_t;
type port_t inner_t;
type bit<8> plain_t;
enum bit<8> kind_t { A = 1, B = 255 }
enum plain_enum_t { X, Y }
struct learn_t { bit<8> a; bool b; kind_t k; int<4> i; error e; tuple<bit<3>, plain_t> t; }
"""


def info(tmp_path: Path, body: str, top: str = "", main: str = "") -> p4i.P4Info:
    """P4Info of a program whose ingress has the body and whose main has the annotations."""
    path = tmp_path / "program.p4"
    signature = "control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm)"
    ends = f"{main} V1Switch(P(), V(), I(), E(), C(), D()) main;"
    path.write_text(f"{FRAME}\n{TYPES}\n{top}\n{signature} {{\n{body}\n}}\n{ends}\n")
    pipeline = load(path)
    return p4info.build(pipeline, ids.assign_all(pipeline))


def table(key: str, action: str = "NoAction;", rest: str = "") -> str:
    return f"table t {{ key = {{ {key} }} actions = {{ {action} }} {rest} }} apply {{ t.apply(); }}"


KEYS = [
    (
        '(port_t) (bit<16>) meta.x : ternary @name("p");',
        'id: 1 name: "p" bitwidth: 32 match_type: TERNARY type_name { name: "port_t" }',
    ),
    ('(name_t) 7 : exact @name("p");', 'id: 1 name: "p" match_type: EXACT type_name { name: "name_t" }'),
    (
        '(plain_t) meta.x : lpm @name("p");',
        'id: 1 name: "p" bitwidth: 8 match_type: LPM type_name { name: "plain_t" }',
    ),
    ('(kind_t) meta.x : exact @name("p");', 'id: 1 name: "p" bitwidth: 8 match_type: EXACT'),
    (
        'meta.x : range @hidden @id(7) @note(a b) @s[1, true] @brief("short" " text");',
        'id: 7 name: "meta.x" bitwidth: 8 match_type: RANGE annotations: "@hidden" annotations: "@note(a b)" '
        'structured_annotations { name: "s" expression_list { expressions { int64_value: 1 } '
        'expressions { bool_value: true } } } doc { brief: "short text" }',
    ),
]


@pytest.mark.parametrize(("key", "expected"), KEYS)
def test_match_fields(tmp_path: Path, key: str, expected: str) -> None:
    (found,) = info(tmp_path, table(key)).tables[0].match_fields
    assert found == text_format.Parse(expected, p4i.MatchField())


DEFINITIONS = [
    (
        table('(port_t) 1 : exact @name("p");'),
        'new_types { key: "port_t" value { translated_type { uri: "u/port" sdn_bitwidth: 32 } } }',
    ),
    (
        table('(name_t) 1 : exact @name("p");'),
        'new_types { key: "name_t" value { translated_type { uri: "u/name" sdn_string {} } } }',
    ),
    (
        table('(inner_t) (port_t) 1 : exact @name("p");'),
        'new_types { key: "inner_t" value { original_type { bitstring { bit { bitwidth: 16 } } } } }',
    ),
    (
        "action a(kind_t k, plain_enum_t e) {} " + table("meta.x : exact;", "a; NoAction;"),
        'serializable_enums { key: "kind_t" value { underlying_type { bitwidth: 8 } '
        r'members { name: "A" value: "\001" } members { name: "B" value: "\377" } } } '
        'enums { key: "plain_enum_t" value { members { name: "X" } members { name: "Y" } } }',
    ),
]


@pytest.mark.parametrize(("body", "expected"), DEFINITIONS)
def test_type_info(tmp_path: Path, body: str, expected: str) -> None:
    found = info(tmp_path, body).type_info
    assert found == text_format.Parse(expected, type(found)())


def test_digest_of_a_struct(tmp_path: Path) -> None:
    found = info(tmp_path, "apply { learn_t l; digest(1, l); }")
    assert found.digests[0].type_spec.struct.name == "learn_t"
    members = {m.name: text_format.MessageToString(m.type_spec, as_one_line=True) for m in _members(found)}
    assert members == {
        "a": "bitstring { bit { bitwidth: 8 } }",
        "b": "bool { }",
        "k": 'serializable_enum { name: "kind_t" }',
        "i": "bitstring { int { bitwidth: 4 } }",
        "e": "error { }",
        "t": 'tuple { members { bitstring { bit { bitwidth: 3 } } } members { new_type { name: "plain_t" } } }',
    }
    assert list(found.type_info.new_types) == ["plain_t"]
    assert list(found.type_info.serializable_enums) == ["kind_t"]
    assert list(found.type_info.error.members)[:2] == ["NoError", "PacketTooShort"]


def _members(found: p4i.P4Info) -> list[Message]:
    return list(found.type_info.structs["learn_t"].members)


def test_digest_of_a_tuple(tmp_path: Path) -> None:
    found = info(tmp_path, "apply { digest(1, { meta.x, hdr.data.a }); }").digests[0]
    assert [m.bitstring.bit.bitwidth for m in found.type_spec.tuple.members] == [8, 8]


def test_register_of_an_enum(tmp_path: Path) -> None:
    found = info(tmp_path, "register<kind_t>(4) r; apply { kind_t k; r.read(k, 0); r.write(1, k); }")
    assert found.registers[0].type_spec.serializable_enum.name == "kind_t"
    assert list(found.type_info.serializable_enums) == ["kind_t"]


def test_objects_come_in_the_order_of_their_declarations(tmp_path: Path) -> None:
    top = "action free(inout bit<8> v) { v = 7; } action outside() {} "
    top += "control inner(inout bit<8> x) { action late() { x = 1; } action unused() {} "
    top += "table u { actions = { late; outside; } default_action = late; } apply { u.apply(); } }"
    body = "action direct(inout bit<8> v) { v = 2; } inner() one; action b() {} action a() {} "
    body += "table s { actions = { NoAction; } } table t { actions = { a; b; NoAction; } } "
    body += "apply { if (t.apply().hit) { s.apply(); } one.apply(meta.x); direct(meta.y); free(meta.y); }"
    found = info(tmp_path, body, top)
    assert [t.preamble.name for t in found.tables] == ["I.one.u", "I.s", "I.t"]
    assert [(a.preamble.name, len(a.params)) for a in found.actions] == [
        ("outside", 0),
        ("NoAction", 0),
        ("free", 0),
        ("I.direct", 0),
        ("I.one.late", 0),
        ("I.b", 0),
        ("I.a", 0),
    ]


def test_package_information(tmp_path: Path) -> None:
    main = (
        '@pkginfo(name = "n, m", version = "1", other = "x") @platform_property(multicast_group_table_size = 0x10) '
    )
    main += '@brief("b") @description("d") @more(z)'
    found = info(tmp_path, "apply {}", main=main).pkg_info
    expected = (
        'name: "n, m" version: "1" arch: "v1model" annotations: "@more(z)" doc { brief: "b" description: "d" } '
    )
    expected += "platform_properties { multicast_group_table_size: 16 }"
    assert found == text_format.Parse(expected, p4i.PkgInfo())


def test_packet_header_fields(tmp_path: Path) -> None:
    top = "struct two_t { bit<4> l; bit<4> r; } "
    top += '@controller_header("packet_in") header in_t { port_t p; two_t s; @id(9) @padding bit<8> pad; }'
    found = info(tmp_path, "apply {}", top).controller_packet_metadata[0]
    assert found.preamble.name == "packet_in"
    fields = [(m.id, m.name, m.bitwidth, m.type_name.name, list(m.annotations)) for m in found.metadata]
    assert fields == [
        (1, "p", 32, "port_t", []),
        (2, "s.l", 4, "", []),
        (3, "s.r", 4, "", []),
        (9, "pad", 8, "", ["@padding"]),
    ]


def test_default_arguments_have_the_width_of_their_parameters(tmp_path: Path) -> None:
    body = "action a(bit<20> v, port_t p) { meta.x = (bit<8>) v; } "
    default = table("meta.x : exact;", "a;", "const default_action = a(5, (port_t) 6);")
    found = info(tmp_path, body + default).tables[0]
    values = [(a.param_id, a.value) for a in found.initial_default_action.arguments]
    assert values == [(1, b"\0\0\5"), (2, b"\0\0\0\6")]
    assert found.const_default_action_id == found.initial_default_action.action_id


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ('@x[text = "a" ++ "b", n = 2 * 3, b = 1 == 2]', {"text": "ab", "n": 6, "b": False}),
        ("@x[n = -4]", {"n": -4}),
        ("@x[n = 1 / 0]", {"n": ""}),
    ],
)
def test_structured_annotations(tmp_path: Path, body: str, expected: dict[str, int | str | bool]) -> None:
    found = info(tmp_path, f"{body} {table('meta.x : exact;')}").tables[0].preamble.structured_annotations[0]
    assert found.name == "x"
    values = {p.key: getattr(p.value, p.value.WhichOneof("value")) for p in found.kv_pair_list.kv_pairs}
    assert values == expected


def test_hidden_tables_are_there_as_the_switch_needs_them(tmp_path: Path) -> None:
    (found,) = info(tmp_path, "@hidden " + table("meta.x : exact;")).tables
    assert list(found.preamble.annotations) == ["@hidden"]


def test_value_set_fields(tmp_path: Path) -> None:
    top = 'struct member_t { @match(ternary) @name("n") bit<8> a; @id(7) @note(x) bit<16> b; } '
    top += "parser Q(packet_in p, out headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) { "
    top += "value_set<member_t>(4) both; value_set<bit<8>>(3) one; "
    top += "state start { transition select(meta.x, (bit<16>) 1) { both: accept; default: next; } } "
    top += "state next { transition select(meta.x) { one: accept; } } } "
    path = tmp_path / "program.p4"
    signature = "control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm)"
    path.write_text(f"{FRAME}\n{top}\n{signature} {{ apply {{}} }}\nV1Switch(Q(), V(), I(), E(), C(), D()) main;\n")
    pipeline = load(path)
    found = {s.preamble.name: s for s in p4info.build(pipeline, ids.assign_all(pipeline)).value_sets}
    first = 'id: 1 name: "n" bitwidth: 8 match_type: TERNARY'
    second = 'id: 7 name: "b" bitwidth: 16 match_type: EXACT annotations: "@note(x)"'
    assert list(found["Q.both"].match) == [text_format.Parse(m, p4i.MatchField()) for m in (first, second)]
    assert [(m.id, m.name, m.bitwidth) for m in found["Q.one"].match] == [(1, "", 8)]
