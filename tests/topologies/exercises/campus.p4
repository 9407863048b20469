// Several small networks in one program, told apart by EtherType: IPv4 routing with ECN, source routing, probes that
// collect what every hop has counted, flooding, and a copy of what one sender's packets are.
#include <core.p4>
#include <v1model.p4>

typedef bit<9> port_t;

const bit<48> WATCHED = 0x0200_0000_feed;

header ethernet_t {
    bit<48> dst;
    bit<48> src;
    bit<16> kind;
}

header ipv4_t {
    bit<4> version;
    bit<4> ihl;
    bit<6> dscp;
    bit<2> ecn;
    bit<16> total_length;
    bit<16> identification;
    bit<3> flags;
    bit<13> fragment_offset;
    bit<8> ttl;
    bit<8> protocol;
    bit<16> checksum;
    bit<32> src;
    bit<32> dst;
}

header hop_t {
    bit<1> last;
    bit<15> port;
}

header probe_t {
    bit<8> records;
}

header record_t {
    bit<8> node;
    bit<8> port;
    bit<32> bytes;
    bit<32> queue;
}

struct headers_t {
    ethernet_t ethernet;
    probe_t probe;
    record_t[4] records;
    hop_t[4] hops;
    ipv4_t ipv4;
}

struct metadata_t {
    bit<8> expected;
    bit<8> node;
}

parser Reader(packet_in packet, out headers_t hdr, inout metadata_t meta, inout standard_metadata_t std) {
    state start {
        packet.extract(hdr.ethernet);
        transition select(hdr.ethernet.kind) {
            0x0800: ipv4;
            0x9001: hops;
            0x9002: probe;
            default: accept;
        }
    }

    state ipv4 {
        packet.extract(hdr.ipv4);
        transition accept;
    }

    state hops {
        packet.extract(hdr.hops.next);
        transition select(hdr.hops.last.last) {
            1: accept;
            default: hops;
        }
    }

    state probe {
        packet.extract(hdr.probe);
        meta.expected = hdr.probe.records;
        transition select(meta.expected) {
            0: hops;
            default: records;
        }
    }

    state records {
        packet.extract(hdr.records.next);
        meta.expected = meta.expected - 1;
        transition select(meta.expected) {
            0: hops;
            default: records;
        }
    }
}

control Verify(inout headers_t hdr, inout metadata_t meta) {
    apply {
        verify_checksum(hdr.ipv4.isValid(), { hdr.ipv4.version, hdr.ipv4.ihl, hdr.ipv4.dscp, hdr.ipv4.ecn,
            hdr.ipv4.total_length, hdr.ipv4.identification, hdr.ipv4.flags, hdr.ipv4.fragment_offset, hdr.ipv4.ttl,
            hdr.ipv4.protocol, hdr.ipv4.src, hdr.ipv4.dst }, hdr.ipv4.checksum, HashAlgorithm.csum16);
    }
}

control Forward(inout headers_t hdr, inout metadata_t meta, inout standard_metadata_t std) {
    action drop() {
        mark_to_drop(std);
    }

    action forward(bit<48> dst, port_t port) {
        hdr.ethernet.src = hdr.ethernet.dst;
        hdr.ethernet.dst = dst;
        hdr.ipv4.ttl = hdr.ipv4.ttl - 1;
        std.egress_spec = port;
    }

    table routes {
        key = { hdr.ipv4.dst: lpm; }
        actions = { forward; drop; }
        default_action = drop();
        size = 64;
    }

    action flood(bit<16> group) {
        std.mcast_grp = group;
    }

    table floods {
        key = {
            hdr.ethernet.dst: ternary;
            std.ingress_port: range;
        }
        actions = { flood; drop; }
        const default_action = drop();
        size = 16;
    }

    apply {
        if (hdr.ipv4.isValid()) {
            if (std.checksum_error == 1 || hdr.ipv4.ttl < 2) {
                drop();
            } else {
                routes.apply();
            }
        } else if (hdr.hops[0].isValid()) {
            if (hdr.ethernet.src == WATCHED) {
                clone(CloneType.I2E, 9);
            }
            std.egress_spec = (port_t) hdr.hops[0].port;
            if (hdr.hops[0].last == 1) {
                hdr.ethernet.kind = hdr.probe.isValid() ? 16w0x9003 : 16w0x88b5;
            }
            hdr.hops.pop_front(1);
        } else {
            floods.apply();
        }
    }
}

control Depart(inout headers_t hdr, inout metadata_t meta, inout standard_metadata_t std) {
    register<bit<32>>(512) sent;

    action identify(bit<8> node) {
        meta.node = node;
    }

    table identity {
        actions = { identify; }
        default_action = identify(0);
    }

    apply {
        bit<32> total;
        identity.apply();
        sent.read(total, (bit<32>) std.egress_port);
        total = total + std.packet_length;
        sent.write((bit<32>) std.egress_port, total);
        if (hdr.ipv4.isValid() && hdr.ipv4.ecn != 0 && std.enq_qdepth >= 8) {
            hdr.ipv4.ecn = 3;
        }
        if (hdr.probe.isValid()) {
            hdr.records.push_front(1);
            hdr.records[0].setValid();
            hdr.records[0] = { meta.node, (bit<8>) std.egress_port, total, (bit<32>) std.deq_qdepth };
            hdr.probe.records = hdr.probe.records + 1;
        }
        if (std.instance_type == 5 && std.egress_port == std.ingress_port) {
            mark_to_drop(std);
        }
    }
}

control Update(inout headers_t hdr, inout metadata_t meta) {
    apply {
        update_checksum(hdr.ipv4.isValid(), { hdr.ipv4.version, hdr.ipv4.ihl, hdr.ipv4.dscp, hdr.ipv4.ecn,
            hdr.ipv4.total_length, hdr.ipv4.identification, hdr.ipv4.flags, hdr.ipv4.fragment_offset, hdr.ipv4.ttl,
            hdr.ipv4.protocol, hdr.ipv4.src, hdr.ipv4.dst }, hdr.ipv4.checksum, HashAlgorithm.csum16);
    }
}

control Writer(packet_out packet, in headers_t hdr) {
    apply {
        packet.emit(hdr);
    }
}

V1Switch(Reader(), Verify(), Forward(), Depart(), Update(), Writer()) main;
