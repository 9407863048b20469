/* Egress: what each copy of a packet becomes, by the verdict and by who is behind the port. */
#ifndef RACKPLANE_STAGE_COPIES_P4
#define RACKPLANE_STAGE_COPIES_P4

control Copies(inout headers_t hdr, inout metadata_t meta, inout standard_metadata_t std) {
    Sender  neighbour = Sender.UNKNOWN;
    bit<16> neighbour_mask = 0;
    va_t    page = 0;
    psn_t   segment = 0;

    action address(mac_addr_t mac, ipv4_addr_t ip) {
        hdr.ethernet.src_addr = RACK_MAC;
        hdr.ethernet.dst_addr = mac;
        hdr.ipv4.src_addr = RACK_IP;
        hdr.ipv4.dst_addr = ip;
        hdr.udp.checksum = 0;
    }

    action compute_blade(mac_addr_t mac, ipv4_addr_t ip, bit<16> mask) {
        address(mac, ip);
        neighbour = Sender.COMPUTE;
        neighbour_mask = mask;
    }

    action memory_blade(mac_addr_t mac, ipv4_addr_t ip) {
        address(mac, ip);
        neighbour = Sender.MEMORY;
    }

    action prune() {
        mark_to_drop(std);
    }

    /* The blade behind each port, and its addresses. */
    table neighbours {
        key = { std.egress_port : exact @name("port"); }
        actions = { compute_blade; memory_blade; @defaultonly prune; }
        const default_action = prune();
        size = PORT_ENTRIES;
    }

    action set_udp_length(in bit<16> bytes) {
        hdr.udp.length = bytes;
        hdr.ipv4.total_len = bytes + IPV4_BYTES;
    }

    /* AETH.msn of the answer: what a memory blade copies from rkey, or what a PUSH brings along. */
    action set_rkey() {
        hdr.reth.va = meta.offset;
        hdr.reth.rkey = 8w0 ++ meta.region_log2 ++ meta.pending ++ meta.permission ++ meta.version;
    }

    action respond() {
        hdr.bth.dest_qp[23:16] = 0;
    }

    action forward_direct() {
        hdr.bth.dest_qp[23:16] = meta.blade;
        hdr.reth.va = meta.offset;
        hdr.reth.rkey = 0;
    }

    action forward_atomic() {
        hdr.bth.dest_qp[23:16] = meta.blade;
        hdr.atomic_eth.va = meta.offset;
        hdr.atomic_eth.rkey = 0;
    }

    action forward_get() {
        hdr.bth.opcode = Opcode.RDMA_READ_REQUEST;
        hdr.bth.dest_qp[23:16] = meta.blade;
        set_rkey();
    }

    /* PUSH_EMPTY: the requester's own READ, as the memory blade would have seen it. */
    action fetch() {
        hdr.bth.opcode = Opcode.RDMA_READ_REQUEST;
        hdr.bth.dest_qp = meta.requester ++ hdr.coheth.peer_qp[15:0];
        hdr.bth.psn = hdr.coheth.peer_psn + segment;
        set_rkey();
        hdr.coheth.setInvalid();
        set_udp_length(hdr.udp.length - COHETH_BYTES);
    }

    action push_write() {
        hdr.bth.opcode = Opcode.RDMA_WRITE_ONLY;
        hdr.bth.dest_qp[23:16] = meta.blade;
        hdr.reth.va = meta.offset;
        hdr.reth.rkey = 0;
        hdr.coheth.setInvalid();
        set_udp_length(hdr.udp.length - COHETH_BYTES);
    }

    action push_response() {
        hdr.bth.opcode = Opcode.RDMA_READ_RESPONSE_ONLY;
        hdr.bth.dest_qp = 8w0 ++ hdr.coheth.peer_qp[15:0];
        hdr.bth.psn = hdr.coheth.peer_psn + segment;
        hdr.aeth.setValid();
        hdr.aeth.syndrome = Syndrome.ACK;
        hdr.aeth.msn = meta.region_log2 ++ meta.pending ++ meta.permission ++ meta.version;
        hdr.reth.setInvalid();
        hdr.coheth.setInvalid();
        set_udp_length(hdr.udp.length - COHETH_BYTES - RETH_BYTES + AETH_BYTES);
    }

    /* Answers of the switch's own end after an ICRC; what the request had behind its headers is not theirs. */
    action own_coheth() {
        hdr.reth.setInvalid();
        hdr.coheth.setValid();
        hdr.coheth.va = meta.region_base;
        hdr.coheth.region_log2 = 3w0 ++ meta.region_log2;
        hdr.coheth.version = meta.version;
        hdr.coheth.requester = meta.requester;
        hdr.coheth.false_pages = 0;
        hdr.icrc.setValid();
        hdr.icrc.value = 0;
        set_udp_length(UDP_OF_COHETH);
    }

    action about_this_request() {
        hdr.coheth.page = page;
        hdr.coheth.peer_qp = hdr.bth.dest_qp;
        hdr.coheth.peer_psn = hdr.bth.psn - segment;
    }

    action invalidate(bit<8> flags) {
        own_coheth();
        about_this_request();
        hdr.coheth.flags = flags;
        hdr.bth.opcode = Opcode.INVALIDATE;
        hdr.bth.dest_qp = 0;
        hdr.bth.psn = 0;
    }

    action grant_back() {
        own_coheth();
        about_this_request();
        hdr.coheth.flags = COH_MODIFIED;
        hdr.bth.opcode = Opcode.GRANT;
    }

    action grant(bit<8> flags) {
        own_coheth();
        hdr.coheth.flags = flags;
        hdr.bth.opcode = Opcode.GRANT;
        hdr.bth.dest_qp = hdr.coheth.peer_qp;
        hdr.bth.psn = hdr.coheth.peer_psn;
    }

    action confirm(bit<8> flags) {
        own_coheth();
        hdr.coheth.flags = flags;
    }

    action refuse() {
        hdr.reth.setInvalid();
        hdr.atomic_eth.setInvalid();
        hdr.coheth.setInvalid();
        hdr.bth.opcode = Opcode.ACKNOWLEDGE;
        hdr.aeth.setValid();
        hdr.aeth.syndrome = meta.syndrome;
        hdr.aeth.msn = 0;
        hdr.icrc.setValid();
        hdr.icrc.value = 0;
        set_udp_length(UDP_OF_AETH);
    }

    /* One multicast leaves as different packets: a READ to the memory blade, INVALIDATE to the sharers. A pair
     * of verdict and neighbour that is not here is a copy that nobody is to see. */
    table copies {
        key = {
            neighbour      : exact;
            meta.reply     : exact;
            hdr.bth.opcode : ternary;
            meta.state     : ternary;
        }
        actions = {
            respond; forward_direct; forward_atomic; forward_get; fetch; push_write; push_response;
            invalidate; grant_back; grant; confirm; refuse; prune;
        }
        const default_action = prune();
        const entries = {
            (Sender.COMPUTE, Reply.RESPONSE, _, _): respond();
            (Sender.COMPUTE, Reply.REFUSE, _, _): refuse();
            (Sender.COMPUTE, Reply.INVALIDATE, _, State.MM_D): invalidate(0);
            (Sender.COMPUTE, Reply.INVALIDATE, _, State.MS_D): invalidate(COH_DOWNGRADE);
            (Sender.COMPUTE, Reply.INVALIDATE, _, _): invalidate(COH_NO_PAGE);
            (Sender.COMPUTE, Reply.INVALIDATE_FORWARD, _, _): invalidate(COH_NO_PAGE);
            (Sender.COMPUTE, Reply.PUSH, _, _): push_response();
            (Sender.COMPUTE, Reply.GRANT, _, State.M): grant(COH_MODIFIED);
            (Sender.COMPUTE, Reply.GRANT, _, _): grant(0);
            (Sender.COMPUTE, Reply.GRANT_BACK, _, _): grant_back();
            (Sender.COMPUTE, Reply.CONFIRM, _, _): confirm(COH_CONFIRM);
            (Sender.COMPUTE, Reply.CONFIRM_STALE, _, _): confirm(COH_CONFIRM | COH_STALE);
            (Sender.MEMORY, Reply.FORWARD, Opcode.GET_SHARED, _): forward_get();
            (Sender.MEMORY, Reply.FORWARD, Opcode.GET_MODIFIED, _): forward_get();
            (Sender.MEMORY, Reply.FORWARD, Opcode.COMPARE_SWAP, _): forward_atomic();
            (Sender.MEMORY, Reply.FORWARD, Opcode.FETCH_ADD, _): forward_atomic();
            (Sender.MEMORY, Reply.FORWARD, _, _): forward_direct();
            (Sender.MEMORY, Reply.INVALIDATE_FORWARD, _, _): forward_get();
            (Sender.MEMORY, Reply.PUSH, _, _): push_write();
            (Sender.MEMORY, Reply.FETCH, _, _): fetch();
        }
    }

    apply {
        neighbours.apply();
        page = meta.va & ~(va_t)0xFFF;
        segment = 22w0 ++ meta.va[11:10];
        if (meta.multicast == 1 && neighbour == Sender.COMPUTE && (meta.targets & neighbour_mask) == 0) {
            prune();
        } else {
            copies.apply();
        }
    }
}

#endif
