/* Match kinds, priorities, bound and control-plane arguments, default actions. */
#include "frame.p4"

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    action put(inout bit<8> place, in bit<8> add, bit<8> v) {
        place = v + add;
    }
    action mark(bit<8> v) {
        hdr.data.c = v;
    }

    table prefixes {
        key = { hdr.data.a ++ hdr.data.b : lpm @name("both"); }
        actions = { put(hdr.data.h, hdr.data.a); }
        const default_action = put(hdr.data.h, hdr.data.a, 1);
        const entries = {
            0x1200 &&& 0xFF00 : put(hdr.data.h, hdr.data.a, 2);
            0x1234 &&& 0xFFFF : put(hdr.data.h, hdr.data.a, 3);
            0x1000 &&& 0xF000 : put(hdr.data.h, hdr.data.a, 4);
        }
    }
    table ordered {
        key = { hdr.data.a : ternary; hdr.data.b : optional; }
        actions = { mark; NoAction; }
        const entries = {
            (0x10 &&& 0xF0, 0x34) : mark(1);
            (0x12, _)             : mark(2);
            (_, _)                : mark(3);
        }
    }
    table ranked {
        key = { hdr.data.a : ternary; }
        actions = { mark; NoAction; }
        largest_priority_wins = false;
        entries = {
            priority = 20 : _ : mark(0x20);
            priority = 10 : 0x12 : mark(0x10);
        }
    }

    apply {
        sm.egress_spec = 1;
        prefixes.apply();
        ordered.apply();
        hdr.data.d = hdr.data.c;
        if (ranked.apply().miss) {
            hdr.data.e = 1;
        }
    }
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
