/* Checksums verified and updated, with and without the payload, under conditions. */
#include <core.p4>
#include <v1model.p4>

header given_t {
    bit<8> flags;
    bit<8> seen;
    bit<16> plain;
    bit<16> whole;
    bit<32> a;
    bit<16> b;
}

struct headers_t {
    given_t given;
}

struct meta_t {}

#define HAS_VERIFY
control V(inout headers_t hdr, inout meta_t meta) {
    apply {
        verify_checksum(hdr.given.flags[0:0] == 1, { hdr.given.a, hdr.given.b }, hdr.given.plain, HashAlgorithm.csum16);
        verify_checksum_with_payload(hdr.given.flags[1:1] == 1, { hdr.given.a, hdr.given.b }, hdr.given.whole,
            HashAlgorithm.csum16);
    }
}

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {
        sm.egress_spec = 1;
        if (!hdr.given.isValid()) {
            mark_to_drop(sm);
            return;
        }
        hdr.given.seen = (bit<8>) sm.checksum_error;
        hdr.given.b = hdr.given.b + 1;
    }
}

#define HAS_COMPUTE
control C(inout headers_t hdr, inout meta_t meta) {
    apply {
        update_checksum(hdr.given.flags[2:2] == 1, { hdr.given.a, hdr.given.b }, hdr.given.plain, HashAlgorithm.csum16);
        update_checksum_with_payload(hdr.given.flags[3:3] == 1, { hdr.given.a, hdr.given.b }, hdr.given.whole,
            HashAlgorithm.csum16);
    }
}

#include "tail.p4"
