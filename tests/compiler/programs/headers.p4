/* Header stacks, literals of headers and structs, validity, comparison. */
#include "frame.p4"

struct small_t {
    bit<8> l;
    bit<8> r;
}

struct nested_t {
    small_t one;
    tuple<bit<8>, bool> two;
}

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {
        sm.egress_spec = 1;
        hdr.bytes[0] = { 0x11 };
        hdr.bytes[1] = (byte_t) { v = 0x22 };
        hdr.bytes.push_front(1);
        hdr.bytes[0].setValid();
        hdr.bytes[0].v = 0x33;
        if (hdr.data.a == 1) {
            hdr.bytes.pop_front(2);
        }
        if (hdr.data.a == 2) {
            hdr.bytes[1] = {#};
        }
        nested_t n = { one = { 1, hdr.data.b }, ... };
        n.two[0] = n.one.r;
        small_t other = { ... };
        other.r = hdr.data.b;
        other.l = 1;
        hdr.data.c = n.one == other ? 8w0xC1 : 8w0xC0;
        hdr.data.d = n.two == { hdr.data.b, false } ? 8w0xD1 : 8w0xD0;
        byte_t lone;
        hdr.data.e = lone.isValid() ? 8w1 : 8w0;
        lone = hdr.bytes[1];
        hdr.data.f = lone == hdr.bytes[1] && lone.isValid() ? 8w1 : 8w0;
        bit<2> i = (bit<2>) hdr.data.g;
        hdr.bytes[i].v = hdr.bytes[i].v + 1;
        hdr.data.h = (bit<8>) hdr.bytes.size;
    }
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
