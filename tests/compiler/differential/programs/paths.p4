/* Copies and second passes: multicast with several replicas on a port, clones from ingress and egress with fields that
   go along, resubmission, recirculation, truncation. */
#include <core.p4>
#include <v1model.p4>

header given_t {
    bit<8> op;
    bit<8> passes;
    bit<16> v;
}

header result_t {
    bit<8> instance;
    bit<8> rid;
    bit<16> port;
    bit<16> kept;
    bit<16> lost;
}

struct headers_t {
    given_t given;
    result_t result;
}

struct meta_t {
    @field_list(1)
    bit<16> kept;
    bit<16> lost;
    @field_list(1, 2)
    bit<8> passes;
}

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {
        sm.egress_spec = 1;
        if (!hdr.given.isValid()) {
            mark_to_drop(sm);
            return;
        }
        meta.lost = 0x1111;
        switch (hdr.given.op & 7) {
            1: { sm.mcast_grp = 1; }
            2: {
                meta.kept = hdr.given.v;
                clone_preserving_field_list(CloneType.I2E, 5, 1);
                hdr.given.v = 0xAAAA;
            }
            3: {
                if (meta.passes < 2) {
                    meta.passes = meta.passes + 1;
                    meta.kept = hdr.given.v;
                    resubmit_preserving_field_list(1);
                }
                hdr.given.passes = meta.passes;
            }
            6: { truncate(20); }
            7: {
                clone(CloneType.I2E, 5);
                mark_to_drop(sm);
            }
            default: {}
        }
    }
}

#define HAS_EGRESS
control E(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {
        if (hdr.given.op & 7 == 5 && sm.instance_type == 0) {
            meta.kept = 0x5555;
            clone_preserving_field_list(CloneType.E2E, 5, 1);
            hdr.given.passes = 0x50;
        }
        if (hdr.given.op & 7 == 4 && hdr.given.passes < 3) {
            hdr.given.passes = hdr.given.passes + 1;
            recirculate_preserving_field_list(2);
        } else {
            hdr.result.setValid();
            hdr.result.instance = (bit<8>) sm.instance_type;
            hdr.result.rid = (bit<8>) sm.egress_rid;
            hdr.result.port = (bit<16>) sm.egress_port;
            hdr.result.kept = meta.kept;
            hdr.result.lost = meta.lost;
        }
    }
}

#include "tail.p4"
