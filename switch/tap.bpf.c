/* Copies the frames that an interface receives to a ring, and lets its own XDP program go on with them.
 *
 * It stands in front of that program and tail calls it, so it sees also the frames that the program drops, answers
 * or redirects, which sockets of the host never do.
 */
typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long long u64;

#define SEC(name) __attribute__((section(name), used))
#define MAX_BYTES 4096
#define RING_BYTES (4 << 20)

enum { BPF_MAP_TYPE_PROG_ARRAY = 3, BPF_MAP_TYPE_PERCPU_ARRAY = 6, BPF_MAP_TYPE_RINGBUF = 27 };
enum { XDP_PASS = 2 };

struct xdp_md {
	u32 data;
	u32 data_end;
};

/* Helper numbers are kernel ABI (include/uapi/linux/bpf.h). */
static void *(*bpf_map_lookup_elem)(void *map, const void *key) = (void *)1;
static u64 (*bpf_ktime_get_ns)(void) = (void *)5;
static long (*bpf_tail_call)(struct xdp_md *ctx, void *programs, u32 index) = (void *)12;
static long (*bpf_ringbuf_output)(void *ring, void *data, u64 size, u64 flags) = (void *)130;
static long (*bpf_xdp_load_bytes)(struct xdp_md *ctx, u32 offset, void *to, u32 size) = (void *)189;

/* snap: the most bytes of a frame that are kept. */
struct tap_control {
	u64 lost;
	u32 snap;
};

struct frame {
	u64 time;
	u32 length;
	u32 kept;
	u8 bytes[MAX_BYTES];
};

struct tap_control tap_control SEC(".bss.tap");

struct {
	int (*type)[BPF_MAP_TYPE_RINGBUF];
	int (*max_entries)[RING_BYTES];
} tap_ring SEC(".maps");

struct {
	int (*type)[BPF_MAP_TYPE_PERCPU_ARRAY];
	int (*max_entries)[1];
	u32 *key;
	struct frame *value;
} tap_frame SEC(".maps");

struct {
	int (*type)[BPF_MAP_TYPE_PROG_ARRAY];
	int (*max_entries)[1];
	u32 *key;
	u32 *value;
} tap_next SEC(".maps");

static inline __attribute__((always_inline)) void copy(struct xdp_md *ctx)
{
	u32 zero = 0;
	struct frame *frame = bpf_map_lookup_elem(&tap_frame, &zero);

	if (!frame)
		return;
	u64 length = (u8 *)(long)ctx->data_end - (u8 *)(long)ctx->data;
	u64 kept = length < tap_control.snap ? length : tap_control.snap;
	asm volatile("" : "+r"(length), "+r"(kept));
	if (!kept || kept > MAX_BYTES)
		return;
	frame->time = bpf_ktime_get_ns();
	frame->length = length;
	frame->kept = kept;
	bpf_xdp_load_bytes(ctx, 0, frame->bytes, kept);
	if (bpf_ringbuf_output(&tap_ring, frame, sizeof(*frame) - MAX_BYTES + kept, 0))
		__sync_fetch_and_add(&tap_control.lost, 1);
}

SEC("xdp") int tap(struct xdp_md *ctx)
{
	copy(ctx);
	bpf_tail_call(ctx, &tap_next, 0);
	return XDP_PASS;
}

char _license[] SEC("license") = "Dual MIT/GPL";
