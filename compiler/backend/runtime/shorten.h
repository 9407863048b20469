/* truncate(), and the packet length of clone sessions. `shortened` is 0, or 1 + the most bytes that may leave. */
#ifndef RACKPLANE_SHORTEN_H
#define RACKPLANE_SHORTEN_H

/* The kernel takes no shorter frame. */
#define LEAST_BYTES (LEAD_BYTES ? LEAD_BYTES : 14)

/* The shortest of all lengths that were asked for holds. */
INLINE void shorten(struct path *path, u32 bytes)
{
	if (bytes != ~0u && (!path->shortened || bytes + 1 < path->shortened))
		path->shortened = bytes + 1;
}

INLINE long cut(struct packet *pkt, u32 shortened)
{
	if (!shortened)
		return 0;
	u64 now = distance((u8 *)(long)pkt->ctx->data, (u8 *)(long)pkt->ctx->data_end);
	u64 wanted = (u64)shortened - 1 + LEAD_BYTES;

	if (wanted < LEAST_BYTES)
		wanted = LEAST_BYTES;
	return wanted < now ? bpf_xdp_adjust_tail(pkt->ctx, (int)(wanted - now)) : 0;
}

#endif
