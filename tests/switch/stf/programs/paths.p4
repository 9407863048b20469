// Every packet path of v1model, chosen by bits of the packet, in any combination. WITHOUT_... take paths away.
#include <core.p4>
#include <v1model.p4>

const bit<32> EGRESS_CLONE = 2;
const bit<32> RESUBMITTED = 6;

header ethernet_t {
    bit<48> dst;
    bit<48> src;
    bit<16> type;
}

// `hops` counts runs of ingress that changed this packet, and recirculations.
header op_t {
    bit<8> ingress;
    bit<8> egress;
    bit<8> hops;
}

// What egress saw. `parsed` is metadata that the parser wrote.
header report_t {
    bit<8> type;
    bit<8> ingress_port;
    bit<8> egress_port;
    bit<16> rid;
    bit<16> group;
    bit<16> length;
    bit<8> kept;
    bit<8> other;
    bit<8> parsed;
    bit<8> priority;
}

struct headers_t {
    ethernet_t ethernet;
    op_t op;
    report_t report;
}


struct meta_t {
    @field_list(1, 2)
    bit<8> kept;
    bit<8> parsed;
    @field_list(2)
    bit<8> twice;
    bit<8> other;
}

parser MyParser(packet_in packet, out headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    state start {
        packet.extract(hdr.ethernet);
        packet.extract(hdr.op);
        meta.parsed = 1;
        transition accept;
    }
}

control MyVerify(inout headers_t hdr, inout meta_t meta) {
    apply { }
}

control MyIngress(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    apply {
        hdr.op.hops = hdr.op.hops + 1;
        meta.kept = meta.kept + 1;
        meta.twice = meta.twice + 16;
        meta.other = 9;
        std.egress_spec = 2;
        if (hdr.op.ingress[4:4] == 1) mark_to_drop(std);
        if (hdr.op.ingress[3:3] == 1) std.mcast_grp = 1;
#ifndef WITHOUT_TRUNCATE
        if (hdr.op.ingress[5:5] == 1) truncate(20);
#endif
#ifndef WITHOUT_I2E
        if (hdr.op.ingress[0:0] == 1) clone(CloneType.I2E, 1);
        if (hdr.op.ingress[1:1] == 1) clone_preserving_field_list(CloneType.I2E, 2, 1);
#endif
#ifndef WITHOUT_RESUBMIT
        if (hdr.op.ingress[2:2] == 1 && std.instance_type != RESUBMITTED) resubmit_preserving_field_list(2);
#endif
        if (hdr.op.ingress[6:6] == 1) mark_to_drop(std);
        if (hdr.op.ingress[7:7] == 1) std.egress_spec = 511;
    }
}

control MyEgress(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    apply {
        hdr.report.setValid();
        hdr.report.type = (bit<8>)std.instance_type;
        hdr.report.ingress_port = (bit<8>)std.ingress_port;
        hdr.report.egress_port = (bit<8>)std.egress_port;
        hdr.report.rid = std.egress_rid;
        hdr.report.group = std.mcast_grp;
        hdr.report.length = (bit<16>)std.packet_length;
        hdr.report.kept = meta.kept + meta.twice;
        hdr.report.other = meta.other;
        hdr.report.parsed = meta.parsed;
        hdr.report.priority = (bit<8>)std.priority;
        meta.kept = meta.kept + 1;
        meta.other = 8;
#ifndef WITHOUT_TRUNCATE
        if (hdr.op.egress[5:5] == 1) truncate(22);
#endif
        if (std.instance_type == EGRESS_CLONE) return;
#ifndef WITHOUT_E2E
        if (hdr.op.egress[0:0] == 1) clone(CloneType.E2E, 3);
        if (hdr.op.egress[1:1] == 1) clone_preserving_field_list(CloneType.E2E, 4, 1);
#endif
#ifndef WITHOUT_RECIRCULATE
        if (hdr.op.egress[2:2] == 1 && hdr.op.hops < 2) {
            hdr.report.setInvalid();
            hdr.op.hops = hdr.op.hops + 1;
            recirculate_preserving_field_list(1);
        }
#endif
        if (hdr.op.egress[4:4] == 1) mark_to_drop(std);
    }
}

control MyCompute(inout headers_t hdr, inout meta_t meta) {
    apply { }
}

control MyDeparser(packet_out packet, in headers_t hdr) {
    apply {
        packet.emit(hdr.ethernet);
        packet.emit(hdr.op);
        packet.emit(hdr.report);
    }
}

V1Switch(MyParser(), MyVerify(), MyIngress(), MyEgress(), MyCompute(), MyDeparser()) main;
