/* Support for generated XDP programs: kernel interface, byte access, arithmetic. Needs no other header. */
#ifndef RACKPLANE_RUNTIME_H
#define RACKPLANE_RUNTIME_H

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef signed int s32;
typedef signed long long s64;

#define ALIGNED __attribute__((aligned(8)))
#define INLINE static inline __attribute__((always_inline))
#define SEC(name) __attribute__((section(name), used))
#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#define memcpy __builtin_memcpy
#define memset __builtin_memset
#define NULL ((void *)0)

/* A loop that may be long. Where there is may_goto, the verifier follows it as a loop and it is left after 8388608 turns. */
#if HAVE_MAY_GOTO
#define LONG_LOOP(count, bound) 1
#define MAY_GOTO(out) \
	asm volatile goto("1: .byte 0xe5; .byte 0; .long ((%l0 - 1b - 8) / 8) & 0xffff; .short 0" : : : : out)
#else
#define LONG_LOOP(count, bound) ((count) < (bound))
#define MAY_GOTO(out)
#endif

/* Map definitions as libbpf reads them from BTF. */
#define MAP_UINT(name, value) int(*name)[value]
#define MAP_TYPE(name, value) __typeof__(value) *name

enum bpf_map_type {
	BPF_MAP_TYPE_HASH = 1,
	BPF_MAP_TYPE_ARRAY = 2,
	BPF_MAP_TYPE_PROG_ARRAY = 3,
	BPF_MAP_TYPE_PERCPU_ARRAY = 6,
	BPF_MAP_TYPE_LPM_TRIE = 11,
	BPF_MAP_TYPE_HASH_OF_MAPS = 13,
	BPF_MAP_TYPE_DEVMAP = 14,
	BPF_MAP_TYPE_RINGBUF = 27,
};
enum { BPF_F_NO_PREALLOC = 1 };
enum { BPF_F_MMAPABLE = 1 << 10 };
enum { BPF_F_BROADCAST = 8 };
enum xdp_action { XDP_ABORTED, XDP_DROP, XDP_PASS, XDP_TX, XDP_REDIRECT };

struct xdp_md {
	u32 data;
	u32 data_end;
	u32 data_meta;
	u32 ingress_ifindex;
	u32 rx_queue_index;
	u32 egress_ifindex;
};

struct bpf_spin_lock {
	u32 val;
};

/* Helper numbers are kernel ABI (include/uapi/linux/bpf.h). */
static void *(*bpf_map_lookup_elem)(void *map, const void *key) = (void *)1;
static u64 (*bpf_ktime_get_ns)(void) = (void *)5;
static u32 (*bpf_get_prandom_u32)(void) = (void *)7;
static u32 (*bpf_get_smp_processor_id)(void) = (void *)8;
static long (*bpf_tail_call)(struct xdp_md *ctx, void *programs, u32 index) = (void *)12;
static long (*bpf_xdp_adjust_head)(struct xdp_md *ctx, int delta) = (void *)44;
static long (*bpf_redirect_map)(void *map, u64 key, u64 flags) = (void *)51;
static long (*bpf_xdp_adjust_meta)(struct xdp_md *ctx, int delta) = (void *)54;
static long (*bpf_xdp_adjust_tail)(struct xdp_md *ctx, int delta) = (void *)65;
static long (*bpf_spin_lock)(struct bpf_spin_lock *lock) = (void *)93;
static long (*bpf_spin_unlock)(struct bpf_spin_lock *lock) = (void *)94;
static long (*bpf_ringbuf_output)(void *ring, void *data, u64 size, u64 flags) = (void *)130;
static u64 (*bpf_ktime_get_coarse_ns)(void) = (void *)160;
static long (*bpf_loop)(u32 count, void *callback, void *context, u64 flags) = (void *)181;

/* Big-endian loads and stores at a byte offset. On the stack the offset is a multiple of the size. */
#define LD1(b, o) ((u32)(*((const u8 *)(b) + (o))))
#define LD2(b, o) ((u32)__builtin_bswap16(*(const u16 *)((const u8 *)(b) + (o))))
#define LD4(b, o) ((u32)__builtin_bswap32(*(const u32 *)((const u8 *)(b) + (o))))
#define LD8(b, o) ((u64)__builtin_bswap64(*(const u64 *)((const u8 *)(b) + (o))))
#define ST1(b, o, x) (*((u8 *)(b) + (o)) = (u8)(x))
#define ST2(b, o, x) (*(u16 *)((u8 *)(b) + (o)) = __builtin_bswap16((u16)(x)))
#define ST4(b, o, x) (*(u32 *)((u8 *)(b) + (o)) = __builtin_bswap32((u32)(x)))
#define ST8(b, o, x) (*(u64 *)((u8 *)(b) + (o)) = __builtin_bswap64((u64)(x)))

/* Copies between a packet and memory; x86 and arm64 load packet words at any address. The packet side is volatile:
 * the compiler must not make one load at a computed address of two, which the verifier refuses. */
#define IN1(to, packet, o) (*((u8 *)(to) + (o)) = *((const volatile u8 *)(packet) + (o)))
#define IN2(to, packet, o) (*(u16 *)((u8 *)(to) + (o)) = *(const volatile u16 *)((packet) + (o)))
#define IN4(to, packet, o) (*(u32 *)((u8 *)(to) + (o)) = *(const volatile u32 *)((packet) + (o)))
#define IN8(to, packet, o) (*(u64 *)((u8 *)(to) + (o)) = *(const volatile u64 *)((packet) + (o)))
#define OUT1(packet, from, o) (*((volatile u8 *)(packet) + (o)) = *((const u8 *)(from) + (o)))
#define OUT2(packet, from, o) (*(volatile u16 *)((packet) + (o)) = *(const u16 *)((const u8 *)(from) + (o)))
#define OUT4(packet, from, o) (*(volatile u32 *)((packet) + (o)) = *(const u32 *)((const u8 *)(from) + (o)))
#define OUT8(packet, from, o) (*(volatile u64 *)((packet) + (o)) = *(const u64 *)((const u8 *)(from) + (o)))

/* Keeps the compiler from knowing how a value came about, so that a bounds check guards the very register
 * that is used afterwards. */
#define OPAQUE(x) asm volatile("" : "+r"(x))

/* Whether two varbits of up to `max` bytes are the same. */
INLINE u32 same_bytes(const u8 *a, u32 a_size, const u8 *b, u32 b_size, u32 max)
{
	if (a_size != b_size)
		return 0;
	for (u32 n = 0; n < max; n++)
		if (n < a_size && a[n] != b[n])
			return 0;
	return 1;
}

/* `w` is the width in bits; operands have no bit above it. */
INLINE u64 ones64(u32 w)
{
	return w >= 64 ? ~0ull : (1ull << w) - 1;
}

INLINE s64 sext64(u64 x, u32 w)
{
	return (s64)(x << (64 - w)) >> (64 - w);
}

INLINE u64 shl64(u64 x, u64 by, u32 w)
{
	return by < w ? (x << by) & ones64(w) : 0;
}

INLINE u64 shr64(u64 x, u64 by, u32 w)
{
	return by < w ? x >> by : 0;
}

INLINE u64 sar64(u64 x, u64 by, u32 w)
{
	return (u64)(sext64(x, w) >> (by < w ? by : w - 1)) & ones64(w);
}

INLINE u64 div64(u64 a, u64 b)
{
	return b ? a / b : 0;
}

INLINE u64 mod64(u64 a, u64 b)
{
	return b ? a % b : 0;
}

INLINE u64 sat_add64(u64 a, u64 b, u32 w)
{
	u64 sum = a + b;

	return sum < a || sum > ones64(w) ? ones64(w) : sum;
}

INLINE u64 sat_sub64(u64 a, u64 b, u32 w)
{
	return a < b ? 0 : a - b;
}

/* Signed saturation: the result's sign is wrong exactly when it overflowed. */
INLINE u64 ssat_add64(u64 a, u64 b, u32 w)
{
	u64 sign = 1ull << (w - 1), sum = (a + b) & ones64(w);
	u64 limit = a & sign ? sign : sign - 1;

	return ~(a ^ b) & (a ^ sum) & sign ? limit : sum;
}

INLINE u64 ssat_sub64(u64 a, u64 b, u32 w)
{
	u64 sign = 1ull << (w - 1), rest = (a - b) & ones64(w);
	u64 limit = a & sign ? sign : sign - 1;

	return (a ^ b) & (a ^ rest) & sign ? limit : rest;
}

#endif
