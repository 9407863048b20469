// The standard metadata that the switch sets, at each point where it can be looked at.
#include <core.p4>
#include <v1model.p4>

header ethernet_t {
    bit<48> dst;
    bit<48> src;
    bit<16> type;
}

header op_t {
    bit<8> what;
    bit<8> hops;
    bit<16> sum;
}

header tag_t {
    bit<32> value;
}

// What ingress saw, and what egress saw. Conditions are bits.
header report_t {
    bit<8> in_type;
    bit<8> in_port;
    bit<16> in_length;
    bit<8> in_time;
    bit<8> parser_error;
    bit<8> checksum_error;
    bit<8> out_type;
    bit<16> out_length;
    bit<8> out_time;
    bit<8> queues;
    bit<8> priority;
}

struct headers_t {
    ethernet_t ethernet;
    op_t op;
    tag_t tag;
    report_t report;
}

struct meta_t {
    bit<8> in_type;
    bit<8> in_port;
    bit<16> in_length;
    bit<8> in_time;
    bit<8> parser_error;
}

parser MyParser(packet_in packet, out headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    state start {
        packet.extract(hdr.ethernet);
        packet.extract(hdr.op);
        transition select(hdr.op.what) {
            4: tagged;
            5: broken;
            default: accept;
        }
    }
    state tagged {
        packet.extract(hdr.tag);
        transition accept;
    }
    state broken {
        verify(false, error.HeaderTooShort);
        transition accept;
    }
}

control MyVerify(inout headers_t hdr, inout meta_t meta) {
    apply {
        verify_checksum(true, { hdr.op.what, hdr.op.hops }, hdr.op.sum, HashAlgorithm.csum16);
    }
}

control MyIngress(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    apply {
        meta.in_type = (bit<8>)std.instance_type;
        meta.in_port = (bit<8>)std.ingress_port;
        meta.in_length = (bit<16>)std.packet_length;
        meta.in_time = std.ingress_global_timestamp == 0 ? 8w0 : 1;
        meta.parser_error = std.parser_error == error.HeaderTooShort ? 8w1 : 0;
        std.egress_spec = 2;
        if (hdr.op.what == 1 && std.instance_type == 0) resubmit_preserving_field_list(1);
        if (hdr.op.what == 3) hdr.tag.setValid();
        if (hdr.op.what == 4) hdr.tag.setInvalid();
        if (hdr.op.what == 6) std.priority = 5;
        std.enq_qdepth = 7;
        std.deq_qdepth = 7;
    }
}

control MyEgress(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    apply {
        if (hdr.op.what == 2 && hdr.op.hops == 0) {
            hdr.op.hops = 1;
            recirculate_preserving_field_list(1);
        } else {
            bit<32> waited = std.enq_timestamp - (bit<32>)std.ingress_global_timestamp;
            hdr.report.setValid();
            hdr.report.in_type = meta.in_type;
            hdr.report.in_port = meta.in_port;
            hdr.report.in_length = meta.in_length;
            hdr.report.in_time = meta.in_time;
            hdr.report.parser_error = meta.parser_error;
            hdr.report.checksum_error = (bit<8>)std.checksum_error;
            hdr.report.out_type = (bit<8>)std.instance_type;
            hdr.report.out_length = (bit<16>)std.packet_length;
            hdr.report.out_time = std.egress_global_timestamp < std.ingress_global_timestamp ? 8w0 : 1;
            if (meta.in_time == 1 && waited > 60000000) hdr.report.out_time = 2;
            hdr.report.queues = std.enq_qdepth == 0 && std.deq_qdepth == 0 && std.deq_timedelta < 60000000 ? 8w0 : 1;
            hdr.report.priority = (bit<8>)std.priority;
        }
    }
}

control MyCompute(inout headers_t hdr, inout meta_t meta) {
    apply { }
}

control MyDeparser(packet_out packet, in headers_t hdr) {
    apply {
        packet.emit(hdr.ethernet);
        packet.emit(hdr.op);
        packet.emit(hdr.tag);
        packet.emit(hdr.report);
    }
}

V1Switch(MyParser(), MyVerify(), MyIngress(), MyEgress(), MyCompute(), MyDeparser()) main;
