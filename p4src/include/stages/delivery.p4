/* The verdict becomes a port, a group, a packet-in or a drop, and what was not carried out is counted. */
#ifndef RACKPLANE_STAGE_DELIVERY_P4
#define RACKPLANE_STAGE_DELIVERY_P4

control Delivery(inout headers_t hdr, inout metadata_t meta, inout standard_metadata_t std) {
    counter(REASON_CELLS, CounterType.packets_and_bytes) reasons;

    action to_port(bit<9> port) {
        std.egress_spec = port;
    }

    action unknown_blade() {
        meta.reply = Reply.DROP;
        meta.reason = Reason.UNKNOWN_BLADE;
    }

    /* Where a compute blade is, for packets that do not go back to their sender. */
    table blades {
        key = { meta.to_blade : exact @name("blade"); }
        actions = { to_port; @defaultonly unknown_blade; }
        const default_action = unknown_blade();
        size = BLADE_ENTRIES;
    }

    apply {
        if (meta.reply == Reply.RESPONSE || meta.reply == Reply.GRANT) {
            blades.apply();
        } else if (meta.reply == Reply.FORWARD || meta.reply == Reply.FETCH) {
            std.egress_spec = meta.memory_port;
        } else if (meta.reply == Reply.INVALIDATE || meta.reply == Reply.INVALIDATE_FORWARD
                   || meta.reply == Reply.PUSH) {
            std.mcast_grp = meta.memory_group;
            meta.multicast = 1;
        } else if (meta.reply == Reply.GRANT_BACK || meta.reply == Reply.CONFIRM
                   || meta.reply == Reply.CONFIRM_STALE || meta.reply == Reply.REFUSE) {
            std.egress_spec = std.ingress_port;
        } else if (meta.reply == Reply.CPU) {
            std.egress_spec = CPU_PORT;
            hdr.packet_in.setValid();
            if (meta.event == Event.RESET) {
                hdr.packet_in.cause = Cause.RESET;
            } else if (meta.event == Event.COMPARE_SWAP) {
                hdr.packet_in.cause = Cause.COMPARE_SWAP;
            } else {
                hdr.packet_in.cause = Cause.RECALLED;
            }
            hdr.packet_in.port = (bit<16>)std.ingress_port;
            hdr.packet_in.slot = meta.slot;
            hdr.packet_in.entry = meta.entry;
            hdr.packet_in.false_pages = meta.false_pages;
        }
        if (meta.reply == Reply.DROP || meta.reply == Reply.DONE) {
            mark_to_drop(std);
        }
        if (meta.reason != Reason.NONE) {
            reasons.count((bit<32>)(bit<8>)meta.reason);
        }
    }
}

#endif
