/* What lookups in memory that the switch process writes have in common (docs/tables.md). */
#ifndef RACKPLANE_SHARED_H
#define RACKPLANE_SHARED_H

/* A lookup: what the writer changes meanwhile is looked up again, in a function that the verifier follows once. */
#define MAX_TRIES 32
#define DEFINE_AGAIN(name) \
	__attribute__((noinline)) int name##_again(struct name##_key *key, struct name##_value *out) \
	{ \
		if (!key || !out) \
			return 0; \
		_Pragma("clang loop unroll(disable)") for (u32 n = 0; n < MAX_TRIES; n++) \
		{ \
			int found = name##_try(key, out); \
			if (found >= 0) \
				return found; \
		} \
		return 0; \
	} \
	INLINE int name##_match(struct name##_key *key, struct name##_value *out) \
	{ \
		int found = name##_try(key, out); \
		return unlikely(found < 0) ? name##_again(key, out) : found; \
	}

/* Zero, in a way that a processor which reorders loads has to load `x` for first. */
#define ZERO_AFTER(x) asm volatile("%0 &= 0" : "+r"(x))

#endif
