/* Who sends, what it asks, and whether the packet is what it claims to be. */
#ifndef RACKPLANE_STAGE_CLASSIFICATION_P4
#define RACKPLANE_STAGE_CLASSIFICATION_P4

control Classification(in headers_t hdr, inout metadata_t meta, in standard_metadata_t std) {
    bit<16> udp_needed = 0; /* the least UDP length of the verb */
    bit<1>  carries_data = 0;
    bit<1>  whole_segment = 0;

    action drop(Reason reason) {
        meta.reply = Reply.DROP;
        meta.reason = reason;
    }

    action compute_blade(blade_t blade, bit<16> mask) {
        meta.sender = Sender.COMPUTE;
        meta.blade = blade;
        meta.blade_mask = mask;
    }

    action memory_blade() {
        meta.sender = Sender.MEMORY;
    }

    /* A sender is known by the port that its link is on, never by what its packets say. */
    table ports {
        key = { std.ingress_port : exact @name("port"); }
        actions = { compute_blade; memory_blade; @defaultonly NoAction; }
        const default_action = NoAction();
        size = PORT_ENTRIES;
    }

    action request(Event event, bit<2> need, bit<16> udp, bit<1> data, bit<1> whole) {
        meta.event = event;
        meta.need = need;
        udp_needed = udp;
        carries_data = data;
        whole_segment = whole;
    }

    action notice(Event event) {
        meta.event = event;
        udp_needed = UDP_OF_COHETH;
    }

    action response() {
        meta.reply = Reply.RESPONSE;
        meta.to_blade = hdr.bth.dest_qp[23:16];
        udp_needed = UDP_OF_AETH;
    }

    /* The verbs of each kind of sender, with what they need. All else is not for this switch. */
    table verbs {
        key = { meta.sender : exact; hdr.bth.opcode : exact; }
        actions = { request; notice; response; drop; }
        const default_action = drop(Reason.UNKNOWN_OPCODE);
        const entries = {
            (Sender.COMPUTE, Opcode.RDMA_READ_REQUEST): request(Event.DIRECT, RIGHT_READ, UDP_OF_RETH, 0, 0);
            (Sender.COMPUTE, Opcode.RDMA_WRITE_ONLY): request(Event.WRITE, RIGHT_WRITE, UDP_OF_RETH, 1, 0);
            (Sender.COMPUTE, Opcode.COMPARE_SWAP): request(Event.DIRECT, RIGHT_WRITE, UDP_OF_ATOMIC, 0, 0);
            (Sender.COMPUTE, Opcode.FETCH_ADD): request(Event.DIRECT, RIGHT_WRITE, UDP_OF_ATOMIC, 0, 0);
            (Sender.COMPUTE, Opcode.GET_SHARED): request(Event.GET_SHARED, RIGHT_READ, UDP_OF_RETH, 0, 1);
            (Sender.COMPUTE, Opcode.GET_MODIFIED): request(Event.GET_MODIFIED, RIGHT_WRITE, UDP_OF_RETH, 0, 1);
            (Sender.COMPUTE, Opcode.PUSH): request(Event.PUSH, RIGHT_NONE, UDP_OF_PUSH, 1, 1);
            (Sender.COMPUTE, Opcode.PUSH_EMPTY): request(Event.PUSH_EMPTY, RIGHT_NONE, UDP_OF_PUSH, 0, 1);
            (Sender.COMPUTE, Opcode.INVALIDATE_ACK): notice(Event.INVALIDATE_ACK);
            (Sender.COMPUTE, Opcode.EVICT): notice(Event.EVICT);
            (Sender.COMPUTE, Opcode.RESET): notice(Event.RESET);
            (Sender.MEMORY, Opcode.RDMA_READ_RESPONSE_ONLY): response();
            (Sender.MEMORY, Opcode.ACKNOWLEDGE): response();
            (Sender.MEMORY, Opcode.ATOMIC_ACKNOWLEDGE): response();
        }
    }

    apply {
        ports.apply();
        if (meta.sender == Sender.UNKNOWN) {
            drop(Reason.UNKNOWN_PORT);
        } else if (hdr.ipv4.flags[0:0] == 1) {
            drop(Reason.BAD_IP_HEADER);
        } else if (std.checksum_error == 1) {
            drop(Reason.BAD_IP_CHECKSUM);
        } else if (hdr.ipv4.total_len != hdr.udp.length + IPV4_BYTES
                   || std.packet_length < ETHERNET_BYTES + (bit<32>)hdr.ipv4.total_len) {
            drop(Reason.BAD_LENGTH);
        } else if (hdr.ipv4.dst_addr != RACK_IP) {
            drop(Reason.NOT_FOR_RACK);
        } else {
            verbs.apply();
            if (hdr.reth.isValid()) {
                meta.va = hdr.reth.va;
                if (meta.event == Event.GET_MODIFIED && hdr.reth.length == 0) {
                    meta.event = Event.UPGRADE;
                } else if (hdr.reth.length == 0 || hdr.reth.length > SEGMENT_BYTES
                           || (bit<32>)hdr.reth.va[9:0] + hdr.reth.length > SEGMENT_BYTES
                           || (whole_segment == 1 && hdr.reth.length != SEGMENT_BYTES)) {
                    drop(Reason.BAD_SEGMENT);
                }
            } else if (hdr.atomic_eth.isValid()) {
                meta.va = hdr.atomic_eth.va;
                if (hdr.atomic_eth.va[2:0] != 0) {
                    drop(Reason.BAD_SEGMENT);
                }
            } else if (hdr.coheth.isValid()) {
                meta.va = hdr.coheth.va;
            }
            if (carries_data == 1) {
                udp_needed = udp_needed + hdr.reth.length[15:0];
            }
            if (meta.reply != Reply.DROP && hdr.udp.length < udp_needed) {
                drop(Reason.SHORT_PAYLOAD);
            }
        }
    }
}

#endif
