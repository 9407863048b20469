/* What becomes of a request that the history neither executes nor repeats. */
#ifndef RACKPLANE_ADMISSION_H
#define RACKPLANE_ADMISSION_H

#include "answer.h"
#include "history.h"

static __always_inline enum verdict turn_away(enum admission admission, struct answer *answer, struct counters *count)
{
    switch (admission) {
    case ADMIT_FULL:
        count->rnr_queue_pairs++;
        return acknowledge(answer, SYNDROME_RNR_NAK);
    case ADMIT_CHANGED:
        count->nak_changed++;
        return acknowledge(answer, SYNDROME_NAK_INVALID_REQUEST);
    case ADMIT_PENDING:
        count->drop_in_progress++;
        return VERDICT_DROP;
    default:
        count->drop_old++;
        return VERDICT_DROP;
    }
}

#endif
