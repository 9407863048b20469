#define _GNU_SOURCE
#include "memory.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/falloc.h>
#include <linux/userfaultfd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "error.h"

/* Newer than the oldest kernel headers that this is built with; asked for only where the kernel says it has it. */
#ifndef UFFD_FEATURE_POISON
#define UFFD_FEATURE_POISON (1 << 14)
struct uffdio_poison {
    struct uffdio_range range;
    __u64 mode;
    __s64 updated;
};
#define UFFDIO_POISON _IOWR(UFFDIO, 0x08, struct uffdio_poison)
#endif

#ifndef UFFDIO_CONTINUE_MODE_WP
#define UFFDIO_CONTINUE_MODE_WP ((__u64)1 << 1)
#endif

#define NEEDED_FEATURES                                                                                              \
    (UFFD_FEATURE_PAGEFAULT_FLAG_WP | UFFD_FEATURE_MISSING_SHMEM | UFFD_FEATURE_MINOR_SHMEM |                        \
     UFFD_FEATURE_WP_HUGETLBFS_SHMEM)

#define DEVICE "/dev/userfaultfd"

static int open_uffd(void)
{
    int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
    if (fd >= 0)
        return fd;
    int device = open(DEVICE, O_RDWR | O_CLOEXEC);
    if (device < 0)
        return -1;
    fd = ioctl(device, _IO(UFFDIO, 0x00), O_CLOEXEC | O_NONBLOCK);
    close(device);
    return fd;
}

/* What the kernel offers: a descriptor says so only while no feature is asked for, and then is spent. */
static bool offered_features(uint64_t *features)
{
    struct uffdio_api api = {.api = UFFD_API};
    int fd = open_uffd();
    if (fd < 0)
        return false;
    int failed = ioctl(fd, UFFDIO_API, &api);
    close(fd);
    *features = api.features;
    return failed == 0;
}

bool memory_open(struct memory *memory, struct rackmem_error *error)
{
    uint64_t offered = 0;
    memset(memory, 0, sizeof(*memory));
    memory->uffd = -1;
    if (!offered_features(&offered)) {
        error_system(error, errno, "userfaultfd (it needs CAP_SYS_PTRACE, or access to " DEVICE ")");
        return false;
    }
    if ((offered & NEEDED_FEATURES) != NEEDED_FEATURES) {
        error_set(error, RACKMEM_SYSTEM, "this kernel's userfaultfd can not write-protect shared memory; "
                                         "Linux 5.19 and later can");
        return false;
    }
    memory->poison = offered & UFFD_FEATURE_POISON;
    memory->reshow = true; /* until the kernel says that it can not */
    struct uffdio_api api = {.api = UFFD_API, .features = NEEDED_FEATURES | (offered & UFFD_FEATURE_POISON)};
    memory->uffd = open_uffd();
    memory->spare = aligned_alloc(PAGE_BYTES, PAGE_BYTES);
    if (memory->uffd < 0 || memory->spare == NULL || ioctl(memory->uffd, UFFDIO_API, &api) < 0) {
        error_system(error, errno, "userfaultfd");
        memory_close(memory);
        return false;
    }
    return true;
}

static void close_mapping(struct mapping *mapping)
{
    if (mapping->va != 0)
        munmap((void *)(uintptr_t)mapping->va, mapping->length);
    if (mapping->alias != NULL)
        munmap(mapping->alias, mapping->length);
    if (mapping->fd >= 0)
        close(mapping->fd);
}

void memory_close(struct memory *memory)
{
    for (uint32_t i = 0; i < memory->mapping_count; i++)
        close_mapping(&memory->mappings[i]);
    memory->mapping_count = 0;
    if (memory->uffd >= 0)
        close(memory->uffd);
    memory->uffd = -1;
    free(memory->spare);
    memory->spare = NULL;
}

static bool guard(const struct memory *memory, const struct mapping *mapping)
{
    struct uffdio_register guard = {
        .range = {.start = mapping->va, .len = mapping->length},
        .mode = UFFDIO_REGISTER_MODE_MISSING | UFFDIO_REGISTER_MODE_WP | UFFDIO_REGISTER_MODE_MINOR};
    return ioctl(memory->uffd, UFFDIO_REGISTER, &guard) == 0;
}

/* Neither mapping goes to a child of fork(), which has no pager; large pages would make one fault of many. */
static bool advise(void *at, uint64_t length)
{
    if (madvise(at, length, MADV_DONTFORK) < 0)
        return false;
    return madvise(at, length, MADV_NOHUGEPAGE) == 0 || errno == EINVAL;
}

static void *show(const struct mapping *mapping, uint64_t at)
{
    int flags = MAP_SHARED | MAP_NORESERVE | (at ? MAP_FIXED_NOREPLACE : 0);
    void *shown = mmap((void *)(uintptr_t)at, mapping->length, PROT_READ | PROT_WRITE, flags, mapping->fd, 0);
    return shown == MAP_FAILED ? NULL : shown;
}

static bool map_failed(struct mapping *mapping, uint64_t va, struct rackmem_error *error)
{
    int code = errno;
    if (code == EEXIST)
        error_set(error, RACKMEM_OVERLAP, "the process already uses addresses in [0x%" PRIx64 ", 0x%" PRIx64 ")", va,
                  va + mapping->length);
    else
        error_system(error, code, "mapping [0x%" PRIx64 ", 0x%" PRIx64 ")", va, va + mapping->length);
    close_mapping(mapping);
    return false;
}

bool memory_map(struct memory *memory, uint64_t va, uint64_t length, struct rackmem_error *error)
{
    struct mapping mapping = {.length = length, .fd = memfd_create("rackmem", MFD_CLOEXEC)};
    if (memory->mapping_count == MAX_RANGES) {
        errno = ENOSPC;
        return map_failed(&mapping, va, error);
    }
    if (mapping.fd < 0 || ftruncate(mapping.fd, (off_t)length) < 0)
        return map_failed(&mapping, va, error);
    mapping.alias = show(&mapping, 0);
    void *shown = mapping.alias == NULL ? NULL : show(&mapping, va);
    if (shown == NULL)
        return map_failed(&mapping, va, error);
    mapping.va = va;
    if (!advise(shown, length) || !advise(mapping.alias, length) || !guard(memory, &mapping))
        return map_failed(&mapping, va, error);
    memory->mappings[memory->mapping_count++] = mapping;
    return true;
}

void memory_unmap(struct memory *memory, uint64_t va)
{
    for (uint32_t i = 0; i < memory->mapping_count; i++) {
        if (memory->mappings[i].va != va)
            continue;
        close_mapping(&memory->mappings[i]);
        memory->mappings[i] = memory->mappings[--memory->mapping_count];
        return;
    }
}

uint32_t memory_faults(struct memory *memory, struct fault *faults)
{
    struct uffd_msg events[FAULT_BATCH];
    ssize_t size = read(memory->uffd, events, sizeof(events));
    uint32_t count = 0;
    for (uint32_t i = 0; size > 0 && i < (size_t)size / sizeof(events[0]); i++) {
        uint64_t flags = events[i].arg.pagefault.flags;
        if (events[i].event != UFFD_EVENT_PAGEFAULT)
            continue;
        faults[count++] = (struct fault){.va = events[i].arg.pagefault.address & ~(uint64_t)(PAGE_BYTES - 1),
                                         .write = flags & (UFFD_PAGEFAULT_FLAG_WRITE | UFFD_PAGEFAULT_FLAG_WP),
                                         .local = flags & UFFD_PAGEFAULT_FLAG_MINOR};
    }
    return count;
}

static const struct mapping *mapping_of(const struct memory *memory, uint64_t va)
{
    for (uint32_t i = 0; i < memory->mapping_count; i++)
        if (va - memory->mappings[i].va < memory->mappings[i].length)
            return &memory->mappings[i];
    return NULL;
}

static uint8_t *alias_of(const struct memory *memory, uint64_t va)
{
    const struct mapping *mapping = mapping_of(memory, va);
    return mapping == NULL ? NULL : mapping->alias + (va - mapping->va);
}

const uint8_t *memory_at(const struct memory *memory, uint64_t va)
{
    return alias_of(memory, va);
}

/* EAGAIN: the address space is changing (a fork, an mremap), and the kernel asks to be called again. */
static int retried_ioctl(int fd, unsigned long request, void *argument)
{
    int result;
    do
        result = ioctl(fd, request, argument);
    while (result < 0 && errno == EAGAIN);
    return result;
}

void memory_wake(struct memory *memory, uint64_t va)
{
    struct uffdio_range range = {.start = va, .len = PAGE_BYTES};
    retried_ioctl(memory->uffd, UFFDIO_WAKE, &range);
}

void memory_drop(struct memory *memory, uint64_t va)
{
    const struct mapping *mapping = mapping_of(memory, va);
    if (mapping != NULL)
        fallocate(mapping->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)(va - mapping->va), PAGE_BYTES);
}

static bool copy_in(const struct memory *memory, uint64_t va, const uint8_t *data, bool writable)
{
    struct uffdio_copy copy = {.dst = va,
                               .src = (uintptr_t)data,
                               .len = PAGE_BYTES,
                               .mode = writable ? 0 : UFFDIO_COPY_MODE_WP};
    return retried_ioctl(memory->uffd, UFFDIO_COPY, &copy) == 0;
}

/* Where the process itself has unmapped the address, the data still is what the page holds: it may have to be pushed. */
void memory_install(struct memory *memory, uint64_t va, const uint8_t *data, bool writable)
{
    if (copy_in(memory, va, data, writable))
        return;
    memory_drop(memory, va);
    uint8_t *alias = alias_of(memory, va);
    if (!copy_in(memory, va, data, writable) && alias != NULL)
        memcpy(alias, data, PAGE_BYTES);
}

/* Linux 6.4 and later. */
static bool show_again(struct memory *memory, uint64_t va, bool writable)
{
    struct uffdio_continue show = {.range = {.start = va, .len = PAGE_BYTES},
                                   .mode = writable ? 0 : UFFDIO_CONTINUE_MODE_WP};
    if (!memory->reshow)
        return false;
    if (retried_ioctl(memory->uffd, UFFDIO_CONTINUE, &show) == 0)
        return true;
    memory->reshow = errno != EINVAL;
    return false;
}

void memory_remap(struct memory *memory, uint64_t va, bool writable)
{
    const uint8_t *held = memory_at(memory, va);
    if (held == NULL || show_again(memory, va, writable))
        return;
    memcpy(memory->spare, held, PAGE_BYTES);
    memory_drop(memory, va);
    memory_install(memory, va, memory->spare, writable);
}

/* Only where the address still shows this page: the protection is refused on anybody else's memory. */
void memory_hide(struct memory *memory, uint64_t va)
{
    struct uffdio_writeprotect protect = {.range = {.start = va, .len = PAGE_BYTES},
                                          .mode = UFFDIO_WRITEPROTECT_MODE_WP};
    if (retried_ioctl(memory->uffd, UFFDIO_WRITEPROTECT, &protect) == 0)
        madvise((void *)(uintptr_t)va, PAGE_BYTES, MADV_DONTNEED);
}

void memory_protect(struct memory *memory, uint64_t va, bool writable)
{
    struct uffdio_writeprotect protect = {.range = {.start = va, .len = PAGE_BYTES},
                                          .mode = writable ? 0 : UFFDIO_WRITEPROTECT_MODE_WP};
    retried_ioctl(memory->uffd, UFFDIO_WRITEPROTECT, &protect);
}

/* A file of no length, mapped: every access to it is beyond its end, and the kernel sends SIGBUS. */
static void map_nothing(uint64_t va)
{
    int nothing = memfd_create("rackmem-lost", MFD_CLOEXEC);
    if (nothing < 0)
        return;
    mmap((void *)(uintptr_t)va, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, nothing, 0);
    close(nothing);
}

void memory_fail(struct memory *memory, uint64_t va)
{
    struct uffdio_poison poison = {.range = {.start = va, .len = PAGE_BYTES}};
    memory_drop(memory, va);
    if (!memory->poison || retried_ioctl(memory->uffd, UFFDIO_POISON, &poison) < 0)
        map_nothing(va);
    memory_wake(memory, va);
}
