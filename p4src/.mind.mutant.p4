/* MIND: the rack switch as memory management unit and coherence directory (SOSP'21, arXiv:2107.00164).
 *
 *   in --> parser --> classification --> translation --> region --> protection --> directory --> delivery --> out
 *            |          port: who?        address:        slot in    domain and     (or direct:  port, group,
 *            |          opcode: what?     memory blade    directory  address:       no region)   CPU or drop;
 *            |          lengths right?    and offset      if any     rights         one entry    reasons counted
 *            |               |                                                          |             ^
 *            |               +-- an answer of a memory blade ---------------------------|-------------+
 *            +-- no RoCE: l2 -----------------------------------------------------------|-------------+
 *            +-- packet-out: control_plane -- compare-and-swap of an entry -------------+             |
 *                     +-- a frame to send ------------------------------------------------------------+
 *
 *   each copy --> neighbours (blade behind the port, its addresses) --> prune by sharers --> copies (rewrite)
 *
 * A stage runs while the packet's verdict, meta.reply, is UNDECIDED. */
#include <core.p4>
#include <v1model.p4>

#include "include/headers.p4"
#include "include/sizes.p4"
#include "include/metadata.p4"
#include "include/parser.p4"
#include "include/deparser.p4"
#include "include/stages/classification.p4"
#include "include/stages/translation.p4"
#include "include/stages/region.p4"
#include "include/stages/protection.p4"
#include "include/stages/directory.p4"
#include "include/stages/direct.p4"
#include  "include/stages/l2.p4"
#include "include/stages/control_plane.p4"
#include "include/stages/delivery.p4"
#include "include/stages/copies.p4"

control MindIngress(inout headers_t hdr, inout metadata_t meta, inout standard_metadata_t std) {
    Classification() classification;
    Translation()    translation;
    Region()         region;
    Protection()     protection;
    Directory()      directory;
    Direct()         direct;
    L2()             l2;
    ControlPlane()   control_plane;
    Delivery()       delivery;

    apply {
        if (std.parser_error != error.NoError) {
            meta.reply = Reply.DROP;
            meta.reason = Reason.TRUNCATED;
        } else if (hdr.packet_out.isValid()) {
            control_plane.apply(hdr, meta, std);
        } else if (hdr.bth.isValid()) {
            classification.apply(hdr, meta, std);
            if (meta.reply == Reply.UNDECIDED && (hdr.reth.isValid() || hdr.atomic_eth.isValid())) {
                translation.apply(meta);
            }
        } else {
            l2.apply(hdr, meta, std);
        }
        if (meta.reply == Reply.UNDECIDED && meta.event != Event.COMPARE_SWAP) {
            region.apply(meta);
            /* A WRITE into a region is a write-back: the directory allows it to the owner alone, and a right
             * taken away meanwhile must not lose what was written under it. */
            if (meta.need != RIGHT_NONE && !(meta.event == Event.WRITE && meta.coherent == 1)) {
                protection.apply(hdr, meta);
            }
        }
        if (meta.reply == Reply.UNDECIDED) {
            if (meta.coherent == 1) {
                directory.apply(hdr, meta);
            } else {
                direct.apply(meta);
            }
        }
        delivery.apply(hdr, meta, std);
    }
}

control MindEgress(inout headers_t hdr, inout metadata_t meta, inout standard_metadata_t std) {
    Copies() copies;

    apply {
        if (meta.reply == Reply.FLOOD) {
            if (std.egress_port == std.ingress_port) {
                mark_to_drop(std);
            }
        } else if (meta.reply != Reply.L2 && meta.reply != Reply.CPU && meta.reply != Reply.INJECT) {
            copies.apply(hdr, meta, std);
        }
    }
}

V1Switch(MindParser(), MindVerifyChecksum(), MindIngress(), MindEgress(), MindComputeChecksum(), MindDeparser()) main;
