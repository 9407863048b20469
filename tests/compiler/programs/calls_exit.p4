/* exit inside of controls and actions: what was copied in is copied out before the control ends. */
#include "frame.p4"

control leaf(inout bit<8> x, inout bit<8> y) {
    action leave() {
        y = y + 1;
        exit;
    }
    action stay() {
        y = y + 2;
    }
    table t {
        key = { x : exact; }
        actions = { leave; stay; }
        const default_action = stay;
        const entries = {
            1 : leave;
        }
    }
    apply {
        t.apply();
        x = 0x44;
    }
}

control middle(inout bit<8> x, inout bit<8> y) {
    leaf() l;
    apply {
        bit<8> copy = x;
        l.apply(copy, y);
        x = copy;
        l.apply(x, y);
    }
}

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    middle() m;
    apply {
        sm.egress_spec = 1;
        m.apply(hdr.data.a, hdr.data.b);
        hdr.data.c = 0xCC;
    }
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
