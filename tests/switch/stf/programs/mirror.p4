// A router that mirrors: headers are changed where they are in the packet, before and after copies are made.
#include <core.p4>
#include <v1model.p4>

header ethernet_t {
    bit<48> dst;
    bit<48> src;
    bit<16> type;
}

header ipv4_t {
    bit<8> ttl;
    bit<8> protocol;
    bit<16> id;
}

struct headers_t {
    ethernet_t ethernet;
    ipv4_t ipv4;
}

struct mark_t {
    bit<4> high;
    bit<12> low;
}

struct meta_t {
    @field_list(7)
    mark_t mark;
    bit<16> other;
    @field_list(7, 8)
    bit<100> wide;
}

parser MyParser(packet_in packet, out headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    state start {
        packet.extract(hdr.ethernet);
        transition select(hdr.ethernet.type) {
            0x0800: ipv4;
            default: accept;
        }
    }
    state ipv4 {
        packet.extract(hdr.ipv4);
        transition accept;
    }
}

control MyVerify(inout headers_t hdr, inout meta_t meta) {
    apply { }
}

control MyIngress(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    action route(bit<9> port) {
        std.egress_spec = port;
        hdr.ipv4.ttl = hdr.ipv4.ttl - 1;
        hdr.ethernet.dst = hdr.ethernet.dst + 1;
    }
    action mirror(bit<9> port, bit<32> session) {
        route(port);
        meta.mark.high = 5;
        meta.mark.low = 0x678;
        meta.other = 9;
        meta.wide = 0x1234;
        clone_preserving_field_list(CloneType.I2E, session, 7);
    }
    action keep(bit<32> session) {
        mark_to_drop(std);
        meta.wide = 0x1200;
        clone_preserving_field_list(CloneType.I2E, session, 8);
    }
    table routes {
        key = { hdr.ethernet.dst : exact; }
        actions = { route; mirror; keep; NoAction; }
        default_action = NoAction();
    }
    apply {
        std.egress_spec = 1;
        routes.apply();
        hdr.ethernet.src = 7;
    }
}

control MyEgress(inout headers_t hdr, inout meta_t meta, inout standard_metadata_t std) {
    apply {
        if (std.instance_type == 1) {
            hdr.ipv4.id = meta.mark.high ++ (meta.mark.low | (bit<12>)meta.other);
            hdr.ethernet.src = hdr.ethernet.src + (bit<48>)meta.wide + (bit<48>)std.egress_rid;
        }
    }
}

control MyCompute(inout headers_t hdr, inout meta_t meta) {
    apply { }
}

control MyDeparser(packet_out packet, in headers_t hdr) {
    apply {
        packet.emit(hdr.ethernet);
        packet.emit(hdr.ipv4);
    }
}

V1Switch(MyParser(), MyVerify(), MyIngress(), MyEgress(), MyCompute(), MyDeparser()) main;
