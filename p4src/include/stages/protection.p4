/* Protection domain and address -> rights. */
#ifndef RACKPLANE_STAGE_PROTECTION_P4
#define RACKPLANE_STAGE_PROTECTION_P4

control Protection(in headers_t hdr, inout metadata_t meta) {
    bit<16> domain = 0;
    bit<2>  granted = RIGHT_NONE;

    action allow(bit<2> rights) {
        granted = rights;
    }

    /* A domain's ranges, split into power-of-two prefixes by the control plane. No entry, no right. */
    table rights {
        key = {
            domain : exact @name("domain");
            meta.va : lpm @name("va");
        }
        actions = { allow; @defaultonly NoAction; }
        const default_action = NoAction();
        size = PROTECTION_ENTRIES;
    }

    apply {
        if (hdr.reth.isValid()) {
            domain = hdr.reth.rkey[15:0];
        } else {
            domain = hdr.atomic_eth.rkey[15:0];
        }
        rights.apply();
        if ((granted & meta.need) != meta.need) {
            meta.reply = Reply.REFUSE;
            meta.syndrome = Syndrome.NAK_REMOTE_ACCESS;
            meta.reason = Reason.NO_RIGHT;
        }
    }
}

#endif
