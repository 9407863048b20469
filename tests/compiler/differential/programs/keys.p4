/* Tables with entries of every match kind, their priorities, hit and miss, action_run, default actions. */
#include <core.p4>
#include <v1model.p4>

header given_t {
    bit<8> a;
    bit<8> b;
    bit<16> c;
    bit<32> d;
}

header result_t {
    bit<8> exact_hit;
    bit<8> prefix;
    bit<8> masked;
    bit<8> ranged;
    bit<8> optional_key;
    bit<8> mixed;
    bit<8> ran;
    bit<8> lowest;
}

struct headers_t {
    given_t given;
    result_t result;
}

struct meta_t {}

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    action none() {}
    action e(bit<8> n) { hdr.result.exact_hit = n; }
    action p(bit<8> n) { hdr.result.prefix = n; }
    action m(bit<8> n) { hdr.result.masked = n; }
    action r(bit<8> n) { hdr.result.ranged = n; }
    action o(bit<8> n) { hdr.result.optional_key = n; }
    action x(bit<8> n) { hdr.result.mixed = n; }
    action l(bit<8> n) { hdr.result.lowest = n; }
    action discard() { mark_to_drop(sm); }

    table exacts {
        key = { hdr.given.a: exact; hdr.given.b: exact; }
        actions = { e; none; discard; }
        const entries = {
            (1, 2): e(1);
            (2, 1): e(2);
            (0xff, 0xff): discard();
            (0, 0): none();
        }
        const default_action = e(0xEE);
    }
    table prefixes {
        key = { hdr.given.d: lpm; }
        actions = { p; none; }
        const entries = {
            0x0a000000 &&& 0xff000000: p(1);
            0x0a010000 &&& 0xffff0000: p(2);
            0x0a010203 &&& 0xffffffff: p(3);
            0x80000000 &&& 0x80000000: p(4);
            0 &&& 0: p(5);
        }
        default_action = none();
    }
    table masks {
        key = { hdr.given.a: ternary; hdr.given.c: ternary; }
        actions = { m; none; }
        const entries = {
            (0x10 &&& 0xf0, _): m(1);
            (_, 0x0001 &&& 0x0001): m(2);
            (0x00 &&& 0x80, 0x0000 &&& 0xff00): m(3);
            (_, _): m(4);
        }
        const default_action = none();
    }
    table ranges {
        key = { hdr.given.b: range; hdr.given.c: range; }
        actions = { r; none; }
        const entries = {
            (10 .. 20, 0 .. 0x7fff): r(1);
            (15 .. 30, _): r(2);
            (200, 0x8000 .. 0xffff): r(3);
        }
        const default_action = none();
    }
    table optionals {
        key = { hdr.given.a: optional; hdr.given.b: optional; }
        actions = { o; none; }
        const entries = {
            (1, 1): o(1);
            (1, _): o(2);
            (_, 1): o(3);
        }
        const default_action = none();
    }
    table mixed {
        key = { hdr.given.a: exact; hdr.given.d: lpm; }
        actions = { x; none; }
        const entries = {
            (1, 0x0a000000 &&& 0xff000000): x(1);
            (1, _): x(2);
            (2, 0x0a010000 &&& 0xffff0000): x(3);
        }
        const default_action = none();
    }
    table lowest {
        key = { hdr.given.a: ternary; }
        actions = { l; none; }
        largest_priority_wins = false;
        entries = {
            priority = 30: 0x01 &&& 0x01: l(1);
            priority = 10: 0x03 &&& 0x03: l(2);
            priority = 20: 0x02 &&& 0x02: l(3);
        }
        const default_action = none();
    }

    apply {
        sm.egress_spec = 1;
        if (!hdr.given.isValid()) {
            mark_to_drop(sm);
            return;
        }
        hdr.result.setValid();
        hdr.result = { 0, 0, 0, 0, 0, 0, 0, 0 };
        if (exacts.apply().hit) { hdr.result.ran[0:0] = 1; }
        if (prefixes.apply().miss) { hdr.result.ran[1:1] = 1; }
        switch (masks.apply().action_run) {
            m: { hdr.result.ran[2:2] = 1; }
            default: { hdr.result.ran[3:3] = 1; }
        }
        switch (ranges.apply().action_run) {
            none: { hdr.result.ran[4:4] = 1; }
            r: { hdr.result.ran[5:5] = 1; }
        }
        optionals.apply();
        mixed.apply();
        lowest.apply();
    }
}

#include "tail.p4"
