/* Externs that change nothing, or nothing that could be told: assert, assume, log_msg, digest, random of one value,
   meters that nobody has set, counters of tables. */
#include <core.p4>
#include <v1model.p4>

header given_t {
    bit<8> a;
    bit<8> b;
    bit<16> c;
}

header result_t {
    bit<8> dice;
    bit<8> colour;
    bit<8> direct;
    bit<8> hit;
}

struct headers_t {
    given_t given;
    result_t result;
}

struct learnt_t {
    bit<8> a;
    bit<16> c;
}

struct meta_t {
    bit<8> direct;
}

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    meter(8, MeterType.bytes) metered;
    direct_meter<bit<8>>(MeterType.packets) each;
    direct_counter(CounterType.bytes) counted;

    action look() {
        each.read(meta.direct);
        hdr.result.hit = 1;
    }
    action other() {
        each.read(meta.direct);
        hdr.result.hit = 2;
    }
    table looked {
        key = { hdr.given.a: exact; }
        actions = { look; other; }
        const default_action = other();
        meters = each;
        size = 16;
    }
    action count_up() {
        counted.count();
    }
    table counts {
        key = { hdr.given.b: exact; }
        actions = { count_up; NoAction; }
        const entries = {
            1: count_up();
        }
        const default_action = NoAction();
        counters = counted;
    }

    apply {
        sm.egress_spec = 1;
        if (!hdr.given.isValid()) {
            mark_to_drop(sm);
            return;
        }
        hdr.result = { 0, 9, 9, 0 };
        assert(hdr.given.isValid());
        assume(hdr.given.a == hdr.given.a);
        log_msg("seen");
        log_msg("a = {}, c = {}", { hdr.given.a, hdr.given.c });
        random(hdr.result.dice, 8w6, 8w6);
        metered.execute_meter((bit<32>) hdr.given.a & 7, hdr.result.colour);
        meta.direct = 3;
        looked.apply();
        counts.apply();
        if (hdr.given.b == 7) {
            digest<learnt_t>(1, { hdr.given.a, hdr.given.c });
        }
        if (hdr.result.hit == 2) {
            hdr.given.c = hdr.given.c + 1;
        }
    }
}

#include "tail.p4"
