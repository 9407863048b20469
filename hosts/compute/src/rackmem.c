#define _GNU_SOURCE
#include "rackmem.h"

#include <errno.h>
#include <inttypes.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#include "channel.h"
#include "clock.h"
#include "error.h"
#include "pager.h"
#include "rack_headers.h"
#include "sink.h"
#include "stats.h"

#define DEFAULT_RACK_MAC 0x02000000fffeULL
#define DEFAULT_RACK_ADDRESS 0x0a00fffeU
#define DEFAULT_CACHE (64ULL << 20)
#define LEAST_CACHE (64ULL << 10)
#define LARGEST_CACHE (1ULL << 40)
#define MICROSECOND UINT64_C(1000)
#define MILLISECOND UINT64_C(1000000)
#define SECOND UINT64_C(1000000000)

/* Queue pairs of one context, and how many such groups there are below 65536. A group is not taken again for longer
 * than a memory blade remembers a silent queue pair, so that it can not mistake new requests for old ones. */
#define QP_GROUP 64U
#define QP_GROUPS 1023U
#define QP_GROUP_TIME_NS (20 * MILLISECOND)

struct range {
    uint64_t va;
    uint64_t end;
};

struct rackmem {
    struct pager pager;
    struct channel_pool channels;
    struct rackmem_stats stats;
    char interface[RACKMEM_NAME_SIZE];
    pthread_rwlock_t ranges_lock;
    uint32_t range_count;
    struct range ranges[MAX_RANGES];
    int sink;
    uint8_t *alive; /* a page that reads as zeros in a child of fork() */
};

static uint64_t or_default(uint64_t value, uint64_t otherwise)
{
    return value ? value : otherwise;
}

/* MAC and IPv4 address of the interface, where the options do not give them. */
static bool own_endpoint(const struct rackmem_options *options, struct endpoints *endpoints,
                         struct rackmem_error *error)
{
    struct ifreq request = {0};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    memcpy(request.ifr_name, options->interface, RACKMEM_NAME_SIZE - 1);
    endpoints->own_mac = options->mac;
    endpoints->own_address = options->address;
    if (fd >= 0 && !endpoints->own_mac && ioctl(fd, SIOCGIFHWADDR, &request) == 0)
        for (int i = 0; i < 6; i++)
            endpoints->own_mac = endpoints->own_mac << 8 | (uint8_t)request.ifr_hwaddr.sa_data[i];
    if (fd >= 0 && !endpoints->own_address && ioctl(fd, SIOCGIFADDR, &request) == 0) {
        struct sockaddr_in address;
        memcpy(&address, &request.ifr_addr, sizeof(address));
        endpoints->own_address = ntohl(address.sin_addr.s_addr);
    }
    int reason = errno;
    if (fd >= 0)
        close(fd);
    if (endpoints->own_mac && endpoints->own_address)
        return true;
    error_system(error, reason, "no MAC and IPv4 address of interface '%.15s' in this network namespace, and none given",
                 options->interface);
    return false;
}

static bool check_options(const struct rackmem_options *options, struct rackmem_error *error)
{
    uint64_t cache = or_default(options->cache_bytes, DEFAULT_CACHE);
    if (options->domain == 0 || options->domain > UINT16_MAX)
        error_set(error, RACKMEM_BAD_ARGUMENT, "protection domain %" PRIu32 " is not in 1..65535", options->domain);
    else if (cache < LEAST_CACHE || cache > LARGEST_CACHE)
        error_set(error, RACKMEM_BAD_ARGUMENT, "a cache of %" PRIu64 " bytes is not in 64 KiB..1 TiB", cache);
    else if (memchr(options->interface, 0, RACKMEM_NAME_SIZE) == NULL || options->interface[0] == 0)
        error_set(error, RACKMEM_BAD_ARGUMENT, "the interface's name is empty or longer than 15 characters");
    else
        return true;
    return false;
}

static struct protocol_times times_of(const struct rackmem_options *options)
{
    uint64_t retransmit = or_default(options->retransmit_ns, 2 * MILLISECOND);
    uint64_t give_up = or_default(options->give_up_ns, 10 * SECOND);
    return (struct protocol_times){.retransmit = retransmit,
                                   .retransmit_most = 32 * retransmit,
                                   .busy = 8 * MICROSECOND,
                                   .busy_most = MILLISECOND,
                                   .reset = give_up / 10,
                                   .give_up = give_up,
                                   .defer = 500 * MICROSECOND,
                                   .hold = or_default(options->hold_ns, 20 * MICROSECOND)};
}

static uint32_t fresh_queue_pairs(void)
{
    struct timespec time;
    clock_gettime(CLOCK_BOOTTIME, &time);
    uint64_t now = (uint64_t)time.tv_sec * SECOND + (uint64_t)time.tv_nsec;
    return 1 + (uint32_t)(now / QP_GROUP_TIME_NS % QP_GROUPS) * QP_GROUP;
}

static bool start(struct rackmem *context, const struct rackmem_options *options, struct rackmem_error *error)
{
    uint32_t random[2] = {0};
    struct pager_options pager = {
        .interface = context->interface, .spin_ns = or_default(options->spin_ns, 50 * MICROSECOND), .cpu = options->cpu};
    if (!own_endpoint(options, &pager.endpoints, error))
        return false;
    if (getrandom(random, sizeof(random), 0) != sizeof(random)) {
        error_system(error, errno, "getrandom");
        return false;
    }
    pager.endpoints.rack_mac = or_default(options->rack_mac, DEFAULT_RACK_MAC);
    pager.endpoints.rack_address = (uint32_t)or_default(options->rack_address, DEFAULT_RACK_ADDRESS);
    pager.protocol = (struct protocol_options){
        .domain = options->domain,
        .first_qp = fresh_queue_pairs(),
        .first_psn = random[0],
        .capacity = (uint32_t)(or_default(options->cache_bytes, DEFAULT_CACHE) / PAGE_BYTES),
        .seed = random[1],
        .times = times_of(options)};
    context->channels = (struct channel_pool){.interface = context->interface,
                                              .endpoints = pager.endpoints,
                                              .times = pager.protocol.times,
                                              .first_qp = pager.protocol.first_qp + PAGER_QUEUE_PAIRS,
                                              .first_psn = pager.protocol.first_psn,
                                              .domain = options->domain,
                                              .spin_ns = pager.spin_ns,
                                              .stats = &context->stats};
    channel_pool_init(&context->channels);
    return pager_open(&context->pager, &pager, &context->stats, error);
}

static bool pin_caller(int32_t cpu, struct rackmem_error *error)
{
    cpu_set_t set;
    if (cpu < 0)
        return true;
    CPU_ZERO(&set);
    if (cpu < CPU_SETSIZE)
        CPU_SET((size_t)cpu, &set);
    if (sched_setaffinity(0, sizeof(set), &set) == 0)
        return true;
    error_system(error, errno, "pinning this thread to CPU %" PRId32, cpu);
    return false;
}

static void *fork_marker(void)
{
    uint8_t *page = mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED || madvise(page, PAGE_BYTES, MADV_WIPEONFORK) < 0)
        return NULL;
    *page = 1;
    return page;
}

int rackmem_open(const struct rackmem_options *options, struct rackmem **result, struct rackmem_error *error)
{
    struct rackmem_error unread = {0};
    error = error ? error : &unread;
    if (!check_options(options, error))
        return error->code;
    struct rackmem *context = calloc(1, sizeof(*context));
    if (context == NULL || (context->alive = fork_marker()) == NULL) {
        free(context);
        return error_set(error, RACKMEM_NO_MEMORY, "no memory for a context");
    }
    memcpy(context->interface, options->interface, RACKMEM_NAME_SIZE);
    pthread_rwlock_init(&context->ranges_lock, NULL);
    context->sink = sink_open();
    if (!pin_caller(options->cpu, error) || !start(context, options, error)) {
        sink_close(context->sink);
        munmap(context->alive, PAGE_BYTES);
        free(context);
        return error->code;
    }
    *result = context;
    return RACKMEM_OK;
}

static int check_alive(const struct rackmem *context, struct rackmem_error *error)
{
    if (*context->alive)
        return RACKMEM_OK;
    return error_set(error, RACKMEM_FORKED, "rack memory can not be used in a child of fork(): open a context there");
}

int rackmem_close(struct rackmem *context, struct rackmem_error *error)
{
    int result = check_alive(context, error);
    if (result != RACKMEM_OK)
        return result;
    while (context->range_count && result != RACKMEM_TIMED_OUT) {
        struct range *range = &context->ranges[--context->range_count];
        int code = pager_command(&context->pager, COMMAND_UNMAP, range->va, range->end - range->va,
                                 result == RACKMEM_OK ? error : NULL);
        result = result == RACKMEM_OK || code == RACKMEM_TIMED_OUT ? code : result;
    }
    pager_close(&context->pager);
    channel_pool_close(&context->channels);
    sink_close(context->sink);
    pthread_rwlock_destroy(&context->ranges_lock);
    munmap(context->alive, PAGE_BYTES);
    free(context);
    return result;
}

static int check_range(uint64_t va, uint64_t length, struct rackmem_error *error)
{
    if (va != 0 && length != 0 && (va | length) % PAGE_BYTES == 0 && va + length > va)
        return RACKMEM_OK;
    return error_set(error, RACKMEM_BAD_ARGUMENT,
                     "0x%" PRIx64 " and %" PRIu64 " bytes: a range begins at and is a multiple of 4096, and is not empty",
                     va, length);
}

int rackmem_map(struct rackmem *context, uint64_t va, uint64_t length, struct rackmem_error *error)
{
    int code = check_alive(context, error);
    if (code == RACKMEM_OK)
        code = check_range(va, length, error);
    if (code != RACKMEM_OK)
        return code;
    pthread_rwlock_wrlock(&context->ranges_lock);
    if (context->range_count == MAX_RANGES)
        code = error_set(error, RACKMEM_NO_MEMORY, "more than %u ranges: map larger ones", MAX_RANGES);
    else
        code = pager_command(&context->pager, COMMAND_MAP, va, length, error);
    if (code == RACKMEM_OK)
        context->ranges[context->range_count++] = (struct range){.va = va, .end = va + length};
    pthread_rwlock_unlock(&context->ranges_lock);
    return code;
}

static struct range *range_at(struct rackmem *context, uint64_t va, uint64_t length)
{
    for (uint32_t i = 0; i < context->range_count; i++)
        if (context->ranges[i].va == va && context->ranges[i].end == va + length)
            return &context->ranges[i];
    return NULL;
}

int rackmem_unmap(struct rackmem *context, uint64_t va, uint64_t length, struct rackmem_error *error)
{
    int code = check_alive(context, error);
    if (code != RACKMEM_OK)
        return code;
    pthread_rwlock_wrlock(&context->ranges_lock);
    struct range *range = range_at(context, va, length);
    if (range == NULL)
        code = error_set(error, RACKMEM_NOT_MAPPED, "no mapping begins at 0x%" PRIx64 " and has %" PRIu64 " bytes", va,
                         length);
    else
        code = pager_command(&context->pager, COMMAND_UNMAP, va, length, error);
    if (range != NULL && code != RACKMEM_TIMED_OUT)
        *range = context->ranges[--context->range_count];
    pthread_rwlock_unlock(&context->ranges_lock);
    return code;
}

int rackmem_flush(struct rackmem *context, struct rackmem_error *error)
{
    int code = check_alive(context, error);
    return code == RACKMEM_OK ? pager_command(&context->pager, COMMAND_FLUSH, 0, UINT64_MAX, error) : code;
}

const struct rackmem_stats *rackmem_statistics(const struct rackmem *context)
{
    return &context->stats;
}

enum place { PLACE_MAPPED, PLACE_REMOTE, PLACE_MIXED };

static enum place place_of(struct rackmem *context, uint64_t va, uint64_t length)
{
    enum place place = PLACE_REMOTE;
    pthread_rwlock_rdlock(&context->ranges_lock);
    for (uint32_t i = 0; i < context->range_count; i++) {
        if (va >= context->ranges[i].va && va + length <= context->ranges[i].end)
            place = PLACE_MAPPED;
        else if (va < context->ranges[i].end && context->ranges[i].va < va + length)
            place = PLACE_MIXED;
    }
    pthread_rwlock_unlock(&context->ranges_lock);
    return place;
}

static int check_access(struct rackmem *context, uint64_t va, const void *data, uint64_t length,
                        struct rackmem_error *error)
{
    int code = check_alive(context, error);
    if (code != RACKMEM_OK)
        return code;
    if (data == NULL || length == 0 || va + length < va)
        return error_set(error, RACKMEM_BAD_ARGUMENT, "%" PRIu64 " bytes at 0x%" PRIx64 ": nothing to access", length,
                         va);
    if (place_of(context, va, length) == PLACE_MIXED)
        return error_set(error, RACKMEM_BAD_ARGUMENT, "[0x%" PRIx64 ", 0x%" PRIx64 ") is mapped in part only", va,
                         va + length);
    return RACKMEM_OK;
}

static int outcome(struct rackmem *context, const struct requester *requester, struct rackmem_error *error)
{
    if (requester->failure == 0)
        return RACKMEM_OK;
    count_up(&context->stats.failures);
    if (requester->failure == FAILURE_SILENCE)
        return error_set(error, RACKMEM_TIMED_OUT, "0x%" PRIx64 ": no answer from the rack for %" PRIu64 " ms",
                         requester->va, requester->times.give_up / MILLISECOND);
    count_up(&context->stats.refused);
    if (requester->failure == FAILURE_ACCESS)
        return error_set(error, RACKMEM_REFUSED_ACCESS,
                         "0x%" PRIx64 ": no memory at this address, or domain %" PRIu32 " lacks the right",
                         requester->va, requester->domain);
    if (requester->failure == FAILURE_INVALID)
        return error_set(error, RACKMEM_REFUSED_INVALID,
                         "0x%" PRIx64 ": not direct memory; a coherent range is mapped first", requester->va);
    return error_set(error, RACKMEM_REFUSED_FAULT, "0x%" PRIx64 ": the memory blade can not do it", requester->va);
}

int rackmem_read(struct rackmem *context, uint64_t va, void *data, uint64_t length, struct rackmem_error *error)
{
    int code = check_access(context, va, data, length, error);
    if (code != RACKMEM_OK)
        return code;
    if (place_of(context, va, length) == PLACE_MAPPED) {
        memcpy(data, (const void *)(uintptr_t)va, length);
        return RACKMEM_OK;
    }
    uint64_t started = clock_ns();
    struct channel *channel = channel_take(&context->channels, error);
    if (channel == NULL)
        return RACKMEM_SYSTEM;
    count_up(&context->stats.reads);
    requester_read(&channel->requester, va, data, length, started);
    channel_run(&context->channels, channel);
    code = outcome(context, &channel->requester, error);
    channel_return(&context->channels, channel);
    if (code == RACKMEM_OK && length <= SEGMENT_SIZE)
        histogram_add(&context->stats.read_ns, clock_ns() - started);
    return code;
}

int rackmem_write(struct rackmem *context, uint64_t va, const void *data, uint64_t length, struct rackmem_error *error)
{
    int code = check_access(context, va, data, length, error);
    if (code != RACKMEM_OK)
        return code;
    if (place_of(context, va, length) == PLACE_MAPPED) {
        memcpy((void *)(uintptr_t)va, data, length);
        return RACKMEM_OK;
    }
    struct channel *channel = channel_take(&context->channels, error);
    if (channel == NULL)
        return RACKMEM_SYSTEM;
    count_up(&context->stats.writes);
    requester_write(&channel->requester, va, data, length, clock_ns());
    channel_run(&context->channels, channel);
    code = outcome(context, &channel->requester, error);
    channel_return(&context->channels, channel);
    return code;
}

static int remote_atomic(struct rackmem *context, uint8_t opcode, uint64_t va, uint64_t swap_or_add, uint64_t compare,
                         uint64_t *original, struct rackmem_error *error)
{
    struct channel *channel = channel_take(&context->channels, error);
    if (channel == NULL)
        return RACKMEM_SYSTEM;
    count_up(&context->stats.atomics);
    requester_atomic(&channel->requester, opcode, va, swap_or_add, compare, clock_ns());
    channel_run(&context->channels, channel);
    *original = channel->requester.original;
    int code = outcome(context, &channel->requester, error);
    channel_return(&context->channels, channel);
    return code;
}

static int check_word(struct rackmem *context, uint64_t va, uint64_t *original, struct rackmem_error *error)
{
    if (va % sizeof(uint64_t) != 0)
        return error_set(error, RACKMEM_BAD_ARGUMENT, "0x%" PRIx64 ": an atomic needs a multiple of 8", va);
    return check_access(context, va, original, sizeof(uint64_t), error);
}

int rackmem_compare_swap(struct rackmem *context, uint64_t va, uint64_t compare, uint64_t swap, uint64_t *original,
                         struct rackmem_error *error)
{
    int code = check_word(context, va, original, error);
    if (code != RACKMEM_OK)
        return code;
    if (place_of(context, va, sizeof(uint64_t)) != PLACE_MAPPED)
        return remote_atomic(context, OPCODE_COMPARE_SWAP, va, swap, compare, original, error);
    *original = compare;
    __atomic_compare_exchange_n((uint64_t *)(uintptr_t)va, original, swap, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    return RACKMEM_OK;
}

int rackmem_fetch_add(struct rackmem *context, uint64_t va, uint64_t add, uint64_t *original,
                      struct rackmem_error *error)
{
    int code = check_word(context, va, original, error);
    if (code != RACKMEM_OK)
        return code;
    if (place_of(context, va, sizeof(uint64_t)) != PLACE_MAPPED)
        return remote_atomic(context, OPCODE_FETCH_ADD, va, add, 0, original, error);
    *original = __atomic_fetch_add((uint64_t *)(uintptr_t)va, add, __ATOMIC_SEQ_CST);
    return RACKMEM_OK;
}
