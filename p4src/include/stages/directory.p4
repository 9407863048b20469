/* The coherence directory: one register element per region, moved by a constant transition table.
 *
 *   63        48 47         32 31      16 15        8 7        0
 *   +-----------+-------------+----------+-----------+----------+
 *   |  version  |   sharers   |   page   | requester |  state   |
 *   +-----------+-------------+----------+-----------+----------+
 *
 * docs/coherence.md gives the protocol; the table below is its text. Between the register's read and its write
 * there is no look-up but the constant table, so that a target can hold a lock over the span. */
#ifndef RACKPLANE_STAGE_DIRECTORY_P4
#define RACKPLANE_STAGE_DIRECTORY_P4

control Directory(inout headers_t hdr, inout metadata_t meta) {
    register<bit<64>>(DIRECTORY_SLOTS) slots;
    /* Pages that INVALIDATEs took from their holders although nobody had asked for them: what makes a region too
     * large (MIND, section 5). The control plane reads it once an epoch. */
    register<bit<32>>(DIRECTORY_SLOTS) false_pages;
    counter(TRANSITION_CELLS, CounterType.packets) transitions;

    /* The entry, unpacked. */
    State     state = State.I;
    bit<16>   sharers = 0;
    bit<16>   page = 0;
    blade_t   requester = 0;
    version_t version = 0;

    /* The conditions of the transition table. */
    bit<1> is_sharer = 0;       /* the sender is one of the sharers; in M, MS_D, MM_D: the owner */
    bit<1> others = 0;          /* somebody else is */
    bit<1> is_requester = 0;
    bit<1> same_page = 0;       /* the packet is about the page that the transaction is for */
    bit<1> first = 0;           /* the segment at the page's first byte */
    bit<1> version_current = 0;
    bit<1> kept = 0;

    Sharers   change = Sharers.KEEP;
    bit<1>    begins = 0;
    version_t increment = 0;

    /* The packet moves the entry. A transaction that `begins` writes down for whom and for which page. */
    action move(State next, Sharers sharers_change, bit<1> begin, version_t version_increment,
                Reply reply, bit<2> permission, bit<1> pending) {
        state = next;
        change = sharers_change;
        begins = begin;
        increment = version_increment;
        meta.reply = reply;
        meta.permission = permission;
        meta.pending = pending;
    }

    /* The packet leaves the entry as it is. */
    action stay(Reply reply, bit<2> permission, bit<1> pending) {
        meta.reply = reply;
        meta.permission = permission;
        meta.pending = pending;
    }

    action refuse(Syndrome syndrome, Reason reason) {
        meta.reply = Reply.REFUSE;
        meta.syndrome = syndrome;
        meta.reason = reason;
    }

    action drop(Reason reason) {
        meta.reply = Reply.DROP;
        meta.reason = reason;
    }

    table protocol {
        key = {
            meta.event      : exact;
            state           : ternary;
            is_sharer       : ternary;
            others          : ternary;
            is_requester    : ternary;
            same_page       : ternary;
            first           : ternary;
            version_current : ternary;
            kept            : ternary;
        }
        actions = { move; stay; refuse; drop; }
        const default_action = stay(Reply.DROP, PERM_NONE, 0);
        const entries = {
            /*                     state      sharer others req page first version kept */
            (Event.GET_SHARED,     State.I,    _, _, _, _, _, _, _): move(State.S, Sharers.SENDER, 0, 0, Reply.FORWARD, PERM_SHARED, 0);
            (Event.GET_SHARED,     State.S,    _, _, _, _, _, _, _): move(State.S, Sharers.ADD_SENDER, 0, 0, Reply.FORWARD, PERM_SHARED, 0);
            (Event.GET_SHARED,     State.M,    1, _, _, _, _, _, _): stay(Reply.FORWARD, PERM_MODIFIED, 0);
            (Event.GET_SHARED,     State.M,    0, _, _, _, _, _, _): move(State.MS_D, Sharers.KEEP, 1, 1, Reply.INVALIDATE, PERM_SHARED, 1);
            (Event.GET_SHARED,     State.SM_A, _, _, 1, _, _, _, _): stay(Reply.FORWARD, PERM_SHARED, 0);
            (Event.GET_SHARED,     State.MS_D, _, _, 1, 1, 1, _, _): stay(Reply.INVALIDATE, PERM_SHARED, 1);
            (Event.GET_SHARED,     State.MM_D, _, _, 1, 1, 1, _, _): stay(Reply.INVALIDATE, PERM_MODIFIED, 1);
            (Event.GET_SHARED,     State.MS_D, _, _, 1, 1, 0, _, _): drop(Reason.AWAITS_PUSH);
            (Event.GET_SHARED,     State.MM_D, _, _, 1, 1, 0, _, _): drop(Reason.AWAITS_PUSH);
            (Event.GET_SHARED,     State.SL_A, _, _, _, _, _, _, _): refuse(Syndrome.RNR_NAK, Reason.LOCKED);
            (Event.GET_SHARED,     State.ML_A, _, _, _, _, _, _, _): refuse(Syndrome.RNR_NAK, Reason.LOCKED);
            (Event.GET_SHARED,     State.L,    _, _, _, _, _, _, _): refuse(Syndrome.RNR_NAK, Reason.LOCKED);
            (Event.GET_SHARED,     _,          _, _, _, _, _, _, _): refuse(Syndrome.RNR_NAK, Reason.BUSY);

            (Event.GET_MODIFIED,   State.I,    _, _, _, _, _, _, _): move(State.M, Sharers.SENDER, 0, 1, Reply.FORWARD, PERM_MODIFIED, 0);
            (Event.GET_MODIFIED,   State.S,    _, 0, _, _, _, _, _): move(State.M, Sharers.SENDER, 0, 1, Reply.FORWARD, PERM_MODIFIED, 0);
            (Event.GET_MODIFIED,   State.S,    _, 1, _, _, _, _, _): move(State.SM_A, Sharers.REMOVE_SENDER, 1, 1, Reply.INVALIDATE_FORWARD, PERM_MODIFIED, 1);
            (Event.GET_MODIFIED,   State.M,    1, _, _, _, _, _, _): stay(Reply.FORWARD, PERM_MODIFIED, 0);
            (Event.GET_MODIFIED,   State.M,    0, _, _, _, _, _, _): move(State.MM_D, Sharers.KEEP, 1, 1, Reply.INVALIDATE, PERM_MODIFIED, 1);
            (Event.GET_MODIFIED,   State.SM_A, _, _, 1, 1, 1, _, _): stay(Reply.INVALIDATE_FORWARD, PERM_MODIFIED, 1);
            (Event.GET_MODIFIED,   State.SM_A, _, _, 1, _, _, _, _): stay(Reply.FORWARD, PERM_MODIFIED, 1);
            (Event.GET_MODIFIED,   State.MS_D, _, _, 1, 1, 1, _, _): stay(Reply.INVALIDATE, PERM_SHARED, 1);
            (Event.GET_MODIFIED,   State.MM_D, _, _, 1, 1, 1, _, _): stay(Reply.INVALIDATE, PERM_MODIFIED, 1);
            (Event.GET_MODIFIED,   State.MS_D, _, _, 1, 1, 0, _, _): drop(Reason.AWAITS_PUSH);
            (Event.GET_MODIFIED,   State.MM_D, _, _, 1, 1, 0, _, _): drop(Reason.AWAITS_PUSH);
            (Event.GET_MODIFIED,   State.SL_A, _, _, _, _, _, _, _): refuse(Syndrome.RNR_NAK, Reason.LOCKED);
            (Event.GET_MODIFIED,   State.ML_A, _, _, _, _, _, _, _): refuse(Syndrome.RNR_NAK, Reason.LOCKED);
            (Event.GET_MODIFIED,   State.L,    _, _, _, _, _, _, _): refuse(Syndrome.RNR_NAK, Reason.LOCKED);
            (Event.GET_MODIFIED,   _,          _, _, _, _, _, _, _): refuse(Syndrome.RNR_NAK, Reason.BUSY);

            (Event.UPGRADE,        State.S,    1, 0, _, _, _, _, _): move(State.M, Sharers.SENDER, 0, 1, Reply.GRANT_BACK, PERM_MODIFIED, 0);
            (Event.UPGRADE,        State.S,    1, 1, _, _, _, _, _): move(State.SM_A, Sharers.REMOVE_SENDER, 1, 1, Reply.INVALIDATE, PERM_MODIFIED, 1);
            (Event.UPGRADE,        State.M,    1, _, _, _, _, _, _): stay(Reply.GRANT_BACK, PERM_MODIFIED, 0);
            (Event.UPGRADE,        State.SM_A, _, _, 1, _, _, _, _): stay(Reply.INVALIDATE, PERM_MODIFIED, 1);
            (Event.UPGRADE,        State.I,    _, _, _, _, _, _, _): refuse(Syndrome.RNR_NAK, Reason.LOST_COPY);
            (Event.UPGRADE,        State.S,    _, _, _, _, _, _, _): refuse(Syndrome.RNR_NAK, Reason.LOST_COPY);
            (Event.UPGRADE,        State.M,    _, _, _, _, _, _, _): refuse(Syndrome.RNR_NAK, Reason.LOST_COPY);
            (Event.UPGRADE,        State.SL_A, _, _, _, _, _, _, _): refuse(Syndrome.RNR_NAK, Reason.LOCKED);
            (Event.UPGRADE,        State.ML_A, _, _, _, _, _, _, _): refuse(Syndrome.RNR_NAK, Reason.LOCKED);
            (Event.UPGRADE,        State.L,    _, _, _, _, _, _, _): refuse(Syndrome.RNR_NAK, Reason.LOCKED);
            (Event.UPGRADE,        _,          _, _, _, _, _, _, _): refuse(Syndrome.RNR_NAK, Reason.BUSY);

            (Event.INVALIDATE_ACK, State.SM_A, 1, 1, _, _, _, 1, _): move(State.SM_A, Sharers.REMOVE_SENDER, 0, 0, Reply.DONE, PERM_NONE, 0);
            (Event.INVALIDATE_ACK, State.SM_A, 1, 0, _, _, _, 1, _): move(State.M, Sharers.REQUESTER, 0, 0, Reply.GRANT, PERM_MODIFIED, 0);
            (Event.INVALIDATE_ACK, State.MS_D, 1, _, _, _, _, 1, 1): move(State.S, Sharers.REQUESTER_KEPT, 0, 0, Reply.GRANT, PERM_SHARED, 0);
            (Event.INVALIDATE_ACK, State.MS_D, 1, _, _, _, _, 1, 0): move(State.S, Sharers.REQUESTER, 0, 0, Reply.GRANT, PERM_SHARED, 0);
            (Event.INVALIDATE_ACK, State.MM_D, 1, _, _, _, _, 1, _): move(State.M, Sharers.REQUESTER, 0, 0, Reply.GRANT, PERM_MODIFIED, 0);
            (Event.INVALIDATE_ACK, State.SL_A, 1, 1, _, _, _, 1, _): move(State.SL_A, Sharers.REMOVE_SENDER, 0, 0, Reply.DONE, PERM_NONE, 0);
            (Event.INVALIDATE_ACK, State.ML_A, 1, 1, _, _, _, 1, _): move(State.ML_A, Sharers.REMOVE_SENDER, 0, 0, Reply.DONE, PERM_NONE, 0);
            (Event.INVALIDATE_ACK, State.SL_A, 1, 0, _, _, _, 1, _): move(State.L, Sharers.NOBODY, 0, 0, Reply.CPU, PERM_NONE, 0);
            (Event.INVALIDATE_ACK, State.ML_A, 1, 0, _, _, _, 1, _): move(State.L, Sharers.NOBODY, 0, 0, Reply.CPU, PERM_NONE, 0);
            (Event.INVALIDATE_ACK, _,          _, _, _, _, _, _, _): drop(Reason.STALE_ACK);

            (Event.PUSH,           State.MS_D, 1, _, _, 1, _, 1, _): stay(Reply.PUSH, PERM_SHARED, 1);
            (Event.PUSH,           State.MM_D, 1, _, _, 1, _, 1, _): stay(Reply.PUSH, PERM_MODIFIED, 1);
            (Event.PUSH,           _,          _, _, _, _, _, _, _): refuse(Syndrome.NAK_INVALID_REQUEST, Reason.STALE_PUSH);

            (Event.PUSH_EMPTY,     State.MS_D, 1, _, _, 1, _, 1, _): stay(Reply.FETCH, PERM_SHARED, 1);
            (Event.PUSH_EMPTY,     State.MM_D, 1, _, _, 1, _, 1, _): stay(Reply.FETCH, PERM_MODIFIED, 1);
            (Event.PUSH_EMPTY,     _,          _, _, _, _, _, _, _): drop(Reason.STALE_PUSH_EMPTY);

            (Event.WRITE,          State.M,    1, _, _, _, _, _, _): stay(Reply.FORWARD, PERM_NONE, 0);
            (Event.WRITE,          State.MS_D, 1, _, _, _, _, _, _): stay(Reply.FORWARD, PERM_NONE, 0);
            (Event.WRITE,          State.MM_D, 1, _, _, _, _, _, _): stay(Reply.FORWARD, PERM_NONE, 0);
            /* The recall of a modified region also goes to the requester of the moment, who owned nothing yet. */
            (Event.WRITE,          State.ML_A, 1, _, 0, _, _, _, _): stay(Reply.FORWARD, PERM_NONE, 0);
            (Event.WRITE,          _,          _, _, _, _, _, _, _): refuse(Syndrome.NAK_INVALID_REQUEST, Reason.NOT_DIRECT);
            (Event.DIRECT,         _,          _, _, _, _, _, _, _): refuse(Syndrome.NAK_INVALID_REQUEST, Reason.NOT_DIRECT);

            (Event.EVICT,          State.S,    1, 1, _, _, _, 1, _): move(State.S, Sharers.REMOVE_SENDER, 0, 1, Reply.CONFIRM, PERM_NONE, 0);
            (Event.EVICT,          State.S,    1, 0, _, _, _, 1, _): move(State.I, Sharers.NOBODY, 0, 1, Reply.CONFIRM, PERM_NONE, 0);
            (Event.EVICT,          State.M,    1, _, _, _, _, 1, _): move(State.I, Sharers.NOBODY, 0, 1, Reply.CONFIRM, PERM_NONE, 0);
            (Event.EVICT,          _,          _, _, _, _, _, _, _): stay(Reply.CONFIRM_STALE, PERM_NONE, 0);

            (Event.RECALL,         State.I,    _, _, _, _, _, _, _): move(State.L, Sharers.NOBODY, 0, 1, Reply.CPU, PERM_NONE, 0);
            (Event.RECALL,         State.S,    _, _, _, _, _, _, _): move(State.SL_A, Sharers.KEEP, 1, 1, Reply.INVALIDATE, PERM_NONE, 0);
            (Event.RECALL,         State.M,    _, _, _, _, _, _, _): move(State.ML_A, Sharers.KEEP, 1, 1, Reply.INVALIDATE, PERM_NONE, 0);
            (Event.RECALL,         State.SM_A, _, _, _, _, _, _, _): move(State.SL_A, Sharers.ADD_REQUESTER, 0, 1, Reply.INVALIDATE, PERM_NONE, 0);
            (Event.RECALL,         State.MS_D, _, _, _, _, _, _, _): move(State.ML_A, Sharers.ADD_REQUESTER, 0, 1, Reply.INVALIDATE, PERM_NONE, 0);
            (Event.RECALL,         State.MM_D, _, _, _, _, _, _, _): move(State.ML_A, Sharers.ADD_REQUESTER, 0, 1, Reply.INVALIDATE, PERM_NONE, 0);
            (Event.RECALL,         State.SL_A, _, _, _, _, _, _, _): stay(Reply.INVALIDATE, PERM_NONE, 0);
            (Event.RECALL,         State.ML_A, _, _, _, _, _, _, _): stay(Reply.INVALIDATE, PERM_NONE, 0);
            (Event.RECALL,         State.L,    _, _, _, _, _, _, _): stay(Reply.CPU, PERM_NONE, 0);

            (Event.RESET,          _,          _, _, _, _, _, _, _): stay(Reply.CPU, PERM_NONE, 0);
            (Event.COMPARE_SWAP,   _,          _, _, _, _, _, _, _): stay(Reply.CPU, PERM_NONE, 0);
        }
    }

    apply {
        bit<64> old;
        bit<64> entry;
        bit<16> packet_page = (bit<16>)(meta.va - meta.region_base)[20:12];
        bit<16> requester_mask;

        slots.read(old, meta.slot);
        state = (State)old[3:0];
        requester = old[15:8];
        page = old[31:16];
        sharers = old[47:32];
        version = old[63:48];
        requester_mask = 16w1 << requester;
        meta.state = state;

        is_sharer = (bit<1>)((sharers & meta.blade_mask) != 0);
        others = (bit<1>)((sharers & ~meta.blade_mask) != 0);
        is_requester = (bit<1>)(requester == meta.blade);
        same_page = (bit<1>)(page == packet_page);
        first = (bit<1>)(meta.va[11:10] == 0);
        version_current = (bit<1>)(hdr.coheth.version == version);
        kept = (bit<1>)((hdr.coheth.flags & COH_KEPT) != 0);

        protocol.apply();

        if (change == Sharers.SENDER) {
            sharers = meta.blade_mask;
        } else if (change == Sharers.ADD_SENDER) {
            sharers = sharers | meta.blade_mask;
        } else if (change == Sharers.REMOVE_SENDER) {
            sharers = sharers & ~meta.blade_mask;
        } else if (change == Sharers.REQUESTER) {
            sharers = requester_mask;
        } else if (change == Sharers.REQUESTER_KEPT) {
            sharers = requester_mask | meta.blade_mask;
        } else if (change == Sharers.ADD_REQUESTER) {
            sharers = sharers | requester_mask;
        } else if (change == Sharers.NOBODY) {
            sharers = 0;
        }
        if (begins == 1) {
            requester = meta.blade;
            page = packet_page;
        }
        version = version + increment;
        entry = version ++ sharers ++ page ++ requester ++ 4w0 ++ (bit<4>)state;
        if (meta.event == Event.COMPARE_SWAP) {
            entry = old;
            if (old == hdr.packet_out.expected) {
                entry = hdr.packet_out.desired;
            }
        }
        slots.write(meta.slot, entry);

        bit<32> pages = 0;
        if (meta.event == Event.COMPARE_SWAP) {
            false_pages.read(meta.false_pages, meta.slot);
        } else if (meta.reply == Reply.GRANT || (meta.reply == Reply.DONE && meta.state == State.SM_A)) {
            if (hdr.coheth.false_pages != 0) {
                false_pages.read(pages, meta.slot);
                pages = pages + (bit<32>)hdr.coheth.false_pages;
                false_pages.write(meta.slot, pages);
            }
        }

        transitions.count((bit<32>)((bit<4>)meta.event ++ (bit<4>)meta.state));

        /* What the copies of this packet need to know. */
        meta.entry = entry;
        meta.state = state;
        meta.version = version;
        meta.requester = requester;
        meta.to_blade = requester;
        meta.targets = sharers;
        if (meta.reply == Reply.PUSH) {
            meta.targets = requester_mask;
        }
        if (meta.event == Event.COMPARE_SWAP) {
            meta.entry = old;
        }
    }
}

#endif
