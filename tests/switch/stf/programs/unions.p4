/* Header unions, alone and in stacks: one member at most is valid, whatever sets it. */
#include <core.p4>
#include <v1model.p4>

header kind_t {
    bit<8> kind;
}

header small_t {
    bit<8> v;
}

header large_t {
    bit<16> v;
}

header report_t {
    bit<8> which;
    bit<8> equal;
    bit<8> last;
}

header_union either_t {
    small_t small;
    large_t large;
}

struct headers_t {
    report_t    report;
    kind_t      kind;
    either_t    one;
    either_t[2] more;
}

struct meta_t {}

parser P(packet_in packet, out headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    state start {
        packet.extract(hdr.kind);
        transition select(hdr.kind.kind) {
            1: small;
            2: large;
            3: both;
            _: accept;
        }
    }

    state small {
        packet.extract(hdr.one.small);
        transition more;
    }

    state large {
        packet.extract(hdr.one.large);
        transition more;
    }

    state both {
        packet.extract(hdr.one.small);
        packet.extract(hdr.one.large);
        transition accept;
    }

    state more {
        packet.extract(hdr.more.next.small);
        packet.extract(hdr.more.next.large);
        transition accept;
    }
}

control V(inout headers_t hdr, inout meta_t meta) {
    apply {}
}

control I(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t sm) {
    apply {
        hdr.report.setValid();
        hdr.report.which = (hdr.one.isValid() ? 8w4 : 8w0) | (hdr.one.small.isValid() ? 8w1 : 8w0)
            | (hdr.one.large.isValid() ? 8w2 : 8w0);
        hdr.report.equal = hdr.one == hdr.more[0] ? 8w1 : 8w0;
        hdr.report.last = 0;
        if (hdr.kind.kind == 1) {
            hdr.one.large.setValid();
            hdr.one.large.v = 0xABCD;
            hdr.report.last = hdr.one.small.isValid() ? 8w0xBA : 8w0x60;
        } else if (hdr.kind.kind == 2) {
            hdr.one = hdr.more[0];
            hdr.more[1].large.setInvalid();
        } else if (hdr.kind.kind == 3) {
            hdr.more[0].small = { 0x55 };
            hdr.more[0] = hdr.one;
            hdr.one.small = { 0x66 };
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
