/* Longest-prefix-match tables in memory that the switch process writes (docs/tables.md, switch/native/trie.c).
 *
 * A word of the root holds the node that continues (24 bits), the value of the longest prefix that ends in the root
 * (24 bits) and a version (16 bits). A node holds u64 `begins`, the slots where something new begins; a u32 for the
 * writer; and for each of these slots a u32: 0, the number of a value, or IS_NODE and the node that continues. */
#ifndef RACKPLANE_TRIE_H
#define RACKPLANE_TRIE_H

#define TRIE_STRIDE 6
#define TRIE_HEAD_WORDS 3
#define TRIE_INDEX 0xffffffull
#define IS_NODE 0x80000000u

struct line {
	u64 w[8];
};

INLINE u32 ones_in(u64 x)
{
	x -= x >> 1 & 0x5555555555555555ull;
	x = (x & 0x3333333333333333ull) + (x >> 2 & 0x3333333333333333ull);
	x = (x + (x >> 4)) & 0x0f0f0f0f0f0f0f0full;
	return (u32)(x * 0x0101010101010101ull >> 56);
}

/* `_step` is what a node says about the next bits of the key, which are the first ones of `rest`. */
#define DEFINE_TRIE(name, key_words, root_bits, levels, value_words) \
	INLINE u32 name##_step(u32 node, u64 rest) \
	{ \
		volatile u64 *head = bpf_map_lookup_elem(&name, &node); \
		if (!head) \
			return 0; \
		u32 word = TRIE_HEAD_WORDS - 1 + ones_in(*head << (63 - (rest >> (64 - TRIE_STRIDE)))); \
		node += word / 16; \
		volatile u32 *values = bpf_map_lookup_elem(&name, &node); \
		return values ? values[word % 16] : 0; \
	} \
	/* Copies the value of the longest prefix to `out`: 1, 0 when there is none, or -1 when the root's word changed. */ \
	__attribute__((noinline)) int name##_try(struct name##_key *key, struct name##_value *out) \
	{ \
		if (!key || !out) \
			return 0; \
		u64 rest = __builtin_bswap64(key->w[0]), after = 0; \
		u64 more = key_words > 1 ? __builtin_bswap64(key->w[key_words - 1]) : 0; \
		u32 place = rest >> (64 - root_bits), line = place / 8; \
		struct line *root = bpf_map_lookup_elem(&name, &line); \
		if (!root) \
			return 0; \
		volatile u64 *word = &root->w[place % 8]; \
		u64 seen = *word; \
		u32 node = seen & TRIE_INDEX, number = seen >> 24 & TRIE_INDEX; \
		rest = rest << root_bits | more >> (64 - root_bits); \
		more <<= root_bits; \
		_Pragma("clang loop unroll(disable)") for (u32 level = 0; level < levels; level++) \
		{ \
			if (!node) \
				break; \
			u32 found = name##_step(node, rest); \
			if (!(found & IS_NODE)) { \
				if (found) \
					number = found; \
				after |= found; \
				break; \
			} \
			node = found & ~IS_NODE; \
			rest = rest << TRIE_STRIDE | more >> (64 - TRIE_STRIDE); \
			more <<= TRIE_STRIDE; \
		} \
		if (number) { \
			volatile u64 *value = bpf_map_lookup_elem(&name##_values, &number); \
			if (!value) \
				return 0; \
			for (u32 k = 0; k < value_words; k++) { \
				((u64 *)out)[k] = value[k]; \
				after |= ((u64 *)out)[k]; \
			} \
		} \
		ZERO_AFTER(after); \
		return *(volatile u64 *)((u8 *)word + after) != seen ? -1 : number != 0; \
	} \
	DEFINE_AGAIN(name)

#endif
