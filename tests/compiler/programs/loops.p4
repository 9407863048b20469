/* for loops over ranges, lists, stacks and conditions; break and continue. */
#include "frame.p4"

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {
        sm.egress_spec = 1;
        bit<8> total = 0;
        for (bit<8> i in 1 .. 4) {
            total = total + i;
        }
        hdr.data.b = total;
        total = 0;
        for (bit<8> i = 0, bit<8> j = 10; i < hdr.data.a; i = i + 1, j = j - 1) {
            if (i == 2) {
                continue;
            }
            if (i == 6) {
                break;
            }
            total = total + j;
        }
        hdr.data.c = total;
        total = 0;
        for (bit<8> i in (list<bit<8>>) { 1, 2, 4 }) {
            if (i == hdr.data.d) {
                break;
            }
            total = total | i;
        }
        hdr.data.d = total;
        for (bit<8> m = 0; m < hdr.data.a; m = m + 1) {
            for (bit<8> n = 0; n < hdr.data.a; n = n + 1) {
                if (n > m) {
                    break;
                }
                hdr.data.e = hdr.data.e + 1;
            }
        }
    }
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
