/* The writer of exact-match tables that XDP programs read in shared memory; compiler/backend/runtime/buckets.h has
 * the format. Readers on other processors may be anywhere in a bucket while it changes: a slot that they may look at
 * is written only after the bucket's version says so, and is in use only after it has been written.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define MAX_LINES 6
#define HEAD_WORDS 2
#define NO_LINE 0u
#define SLOT_BITS 0xffull
#define NEXT_SHIFT 8
#define NEXT_MASK 0xffffffull
#define VERSION (1ull << 32)

struct buckets {
	uint8_t *memory;
	uint32_t line_bytes, key_words, slots, main, lines, untouched, free_head;
	uint32_t *free_next;
	uint64_t seed;
};

/* Where a key is, or could be: the lines of its bucket in order, and a slot in one of them. */
struct place {
	uint32_t lines[MAX_LINES], count;
	uint32_t line, slot;
	int found;
};

struct buckets *buckets_new(uint8_t *memory, uint32_t line_bytes, uint32_t key_words, uint32_t slots, uint32_t main,
			    uint32_t lines, uint64_t seed)
{
	struct buckets *b;

	if (lines < main + 1 || slots > 8 || 4 * (HEAD_WORDS + slots * (key_words + 1)) > line_bytes)
		return NULL;
	b = calloc(1, sizeof(*b));
	if (!b)
		return NULL;
	*b = (struct buckets){memory, line_bytes, key_words, slots, main, lines, main + 1, NO_LINE, NULL, seed};
	b->free_next = calloc(lines, sizeof(*b->free_next));
	if (!b->free_next) {
		free(b);
		return NULL;
	}
	memcpy(memory, &seed, sizeof(seed));
	return b;
}

void buckets_free(struct buckets *b)
{
	free(b->free_next);
	free(b);
}

static uint64_t hash_of(const uint32_t *key, uint32_t words, uint64_t seed)
{
	uint64_t hash = seed;

	for (uint32_t k = 0; k < words; k += 2) {
		hash ^= k + 1 < words ? (uint64_t)key[k + 1] << 32 | key[k] : key[k];
		hash *= 0x9e3779b97f4a7c15ull;
		hash ^= hash >> 32;
	}
	return hash * 0xd6e8feb86659fd93ull;
}

static uint64_t *head_of(const struct buckets *b, uint32_t line)
{
	return (uint64_t *)(b->memory + (size_t)line * b->line_bytes);
}

static uint32_t *slot_of(const struct buckets *b, uint32_t line, uint32_t slot)
{
	return (uint32_t *)head_of(b, line) + HEAD_WORDS + slot * (b->key_words + 1);
}

static void store_head(uint64_t *head, uint64_t value)
{
	__atomic_store_n(head, value, __ATOMIC_RELEASE);
}

/* Say that the bucket has changed; what was taken out of it may be used anew from now on. */
static void raise_version(const struct buckets *b, const struct place *place)
{
	uint64_t *head = head_of(b, place->lines[0]);

	store_head(head, *head + VERSION);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static void find(const struct buckets *b, const uint32_t *key, struct place *place)
{
	uint32_t line = (uint32_t)((hash_of(key, b->key_words, b->seed) >> 32) * b->main >> 32) + 1;

	memset(place, 0, sizeof(*place));
	for (; line && place->count < MAX_LINES; line = *head_of(b, line) >> NEXT_SHIFT & NEXT_MASK) {
		uint64_t head = *head_of(b, line);

		place->lines[place->count++] = line;
		for (uint32_t n = 0; n < b->slots; n++) {
			int used = head >> n & 1;

			if (used && !memcmp(slot_of(b, line, n), key, 4 * b->key_words)) {
				place->line = line;
				place->slot = n;
				place->found = 1;
				return;
			}
			if (!used && !place->line) {
				place->line = line;
				place->slot = n;
			}
		}
	}
}

static uint32_t take_line(struct buckets *b)
{
	uint32_t line = b->free_head;

	if (line)
		b->free_head = b->free_next[line];
	else if (b->untouched < b->lines)
		line = b->untouched++;
	return line;
}

/* Continue a full bucket; 0 when it may not be longer, or no line is left. */
static int extend(struct buckets *b, struct place *place)
{
	uint64_t *last = head_of(b, place->lines[place->count - 1]);
	uint32_t line = place->count < MAX_LINES ? take_line(b) : NO_LINE;

	if (!line)
		return 0;
	store_head(head_of(b, line), 0);
	store_head(last, *last | (uint64_t)line << NEXT_SHIFT);
	place->lines[place->count++] = place->line = line;
	place->slot = 0;
	return 1;
}

/* Let every key have its value's number, new or in the place of another. Returns how many could be written. */
uint32_t buckets_put(struct buckets *b, const uint8_t *keys, const uint32_t *numbers, uint32_t count)
{
	uint32_t key[64];

	for (uint32_t n = 0; n < count; n++, keys += 4 * b->key_words) {
		struct place place;
		uint32_t *slot;

		memcpy(key, keys, 4 * b->key_words);
		find(b, key, &place);
		if (!place.line && !extend(b, &place))
			return n;
		slot = slot_of(b, place.line, place.slot);
		__atomic_store_n(&slot[b->key_words], numbers[n], __ATOMIC_RELEASE);
		if (!place.found) {
			uint64_t *head = head_of(b, place.line);

			memcpy(slot, key, 4 * b->key_words);
			store_head(head, *head | 1ull << place.slot);
		}
		raise_version(b, &place);
	}
	return count;
}

/* Give lines at the end of a bucket that have become empty to others; its first line stays. */
static void shorten(struct buckets *b, struct place *place)
{
	for (; place->count > 1; place->count--) {
		uint32_t line = place->lines[place->count - 1];
		uint64_t *before = head_of(b, place->lines[place->count - 2]);

		if (*head_of(b, line) & SLOT_BITS)
			break;
		store_head(before, *before & ~(NEXT_MASK << NEXT_SHIFT));
		raise_version(b, place);
		b->free_next[line] = b->free_head;
		b->free_head = line;
	}
}

/* Take keys out. Returns how many there were. */
uint32_t buckets_remove(struct buckets *b, const uint8_t *keys, uint32_t count)
{
	uint32_t key[64], found = 0;

	for (uint32_t n = 0; n < count; n++, keys += 4 * b->key_words) {
		struct place place;
		uint64_t *head;

		memcpy(key, keys, 4 * b->key_words);
		find(b, key, &place);
		if (!place.found)
			continue;
		found++;
		head = head_of(b, place.line);
		store_head(head, *head & ~(1ull << place.slot));
		raise_version(b, &place);
		if (place.count > 1 || *head_of(b, place.lines[0]) >> NEXT_SHIFT & NEXT_MASK) {
			uint32_t line = place.lines[place.count - 1];

			while (place.count < MAX_LINES && (line = *head_of(b, line) >> NEXT_SHIFT & NEXT_MASK))
				place.lines[place.count++] = line;
			shorten(b, &place);
		}
	}
	return found;
}
