#include "stats.h"

#define SUB_LOG2 4U
#define SUB_BUCKETS (1U << SUB_LOG2)

uint32_t histogram_bucket(uint64_t value)
{
    if (value < SUB_BUCKETS)
        return (uint32_t)value;
    uint32_t exponent = 63U - (uint32_t)__builtin_clzll(value);
    uint32_t shift = exponent - SUB_LOG2;
    uint32_t bucket = shift * SUB_BUCKETS + (uint32_t)(value >> shift);
    return bucket < RACKMEM_BUCKETS ? bucket : RACKMEM_BUCKETS - 1;
}

uint64_t histogram_limit(uint32_t bucket)
{
    if (bucket < 2 * SUB_BUCKETS)
        return bucket;
    uint32_t shift = bucket / SUB_BUCKETS - 1;
    uint64_t lowest = (uint64_t)(bucket % SUB_BUCKETS + SUB_BUCKETS) << shift;
    return lowest + (1ULL << shift) - 1;
}

void histogram_add(struct rackmem_histogram *histogram, uint64_t value)
{
    uint64_t max = __atomic_load_n(&histogram->max, __ATOMIC_RELAXED);
    while (value > max && !__atomic_compare_exchange_n(&histogram->max, &max, value, 1, __ATOMIC_RELAXED,
                                                       __ATOMIC_RELAXED))
        ;
    __atomic_fetch_add(&histogram->buckets[histogram_bucket(value)], 1, __ATOMIC_RELAXED);
    __atomic_fetch_add(&histogram->sum, value, __ATOMIC_RELAXED);
    __atomic_fetch_add(&histogram->count, 1, __ATOMIC_RELAXED);
}

uint64_t rackmem_quantile(const struct rackmem_histogram *histogram, double fraction)
{
    uint64_t total = 0;
    uint64_t seen = 0;
    uint64_t max = __atomic_load_n(&histogram->max, __ATOMIC_RELAXED);
    for (uint32_t i = 0; i < RACKMEM_BUCKETS; i++)
        total += __atomic_load_n(&histogram->buckets[i], __ATOMIC_RELAXED);
    for (uint32_t i = 0; i < RACKMEM_BUCKETS; i++) {
        seen += __atomic_load_n(&histogram->buckets[i], __ATOMIC_RELAXED);
        if (seen != 0 && (double)seen >= fraction * (double)total)
            return histogram_limit(i) < max ? histogram_limit(i) : max;
    }
    return 0;
}
