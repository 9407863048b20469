/* v1model's meters: two rates, three colours, colour-blind (RFC 2698), as BMv2 executes them. */
#ifndef RACKPLANE_METERS_H
#define RACKPLANE_METERS_H

/* Tokens are counted in billionths: a rate per second is then as many per nanosecond, and no fraction is ever lost.
 * A bucket that is filled for `fill_ns` is full, whatever was in it. */
#define TOKEN 1000000000ull

enum { GREEN, YELLOW, RED, COLORS };

struct bucket {
	u64 rate;
	u64 fill_ns;
	u64 burst;
	u64 tokens;
};

struct meter {
	struct bpf_spin_lock lock;
	u32 configured;
	u64 last;
	struct bucket committed;
	struct bucket peak;
};

struct marks {
	struct counter of[COLORS];
};

INLINE void refill(struct bucket *bucket, u64 elapsed)
{
	u64 tokens = bucket->burst;

	if (elapsed < bucket->fill_ns)
		tokens = bucket->tokens + elapsed * bucket->rate;
	bucket->tokens = tokens < bucket->burst ? tokens : bucket->burst;
}

/* A meter that is not configured finds every packet green. Another core may have been here with a later clock. */
INLINE u32 color_of(struct meter *meter, u64 cost)
{
	u32 color = GREEN;
	u64 now;

	if (!*(volatile u32 *)&meter->configured)
		return GREEN;
	now = bpf_ktime_get_ns();
	bpf_spin_lock(&meter->lock);
	if (meter->configured) {
		if (now > meter->last) {
			refill(&meter->committed, now - meter->last);
			refill(&meter->peak, now - meter->last);
			meter->last = now;
		}
		if (meter->peak.tokens < cost) {
			color = RED;
		} else {
			meter->peak.tokens -= cost;
			if (meter->committed.tokens < cost)
				color = YELLOW;
			else
				meter->committed.tokens -= cost;
		}
	}
	bpf_spin_unlock(&meter->lock);
	return color;
}

/* A meter array and the function that executes one of its meters: a global function, which the verifier follows once.
 * It returns the colour, or -1 when there is no such meter. */
#define DEFINE_METER(name, size, amount) \
	DEFINE_MAP(name, BPF_MAP_TYPE_ARRAY, 0, u32, struct meter, size); \
	DEFINE_MAP(name##_marks, BPF_MAP_TYPE_ARRAY, 0, u32, struct marks, size); \
	__attribute__((noinline)) int name##_execute(u32 index, u32 bytes) \
	{ \
		struct meter *meter = bpf_map_lookup_elem(&name, &index); \
		struct marks *marks = bpf_map_lookup_elem(&name##_marks, &index); \
		u32 color; \
		if (!meter || !marks) \
			return -1; \
		color = color_of(meter, (amount) * TOKEN); \
		if (color >= COLORS) \
			return -1; \
		__sync_fetch_and_add(&marks->of[color].packets, 1); \
		__sync_fetch_and_add(&marks->of[color].bytes, bytes); \
		return (int)color; \
	}

#endif
