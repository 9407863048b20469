/* One instance entered several times: its tables see the parameters and variables of the time. */
#include "frame.p4"

control leaf(inout bit<8> x, in bit<8> amount) {
    bit<8> local = amount + 1;
    action add(bit<8> v) {
        x = x + v + local;
    }
    action none() {}
    table t {
        key = { x : exact; amount : exact; }
        actions = { add; none; }
        const default_action = none;
        const entries = {
            (1, 1) : add(0x10);
            (2, 2) : add(0x20);
            (3, 3) : add(0x30);
        }
    }
    apply {
        t.apply();
    }
}

control middle(inout bit<8> x, in bit<8> n) {
    leaf() l;
    apply {
        bit<8> copy = x;
        l.apply(copy, n + 0);
        x = copy;
    }
}

control leaf_t(inout bit<8> x, in bit<8> amount);

control with(inout bit<8> x)(leaf_t inner) {
    apply {
        inner.apply(x, 3);
    }
}

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    middle() m;
    leaf() shared;
    with(shared) w;
    apply {
        sm.egress_spec = 1;
        m.apply(hdr.data.a, 1);
        m.apply(hdr.data.b, 2);
        m.apply(hdr.data.c, 3);
        shared.apply(hdr.data.d, hdr.data.e);
        w.apply(hdr.data.f);
    }
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
