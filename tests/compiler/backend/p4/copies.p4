// Multicast whose copies differ: pruned, shorter or longer by port; everything else goes out of port 2 as it is.
#include <core.p4>
#include <v1model.p4>

header ethernet_t { bit<48> dst; bit<48> src; bit<16> ether_type; }
header tag_t { bit<16> port; bit<16> rid; bit<32> marked; }
header extra_t { bit<64> value; }
struct headers { ethernet_t ethernet; tag_t tag; extra_t extra; }
struct metadata { bit<32> marked; }

parser Read(packet_in packet, out headers hdr, inout metadata meta, inout standard_metadata_t std) {
    state start {
        packet.extract(hdr.ethernet);
        transition select(hdr.ethernet.ether_type) {
            0x1234: extra;
            default: accept;
        }
    }
    state extra {
        packet.extract(hdr.extra);
        transition accept;
    }
}

control Check(inout headers hdr, inout metadata meta) { apply {} }

control Incoming(inout headers hdr, inout metadata meta, inout standard_metadata_t std) {
    apply {
        meta.marked = (bit<32>)hdr.ethernet.src;
        if (hdr.ethernet.dst == 0xFFFFFFFFFFFF) {
            std.mcast_grp = 1;
        } else if (hdr.ethernet.dst == 0x010000000001) {
            std.mcast_grp = 2;
        } else {
            std.egress_spec = 2;
        }
    }
}

control Outgoing(inout headers hdr, inout metadata meta, inout standard_metadata_t std) {
    apply {
        if (std.mcast_grp != 0) {
            if (std.egress_port == std.ingress_port) {
                mark_to_drop(std);
            } else if (std.egress_port == 2) {
                hdr.extra.setInvalid();
                hdr.ethernet.ether_type = 0x2222;
            } else {
                hdr.tag.setValid();
                hdr.tag = { (bit<16>)std.egress_port, std.egress_rid, meta.marked };
            }
        }
    }
}

control Update(inout headers hdr, inout metadata meta) { apply {} }

control Write(packet_out packet, in headers hdr) { apply { packet.emit(hdr); } }

V1Switch(Read(), Check(), Incoming(), Outgoing(), Update(), Write()) main;
