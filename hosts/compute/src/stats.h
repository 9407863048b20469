/* Counting that other threads may read meanwhile. */
#ifndef RACKMEM_STATS_H
#define RACKMEM_STATS_H

#include "rackmem.h"

/* May be called by several threads at once. */
void histogram_add(struct rackmem_histogram *histogram, uint64_t value);

/* The bucket of a value, and the largest value of a bucket. */
uint32_t histogram_bucket(uint64_t value);
uint64_t histogram_limit(uint32_t bucket);

static inline void count_up(uint64_t *counter)
{
    __atomic_fetch_add(counter, 1, __ATOMIC_RELAXED);
}

#endif
