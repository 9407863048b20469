"""Hand-built pipelines: the back end's input without the front end."""

from __future__ import annotations

from dataclasses import replace

from rackplane.compiler import ir

B = ir.Bits
EMPTY = ir.Control("empty", ())

STANDARD = ir.Struct(
    "standard_metadata_t",
    tuple(
        ir.Field(name, B(width))
        for name, width in (
            ("ingress_port", 9),
            ("egress_spec", 9),
            ("egress_port", 9),
            ("instance_type", 32),
            ("packet_length", 32),
            ("enq_timestamp", 32),
            ("enq_qdepth", 19),
            ("deq_timedelta", 32),
            ("deq_qdepth", 19),
            ("ingress_global_timestamp", 48),
            ("egress_global_timestamp", 48),
            ("mcast_grp", 16),
            ("egress_rid", 16),
            ("checksum_error", 1),
            ("parser_error", 32),
            ("priority", 3),
        )
    ),
)
ERRORS = (
    "NoError",
    "PacketTooShort",
    "NoMatch",
    "StackOutOfBounds",
    "HeaderTooShort",
    "ParserTimeout",
    "ParserInvalidArgument",
)


def header(name: str, **fields: int) -> ir.Header:
    """A header of unsigned fields."""
    return ir.Header(name, tuple(ir.Field(n, B(w)) for n, w in fields.items()))


ETHERNET = header("ethernet_t", dst=48, src=48, ether_type=16)
IPV4 = header(
    "ipv4_t",
    version=4,
    ihl=4,
    diffserv=8,
    total_len=16,
    identification=16,
    flags=3,
    frag_offset=13,
    ttl=8,
    protocol=8,
    checksum=16,
    src=32,
    dst=32,
)
HEADERS = ir.Struct("headers", (ir.Field("ethernet", ETHERNET), ir.Field("ipv4", IPV4)))
META = ir.Struct("metadata", ())


def var(name: str, kind: ir.Type) -> ir.Var:
    """A variable."""
    return ir.Var(name, kind)


def member(base: ir.Place, *names: str) -> ir.Place:
    """base.name.name..."""
    for name in names:
        kind = base.type
        assert isinstance(kind, ir.Header | ir.Struct | ir.Union)
        base = ir.Member(base, name, next(f.type for f in kind.fields if f.name == name))
    return base


def std(name: str) -> ir.Place:
    """standard_metadata.name."""
    return member(var("standard_metadata", STANDARD), name)


def const(value: int, width: int) -> ir.Const:
    """An unsigned constant."""
    return ir.Const(value, B(width))


def binary(op: str, left: ir.Expr, right: ir.Expr, kind: ir.Bits | None = None) -> ir.Binary:
    """left op right; the result has the left operand's type unless given."""
    assert isinstance(left.type, ir.Bits)
    return ir.Binary(ir.BinaryOp(op), left, right, kind or left.type)


def direct(next_state: str) -> str:
    """An unconditional transition."""
    return next_state


def pipeline(**changes: object) -> ir.Pipeline:
    """A pipeline that parses Ethernet and IPv4 and does nothing else, with some parts replaced."""
    hdr = var("hdr", HEADERS)
    states = (
        ir.State(
            "start",
            (ir.Extract(member(hdr, "ethernet")),),
            ir.Select(
                (member(hdr, "ethernet", "ether_type"),),
                (
                    ir.SelectCase((ir.Masked(0x0800, 0xFFFF),), "ipv4"),
                    ir.SelectCase((ir.Masked(0, 0),), "accept"),
                ),
            ),
        ),
        ir.State("ipv4", (ir.Extract(member(hdr, "ipv4")),), "accept"),
    )
    base = ir.Pipeline(
        source="test.p4",
        headers=HEADERS,
        metadata=META,
        standard_metadata=STANDARD,
        parser=ir.Parser("parser", states),
        verify=EMPTY,
        ingress=EMPTY,
        egress=EMPTY,
        compute=EMPTY,
        deparser=ir.Control("deparser", (ir.Emit(member(hdr, "ethernet")), ir.Emit(member(hdr, "ipv4")))),
        errors=ERRORS,
    )
    return replace(base, **changes)  # type: ignore[arg-type]


def ipv4_checksum() -> ir.CallExtern:
    """update_checksum of the IPv4 header."""
    ipv4 = member(var("hdr", HEADERS), "ipv4")
    fields = tuple(member(ipv4, f.name) for f in IPV4.fields if f.name != "checksum")
    arguments = (ir.IsValid(ipv4), fields, member(ipv4, "checksum"), const(6, 32))
    return ir.CallExtern("update_checksum", arguments)


def forwarder() -> ir.Pipeline:
    """The IPv4 forwarder: LPM on the destination, new MAC addresses, TTL, checksum; misses are dropped."""
    hdr = var("hdr", HEADERS)
    port, mac = var("forward.port", B(9)), var("forward.mac", B(48))
    ttl = member(hdr, "ipv4", "ttl")
    forward = ir.Action(
        "ingress.forward",
        (ir.Param("mac", mac), ir.Param("port", port)),
        (
            ir.Assign(std("egress_spec"), port),
            ir.Assign(member(hdr, "ethernet", "src"), member(hdr, "ethernet", "dst")),
            ir.Assign(member(hdr, "ethernet", "dst"), mac),
            ir.Assign(ttl, binary("-", ttl, const(1, 8))),
        ),
    )
    drop = ir.Action("ingress.drop", (), (ir.CallExtern("mark_to_drop", ()),))
    table = ir.Table(
        "ingress.ipv4_lpm",
        (ir.Key("hdr.ipv4.dstAddr", member(hdr, "ipv4", "dst"), ir.MatchKind.LPM),),
        (ir.ActionRef("forward"), ir.ActionRef("drop")),
        ir.ActionCall("drop"),
        size=1024,
    )
    body = (
        ir.If(
            ir.IsValid(member(hdr, "ipv4")),
            (ir.ApplyTable("ipv4_lpm"),),
            (ir.CallExtern("mark_to_drop", ()),),
        ),
    )
    return pipeline(
        source="basic.p4",
        ingress=ir.Control("ingress", body),
        compute=ir.Control("compute", (ipv4_checksum(),)),
        actions={"forward": forward, "drop": drop},
        tables={"ipv4_lpm": table},
    )
