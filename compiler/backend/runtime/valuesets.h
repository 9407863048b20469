/* Parser value sets: see compiler/backend/valuesets.py and ValueSetLayout in compiler/manifest.py. */
#ifndef RACKPLANE_VALUESETS_H
#define RACKPLANE_VALUESETS_H

/* How many members there are, in the upper half; the lower half says where they are. */
#define DEFINE_SET_STATE(name) \
	u64 name##_active SEC(".bss." #name "a"); \
	INLINE u32 name##_count(void) \
	{ \
		return *(volatile u64 *)&name##_active >> 32; \
	}

/* Exact members: the lower half is a generation, which is part of every key. */
#define DEFINE_HASHED_SET(name, words, size) \
	DEFINE_SET_STATE(name) \
	struct name##_key { \
		u64 generation; \
		u64 w[words]; \
	}; \
	DEFINE_MAP(name, BPF_MAP_TYPE_HASH, BPF_F_NO_PREALLOC, struct name##_key, u64, size); \
	INLINE u32 name##_has(struct name##_key *key) \
	{ \
		key->generation = (u32)*(volatile u64 *)&name##_active; \
		return bpf_map_lookup_elem(&name, key) != NULL; \
	}

/* Other members: the lower half is the first one of the list. They are searched in steps, each a call for the kernel. */
#define SET_STEP 64
#define DEFINE_LISTED_SET(name, words, size, matches) \
	DEFINE_SET_STATE(name) \
	struct name##_key { \
		u64 w[words]; \
	}; \
	struct name##_member { \
		u64 a[words]; \
		u64 b[words]; \
	} name##_members[size] SEC(".bss." #name "m"); \
	struct name##_search { \
		struct name##_key key; \
		u64 first; \
		u64 end; \
		u64 found; \
	}; \
	static long name##_try(u32 nth, void *context) \
	{ \
		struct name##_search *search = context; \
		_Pragma("clang loop unroll(disable)") for (u32 n = 0; n < SET_STEP; n++) \
		{ \
			u64 at = search->first + (u64)nth * SET_STEP + n; \
			const struct name##_member *member; \
			if (at >= search->end || at >= size) \
				return 1; \
			OPAQUE(at); \
			member = &name##_members[at]; \
			if (matches(search->key.w, member->a, member->b)) { \
				search->found = 1; \
				return 1; \
			} \
		} \
		return 0; \
	} \
	__attribute__((noinline)) int name##_has(struct name##_key *key) \
	{ \
		u64 active = *(volatile u64 *)&name##_active; \
		struct name##_search search = {.first = (u32)active, .end = (u32)active + (active >> 32)}; \
		if (!key) \
			return 0; \
		search.key = *key; \
		bpf_loop((u32)(active >> 32) / SET_STEP + 1, name##_try, &search, 0); \
		return (int)search.found; \
	}

#endif
