/* Exact-match tables in memory that the switch process writes (docs/tables.md, switch/native/buckets.c).
 *
 * Line 0 holds the hash's seed. The next `buckets` lines are reached by the hash, the others continue full ones. A
 * line begins with a word: a bit for every slot in use (8 bits), the line that continues (24), a version (32). A slot
 * is the key and the number of a value. Every change in a bucket, or in what continues it, raises the version of the
 * bucket's first line: a reader that finds it raised has to look again. */
#ifndef RACKPLANE_BUCKETS_H
#define RACKPLANE_BUCKETS_H

#define BUCKET_LINES 6
#define BUCKET_HEAD_WORDS 2

INLINE u64 bucket_hash(const u32 *key, u32 key_words, u64 seed)
{
	u64 hash = seed;

	_Pragma("clang loop unroll(full)") for (u32 k = 0; k < key_words; k += 2)
	{
		hash ^= k + 1 < key_words ? (u64)key[k + 1] << 32 | key[k] : key[k];
		hash *= 0x9e3779b97f4a7c15ull;
		hash ^= hash >> 32;
	}
	return hash * 0xd6e8feb86659fd93ull;
}

#define DEFINE_BUCKETS(name, key_words, slots, buckets, value_words) \
	/* The number of the value in the slot that has the key, 0 when none has. */ \
	INLINE u32 name##_slot(volatile u64 *line, u64 head, const u32 *key) \
	{ \
		u64 after = head; \
		ZERO_AFTER(after); \
		volatile u32 *first = (volatile u32 *)((u8 *)line + after) + BUCKET_HEAD_WORDS; \
		_Pragma("clang loop unroll(full)") for (u32 n = 0; n < slots; n++) \
		{ \
			volatile u32 *slot = first + n * (key_words + 1); \
			u32 differs = 0; \
			_Pragma("clang loop unroll(full)") for (u32 k = 0; k < key_words; k++) \
				differs |= slot[k] ^ key[k]; \
			if (!differs && head >> n & 1) \
				return slot[key_words]; \
		} \
		return 0; \
	} \
	/* Copies the value of the key to `out`: 1, 0 when there is none, or -1 when the bucket changed meanwhile. */ \
	__attribute__((noinline)) int name##_try(struct name##_key *key, struct name##_value *out) \
	{ \
		u32 zero = 0; \
		u64 *seed = bpf_map_lookup_elem(&name, &zero); \
		if (!key || !out || !seed) \
			return 0; \
		u32 next = ((bucket_hash(key->w, key_words, *seed) >> 32) * buckets >> 32) + 1; \
		volatile u64 *bucket = bpf_map_lookup_elem(&name, &next), *line = bucket; \
		if (!line) \
			return 0; \
		u64 seen = *line, head = seen; \
		u32 number = name##_slot(line, head, key->w); \
		_Pragma("clang loop unroll(disable)") for (u32 more = 1; more < BUCKET_LINES; more++) \
		{ \
			next = head >> 8 & 0xffffff; \
			if (likely(number || !next)) \
				break; \
			line = bpf_map_lookup_elem(&name, &next); \
			if (!line) \
				return 0; \
			head = *line; \
			number = name##_slot(line, head, key->w); \
		} \
		if (number) { \
			volatile u64 *value = bpf_map_lookup_elem(&name##_values, &number); \
			if (!value) \
				return 0; \
			for (u32 k = 0; k < value_words; k++) { \
				((u64 *)out)[k] = value[k]; \
				head |= ((u64 *)out)[k]; \
			} \
		} \
		ZERO_AFTER(head); \
		return *(volatile u64 *)((u8 *)bucket + head) != seen ? -1 : number != 0; \
	} \
	DEFINE_AGAIN(name)

#endif
