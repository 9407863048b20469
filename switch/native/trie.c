/* The writer of longest-prefix-match tables that XDP programs read in shared memory (docs/tables.md).
 *
 * The memory is an array of lines of 64 bytes. The first ones are the root: a word of 64 bits for every value of the
 * key's first bits. The others are nodes of 1, 2, 4 or 8 lines, each for the next six bits of the key. A node is
 * never changed while a reader can reach it: a change makes new nodes, up to the root, and then one store to the
 * root's word lets readers see it. Every such store also raises the word's version, by which a reader knows that
 * the nodes that it went through, or the value that it copied, may have been given to others meanwhile.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define LINE 64u
#define STRIDE 6u
#define SLOTS 64u
#define ORDERS 4u
#define TOP_LINES (1u << (ORDERS - 1))
#define HEAD_BYTES 12u
#define CHILD 0x80000000u
#define INDEX_MASK 0xffffffull
#define VERSION_SHIFT 48
#define ID_SHIFT 24
#define NO_LINE 0u
#define CHILD_LENGTH 255

/* What a slot says: a value's number (0: none) and the length of the prefix that it is from, or CHILD | a node. */
struct slot {
	uint32_t value;
	uint8_t length;
};

struct list {
	uint32_t *items;
	size_t count, room;
};

struct trie {
	uint8_t *memory;
	uint8_t *root_length;
	uint32_t root_bits, key_bits, first, lines, untouched;
	uint32_t free_head[ORDERS];
	uint32_t *next, *previous;
	uint8_t *free_order; /* of a free block's first line: its order + 1 */
	struct list fresh, stale;
};

/* One change: slots that a prefix of `length` bits covers, and that no longer one has, become `slot`. */
struct job {
	struct trie *trie;
	unsigned __int128 key; /* its first bit is the most significant one */
	uint32_t length;
	struct slot slot;
	int error;
};

struct trie *trie_new(uint8_t *memory, uint32_t lines, uint32_t root_bits, uint32_t key_bits)
{
	struct trie *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->memory = memory;
	t->root_bits = root_bits;
	t->key_bits = key_bits;
	t->first = (((1u << root_bits) * 8 + LINE - 1) / LINE + TOP_LINES - 1) & ~(TOP_LINES - 1);
	t->lines = lines & ~(TOP_LINES - 1);
	t->untouched = t->first;
	t->root_length = calloc(1u << root_bits, 1);
	t->next = calloc(lines, sizeof(*t->next));
	t->previous = calloc(lines, sizeof(*t->previous));
	t->free_order = calloc(lines, 1);
	if (t->root_length && t->next && t->previous && t->free_order && t->first < t->lines)
		return t;
	free(t->root_length);
	free(t->next);
	free(t->previous);
	free(t->free_order);
	free(t);
	return NULL;
}

void trie_free(struct trie *t)
{
	free(t->root_length);
	free(t->next);
	free(t->previous);
	free(t->free_order);
	free(t->fresh.items);
	free(t->stale.items);
	free(t);
}

/* Blocks of lines: buddies of 1, 2, 4 and 8 lines. */

static void list_block(struct trie *t, uint32_t line, uint32_t order)
{
	uint32_t head = t->free_head[order];

	t->free_order[line] = order + 1;
	t->next[line] = head;
	t->previous[line] = NO_LINE;
	if (head)
		t->previous[head] = line;
	t->free_head[order] = line;
}

static void unlist_block(struct trie *t, uint32_t line, uint32_t order)
{
	uint32_t before = t->previous[line], after = t->next[line];

	t->free_order[line] = 0;
	if (before)
		t->next[before] = after;
	else
		t->free_head[order] = after;
	if (after)
		t->previous[after] = before;
}

static uint32_t take_block(struct trie *t, uint32_t order)
{
	uint32_t from = order, line;

	while (from < ORDERS && !t->free_head[from])
		from++;
	if (from < ORDERS) {
		line = t->free_head[from];
		unlist_block(t, line, from);
	} else {
		if (t->untouched + TOP_LINES > t->lines)
			return NO_LINE;
		line = t->untouched;
		t->untouched += TOP_LINES;
		from = ORDERS - 1;
	}
	while (from > order) {
		from--;
		list_block(t, line + (1u << from), from);
	}
	return line;
}

static void give_block(struct trie *t, uint32_t line, uint32_t order)
{
	for (; order < ORDERS - 1; order++) {
		uint32_t buddy = line ^ (1u << order);

		if (t->free_order[buddy] != order + 1)
			break;
		unlist_block(t, buddy, order);
		line &= ~(1u << order);
	}
	list_block(t, line, order);
}

/* Nodes: u64 of the slots where something new begins, u32 how many, that many u32 values, that many u8 lengths. */

static uint8_t *node_at(const struct trie *t, uint32_t line)
{
	return t->memory + (size_t)line * LINE;
}

static uint32_t node_order(uint32_t runs)
{
	uint32_t order = 0;

	while ((LINE << order) < HEAD_BYTES + 5 * runs)
		order++;
	return order;
}

static void give_node(struct trie *t, uint32_t line)
{
	uint32_t runs;

	memcpy(&runs, node_at(t, line) + 8, sizeof(runs));
	give_block(t, line, node_order(runs));
}

static void read_node(const struct trie *t, uint32_t line, struct slot *slots)
{
	const uint8_t *node = node_at(t, line);
	uint64_t begins;
	uint32_t runs, run = 0;

	memcpy(&begins, node, sizeof(begins));
	memcpy(&runs, node + 8, sizeof(runs));
	for (uint32_t n = 0; n < SLOTS; n++) {
		if (n && begins >> n & 1)
			run++;
		memcpy(&slots[n].value, node + HEAD_BYTES + 4 * run, sizeof(uint32_t));
		slots[n].length = node[HEAD_BYTES + 4 * runs + run];
	}
}

static int remember(struct list *list, uint32_t line)
{
	if (list->count == list->room) {
		size_t room = list->room ? 2 * list->room : 64;
		uint32_t *items = realloc(list->items, room * sizeof(*items));

		if (!items)
			return -ENOMEM;
		list->items = items;
		list->room = room;
	}
	list->items[list->count++] = line;
	return 0;
}

static uint32_t write_node(struct job *job, const struct slot *slots)
{
	struct trie *t = job->trie;
	uint32_t values[SLOTS], runs = 0, line;
	uint8_t lengths[SLOTS], *node;
	uint64_t begins = 0;

	for (uint32_t n = 0; n < SLOTS; n++) {
		if (n && slots[n].value == slots[n - 1].value && slots[n].length == slots[n - 1].length)
			continue;
		begins |= 1ull << n;
		values[runs] = slots[n].value;
		lengths[runs++] = slots[n].length;
	}
	line = take_block(t, node_order(runs));
	if (!line || remember(&t->fresh, line)) {
		if (line)
			give_block(t, line, node_order(runs));
		job->error = -ENOSPC;
		return NO_LINE;
	}
	node = node_at(t, line);
	memcpy(node, &begins, sizeof(begins));
	memcpy(node + 8, &runs, sizeof(runs));
	memcpy(node + HEAD_BYTES, values, 4 * runs);
	memcpy(node + HEAD_BYTES + 4 * runs, lengths, runs);
	return line;
}

/* Changes */

static uint32_t key_part(const struct job *job, uint32_t from, uint32_t bits)
{
	return (uint32_t)(job->key << from >> (128 - bits));
}

static int same_slot(struct slot a, struct slot b)
{
	return a.value == b.value && a.length == b.length;
}

/* Do the job in what `slot` leads to, for keys whose first `base` bits are decided; return what takes its place. */
static struct slot change(struct job *job, struct slot slot, uint32_t base)
{
	struct slot slots[SLOTS];
	uint32_t begin = 0, count = SLOTS, line;
	int changed = 0, needed = 0;

	if (!(slot.value & CHILD) && job->length <= base)
		return slot.length <= job->length ? job->slot : slot;
	if (slot.value & CHILD)
		read_node(job->trie, slot.value & ~CHILD, slots);
	else
		for (uint32_t n = 0; n < SLOTS; n++)
			slots[n] = slot;
	if (job->length > base) {
		begin = key_part(job, base, STRIDE);
		count = job->length < base + STRIDE ? 1u << (base + STRIDE - job->length) : 1;
	}
	for (uint32_t n = begin; n < begin + count; n++) {
		struct slot after = change(job, slots[n], base + STRIDE);

		if (job->error)
			return slot;
		changed |= !same_slot(after, slots[n]);
		slots[n] = after;
	}
	if (!changed)
		return slot;
	if (slot.value & CHILD && remember(&job->trie->stale, slot.value & ~CHILD)) {
		job->error = -ENOMEM;
		return slot;
	}
	for (uint32_t n = 0; n < SLOTS; n++)
		needed |= slots[n].length > base;
	if (!needed)
		return slots[0];
	line = write_node(job, slots);
	return (struct slot){CHILD | line, CHILD_LENGTH};
}

static void settle(struct trie *t, const struct list *gone)
{
	for (size_t n = 0; n < gone->count; n++)
		give_node(t, gone->items[n]);
	t->fresh.count = t->stale.count = 0;
}

static void publish(uint64_t *word, uint64_t value, uint64_t node)
{
	uint64_t version = (*word >> VERSION_SHIFT) + 1;

	__atomic_store_n(word, version << VERSION_SHIFT | value << ID_SHIFT | node, __ATOMIC_RELEASE);
}

static void change_root(struct job *job)
{
	struct trie *t = job->trie;
	uint64_t *root = (uint64_t *)t->memory;
	uint32_t begin = t->root_bits ? key_part(job, 0, t->root_bits) : 0;

	for (uint32_t n = begin; n < begin + (1u << (t->root_bits - job->length)); n++) {
		if (t->root_length[n] > job->length)
			continue;
		t->root_length[n] = job->slot.length;
		publish(&root[n], job->slot.value, root[n] & INDEX_MASK);
	}
}

static void change_below(struct job *job)
{
	struct trie *t = job->trie;
	uint64_t *word = (uint64_t *)t->memory + key_part(job, 0, t->root_bits);
	uint32_t node = *word & INDEX_MASK;
	struct slot before = {node ? CHILD | node : 0, node ? CHILD_LENGTH : 0};
	struct slot after = change(job, before, t->root_bits);

	if (job->error) {
		settle(t, &t->fresh);
		return;
	}
	publish(word, *word >> ID_SHIFT & INDEX_MASK, after.value & CHILD ? after.value & ~CHILD : 0);
	settle(t, &t->stale);
}

/* Make `count` changes in order. Each key is the prefix's length in bits as a little-endian u32, then the key's
 * bytes, `stride` bytes in all. Slots of this prefix, and of shorter ones that it covers, get the value `values[n]`
 * (0: none) and belong from now on to a prefix of `lengths[n]` bits. A length above the root's bits stands for a slot
 * below the root only. Returns how many were made: fewer than `count` when no memory is left.
 */
uint32_t trie_change(struct trie *t, const uint8_t *keys, uint32_t stride, const uint32_t *values,
		     const uint8_t *lengths, uint32_t count)
{
	for (uint32_t n = 0; n < count; n++, keys += stride) {
		struct job job = {.trie = t, .slot = {values[n], lengths[n]}};

		memcpy(&job.length, keys, sizeof(job.length));
		for (uint32_t byte = 0; byte < t->key_bits / 8; byte++)
			job.key |= (unsigned __int128)keys[4 + byte] << (120 - 8 * byte);
		if (job.length > t->key_bits)
			return n;
		if (job.length <= t->root_bits)
			change_root(&job);
		else
			change_below(&job);
		if (job.error)
			return n;
		/* Nodes and values may be used anew only after no reader can begin to use them. */
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
	}
	return count;
}
