/* Tuples, lists, structs and headers as values; comparisons; enums, newtypes. */
#include <core.p4>
#include <v1model.p4>

enum bit<8> Kind {
    low = 1,
    middle = 5,
    high = 0xF0
}

enum Plain { one, two, three }

type bit<8> level_t;

header given_t {
    bit<8> a;
    bit<8> b;
    Kind kind;
    bit<8> d;
}

header result_t {
    bit<8> v;
    bit<8> w;
    bit<8> x;
    bit<8> y;
}

struct inner_t {
    bit<8> p;
    bool q;
}

struct outer_t {
    inner_t in1;
    tuple<bit<8>, inner_t> two;
}

struct headers_t {
    given_t given;
    given_t other;
    result_t result;
}

struct meta_t {
    outer_t o;
}

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {
        sm.egress_spec = 1;
        if (!hdr.given.isValid()) {
            mark_to_drop(sm);
            return;
        }
        hdr.result = { 0, 0, 0, 0 };
        outer_t o = { { hdr.given.a, hdr.given.b > 7 }, { hdr.given.b, { hdr.given.a, false } } };
        inner_t i = o.two[1];
        if (o.in1 == i) { hdr.result.v[0:0] = 1; }
        i.q = hdr.given.b > 7;
        if (o.in1 == i) { hdr.result.v[1:1] = 1; }
        meta.o = o;
        if (meta.o == o) { hdr.result.v[2:2] = 1; }
        Plain p = Plain.one;
        switch (hdr.given.kind) {
            Kind.low: { p = Plain.two; }
            Kind.middle: { p = Plain.three; hdr.result.w = 5; }
            Kind.high:
            default: { hdr.result.w = (bit<8>) hdr.given.kind; }
        }
        if (p == Plain.three) { hdr.result.v[3:3] = 1; }
        level_t level = (level_t) hdr.given.d;
        hdr.result.x = (bit<8>) level;
        hdr.other = hdr.given;
        if (hdr.given.d == 0x44) { hdr.other.setInvalid(); }
        if (hdr.other == hdr.given) { hdr.result.v[4:4] = 1; }
        if (hdr.given.d == 0x45) { hdr.result.setInvalid(); }
    }
}

#include "tail.p4"
