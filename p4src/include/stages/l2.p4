/* All that is not rack memory traffic is bridged, so that ping and ordinary sockets work. */
#ifndef RACKPLANE_STAGE_L2_P4
#define RACKPLANE_STAGE_L2_P4

control L2(in headers_t hdr, inout metadata_t meta, inout standard_metadata_t std) {
    action forward(bit<9> port) {
        meta.reply = Reply.L2;
        std.egress_spec = port;
    }

    action drop(Reason reason) {
        meta.reply = Reply.DROP;
        meta.reason = reason;
    }

    /* The control plane knows where every host is: nothing is learnt, and unknown addresses are not flooded. */
    table hosts {
        key = { hdr.ethernet.dst_addr : exact @name("mac"); }
        actions = { forward; @defaultonly drop; }
        const default_action = drop(Reason.UNKNOWN_HOST);
        size = L2_ENTRIES;
    }

    apply {
        if (hdr.ipv4.isValid() && hdr.ipv4.protocol == IP_PROTO_UDP && !hdr.udp.isValid()) {
            drop(Reason.BAD_IP_HEADER);
        } else if (hdr.ethernet.dst_addr[40:40] == 1) {
            meta.reply = Reply.FLOOD;
            std.mcast_grp = FLOOD_GROUP;
        } else {
            hosts.apply();
        }
    }
}

#endif
