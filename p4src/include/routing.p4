/* IPv4 routing: from the destination's longest prefix to a next hop (RFC 1812, section 5.2). */
#ifndef RACKPLANE_ROUTING_P4
#define RACKPLANE_ROUTING_P4

#ifndef ROUTE_ENTRIES
#define ROUTE_ENTRIES 65536
#endif

const bit<32> ROUTER_DROP_CELLS = 16;

/* Why a packet was dropped: the index of its cell in the counter `drops`. */
enum bit<4> RouterDrop {
    TRUNCATED      = 0, /* it ends inside a header */
    NOT_IPV4       = 1,
    NOT_FOR_ROUTER = 2, /* in a broadcast or multicast frame */
    BAD_HEADER     = 3, /* version, header length or total length are impossible */
    HAS_OPTIONS    = 4, /* they would have to be carried out one by one */
    BAD_CHECKSUM   = 5,
    TTL_EXPIRED    = 6,
    NO_ROUTE       = 7,
    FILTERED       = 8  /* a route says so */
}

struct headers_t {
    ethernet_t ethernet;
    ipv4_t     ipv4;
}

struct metadata_t {}

parser RouterParser(packet_in packet, out headers_t hdr, inout metadata_t meta, inout standard_metadata_t std) {
    state start {
        packet.extract(hdr.ethernet);
        transition select(hdr.ethernet.ether_type) {
            ETHERTYPE_IPV4: parse_ipv4;
            default: accept;
        }
    }

    state parse_ipv4 {
        packet.extract(hdr.ipv4);
        transition accept;
    }
}

#define ROUTER_CHECKSUM_FIELDS { hdr.ipv4.version, hdr.ipv4.ihl, hdr.ipv4.diffserv, hdr.ipv4.total_len, \
        hdr.ipv4.identification, hdr.ipv4.flags, hdr.ipv4.frag_offset, hdr.ipv4.ttl, hdr.ipv4.protocol, \
        hdr.ipv4.src_addr, hdr.ipv4.dst_addr }

control RouterVerifyChecksum(inout headers_t hdr, inout metadata_t meta) {
    apply {
        verify_checksum(hdr.ipv4.isValid() && hdr.ipv4.ihl == 5, ROUTER_CHECKSUM_FIELDS, hdr.ipv4.hdr_checksum,
                        HashAlgorithm.csum16);
    }
}

control RouterIngress(inout headers_t hdr, inout metadata_t meta, inout standard_metadata_t std) {
    counter(ROUTER_DROP_CELLS, CounterType.packets_and_bytes) drops;

    action drop(RouterDrop reason) {
        mark_to_drop(std);
        drops.count((bit<32>)(bit<4>)reason);
    }

    action next_hop(bit<9> port, mac_addr_t src, mac_addr_t dst) {
        std.egress_spec = port;
        hdr.ethernet.src_addr = src;
        hdr.ethernet.dst_addr = dst;
        hdr.ipv4.ttl = hdr.ipv4.ttl - 1;
    }

    action filter() {
        drop(RouterDrop.FILTERED);
    }

    action no_route() {
        drop(RouterDrop.NO_ROUTE);
    }

    table routes {
        key = { hdr.ipv4.dst_addr : lpm @name("dst"); }
        actions = { next_hop; filter; @defaultonly no_route; }
        const default_action = no_route();
        size = ROUTE_ENTRIES;
    }

    apply {
        if (std.parser_error != error.NoError) {
            drop(RouterDrop.TRUNCATED);
        } else if (hdr.ethernet.dst_addr[40:40] == 1) {
            drop(RouterDrop.NOT_FOR_ROUTER);
        } else if (!hdr.ipv4.isValid()) {
            drop(RouterDrop.NOT_IPV4);
        } else if (hdr.ipv4.version != 4 || hdr.ipv4.ihl < 5 || hdr.ipv4.total_len < 20
                   || std.packet_length < 14 + (bit<32>)hdr.ipv4.total_len) {
            drop(RouterDrop.BAD_HEADER);
        } else if (hdr.ipv4.ihl > 5) {
            drop(RouterDrop.HAS_OPTIONS);
        } else if (std.checksum_error == 1) {
            drop(RouterDrop.BAD_CHECKSUM);
        } else if (hdr.ipv4.ttl <= 1) {
            drop(RouterDrop.TTL_EXPIRED);
        } else {
            routes.apply();
        }
    }
}

control RouterEgress(inout headers_t hdr, inout metadata_t meta, inout standard_metadata_t std) {
    apply {}
}

control RouterComputeChecksum(inout headers_t hdr, inout metadata_t meta) {
    apply {
        update_checksum(hdr.ipv4.isValid(), ROUTER_CHECKSUM_FIELDS, hdr.ipv4.hdr_checksum, HashAlgorithm.csum16);
    }
}

control RouterDeparser(packet_out packet, in headers_t hdr) {
    apply {
        packet.emit(hdr.ethernet);
        packet.emit(hdr.ipv4);
    }
}

#endif
