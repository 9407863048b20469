/* One table and next to nothing else, to see what a lookup costs. Frames begin with the key. */
#include <core.p4>
#include <v1model.p4>

#ifndef MATCH
#define MATCH exact
#endif

#ifndef ENTRIES
#define ENTRIES 1024
#endif

header probe_t {
    bit<32> key;
    bit<32> rest;
    bit<48> padding;
}

struct headers_t {
    probe_t probe;
}

struct metadata_t {}

parser ProbeParser(packet_in packet, out headers_t hdr, inout metadata_t meta, inout standard_metadata_t std) {
    state start {
        packet.extract(hdr.probe);
        transition accept;
    }
}

control ProbeIngress(inout headers_t hdr, inout metadata_t meta, inout standard_metadata_t std) {
    action forward(bit<9> port) {
        std.egress_spec = port;
    }

    action drop() {
        mark_to_drop(std);
    }

    table entries {
        key = { hdr.probe.key : MATCH @name("key"); }
        actions = { forward; @defaultonly drop; }
        const default_action = drop();
        size = ENTRIES;
    }

    apply {
        entries.apply();
    }
}

control ProbeEgress(inout headers_t hdr, inout metadata_t meta, inout standard_metadata_t std) {
    apply {}
}

control ProbeVerifyChecksum(inout headers_t hdr, inout metadata_t meta) {
    apply {}
}

control ProbeComputeChecksum(inout headers_t hdr, inout metadata_t meta) {
    apply {}
}

control ProbeDeparser(packet_out packet, in headers_t hdr) {
    apply {
        packet.emit(hdr.probe);
    }
}

V1Switch(ProbeParser(), ProbeVerifyChecksum(), ProbeIngress(), ProbeEgress(), ProbeComputeChecksum(),
         ProbeDeparser()) main;
