/* Numbers of more than 64 bits: N words of 64 bits, the least significant first. `w` is the width in bits. */
#define DEFINE_WIDE(N) \
	struct w##N { \
		u64 w[N]; \
	}; \
	INLINE struct w##N w##N##_cut(struct w##N a, u32 w) \
	{ \
		if (w % 64) \
			a.w[N - 1] &= ones64(w % 64); \
		return a; \
	} \
	INLINE struct w##N w##N##_ones(u32 w) \
	{ \
		struct w##N r; \
		UNROLL for (u32 n = 0; n < N; n++) r.w[n] = ~0ull; \
		return w##N##_cut(r, w); \
	} \
	INLINE u32 w##N##_less(struct w##N a, struct w##N b) \
	{ \
		u32 less = 0; \
		UNROLL for (u32 n = 0; n < N; n++) less = a.w[n] < b.w[n] || (a.w[n] == b.w[n] && less); \
		return less; \
	} \
	INLINE struct w##N w##N##_add(struct w##N a, struct w##N b, u32 w) \
	{ \
		u64 carry = 0; \
		UNROLL for (u32 n = 0; n < N; n++) \
		{ \
			u64 sum = a.w[n] + b.w[n], all = sum + carry; \
			carry = (sum < b.w[n]) | (all < sum); \
			a.w[n] = all; \
		} \
		return w##N##_cut(a, w); \
	} \
	INLINE struct w##N w##N##_sub(struct w##N a, struct w##N b, u32 w) \
	{ \
		u64 borrow = 0; \
		UNROLL for (u32 n = 0; n < N; n++) \
		{ \
			u64 rest = a.w[n] - b.w[n], all = rest - borrow; \
			borrow = (a.w[n] < b.w[n]) | (rest < borrow); \
			a.w[n] = all; \
		} \
		return w##N##_cut(a, w); \
	} \
	INLINE struct w##N w##N##_mul(struct w##N a, struct w##N b, u32 w) \
	{ \
		struct w##N r = {}; \
		UNROLL for (u32 i = 0; i < N; i++) \
		{ \
			u64 carry = 0; \
			UNROLL for (u32 j = 0; j + i < N; j++) \
				r.w[i + j] = mul_add64(a.w[i], b.w[j], r.w[i + j], &carry); \
		} \
		return w##N##_cut(r, w); \
	} \
	INLINE struct w##N w##N##_shl(struct w##N a, u64 by, u32 w) \
	{ \
		struct w##N r = {}; \
		u64 bits = by % 64; \
		if (by >= w) \
			return r; \
		UNROLL for (u32 n = 0; n < N; n++) UNROLL for (u32 k = 0; k <= n; k++) if (by / 64 == k) \
			r.w[n] = a.w[n - k] << bits | (bits && n > k ? a.w[n - k - 1] >> (64 - bits) : 0); \
		return w##N##_cut(r, w); \
	} \
	INLINE struct w##N w##N##_shr(struct w##N a, u64 by, u32 w) \
	{ \
		struct w##N r = {}; \
		u64 bits = by % 64; \
		if (by >= w) \
			return r; \
		UNROLL for (u32 n = 0; n < N; n++) UNROLL for (u32 k = 0; k + n < N; k++) if (by / 64 == k) \
			r.w[n] = a.w[n + k] >> bits | (bits && n + k + 1 < N ? a.w[n + k + 1] << (64 - bits) : 0); \
		return r; \
	} \
	INLINE u32 w##N##_sign(struct w##N a, u32 w) \
	{ \
		return a.w[(w - 1) / 64] >> (w - 1) % 64 & 1; \
	} \
	INLINE struct w##N w##N##_sar(struct w##N a, u64 by, u32 w) \
	{ \
		u64 shift = by < w ? by : w - 1; \
		struct w##N r = w##N##_shr(a, shift, w), kept = w##N##_shr(w##N##_ones(w), shift, w); \
		if (w##N##_sign(a, w)) \
			UNROLL for (u32 n = 0; n < N; n++) r.w[n] |= w##N##_ones(w).w[n] & ~kept.w[n]; \
		return r; \
	} \
	/* Sign extension from w bits, to all bits of the words. */ \
	INLINE struct w##N w##N##_extend(struct w##N a, u32 w) \
	{ \
		if (w##N##_sign(a, w)) \
			UNROLL for (u32 n = 0; n < N; n++) a.w[n] |= ~w##N##_ones(w).w[n]; \
		return a; \
	} \
	INLINE u32 w##N##_sless(struct w##N a, struct w##N b, u32 w) \
	{ \
		u32 x = w##N##_sign(a, w), y = w##N##_sign(b, w); \
		return x == y ? w##N##_less(a, b) : x; \
	} \
	INLINE struct w##N w##N##_sat_add(struct w##N a, struct w##N b, u32 w) \
	{ \
		struct w##N sum = w##N##_add(a, b, w); \
		return w##N##_less(sum, a) ? w##N##_ones(w) : sum; \
	} \
	INLINE struct w##N w##N##_sat_sub(struct w##N a, struct w##N b, u32 w) \
	{ \
		struct w##N zero = {}; \
		return w##N##_less(a, b) ? zero : w##N##_sub(a, b, w); \
	} \
	/* The largest number, or for a negative one the smallest. */ \
	INLINE struct w##N w##N##_limit(u32 negative, u32 w) \
	{ \
		struct w##N r = w##N##_ones(w - 1), zero = {}; \
		if ((w - 1) % 64 == 0) \
			r.w[N - 1] = 0; \
		if (!negative) \
			return r; \
		zero.w[N - 1] = 1ull << (w - 1) % 64; \
		return zero; \
	} \
	INLINE struct w##N w##N##_ssat_add(struct w##N a, struct w##N b, u32 w) \
	{ \
		struct w##N sum = w##N##_add(a, b, w); \
		u32 x = w##N##_sign(a, w); \
		return x == w##N##_sign(b, w) && x != w##N##_sign(sum, w) ? w##N##_limit(x, w) : sum; \
	} \
	INLINE struct w##N w##N##_ssat_sub(struct w##N a, struct w##N b, u32 w) \
	{ \
		struct w##N rest = w##N##_sub(a, b, w); \
		u32 x = w##N##_sign(a, w); \
		return x != w##N##_sign(b, w) && x != w##N##_sign(rest, w) ? w##N##_limit(x, w) : rest; \
	}

#define UNROLL _Pragma("clang loop unroll(full)")

/* a * b + c + *carry: the low word; the high word goes to *carry. */
INLINE u64 mul_add64(u64 a, u64 b, u64 c, u64 *carry)
{
	u64 a0 = (u32)a, a1 = a >> 32, b0 = (u32)b, b1 = b >> 32;
	u64 low = a0 * b0, mid1 = a1 * b0, mid2 = a0 * b1, high = a1 * b1;
	u64 middle = (low >> 32) + (u32)mid1 + (u32)mid2;

	high += (mid1 >> 32) + (mid2 >> 32) + (middle >> 32);
	low = middle << 32 | (u32)low;
	low += c;
	high += low < c;
	low += *carry;
	high += low < *carry;
	*carry = high;
	return low;
}
