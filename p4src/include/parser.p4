/* Ethernet, IPv4, UDP, RoCE. A packet that ends inside a header leaves with a parser error and is counted. */
#ifndef RACKPLANE_PARSER_P4
#define RACKPLANE_PARSER_P4

parser MindParser(packet_in packet, out headers_t hdr, inout metadata_t meta, inout standard_metadata_t std) {
    state start {
        transition select(std.ingress_port) {
            CPU_PORT: parse_packet_out;
            default: parse_ethernet;
        }
    }

    /* What follows a packet-out header is sent or given back as it is. */
    state parse_packet_out {
        packet.extract(hdr.packet_out);
        transition accept;
    }

    state parse_ethernet {
        packet.extract(hdr.ethernet);
        transition select(hdr.ethernet.ether_type) {
            ETHERTYPE_IPV4: parse_ipv4;
            default: accept;
        }
    }

    /* UDP behind options or in a later fragment stays unparsed; ingress drops it, for it could hide RoCE. */
    state parse_ipv4 {
        packet.extract(hdr.ipv4);
        transition select(hdr.ipv4.protocol, hdr.ipv4.version, hdr.ipv4.ihl, hdr.ipv4.frag_offset) {
            (IP_PROTO_UDP, 4, 5, 0): parse_udp;
            default: accept;
        }
    }

    state parse_udp {
        packet.extract(hdr.udp);
        transition select(hdr.udp.dst_port) {
            UDP_PORT_ROCE: parse_bth;
            default: accept;
        }
    }

    state parse_bth {
        packet.extract(hdr.bth);
        transition select(hdr.bth.opcode) {
            Opcode.RDMA_READ_REQUEST: parse_reth;
            Opcode.RDMA_WRITE_ONLY: parse_reth;
            Opcode.GET_SHARED: parse_reth;
            Opcode.GET_MODIFIED: parse_reth;
            Opcode.PUSH: parse_push;
            Opcode.PUSH_EMPTY: parse_push;
            Opcode.COMPARE_SWAP: parse_atomic_eth;
            Opcode.FETCH_ADD: parse_atomic_eth;
            Opcode.INVALIDATE_ACK: parse_coheth;
            Opcode.EVICT: parse_coheth;
            Opcode.RESET: parse_coheth;
            default: accept;
        }
    }

    state parse_reth {
        packet.extract(hdr.reth);
        transition accept;
    }

    state parse_push {
        packet.extract(hdr.reth);
        transition parse_coheth;
    }

    state parse_coheth {
        packet.extract(hdr.coheth);
        transition accept;
    }

    state parse_atomic_eth {
        packet.extract(hdr.atomic_eth);
        transition accept;
    }
}

#endif
