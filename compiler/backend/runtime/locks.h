/* The lock that makes the register accesses of one packet indivisible. It is one for the whole program. */
#ifndef RACKPLANE_LOCKS_H
#define RACKPLANE_LOCKS_H

/* Without helper calls inside: the kernel's spin lock. */
struct register_lock {
	struct bpf_spin_lock lock;
};

DEFINE_MAP(register_lock, BPF_MAP_TYPE_ARRAY, 0, u32, struct register_lock, 1);

/* With helper calls inside: a word in memory. A core that does not get it within MAX_SPINS tries gives up. */
#define MAX_SPINS (1 << 17)
u64 register_word SEC(".bss.lock");

static long try_lock(u32 nth, void *context)
{
	u32 *taken = context;

	*taken = __sync_val_compare_and_swap(&register_word, 0, 1) == 0;
	return *taken;
}

INLINE u32 take_word(void)
{
	u32 taken = 0;

	if (__sync_val_compare_and_swap(&register_word, 0, 1) == 0)
		return 1;
	bpf_loop(MAX_SPINS, try_lock, &taken, 0);
	return taken;
}

#define TAKE_SPIN_LOCK(fail) \
	u32 lock_key = 0; \
	struct register_lock *lock = bpf_map_lookup_elem(&register_lock, &lock_key); \
	if (!lock) { \
		fail \
	} \
	bpf_spin_lock(&lock->lock)
#define RELEASE_SPIN_LOCK() bpf_spin_unlock(&lock->lock)

#define TAKE_CAS_LOCK(fail) \
	if (!take_word()) { \
		fail \
	}
#define RELEASE_CAS_LOCK() __sync_lock_test_and_set(&register_word, 0)

#endif
