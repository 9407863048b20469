/* Memory outside every region: plain verbs go to the memory blade, coherent ones are out of place. */
#ifndef RACKPLANE_STAGE_DIRECT_P4
#define RACKPLANE_STAGE_DIRECT_P4

control Direct(inout metadata_t meta) {
    action forward() {
        meta.reply = Reply.FORWARD;
    }

    action refuse(Reason reason) {
        meta.reply = Reply.REFUSE;
        meta.syndrome = Syndrome.NAK_INVALID_REQUEST;
        meta.reason = reason;
    }

    action drop(Reason reason) {
        meta.reply = Reply.DROP;
        meta.reason = reason;
    }

    /* What each verb means here. Nobody waits for an answer to the ones that are dropped. */
    table outside {
        key = { meta.event : exact; }
        actions = { forward; refuse; drop; }
        const default_action = refuse(Reason.NOT_COHERENT);
        const entries = {
            Event.DIRECT: forward();
            Event.WRITE: forward();
            Event.INVALIDATE_ACK: drop(Reason.NO_REGION);
            Event.PUSH_EMPTY: drop(Reason.NO_REGION);
            Event.RECALL: drop(Reason.NO_REGION);
        }
    }

    apply {
        outside.apply();
    }
}

#endif
