/* Ethernet bridging: from the destination address to a port, or to the flood group. */
#ifndef RACKPLANE_BRIDGING_P4
#define RACKPLANE_BRIDGING_P4

#ifndef HOST_ENTRIES
#define HOST_ENTRIES 16384
#endif

const bit<16> BRIDGE_FLOOD_GROUP = 1; /* every port; the control plane fills it */
const bit<32> BRIDGE_DROP_CELLS  = 4;

/* Why a frame was dropped: the index of its cell in the counter `drops`. */
enum bit<2> BridgeDrop {
    TRUNCATED  = 0, /* shorter than an Ethernet header */
    BAD_SOURCE = 1, /* from a group address */
    SAME_PORT  = 2, /* its receiver is where it comes from, and has seen it */
    FILTERED   = 3  /* an entry says so */
}

struct headers_t {
    ethernet_t ethernet;
}

struct metadata_t {}

parser BridgeParser(packet_in packet, out headers_t hdr, inout metadata_t meta, inout standard_metadata_t std) {
    state start {
        packet.extract(hdr.ethernet);
        transition accept;
    }
}

control BridgeIngress(inout headers_t hdr, inout metadata_t meta, inout standard_metadata_t std) {
    counter(BRIDGE_DROP_CELLS, CounterType.packets_and_bytes) drops;

    action drop(BridgeDrop reason) {
        mark_to_drop(std);
        drops.count((bit<32>)(bit<2>)reason);
    }

    action forward(bit<9> port) {
        std.egress_spec = port;
    }

    action flood() {
        std.mcast_grp = BRIDGE_FLOOD_GROUP;
    }

    action filter() {
        drop(BridgeDrop.FILTERED);
    }

    /* Who is not here is everywhere. The control plane writes what it has learnt. */
    table hosts {
        key = { hdr.ethernet.dst_addr : exact @name("mac"); }
        actions = { forward; flood; filter; }
        default_action = flood();
        size = HOST_ENTRIES;
    }

    apply {
        if (std.parser_error != error.NoError) {
            drop(BridgeDrop.TRUNCATED);
        } else if (hdr.ethernet.src_addr[40:40] == 1) {
            drop(BridgeDrop.BAD_SOURCE);
        } else {
            hosts.apply();
            if (std.mcast_grp == 0 && std.egress_spec == std.ingress_port) {
                drop(BridgeDrop.SAME_PORT);
            }
        }
    }
}

control BridgeEgress(inout headers_t hdr, inout metadata_t meta, inout standard_metadata_t std) {
    apply {
        if (std.egress_port == std.ingress_port) {
            mark_to_drop(std); /* the flood's copy to its sender */
        }
    }
}

control BridgeVerifyChecksum(inout headers_t hdr, inout metadata_t meta) {
    apply {}
}

control BridgeComputeChecksum(inout headers_t hdr, inout metadata_t meta) {
    apply {}
}

control BridgeDeparser(packet_out packet, in headers_t hdr) {
    apply {
        packet.emit(hdr.ethernet);
    }
}

#endif
