// A stack of header unions: each element is one byte or two, as the bits of the first byte say.
#include <core.p4>
#include <v1model.p4>

header kind_t { bit<8> value; }
header one_t { bit<8> value; }
header two_t { bit<16> value; }
header_union either_t { one_t one; two_t two; }
struct headers { kind_t kind; either_t[2] parts; }
struct metadata {}

parser Read(packet_in packet, out headers hdr, inout metadata meta, inout standard_metadata_t std) {
    state start {
        packet.extract(hdr.kind);
        transition select(hdr.kind.value) {
            0 &&& 1: first_one;
            default: first_two;
        }
    }
    state first_one { packet.extract(hdr.parts.next.one); transition second; }
    state first_two { packet.extract(hdr.parts.next.two); transition second; }
    state second {
        transition select(hdr.kind.value) {
            0 &&& 2: second_one;
            default: second_two;
        }
    }
    state second_one { packet.extract(hdr.parts.next.one); transition third; }
    state second_two { packet.extract(hdr.parts.next.two); transition third; }
    state third {
        transition select(hdr.kind.value) {
            4 &&& 4: too_many;
            default: accept;
        }
    }
    state too_many { packet.extract(hdr.parts.next.one); transition accept; }
}

control Check(inout headers hdr, inout metadata meta) { apply {} }

control Incoming(inout headers hdr, inout metadata meta, inout standard_metadata_t std) {
    apply {
        if (std.parser_error == error.StackOutOfBounds) { hdr.kind.value = 0xEE; }
        if (hdr.parts[0].one.isValid()) { hdr.parts[0].one.value = 0xA1; }
        if (hdr.parts[0].two.isValid()) { hdr.parts[0].two.value = 0xA2A2; }
        if (hdr.parts[1].one.isValid()) { hdr.parts[1].one.value = 0xB1; }
        if (hdr.parts[1].two.isValid()) { hdr.parts[1].two.value = 0xB2B2; }
    }
}

control Outgoing(inout headers hdr, inout metadata meta, inout standard_metadata_t std) { apply {} }

control Update(inout headers hdr, inout metadata meta) { apply {} }

control Write(packet_out packet, in headers hdr) { apply { packet.emit(hdr); } }

V1Switch(Read(), Check(), Incoming(), Outgoing(), Update(), Write()) main;
