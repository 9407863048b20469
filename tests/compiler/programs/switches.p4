/* switch on values, enums and the action that ran; fall-through; return inside. */
#include "frame.p4"

enum bit<8> kind_t { ONE = 1, TWO = 2, THREE = 3 }
enum color_t { RED, GREEN, BLUE }

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    action low(bit<8> v) { hdr.data.b = v; }
    action high() { hdr.data.b = 0xB0; }
    action none() {}
    table t {
        key = { hdr.data.a : range; }
        actions = { low; high; none; }
        const default_action = none;
        const entries = {
            1 .. 3   : low(0x77);
            4 .. 9   : high;
        }
    }

    apply {
        sm.egress_spec = 1;
        switch (t.apply().action_run) {
            low:
            high: { hdr.data.c = 1; }
            default: { hdr.data.c = 2; }
        }
        switch ((kind_t) hdr.data.a) {
            kind_t.ONE:
            kind_t.TWO: { hdr.data.d = 0xD1; }
            kind_t.THREE: { hdr.data.d = 0xD3; }
        }
        color_t color = color_t.RED;
        if (hdr.data.a > 2) {
            color = color_t.BLUE;
        }
        switch (color) {
            color_t.RED: { hdr.data.e = 0xE0; }
            default: { hdr.data.e = 0xEE; }
        }
        if (hdr.data.b == 0) {
            return;
        }
        hdr.data.f = 0xF0;
    }
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
