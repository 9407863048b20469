/* Traced programs: what a packet meets is written to a buffer of its CPU, and at its end as one record to a ring.
 * Nothing here calls a helper between begin and end, so that it may stand where a spin lock is held. */
#ifndef RACKPLANE_TRACE_H
#define RACKPLANE_TRACE_H


/* Bytes of events: when a packet has more, the last overwrite the first, and `used` tells. A value of a per-CPU map
 * has at most 32 KiB. */
#define TRACE_LIMIT 16384
#define TRACE_TESTS 16
#define TRACE_PARENTS 1024
#define TRACE_BROADCAST 0xffffffff
#define TRACE_CONTINUES 64

/* sent: 1 + the port that the frame is redirected to, or TRACE_BROADCAST. child: the frame, or its original, was
 * in another run before, of which `parent` is the id if it is traced. */
struct trace_head {
	u64 id;
	u64 parent;
	u64 time;
	u32 used;
	u32 port;
	u32 length;
	s32 action;
	u32 sent;
	u32 child;
};

/* continues: the next run of this CPU goes on with the packet of this one; from: the id of this one, if traced. */
struct trace {
	u64 sequence;
	u64 from;
	u32 continues;
	u32 unused;
	u32 headers[TRACE_HEADERS];
	struct trace_head head;
	u8 b[TRACE_LIMIT + TRACE_LARGEST];
};

/* One test of the filter: the bits `mask` of the 8 bytes at `byte` of a header are within low .. high (or, with
 * `negate`, are not). A header that the packet does not have fails it. */
struct trace_test {
	u32 header;
	u32 byte;
	u32 negate;
	u32 unused;
	u64 mask;
	u64 low;
	u64 high;
};

/* port: 1 + the port of which packets are traced, or 0 for all. */
struct trace_control {
	u64 lost;
	u32 port;
	u32 dropped_only;
	u32 tests;
	u32 unused;
	struct trace_test test[TRACE_TESTS];
};

struct trace_control trace_control SEC(".bss.trace");
DEFINE_MAP(trace_buffers, BPF_MAP_TYPE_PERCPU_ARRAY, 0, u32, struct trace, 1);
DEFINE_MAP(trace_parents, BPF_MAP_TYPE_PERCPU_ARRAY, 0, u32, u64, TRACE_PARENTS);

DEFINE_RING(trace_ring, TRACE_RING_BYTES);

INLINE struct trace *trace_buffer(void)
{
	u32 zero = 0;

	return bpf_map_lookup_elem(&trace_buffers, &zero);
}

/* Where in `b` an event of `size` bytes goes, a multiple of 8. Without a branch: each would double the verifier's
 * paths. */
INLINE u64 trace_put(struct trace *trace, u32 size)
{
	u32 used = trace->head.used;

	trace->head.used = used + size;
	return used & (TRACE_LIMIT - 8);
}

/* Events of up to three words, as functions that the verifier follows once. No function may be called where a spin
 * lock is held; events are written in place there. */
#define DEFINE_EVENT(count, parameters, stores) \
	__attribute__((noinline)) int trace_event##count parameters \
	{ \
		if (!trace) \
			return 0; \
		u64 *event = (u64 *)(trace->b + trace_put(trace, 8 + 8 * count)); \
		event[0] = site; \
		stores \
		return 0; \
	}

DEFINE_EVENT(0, (struct trace * trace, u64 site), )
DEFINE_EVENT(1, (struct trace * trace, u64 site, u64 a), event[1] = a;)
DEFINE_EVENT(2, (struct trace * trace, u64 site, u64 a, u64 b), event[1] = a; event[2] = b;)
DEFINE_EVENT(3, (struct trace * trace, u64 site, u64 a, u64 b, u64 c), event[1] = a; event[2] = b; event[3] = c;)

/* A frame that is to be copied carries the number of the slot that has its state, and so leads back to its record. */
INLINE u64 *trace_parent(struct xdp_md *ctx)
{
	u32 *note = (u32 *)(long)ctx->data_meta;

	if ((u8 *)(note + 1) > (u8 *)(long)ctx->data)
		return NULL;
	u32 index = *note % TRACE_PARENTS;
	return bpf_map_lookup_elem(&trace_parents, &index);
}

/* Whether the packet is one that was asked for. */
__attribute__((noinline)) int trace_wanted(struct trace *trace)
{
	if (!trace)
		return 0;
	if (trace_control.port && trace_control.port != trace->head.port)
		return 0;
	if (trace_control.dropped_only && trace->head.action >= 0)
		return 0;
	for (u32 n = 0; n < TRACE_TESTS; n++) {
		if (n >= trace_control.tests)
			break;
		struct trace_test *test = &trace_control.test[n];
		if (test->header >= TRACE_HEADERS)
			return 0;
		u64 at = trace->headers[test->header];
		if (!at)
			return 0;
		at = (at + test->byte) & (TRACE_LIMIT - 1);
		u64 word = LD8(trace->b, at) & test->mask;
		u32 within = word >= test->low && word <= test->high;
		if (within == !!test->negate)
			return 0;
	}
	return 1;
}

/* `first`: the packet comes from a port, unless another run sent it here by a tail call. `copy`: on its way out. */
INLINE void trace_begin(struct xdp_md *ctx, u32 first, u32 copy)
{
	struct trace *trace = trace_buffer();

	if (!trace)
		return;
	u64 *parent = first ? NULL : trace_parent(ctx);
	trace->head.child = !first || trace->continues;
	trace->head.parent = trace->continues ? trace->from : parent ? *parent : 0;
	trace->continues = 0;
	trace->head.used = 8;
	trace->head.sent = 0;
	trace->head.id = (u64)bpf_get_smp_processor_id() << 48 | ++trace->sequence;
	trace->head.time = bpf_ktime_get_ns();
	trace->head.port = port_of(copy ? ctx->egress_ifindex : ctx->ingress_ifindex);
	trace->head.length = distance((u8 *)(long)ctx->data, (u8 *)(long)ctx->data_end) - LEAD_BYTES;
	for (u32 n = 0; n < TRACE_HEADERS; n++)
		*(volatile u32 *)&trace->headers[n] = 0;
}

INLINE void trace_end(struct xdp_md *ctx, int action)
{
	struct trace *trace = trace_buffer();

	if (!trace)
		return;
	trace->continues = action == TRACE_CONTINUES;
	trace->head.action = action;
	u32 wanted = trace->head.child ? trace->head.parent != 0 : trace_wanted(trace);
	trace->from = wanted ? trace->head.id : 0;
	u64 *parent = trace_parent(ctx);
	if (parent)
		*parent = trace->from;
	if (!wanted)
		return;
	u64 used = trace->head.used;
	OPAQUE(used);
	if (used > TRACE_LIMIT)
		used = TRACE_LIMIT;
	if (bpf_ringbuf_output(&trace_ring, &trace->head, sizeof(trace->head) + used, 0))
		__sync_fetch_and_add(&trace_control.lost, 1);
}

INLINE long trace_sent(long action, u64 key, u64 flags)
{
	struct trace *trace = trace_buffer();

	if (trace)
		trace->head.sent = flags & BPF_F_BROADCAST ? TRACE_BROADCAST : (u32)key + 1;
	return action;
}

INLINE long trace_call(struct xdp_md *ctx, void *programs, u32 index)
{
	struct trace *trace = trace_buffer();

	trace_end(ctx, TRACE_CONTINUES);
	bpf_tail_call(ctx, programs, index);
	if (trace)
		trace->continues = 0;
	return -1;
}

#define bpf_redirect_map(map, key, flags) trace_sent((bpf_redirect_map)(map, key, flags), key, flags)
#define bpf_tail_call(ctx, programs, index) trace_call(ctx, programs, index)

#endif
