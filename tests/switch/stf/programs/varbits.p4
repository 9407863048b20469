/* A varbit field: extracted by a computed size, copied, compared, sent; sizes that do not fit are errors. */
#include <core.p4>
#include <v1model.p4>

header text_t {
    bit<8>      size;
    varbit<64>  data;
    bit<8>      end;
}

header report_t {
    bit<8> status;
    bit<8> same;
}

struct headers_t {
    report_t report;
    text_t   first;
    text_t   second;
    text_t   copy;
}

struct meta_t {}

parser P(packet_in packet, out headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    state start {
        bit<8> size = packet.lookahead<bit<8>>();
        packet.extract(hdr.first, (bit<32>) size);
        transition select(packet.lookahead<bit<16>>()[15:8]) {
            0: accept;
            default: second;
        }
    }

    state second {
        packet.extract(hdr.second, 8 * (bit<32>) packet.lookahead<bit<8>>());
        transition accept;
    }
}

control V(inout headers_t hdr, inout meta_t meta) {
    apply {}
}

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {
        hdr.report = { 0, 0 };
        if (sm.parser_error == error.HeaderTooShort) {
            hdr.report.status = 1;
        } else if (sm.parser_error == error.ParserInvalidArgument) {
            hdr.report.status = 2;
        } else if (sm.parser_error == error.PacketTooShort) {
            hdr.report.status = 3;
        }
        if (hdr.second.isValid()) {
            hdr.report.same = hdr.first.data == hdr.second.data ? 8w1 : 8w2;
            hdr.copy = hdr.second;
            hdr.copy.end = 0xEE;
            hdr.second.data = hdr.first.data;
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
