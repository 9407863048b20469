// One byte that counts up; 2 adds a header of two bytes, 3 takes one away.
#include <core.p4>
#include <v1model.p4>

header kind_t { bit<8> value; }
header pair_t { bit<8> a; bit<8> b; }
struct headers { kind_t kind; pair_t pair; }
struct metadata {}

parser Read(packet_in packet, out headers hdr, inout metadata meta, inout standard_metadata_t std) {
    state start {
        packet.extract(hdr.kind);
        transition select(hdr.kind.value) {
            3: pair;
            default: accept;
        }
    }
    state pair {
        packet.extract(hdr.pair);
        transition accept;
    }
}

control Check(inout headers hdr, inout metadata meta) { apply {} }

control Incoming(inout headers hdr, inout metadata meta, inout standard_metadata_t std) {
    apply {
        if (hdr.kind.isValid()) {
            if (hdr.kind.value == 2) {
                hdr.pair.setValid();
                hdr.pair = { 0xAA, 0xBB };
            } else {
                hdr.pair.setInvalid();
            }
            hdr.kind.value = hdr.kind.value + 1;
        }
    }
}

control Outgoing(inout headers hdr, inout metadata meta, inout standard_metadata_t std) { apply {} }

control Update(inout headers hdr, inout metadata meta) { apply {} }

control Write(packet_out packet, in headers hdr) { apply { packet.emit(hdr); } }

V1Switch(Read(), Check(), Incoming(), Outgoing(), Update(), Write()) main;
