/* What a memory blade has done, per CPU. Python reads the fields by name. */
#ifndef RACKPLANE_COUNTERS_H
#define RACKPLANE_COUNTERS_H

struct counters {
    /* Executed requests. */
    u64 reads;
    u64 writes;
    u64 compare_swaps;
    u64 fetch_adds;
    u64 read_bytes;
    u64 written_bytes;
    u64 slow_reads;          /* reads of the tc path, for which the request brought no room */
    u64 repeated_answers;    /* an executed WRITE or atomic came again */
    /* Refused with a NAK. */
    u64 nak_opcode;          /* a verb that memory does not take */
    u64 nak_length;          /* too long, across a segment boundary, or not the payload's length */
    u64 nak_alignment;       /* an atomic off its eight bytes */
    u64 nak_address;         /* beyond the capacity */
    u64 nak_changed;         /* the PSN was executed as another kind of verb */
    u64 rnr_queue_pairs;     /* no room to remember one more queue pair: to be sent again later */
    /* Dropped. */
    u64 drop_truncated;      /* ends inside a header, or lengths disagree */
    u64 drop_ip_header;      /* options or fragments */
    u64 drop_ip_checksum;
    u64 drop_bth_version;
    u64 drop_answer;         /* an answer: nothing that memory asked for */
    u64 drop_old;            /* a PSN older than the last 256 */
    u64 drop_in_progress;    /* the same request is being executed on another CPU */
    u64 drop_resize;         /* no room for the answer, or no memory for a longer frame */
};

BPF_TABLE("percpu_array", u32, struct counters, counters, 1);

static __always_inline struct counters *this_cpu_counters(void)
{
    u32 only = 0;
    return counters.lookup(&only);
}

#endif
