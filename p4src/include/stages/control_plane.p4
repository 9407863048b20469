/* Packet-out: frames that the control plane sends, and what it asks of the directory.
 *
 * The control plane changes an entry only through the data plane, because only there a change is indivisible
 * from the changes that packets make: between a register read and a register write over P4Runtime a blade may
 * become a sharer and be forgotten. */
#ifndef RACKPLANE_STAGE_CONTROL_PLANE_P4
#define RACKPLANE_STAGE_CONTROL_PLANE_P4

control ControlPlane(inout headers_t hdr, inout metadata_t meta, inout standard_metadata_t std) {
    /* An INVALIDATE that no blade's packet becomes. Egress fills in addresses, lengths and CohETH. */
    action new_packet() {
        hdr.ethernet.setValid();
        hdr.ethernet.ether_type = ETHERTYPE_IPV4;
        hdr.ipv4.setValid();
        hdr.ipv4.version = 4;
        hdr.ipv4.ihl = 5;
        hdr.ipv4.diffserv = 0;
        hdr.ipv4.identification = 0;
        hdr.ipv4.flags = 0;
        hdr.ipv4.frag_offset = 0;
        hdr.ipv4.ttl = 64;
        hdr.ipv4.protocol = IP_PROTO_UDP;
        hdr.udp.setValid();
        hdr.udp.src_port = UDP_PORT_ROCE;
        hdr.udp.dst_port = UDP_PORT_ROCE;
        hdr.bth.setValid();
        hdr.bth.opcode = Opcode.INVALIDATE;
        hdr.bth.solicited = 0;
        hdr.bth.migration = 0;
        hdr.bth.pad_count = 0;
        hdr.bth.transport_version = 0;
        hdr.bth.pkey = PKEY_DEFAULT;
        hdr.bth.fecn = 0;
        hdr.bth.becn = 0;
        hdr.bth.reserved1 = 0;
        hdr.bth.dest_qp = 0;
        hdr.bth.ack_request = 0;
        hdr.bth.reserved2 = 0;
        hdr.bth.psn = 0;
    }

    apply {
        meta.blade = NOBODY;
        if (hdr.packet_out.operation == Operation.SEND) {
            meta.reply = Reply.INJECT;
            std.egress_spec = (bit<9>)hdr.packet_out.port;
        } else if (hdr.packet_out.operation == Operation.COMPARE_SWAP && hdr.packet_out.slot < DIRECTORY_SLOTS) {
            meta.event = Event.COMPARE_SWAP;
            meta.coherent = 1;
            meta.slot = hdr.packet_out.slot;
        } else if (hdr.packet_out.operation == Operation.RECALL) {
            meta.event = Event.RECALL;
            meta.va = hdr.packet_out.va;
            meta.memory_group = FLOOD_GROUP;
            new_packet();
        } else {
            meta.reply = Reply.DROP;
            meta.reason = Reason.BAD_PACKET_OUT;
        }
    }
}

#endif
