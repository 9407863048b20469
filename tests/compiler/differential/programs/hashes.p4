/* hash() with every algorithm over data of odd widths, with a base and a modulus. */
#include <core.p4>
#include <v1model.p4>

header given_t {
    bit<32> a;
    bit<13> b;
    bit<3> c;
    bit<48> d;
}

header result_t {
    bit<32> crc_32;
    bit<16> crc_16;
    bit<16> sum;
    bit<16> xored;
    bit<32> same;
    bit<16> bucket;
    bit<8> zero;
    bit<32> odd;
}

struct headers_t {
    given_t given;
    result_t result;
}

struct meta_t {}

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {
        sm.egress_spec = 1;
        if (!hdr.given.isValid()) {
            mark_to_drop(sm); // what its fields hold, nobody knows
            return;
        }
        hdr.result.setValid();
        given_t g = hdr.given;
        hash(hdr.result.crc_32, HashAlgorithm.crc32, 32w0, { g.a, g.d }, 64w0x100000000);
        hash(hdr.result.crc_16, HashAlgorithm.crc16, 16w0, { g.a, g.b, g.c }, 32w0x10000);
        hash(hdr.result.sum, HashAlgorithm.csum16, 16w0, { g.a, g.d }, 32w0x10000);
        hash(hdr.result.xored, HashAlgorithm.xor16, 16w0, { g.a, g.d }, 32w0x10000);
        hash(hdr.result.same, HashAlgorithm.identity, 32w0, { g.a }, 64w0x100000000);
        hash(hdr.result.bucket, HashAlgorithm.crc16, 16w100, { g.d }, 16w7);
        hash(hdr.result.zero, HashAlgorithm.crc32, 8w5, { g.a }, 8w1);
        hash(hdr.result.odd, HashAlgorithm.crc32, 32w0, { g.c, g.b, g.a }, 64w0x100000000);
    }
}

#include "tail.p4"
