/* The IPv4 checksum, and the order of headers on the wire. */
#ifndef RACKPLANE_DEPARSER_P4
#define RACKPLANE_DEPARSER_P4

#define IPV4_CHECKSUM_FIELDS { hdr.ipv4.version, hdr.ipv4.ihl, hdr.ipv4.diffserv, hdr.ipv4.total_len, \
        hdr.ipv4.identification, hdr.ipv4.flags, hdr.ipv4.frag_offset, hdr.ipv4.ttl, hdr.ipv4.protocol, \
        hdr.ipv4.src_addr, hdr.ipv4.dst_addr }

control MindVerifyChecksum(inout headers_t hdr, inout metadata_t meta) {
    apply {
        verify_checksum(hdr.bth.isValid(), IPV4_CHECKSUM_FIELDS, hdr.ipv4.hdr_checksum, HashAlgorithm.csum16);
    }
}

/* Only RoCE is rewritten; bridged packets keep the checksum they came with. */
control MindComputeChecksum(inout headers_t hdr, inout metadata_t meta) {
    apply {
        update_checksum(hdr.bth.isValid(), IPV4_CHECKSUM_FIELDS, hdr.ipv4.hdr_checksum, HashAlgorithm.csum16);
    }
}

control MindDeparser(packet_out packet, in headers_t hdr) {
    apply {
        packet.emit(hdr.packet_in);
        packet.emit(hdr.ethernet);
        packet.emit(hdr.ipv4);
        packet.emit(hdr.udp);
        packet.emit(hdr.bth);
        packet.emit(hdr.aeth);
        packet.emit(hdr.reth);
        packet.emit(hdr.atomic_eth);
        packet.emit(hdr.coheth);
        packet.emit(hdr.icrc);
    }
}

#endif
