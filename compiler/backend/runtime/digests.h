/* Digests leave by a ring buffer; those that find no room in it are counted. */
#ifndef RACKPLANE_DIGESTS_H
#define RACKPLANE_DIGESTS_H

INLINE void send_digest(void *record, u32 size, u32 which)
{
	u64 *lost;

	if (likely(!bpf_ringbuf_output(&digests, record, size, 0)))
		return;
	lost = bpf_map_lookup_elem(&digests_lost, &which);
	if (lost)
		*lost += 1;
}

#endif
