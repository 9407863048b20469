/* What every generated switch program has beside its tables: maps, drops, head room, counters, mask groups. */
#ifndef RACKPLANE_SWITCH_H
#define RACKPLANE_SWITCH_H

#define DEFINE_MAP(name, kind, flags, key_type, value_type, size) \
	struct { \
		MAP_UINT(type, kind); \
		MAP_UINT(map_flags, flags); \
		MAP_UINT(max_entries, size); \
		MAP_TYPE(key, key_type); \
		MAP_TYPE(value, value_type); \
	} name SEC(".maps")

#define DEFINE_RING(name, bytes) \
	struct { \
		MAP_UINT(type, BPF_MAP_TYPE_RINGBUF); \
		MAP_UINT(max_entries, bytes); \
	} name SEC(".maps")

#define VALUE(value, type, offset) (*(const type *)((const u8 *)(value) + (offset)))

struct devmap_value {
	u32 ifindex;
	u32 program;
};

struct counter {
	u64 packets;
	u64 bytes;
};

struct mask_groups {
	u32 base;
	u32 count;
};

u16 ports[MAX_IFINDEX] SEC(".bss.ports");

DEFINE_MAP(tx, BPF_MAP_TYPE_DEVMAP, 0, u32, struct devmap_value, MAX_PORTS);
DEFINE_MAP(drops, BPF_MAP_TYPE_PERCPU_ARRAY, 0, u32, u64, DROP_REASONS);

struct {
	MAP_UINT(type, BPF_MAP_TYPE_HASH_OF_MAPS);
	MAP_UINT(map_flags, BPF_F_NO_PREALLOC);
	MAP_UINT(max_entries, MAX_DEVICE_MAPS);
	MAP_TYPE(key, u32);
	struct {
		MAP_UINT(type, BPF_MAP_TYPE_DEVMAP);
		MAP_UINT(max_entries, MAX_REPLICAS);
		MAP_TYPE(key, u32);
		MAP_TYPE(value, struct devmap_value);
	} *values[];
} groups SEC(".maps");

/* Port + 1 of an interface, 0 when it is none. */
INLINE u32 port_of(u32 ifindex)
{
	return ifindex < MAX_IFINDEX ? ports[ifindex] : 0;
}

INLINE int drop(u32 reason)
{
	u64 *count = bpf_map_lookup_elem(&drops, &reason);

	if (count)
		*count += 1;
	return XDP_DROP;
}

/* Large memory in maps, word by word: BPF has no memset and memcpy beyond 1 KiB. */
INLINE void clear_words(volatile u64 *to, u32 words)
{
	_Pragma("clang loop unroll(disable)") for (u32 n = 0; n < words; n++) to[n] = 0;
}

INLINE void copy_words(volatile u64 *to, const volatile u64 *from, u32 words)
{
	_Pragma("clang loop unroll(disable)") for (u32 n = 0; n < words; n++) to[n] = from[n];
}

/* The bytes between two packet pointers. The verifier takes their difference in 64 bits only. */
INLINE u32 distance(u8 *from, u8 *to)
{
	u64 bytes = to - from;

	OPAQUE(bytes);
	return (u32)bytes;
}

/* LEAD_BYTES in front of the packet are no part of it: the kernel takes no frame shorter than 14 bytes, P4 does. */
INLINE void load_bounds(struct packet *pkt)
{
	pkt->data = (u8 *)(long)pkt->ctx->data + LEAD_BYTES;
	pkt->end = (u8 *)(long)pkt->ctx->data_end;
}

/* Make room for `size` bytes of headers where the parser found pkt->parsed. */
INLINE int move_head(struct packet *pkt, u32 size)
{
	int delta = (int)pkt->parsed - (int)size;

	if (delta) {
		if (bpf_xdp_adjust_head(pkt->ctx, delta))
			return -1;
		load_bounds(pkt);
	}
	return 0;
}

/* XDP metadata marks the copies of a multicast packet; a frame may come with metadata of its own. */
INLINE void drop_metadata(struct xdp_md *ctx)
{
	u8 *meta = (u8 *)(long)ctx->data_meta, *data = (u8 *)(long)ctx->data;

	if (unlikely(meta < data))
		bpf_xdp_adjust_meta(ctx, (int)distance(meta, data));
}

INLINE void count(void *map, u32 index, u32 bytes)
{
	struct counter *counter = bpf_map_lookup_elem(map, &index);

	if (counter) {
		counter->packets += 1;
		counter->bytes += bytes;
	}
}

/* Notes the time of a hit. The coarse clock moves every few milliseconds: most hits write nothing. */
#define TOUCH(hits, handle, size) \
	do { \
		u64 at = (handle), now = bpf_ktime_get_coarse_ns(); \
		OPAQUE(at); \
		if (at < (size) && (hits)[at] != now) \
			(hits)[at] = now; \
	} while (0)

/* A function that finds the entry of highest priority under any mask and copies its value to `out`; 0 when there is
 * none. It is a global function, which the verifier follows once, not at every call on every path.
 * Groups are sorted by falling max_priority, so the first that cannot win ends the search. */
#define DEFINE_MATCH(name, key_words, value_words, max_groups) \
	__attribute__((noinline)) int name##_match(struct name##_key *key, struct name##_value *out) \
	{ \
		u32 first = 0, found = 0; \
		s32 best = 0; \
		struct mask_groups *active = bpf_map_lookup_elem(&name##_active, &first); \
		if (!key || !out || !active) \
			return 0; \
		u64 both = *(volatile u64 *)active; \
		_Pragma("clang loop unroll(disable)") for (u32 n = 0; n < max_groups; n++) \
		{ \
			if (n >= (u32)(both >> 32)) \
				break; \
			u32 group = (u32)both + n; \
			struct name##_mask *mask = bpf_map_lookup_elem(&name##_masks, &group); \
			if (!mask || (found && mask->max_priority <= best)) \
				break; \
			u32 wanted[1 + key_words]; \
			wanted[0] = group; \
			for (u32 k = 0; k < key_words; k++) \
				wanted[1 + k] = ((const u32 *)key)[1 + k] & ((const u32 *)mask->b)[k]; \
			struct name##_entry *entry = bpf_map_lookup_elem(&name, wanted); \
			if (entry && (!found || entry->priority > best)) { \
				best = entry->priority; \
				found = 1; \
				for (u32 k = 0; k < value_words; k++) \
					((u32 *)out)[k] = ((const u32 *)&entry->value)[k]; \
			} \
		} \
		return found; \
	}

/* More than any packet's headers that are stored anew. */
#define MAX_HEADERS_SIZE 4095

/* The verifier forgets what it knows of a number: paths that differ only in its value become one again. */
#define FORGET(x) ((x) ^= (__typeof__(x))forget_zero)
/* A read that is not merged with an earlier one. */
#define AGAIN(x) (*(const volatile __typeof__(x) *)&(x))
volatile u64 forget_zero SEC(".bss.forget");

#endif
