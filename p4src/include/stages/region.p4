/* Address -> coherence region and its slot in the directory; what remains is direct memory. */
#ifndef RACKPLANE_STAGE_REGION_P4
#define RACKPLANE_STAGE_REGION_P4

control Region(inout metadata_t meta) {
    action region(bit<32> slot, va_t base, bit<5> log2) {
        meta.coherent = 1;
        meta.slot = slot;
        meta.region_base = base;
        meta.region_log2 = log2;
    }

    /* The unit of coherence is a prefix of its own, so that splitting and merging regions (MIND, section 5)
     * are changes of entries. `base` is the prefix again: a shift by a variable length costs more. */
    table regions {
        key = { meta.va : lpm @name("va"); }
        actions = { region; @defaultonly NoAction; }
        const default_action = NoAction();
        size = DIRECTORY_SLOTS;
    }

    apply {
        regions.apply();
    }
}

#endif
