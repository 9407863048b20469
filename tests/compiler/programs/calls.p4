/* Calls: copy-in and copy-out, aliases, order of evaluation, instances that several places apply, exit inside. */
#include "frame.p4"

bit<8> next(inout bit<8> n) {
    n = n + 1;
    return n;
}

bit<8> early(in bit<8> n) {
    if (n == 0) {
        return 0xF0;
    }
    if (n == 1) {
        return 0xF1;
    } else {
        if (n == 2) {
            return 0xF2;
        }
    }
    return n;
}

void both(inout bit<8> first, inout bit<8> second) {
    first = first + 1;
    second = second + 2;
}

T pick<T>(in bool which, in T one, in T other) {
    return which ? one : other;
}

struct pair_t {
    bit<8> left;
    bit<8> right;
}

pair_t swapped(in pair_t p) {
    return { p.right, p.left };
}

control add(inout bit<8> x)(bit<8> amount) {
    bit<8> before = x;
    apply {
        x = before + amount;
    }
}

control stop(inout bit<8> x, in bit<8> limit) {
    apply {
        x = x + 1;
        if (x > limit) {
            exit;
        }
        x = x + 1;
    }
}

control outer(inout bit<8> x, in bit<8> limit) {
    stop() s;
    apply {
        x = x | 0x80;
        s.apply(x, limit);
        x = x & 0x7F;
    }
}

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    add(5) five;
    outer() o;

    action set(inout bit<8> place, in bit<8> value) {
        place = value;
        hdr.data.h = place;
    }

    apply {
        sm.egress_spec = 1;
        bit<8> n = hdr.data.a;
        hdr.data.b = next(n) - next(n);
        hdr.data.c = early(hdr.data.c);
        both(hdr.data.d, hdr.data.d);
        five.apply(hdr.data.e);
        five.apply(meta.x);
        five.apply(meta.x);
        hdr.data.f = pick(meta.x == 10, hdr.data.f, 8w0xEE);
        pair_t p = swapped({ hdr.data.a, hdr.data.f });
        p = { p.right, p.left };
        hdr.data.a = p.left;
        hdr.data.f = p.right;
        set(hdr.data.h, 7);
        o.apply(hdr.data.g, hdr.data.b);
        hdr.data.h = 0xAA;
    }
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
