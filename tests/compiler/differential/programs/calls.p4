/* Functions, generics, nested parsers and controls, actions called directly, exit and return, copy-in and copy-out. */
#include <core.p4>
#include <v1model.p4>

header given_t {
    bit<8> a;
    bit<8> b;
    bit<8> c;
    bit<8> d;
}

header more_t {
    bit<16> v;
}

struct headers_t {
    given_t given;
    more_t more;
    more_t again;
}

struct meta_t {}

struct pair_t<T> {
    T left;
    T right;
}

T larger<T>(in T x, in T y, in bool less) {
    if (less) {
        return y;
    }
    return x;
}

void swap(inout bit<8> x, inout bit<8> y) {
    bit<8> t = x;
    x = y;
    y = t;
}

bit<8> steps(in bit<8> x, out bit<8> y) {
    y = x + 1;
    if (x == 0) {
        return 0xEE;
    }
    y = y + 1;
    return x - 1;
}

parser More(packet_in packet, out more_t more, in bit<8> which)(bit<8> wanted) {
    state start {
        transition select(which == wanted) {
            true: take;
            false: accept;
        }
    }
    state take {
        packet.extract(more);
        transition accept;
    }
}

#define HAS_PARSER
parser P(packet_in packet, out headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    More(1) first;
    More(2) second;
    state start {
        packet.extract(hdr.given);
        first.apply(packet, hdr.more, hdr.given.a & 1);
        second.apply(packet, hdr.again, hdr.given.a & 2);
        transition accept;
    }
}

control Adder(inout bit<8> x, in bit<8> y)(bit<8> base) {
    action bump(bit<8> n) {
        x = x + n;
    }
    apply {
        if (y == 0xFE) {
            return;
        }
        bump(base + y);
    }
}

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    Adder(3) small;
    Adder(100) large;
    action mix(inout bit<8> x, inout bit<8> y) {
        x = x ^ 0x0F;
        y = x;
    }
    action leave() {
        hdr.given.d = 0xDD;
        exit;
    }
    apply {
        sm.egress_spec = 1;
        if (!hdr.given.isValid()) {
            mark_to_drop(sm);
            return;
        }
        pair_t<bit<8>> p = { hdr.given.a, hdr.given.b };
        hdr.given.c = larger<bit<8>>(p.left, p.right, p.left < p.right);
        swap(hdr.given.a, hdr.given.b);
        if (hdr.given.d == 1) {
            mix(hdr.given.a, hdr.given.a);
        } else if (hdr.given.d == 2) {
            mix(hdr.given.a, hdr.given.b);
        } else if (hdr.given.d == 3) {
            leave();
        } else if (hdr.given.d == 4) {
            bit<8> out_value;
            hdr.given.a = steps(hdr.given.b, out_value);
            hdr.given.b = out_value;
        }
        small.apply(hdr.given.a, hdr.given.b);
        large.apply(hdr.given.b, hdr.given.a);
        if (hdr.more.isValid() && hdr.again.isValid()) {
            hdr.more = hdr.again;
        }
    }
}

#define HAS_EGRESS
control E(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {
        if (hdr.given.c == 0x77) {
            exit;
        }
        hdr.given.c = hdr.given.c + 1;
    }
}

#include "tail.p4"
