/* v1model's packet paths: clone, resubmit, recirculate, and copies that take one of them.
 *
 * XDP can make two frames of one only by a broadcast. A frame that has to be two is broadcast to the loop port, a veth
 * pair of the switch, and each copy goes on in process_loop(), which finds by the ticket in front of the frame what to
 * do with it. Resubmitted and recirculated packets enter the ingress program again by a tail call.
 */
#define STAGE_INGRESS 0
#define STAGE_LOOP 1

enum { INGRESS_CLONE = 1, EGRESS_CLONE = 2, RECIRCULATED = 4, REPLICATED = 5, RESUBMITTED = 6 };

/* What a frame in the loop port goes on with. */
enum { JOB_COPY, JOB_CLONE_INGRESS, JOB_CLONE_EGRESS, JOB_RESUME, JOB_SEND, JOB_AGAIN };

DEFINE_MAP(pools, BPF_MAP_TYPE_PERCPU_ARRAY, 0, u32, struct pool, MAX_POOLS);
DEFINE_MAP(agains, BPF_MAP_TYPE_PERCPU_ARRAY, 0, u32, struct again, 1);
DEFINE_MAP(fans, BPF_MAP_TYPE_HASH, 0, u32, struct fan, MAX_FANS);
DEFINE_MAP(stages, BPF_MAP_TYPE_PROG_ARRAY, 0, u32, u32, 2);

INLINE struct cpu *this_cpu(void)
{
	u32 zero = 0;

	return bpf_map_lookup_elem(&cpus, &zero);
}

/* A ticket tells the CPU whose slot it is, and whether the slot was taken by another packet since. It is never 0. */
INLINE struct slot *slot_of(u32 ticket)
{
	u32 index = ticket % MAX_SLOTS;

	return bpf_map_lookup_elem(&slots, &index);
}

INLINE struct slot *find_slot(u32 ticket)
{
	struct slot *slot = slot_of(ticket);

	return ticket && slot && slot->ticket == ticket ? slot : NULL;
}

/* Take passes for a packet out of the pool that it shares with all that is made of it; 0 when it has too few.
 * The pool of a packet is made at its first pass, and is lost when MAX_POOLS others have been made since. */
INLINE u32 take_passes(struct path *path, u32 wanted)
{
	if (!path->pool) {
		struct cpu *cpu = this_cpu();
		if (!cpu)
			return 0;
		path->pool = 1u << 31 | cpu->next_pool++;
		u32 fresh = path->pool % MAX_POOLS;
		struct pool *made = bpf_map_lookup_elem(&pools, &fresh);
		if (!made)
			return 0;
		made->ticket = path->pool;
		made->left = PASSES;
	}
	u32 index = path->pool % MAX_POOLS;
	struct pool *pool = bpf_map_lookup_elem(&pools, &index);

	if (!pool || pool->ticket != path->pool || pool->left < wanted)
		return 0;
	pool->left -= wanted;
	return 1;
}

/* Put the packet's state aside. */
INLINE struct slot *park(struct packet *pkt, struct phv *phv, u32 job)
{
	struct cpu *cpu = this_cpu();

	if (!cpu)
		return NULL;
	u32 ticket = 1u << 31 | (bpf_get_smp_processor_id() & 0x7f) << 24 | (cpu->next_slot++ & 0xffffff);
	struct slot *slot = slot_of(ticket);
	if (!slot)
		return NULL;
	copy_words((u64 *)&slot->phv, (const u64 *)phv, sizeof(struct phv) / 8);
	put_places(slot, pkt);
	slot->ticket = ticket;
	slot->job = job;
	slot->taken = 0;
	return slot;
}

/* Redirect the frame to all devices of a map, with a ticket in front of it. Never 0, which means to go on. */
INLINE int broadcast(struct packet *pkt, u32 ticket, void *devices)
{
	drop_metadata(pkt->ctx);
	if (bpf_xdp_adjust_meta(pkt->ctx, -4))
		return -DROP_NO_ROOM;
	u32 *note = (u32 *)(long)pkt->ctx->data_meta;
	if ((u8 *)(note + 1) > (u8 *)(long)pkt->ctx->data)
		return -DROP_NO_ROOM;
	*note = ticket;
	int action = bpf_redirect_map(devices, 0, BPF_F_BROADCAST | XDP_DROP);
	return action ? action : XDP_DROP;
}

/* The ticket in front of a frame, which is taken off; 0 when there is none. */
INLINE u32 take_note(struct xdp_md *ctx)
{
	u32 *note = (u32 *)(long)ctx->data_meta;

	if ((u8 *)(note + 1) > (u8 *)(long)ctx->data)
		return 0;
	u32 ticket = *note;
	return bpf_xdp_adjust_meta(ctx, 4) ? 0 : ticket;
}

/* Put the frame into the loop port once or twice. */
INLINE int over_loop(struct packet *pkt, u32 ticket, u32 copies)
{
	u32 group = LOOP_GROUP + copies;
	void *loop = bpf_map_lookup_elem(&groups, &group);

	return loop ? broadcast(pkt, ticket, loop) : -DROP_NO_ROOM;
}

INLINE void clear_metadata(struct phv *phv)
{
	clear_words((u64 *)&phv->meta, (sizeof(phv->meta) + 7) / 8);
	memset(&phv->sm, 0, sizeof(phv->sm));
}

/* One copy for each replica of a multicast group or clone session. */
INLINE int multicast(struct packet *pkt, struct phv *phv, u32 group)
{
	u32 devices_of = group;
#ifdef EGRESS_BRANCHES
	struct fan *fan = bpf_map_lookup_elem(&fans, &group);
	if (!fan || !fan->copies)
		return -DROP_NO_GROUP;
	u32 base = fan->base;
	devices_of = LOOP_GROUP + fan->copies;
	if (!take_passes(&phv->path, fan->copies))
		return -DROP_PASSES;
#endif
	void *devices = bpf_map_lookup_elem(&groups, &devices_of);

	if (!devices)
		return -DROP_NO_GROUP;
	struct slot *slot = park(pkt, phv, JOB_COPY);
	if (!slot)
		return -DROP_NO_ROOM;
	slot->group = group;
#ifdef EGRESS_BRANCHES
	slot->base = base;
#endif
	START_REPLICAS(slot);
	return broadcast(pkt, slot->ticket, devices);
}

#if defined(RESUBMITS) || defined(RECIRCULATES)
/* Begin at the parser again, with the metadata of a field list. Comes back only with the reason why it cannot. */
INLINE int enter_again(struct packet *pkt, struct phv *phv, u32 type)
{
	u32 zero = 0;
	struct again *again = bpf_map_lookup_elem(&agains, &zero);

	if (!again)
		return -DROP_NO_ROOM;
	if (!take_passes(&phv->path, 1))
		return -DROP_PASSES;
	if (phv->path.turns >= TAIL_CALLS) {
		struct slot *slot = park(pkt, phv, JOB_AGAIN);
		if (!slot)
			return -DROP_NO_ROOM;
		slot->type = type;
		clear_words((u64 *)&slot->kept, (sizeof(slot->kept) + 7) / 8);
		keep(phv, &slot->kept, phv->path.again - 1);
		return over_loop(pkt, slot->ticket, 1);
	}
	again->pool = phv->path.pool;
	again->turns = phv->path.turns + 1;
	again->type = type;
	clear_words((u64 *)&again->kept, (sizeof(again->kept) + 7) / 8);
	keep(phv, &again->kept, phv->path.again - 1);
	bpf_tail_call(pkt->ctx, &stages, STAGE_INGRESS);
	again->type = 0;
	return -DROP_NO_ROOM;
}

/* The same for a packet that came over the loop port. */
INLINE int enter_after_loop(struct xdp_md *ctx, struct slot *slot)
{
	u32 zero = 0;
	struct again *again = bpf_map_lookup_elem(&agains, &zero);

	if (!again)
		return -DROP_NO_ROOM;
	again->pool = slot->phv.path.pool;
	again->turns = 1;
	again->type = slot->type;
	copy_words((u64 *)&again->kept, (u64 *)&slot->kept, (sizeof(slot->kept) + 7) / 8);
	bpf_tail_call(ctx, &stages, STAGE_INGRESS);
	again->type = 0;
	return -DROP_NO_ROOM;
}
#endif

#ifdef CLONES
#ifndef EGRESS_BRANCHES
/* An original that leaves by one port goes there at once, beside its clone in the loop port, so that no packet of its
 * flow overtakes it. 0 when it goes elsewhere, or to a port that the clone goes to as well and has to reach first. */
INLINE int clone_beside(struct packet *pkt, struct phv *phv, struct slot *clone, struct fan *fan)
{
	u32 port = phv->sm.f_egress_spec, beside = LOOP_AND_PORT + port;

	if (phv->path.again || phv->sm.f_mcast_grp || port >= MAX_PORTS)
		return 0;
	if (fan->ports[port / 64 % (MAX_PORTS / 64)] >> (port % 64) & 1)
		return 0;
	void *devices = bpf_map_lookup_elem(&groups, &beside);
	if (!devices)
		return 0;
	SET_instance_type(phv, 0);
	struct slot *original = park(pkt, phv, JOB_SEND);
	if (!original)
		return -DROP_NO_ROOM;
	original->group = 0;
	original->second = clone->ticket;
	original->taken = 1; /* the first copy goes to the port */
	START_REPLICAS(original);
	return broadcast(pkt, original->ticket, devices);
}
#endif

/* Make the clones that the packet asked for; `other` is how the original goes on, 0 when it does not.
 * Returns 0 when there are none, so that the caller can go on with the original. */
INLINE int clone_off(struct packet *pkt, struct phv *phv, u32 job, u32 other, u32 port)
{
	u32 group = phv->path.clone;
	struct fan *fan = bpf_map_lookup_elem(&fans, &group);

	phv->path.clone = 0;
	if (!fan || !fan->copies)
		return 0;
	if (!take_passes(&phv->path, 1)) {
		drop(DROP_PASSES);
		return 0;
	}
	struct slot *clone = park(pkt, phv, job);
	if (!clone)
		return -DROP_NO_ROOM;
	clone->group = group;
	clone->priority = fan->priority;
	clone->phv.path.again = 0;
	clone->phv.path.shortened = fan->max_bytes ? fan->max_bytes + 1 : 0;
	clear_words((u64 *)&clone->kept, (sizeof(clone->kept) + 7) / 8);
	keep(phv, &clone->kept, phv->path.clone_list);
	if (!other) {
		struct cpu *cpu = this_cpu();
		if (!cpu)
			return -DROP_NO_ROOM;
		cpu->wake = clone->ticket;
		bpf_tail_call(pkt->ctx, &stages, STAGE_LOOP);
		cpu->wake = 0;
		return -DROP_NO_ROOM;
	}
#ifndef EGRESS_BRANCHES
	int sent = clone_beside(pkt, phv, clone, fan);
	if (sent)
		return sent;
#endif
	struct slot *original = park(pkt, phv, other);
	if (!original)
		return -DROP_NO_ROOM;
	original->port = port;
	/* BMv2 queues clones of ingress in front of the original, and clones of egress behind it. */
	struct slot *first = job == JOB_CLONE_INGRESS ? clone : original;
	first->second = first == clone ? original->ticket : clone->ticket;
	return over_loop(pkt, first->ticket, 2);
}
#endif

/* After ingress and its clones. Returns 0 when the packet goes to egress for one port. */
INLINE int resume(struct packet *pkt, struct phv *phv)
{
#ifdef RESUBMITS
	if (phv->path.again)
		return enter_again(pkt, phv, RESUBMITTED);
#endif
	if (phv->sm.f_mcast_grp) {
		SET_instance_type(phv, REPLICATED);
		/* As on BMv2, where the length is no metadata and copies have metadata only. */
		phv->path.shortened = 0;
		return multicast(pkt, phv, phv->sm.f_mcast_grp);
	}
	if (phv->sm.f_egress_spec == DROP_PORT)
		return -DROP_PROGRAM;
	SET_instance_type(phv, 0);
	return 0;
}

/* After ingress. Returns 0 when the packet goes to egress for one port. */
INLINE int finish_ingress(struct packet *pkt, struct phv *phv)
{
#ifdef CLONES_INGRESS
	if (phv->path.clone) {
		u32 goes_on = phv->path.again || phv->sm.f_mcast_grp || phv->sm.f_egress_spec != DROP_PORT;
		int action = clone_off(pkt, phv, JOB_CLONE_INGRESS, goes_on ? JOB_RESUME : 0, 0);
		if (action)
			return action;
	}
#endif
	return resume(pkt, phv);
}

/* From the deparser on, with `port` (+1) as the egress port. */
INLINE int send(struct packet *pkt, struct phv *phv, u32 port)
{
	u32 reason = compute(pkt, phv);

	if (!reason)
		reason = deparse(pkt, phv);
	if (reason)
		return -(int)reason;
#ifdef RECIRCULATES
	if (phv->path.again)
		return enter_again(pkt, phv, RECIRCULATED);
#endif
	drop_metadata(pkt->ctx);
#ifdef SHORTENS
	if (cut(pkt, phv->path.shortened))
		return -DROP_NO_ROOM;
#endif
	int action = bpf_redirect_map(&tx, port - 1, XDP_DROP);
	return likely(action == XDP_REDIRECT) ? action : -DROP_NO_PORT;
}

/* Egress and all that follows, with `port` (+1) as the egress port. */
INLINE int leave(struct packet *pkt, struct phv *phv, u32 port, u32 egress_done)
{
	if (!egress_done) {
		begin_egress(phv, port);
		u32 reason = egress(pkt, phv);
		if (reason)
			return -(int)reason;
#ifdef CLONES_EGRESS
		if (phv->path.clone) {
			u32 goes_on = phv->sm.f_egress_spec != DROP_PORT;
			int action = clone_off(pkt, phv, JOB_CLONE_EGRESS, goes_on ? JOB_SEND : 0, port);
			if (action)
				return action;
		}
#endif
		if (phv->sm.f_egress_spec == DROP_PORT)
			return -DROP_PROGRAM;
	}
	return send(pkt, phv, port);
}

#ifdef CLONES
/* Make a fresh packet of the frame, as the parser of the clone sees it. */
INLINE void begin_clone(struct packet *pkt, struct phv *phv, struct slot *slot)
{
	INVALIDATE(phv);
	clear_metadata(phv);
	phv->path = slot->phv.path;
	phv->sm.f_ingress_port = slot->phv.sm.f_ingress_port;
	SET_instance_type(phv, INGRESS_CLONE);
	SET_packet_length(phv, pkt->length);
#ifdef COUNTS_LENGTH
	phv->path.length = pkt->length;
#endif
	parse(pkt, phv);
}

/* A clone has no metadata but what was kept. */
INLINE int finish_clone(struct packet *pkt, struct phv *phv, struct slot *slot, u32 type)
{
	clear_metadata(phv);
	copy_words((u64 *)&phv->meta, (u64 *)&slot->kept, (sizeof(phv->meta) + 7) / 8);
	SET_instance_type(phv, type);
	SET_priority(phv, slot->priority);
	return multicast(pkt, phv, slot->group);
}
#endif

/* What a frame is to do that came over the loop port, or whose state was parked by the program that called this one. */
INLINE struct slot *next_job(struct xdp_md *ctx)
{
	struct cpu *cpu = this_cpu();

	if (!cpu)
		return NULL;
	u32 ticket = cpu->wake;
	cpu->wake = 0;
	if (!ticket)
		ticket = take_note(ctx);
	struct slot *slot = find_slot(ticket);
	if (!slot)
		return NULL;
	slot->nth = slot->taken++;
	return slot->nth && slot->job != JOB_COPY ? find_slot(slot->second) : slot;
}

INLINE int process_loop(struct xdp_md *ctx)
{
	struct slot *slot = next_job(ctx);
	u32 which = 0;
	struct phv *phv = bpf_map_lookup_elem(&phvs, &which);
	struct packet packet = {.ctx = ctx}, *pkt = &packet;

	if (!slot || !phv)
		return -DROP_LATE;
	u32 job = slot->job, port = slot->port;
#if defined(RESUBMITS) || defined(RECIRCULATES)
	if (job == JOB_AGAIN)
		return enter_after_loop(ctx, slot);
#endif
	load_bounds(pkt);
	if (LEAD_BYTES && pkt->data > pkt->end)
		return -DROP_NO_ROOM;
	pkt->length = distance(pkt->data, pkt->end);
#ifdef CLONES_INGRESS
	if (job == JOB_CLONE_INGRESS) {
		begin_clone(pkt, phv, slot);
		return finish_clone(pkt, phv, slot, INGRESS_CLONE);
	}
#endif
	copy_words((u64 *)phv, (const u64 *)&slot->phv, sizeof(struct phv) / 8);
	phv->path.turns = 0;
	take_places(pkt, slot);
#ifdef CLONES_EGRESS
	if (job == JOB_CLONE_EGRESS)
		return finish_clone(pkt, phv, slot, EGRESS_CLONE);
#endif
#ifdef EGRESS_BRANCHES
	if (job == JOB_COPY) {
		struct replica replica = {slot->group, LOOP_REPLICA_PORT, slot->base + slot->nth};
		u32 *found = bpf_map_lookup_elem(&replicas, &replica);
		if (!found)
			return -DROP_NO_PORT;
		port = 1 + (*found >> 16);
		SET_egress_rid(phv, *found & 0xffff);
	}
#endif
#ifdef CLONES_INGRESS
	if (job == JOB_RESUME) {
		int action = resume(pkt, phv);
		if (action)
			return action;
		port = phv->sm.f_egress_spec + 1;
	}
#endif
	return leave(pkt, phv, port, job == JOB_SEND);
}
