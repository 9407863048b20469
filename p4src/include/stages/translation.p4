/* Global virtual address -> memory blade and offset in it. */
#ifndef RACKPLANE_STAGE_TRANSLATION_P4
#define RACKPLANE_STAGE_TRANSLATION_P4

control Translation(inout metadata_t meta) {
    action memory(bit<9> port, bit<16> group, va_t base) {
        meta.memory_port = port;
        meta.memory_group = group;
        meta.offset = meta.va - base;
    }

    action no_address() {
        meta.reply = Reply.REFUSE;
        meta.syndrome = Syndrome.NAK_REMOTE_ACCESS;
        meta.reason = Reason.NO_ADDRESS;
    }

    /* The address space is range-partitioned, so one entry per memory blade covers it. A longer prefix is an
     * exception: a range that lives on another blade than its address says (MIND, section 4.1). */
    table ranges {
        key = { meta.va : lpm @name("va"); }
        actions = { memory; @defaultonly no_address; }
        const default_action = no_address();
        size = TRANSLATION_ENTRIES;
    }

    apply {
        ranges.apply();
    }
}

#endif
