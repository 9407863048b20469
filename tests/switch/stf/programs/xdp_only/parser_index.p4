/* A parser that extracts to stack elements by a computed index, past the last one too. */
#include <core.p4>
#include <v1model.p4>

header hop_t {
    bit<1> last;
    bit<7> port;
}

header report_t {
    bit<8> count;
    bit<8> status;
}

struct headers_t {
    report_t report;
    hop_t[3] hops;
}

struct meta_t {
    bit<8> index;
}

parser P(packet_in packet, out headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    state start {
        meta.index = 0;
        transition hop;
    }

    state hop {
        packet.extract(hdr.hops[meta.index]);
        hdr.hops[meta.index].port = hdr.hops[meta.index].port + 1;
        meta.index = meta.index + 1;
        transition select(hdr.hops[meta.index - 1].last) {
            0: hop;
            1: accept;
        }
    }
}

control V(inout headers_t hdr, inout meta_t meta) {
    apply {}
}

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {
        hdr.report = { meta.index, 0 };
        if (sm.parser_error == error.StackOutOfBounds) {
            hdr.report.status = 1;
        }
        sm.egress_spec = 1;
    }
}

control E(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {}
}

control C(inout headers_t hdr, inout meta_t meta) {
    apply {}
}

control D(packet_out packet, in headers_t hdr) {
    apply {
        packet.emit(hdr);
    }
}

V1Switch(P(), V(), I(), E(), C(), D()) main;
