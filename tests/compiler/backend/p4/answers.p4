/* One table with a key of WIDTH bits, which is a prefix or exact; the answer is written into the packet. */
#include <core.p4>
#include <v1model.p4>

#ifndef KIND
#define KIND lpm
#endif

header probe_t {
    bit<16> tag;
    bit<WIDTH> key;
    bit<32> answer;
    bit<80> padding;
}

struct headers_t {
    probe_t probe;
}

struct metadata_t {}

parser P(packet_in packet, out headers_t hdr, inout metadata_t meta, inout standard_metadata_t std) {
    state start {
        packet.extract(hdr.probe);
        transition accept;
    }
}

control I(inout headers_t hdr, inout metadata_t meta, inout standard_metadata_t std) {
    action say(bit<32> answer) {
        hdr.probe.answer = answer;
    }

    action nothing() {
        hdr.probe.answer = 0;
    }

    table answers {
        key = {
#ifdef TAGGED
            hdr.probe.tag : exact;
#endif
            hdr.probe.key : KIND;
        }
        actions = { say; nothing; }
        default_action = nothing();
        size = ENTRIES;
    }

    apply {
        answers.apply();
        std.egress_spec = 1;
    }
}

control E(inout headers_t hdr, inout metadata_t meta, inout standard_metadata_t std) {
    apply {}
}

control V(inout headers_t hdr, inout metadata_t meta) {
    apply {}
}

control D(packet_out packet, in headers_t hdr) {
    apply {
        packet.emit(hdr.probe);
    }
}

V1Switch(P(), V(), I(), E(), V(), D()) main;
