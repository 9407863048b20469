/* Registers and counters: read, changed and written, at indices inside and past the end; one packet sees the last's. */
#include <core.p4>
#include <v1model.p4>

header given_t {
    bit<8> index;
    bit<8> op;
    bit<16> value;
    bit<16> before;
    bit<48> wide;
}

struct headers_t {
    given_t given;
}

struct meta_t {}

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    register<bit<16>>(16) small;
    register<bit<48>>(8) wide;
    register<int<7>>(4) signed_numbers;
    counter(16, CounterType.packets_and_bytes) seen;
    apply {
        sm.egress_spec = 1;
        if (!hdr.given.isValid()) {
            mark_to_drop(sm);
            return;
        }
        bit<32> index = (bit<32>) hdr.given.index & 0x1f;
        bit<16> old = 0;
        bit<48> sum = 0;
        if (index < 16) {
            small.read(old, index);
            seen.count(index);
            if (hdr.given.op[0:0] == 1) {
                small.write(index, old + hdr.given.value);
            } else if (hdr.given.op[1:1] == 1) {
                small.write(index, hdr.given.value);
            }
        }
        hdr.given.before = old;
        wide.read(sum, index & 7);
        sum = sum |+| (sum << 1) + (bit<48>) hdr.given.value;
        wide.write(index & 7, sum);
        hdr.given.wide = sum;
        if (hdr.given.op[2:2] == 1) {
            int<7> n;
            signed_numbers.read(n, index & 3);
            n = n - 9;
            signed_numbers.write(index & 3, n);
            hdr.given.value = n < 0 ? 16w1 : 16w0;
        }
    }
}

#include "tail.p4"
