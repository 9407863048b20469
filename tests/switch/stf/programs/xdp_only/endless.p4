// Packets that would never end: BMv2 would serve them for ever, here each has a number of passes.
#include <core.p4>
#include <v1model.p4>

header ethernet_t {
    bit<48> dst;
    bit<48> src;
    bit<16> type;
}

struct headers_t {
    ethernet_t ethernet;
}

struct meta_t {
    @field_list(1)
    bit<32> turns;
}

parser MyParser(packet_in packet, out headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    state start {
        packet.extract(hdr.ethernet);
        transition accept;
    }
}

control MyVerify(inout headers_t hdr, inout meta_t meta) {
    apply { }
}

control MyIngress(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    counter(4, CounterType.packets) runs;
    apply {
        meta.turns = meta.turns + 1;
        std.egress_spec = 2;
        runs.count((bit<32>)hdr.ethernet.dst[1:0]);
        if (hdr.ethernet.dst == 1) resubmit_preserving_field_list(1);
        if (hdr.ethernet.dst == 4 && meta.turns < 900) resubmit_preserving_field_list(1);
        hdr.ethernet.src = (bit<48>)meta.turns;
    }
}

control MyEgress(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    counter(4, CounterType.packets) copies;
    apply {
        copies.count((bit<32>)hdr.ethernet.dst[1:0]);
        if (hdr.ethernet.dst == 2) recirculate_preserving_field_list(1);
        if (hdr.ethernet.dst == 3) {
            clone(CloneType.E2E, 1);
            mark_to_drop(std);
        }
    }
}

control MyCompute(inout headers_t hdr, inout meta_t meta) {
    apply { }
}

control MyDeparser(packet_out packet, in headers_t hdr) {
    apply {
        packet.emit(hdr.ethernet);
    }
}

V1Switch(MyParser(), MyVerify(), MyIngress(), MyEgress(), MyCompute(), MyDeparser()) main;
