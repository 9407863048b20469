"""Programs that must not be run: the manifest against the object, and what the kernel says of an object."""

from __future__ import annotations

import dataclasses
import subprocess
from collections.abc import Callable
from pathlib import Path

import basic_program as basic
import pytest

from rackplane.compiler.manifest import BucketMaps, Manifest, TableLayout, TrieMaps
from rackplane.switch import pipeline
from rackplane.switch.errors import BundleError, VerifierError
from rackplane.switch.fanout import Devices
from rackplane.switch.loader import ProgramNames, load, open_object
from rackplane.switch.verifier import reason, source_lines

Change = Callable[[Manifest], Manifest]


def of_table(index: int, **changes: object) -> Change:
    def change(manifest: Manifest) -> Manifest:
        tables = list(manifest.tables)
        tables[index] = dataclasses.replace(tables[index], **changes)
        return dataclasses.replace(manifest, tables=tuple(tables))

    return change


def of_maps(**changes: object) -> Change:
    return lambda m: dataclasses.replace(m, maps=dataclasses.replace(m.maps, **changes))


def of_register(**changes: object) -> Change:
    return lambda m: dataclasses.replace(
        m, registers=(dataclasses.replace(m.registers[0], **changes), *m.registers[1:])
    )


def of_key(**changes: object) -> Change:
    key = dataclasses.replace(basic.manifest().tables[0].keys[0], **changes)
    return of_table(0, keys=(key,))


def of_action(**changes: object) -> Change:
    def change(manifest: Manifest) -> Manifest:
        table: TableLayout = manifest.tables[0]
        action = table.actions[0]
        param = dataclasses.replace(action.params[0], **changes)
        return of_table(0, actions=(dataclasses.replace(action, params=(param,)), *table.actions[1:]))(manifest)

    return change


SHARED = basic.manifest().registers[0].map
"""A map of one value that can be mapped into memory."""

LIES: list[tuple[str, Change, str]] = [
    ("version", lambda m: dataclasses.replace(m, version=99), "version 99"),
    ("no such map", of_table(0, map="nowhere"), "ingress.l2: the object has no map 'nowhere'"),
    ("map of another type", of_table(0, map="routes"), "routes .LPM_TRIE.* is not of type HASH"),
    ("key size", of_table(0, key_size=16), "should have key 16 B"),
    ("value size", of_table(3, value_size=1 << 70), "make no sense"),
    ("value size of the map", of_table(0, value_size=24), "value 24 B"),
    ("too many entries", of_table(0, size=1 << 20), "1048576 entries"),
    ("default map", of_table(1, default_map="l2_default"), "ingress.routes, default action: .* no element 0"),
    ("default index", of_table(0, default_index=1), "ingress.l2, default action: .* no element 1"),
    ("default index", of_table(0, default_index=-1), "ingress.l2, default action: .* no element -1"),
    ("default action", of_table(0, default=(9, ())), "default action 9"),
    ("key beyond the end", of_key(offset=4), "hdr.ethernet.dst"),
    ("key of no width", of_key(width=0, size=0), "hdr.ethernet.dst"),
    ("parameter beyond the end", of_action(offset=15), "does not fit into a value"),
    ("parameter over the header", of_action(offset=4), "overlaps"),
    ("counter too small", of_table(1, direct_counter="port_counter"), "direct counter"),
    ("mask groups", of_table(2, ternary=None), "needs mask groups"),
    ("trie of exact keys", of_table(0, trie=TrieMaps("l2", 12)), "a hash table .* has no trie"),
    ("trie of no root", of_table(1, trie=TrieMaps("l2", 0)), "a root of 0 bits"),
    ("trie of a huge root", of_table(1, trie=TrieMaps("l2", 25)), "a root of 25 bits"),
    ("trie in a kernel map", of_table(1, trie=TrieMaps("l2", 12)), "routes .* is not of type ARRAY"),
    ("trie not mappable", of_table(1, map="l2_default", trie=TrieMaps("l2", 12)), "cannot be mapped into memory"),
    ("trie without room", of_table(1, map=SHARED, trie=TrieMaps("l2", 12)), "no room for a root of 12 bits"),
    ("buckets of prefixes", of_table(1, buckets=BucketMaps("l2", 1, 1)), "a lpm table .* has no buckets"),
    ("buckets in a kernel map", of_table(0, buckets=BucketMaps("l2", 1, 1)), "l2 .* is not of type ARRAY"),
    ("buckets of many slots", of_table(0, map=SHARED, buckets=BucketMaps("l2", 1, 9)), "9 slots in a line"),
    ("buckets without room", of_table(0, map=SHARED, buckets=BucketMaps("l2", 1, 1)), "1 buckets in map"),
    ("register too large", of_register(size=1 << 20), "ingress.seen"),
    ("register elements too small", of_register(element_size=2), "make no sense"),
    ("register in a table", of_register(map="l2"), "ingress.seen.*not of type ARRAY"),
    ("port table", of_maps(ports="l2_default"), "the port table"),
    ("port table too small", of_maps(max_ifindex=1 << 20), "the port table"),
    ("tx", of_maps(tx="l2"), "unicast output"),
    ("too many ports", of_maps(max_ports=1024), "1024 ports"),
    ("groups", of_maps(groups="tx"), "multicast groups"),
    ("two tables of one id", of_table(1, id=basic.L2), "is there twice"),
    ("program", lambda m: dataclasses.replace(m, ingress_program="main"), "no program main"),
    (
        "egress as ingress",
        lambda m: dataclasses.replace(m, ingress_program="egress", egress_program=""),
        "not an XDP",
    ),
]


@pytest.mark.parametrize(("what", "change", "message"), LIES, ids=[c[0] for c in LIES])
@pytest.mark.root
def test_a_manifest_that_lies(basic_object: bytes, what: str, change: Change, message: str) -> None:
    with pytest.raises(BundleError, match=message):
        pipeline.load(basic_object, change(basic.manifest()), basic.p4info(), Devices())


@pytest.mark.parametrize("image", [b"", b"\x7fELF", b"x" * 5000], ids=["empty", "header", "text"])
def test_not_an_object(image: bytes) -> None:
    with pytest.raises(BundleError, match="cannot be read as a BPF object"):
        open_object(image, ProgramNames("ingress"))


HEAD = """
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
char _license[] SEC("license") = "Apache-2.0";
"""
PINNED = """
struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 1); __type(key, int); __type(value, int);
         __uint(pinning, LIBBPF_PIN_BY_NAME); } kept SEC(".maps");
SEC("xdp") int ingress(struct xdp_md *ctx) { int k = 0; return bpf_map_lookup_elem(&kept, &k) ? 1 : 2; }
"""
HUGE = PINNED.replace("__uint(pinning, LIBBPF_PIN_BY_NAME);", "").replace(
    "max_entries, 1)", "max_entries, 1 << 30)"
)
ODD = HUGE.replace("1 << 30", "1").replace("TYPE_HASH", "TYPE_QUEUE")
TRACING = 'SEC("kprobe/x") int ingress(void *ctx) { return 0; }\n'
# clang names the file of the function in every line record, so the #line has to come before the function.
WILD = """
#line 38 "wild.p4"
SEC("xdp") int ingress(struct xdp_md *ctx)
{
#line 41 "wild.p4"
    unsigned char *data = (void *)(long)ctx->data;
#line 42 "wild.p4"
    return data[100];
}
"""


def build(tmp_path: Path, text: str) -> bytes:
    source, target = tmp_path / "x.c", tmp_path / "x.o"
    source.write_text(HEAD + text)
    include = "-I/usr/include/x86_64-linux-gnu"
    subprocess.run(["clang", "-g", "-O2", "-target", "bpf", include, "-c", source, "-o", target], check=True)
    return target.read_bytes()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (PINNED, "asks to be pinned"),
        (HUGE, "MiB, the limit is"),
        (ODD, "of a type that a compiled program does not use"),
        (TRACING, "not an XDP program"),
    ],
    ids=["pinned", "huge", "odd map", "not xdp"],
)
def test_an_object_that_asks_for_too_much(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(BundleError, match=message):
        open_object(build(tmp_path, text), ProgramNames("ingress"))


@pytest.mark.root
def test_the_verifier_is_quoted_with_p4_lines(tmp_path: Path) -> None:
    opened = open_object(build(tmp_path, WILD), ProgramNames("ingress"))
    with pytest.raises(VerifierError, match=r"invalid access to packet[\s\S]*wild.p4:42") as error:
        load(opened, ProgramNames("ingress"))
    opened.close()
    assert (error.value.lines[-1].file, error.value.lines[-1].line) == ("wild.p4", 42)


LOG = """\
0: R1=ctx() R10=fp0
; apply { t.apply(); } @ a.p4:10
0: (61) r1 = *(u32 *)(r1 +0)          ; R1=pkt(r=0)
;  @ a.p4:0
; x = x + 1; @ dir/b.p4:7
1: (71) r0 = *(u8 *)(r1 +100)
%s
processed 2 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0
"""
REASONS = [
    "invalid access to packet, off=100 size=1, R1(id=0,off=100,r=0); R1 offset is outside of the packet",
    "BPF program is too large. Processed 1000001 insn",
    "map 'register_lock' has to have BTF in order to use bpf_spin_lock",
    "combined stack size of 2 calls is 544. Too large",
]


@pytest.mark.parametrize("why", REASONS)
def test_reading_a_log(why: str) -> None:
    log = LOG % why.replace("; ", "\n")
    assert [(line.file, line.line, line.text) for line in source_lines(log)] == [
        ("a.p4", 10, "apply { t.apply(); }"),
        ("dir/b.p4", 7, "x = x + 1;"),
    ]
    assert reason(log) == why


def test_an_empty_log_says_nothing() -> None:
    assert source_lines("") == ()
    assert reason("") == ""
