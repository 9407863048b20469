#define _GNU_SOURCE
#include "pager.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "clock.h"
#include "error.h"
#include "rack_headers.h"
#include "stats.h"

#define RING_FRAMES 1024U
#define PACKET_BATCH 64U
#define DROPS_EVERY_NS UINT64_C(100000000)
#define FAULT_CHECK 8U /* polls of the ring between two looks at the userfaultfd */

static const char *failure_text(uint8_t reason)
{
    switch (reason) {
    case FAILURE_SILENCE:
        return "the rack does not answer";
    case FAILURE_BUSY:
        return "its region stays busy";
    case FAILURE_INVALID:
        return "the rack says that this is no coherent memory";
    case FAILURE_ACCESS:
        return "the rack refuses access: no such address, or the protection domain lacks the right";
    case FAILURE_LOST:
        return "the directory gave it away while this blade did not answer, and what was stored is lost";
    case FAILURE_NO_ROOM:
        return "the cache is full of pages that can not be written back";
    default:
        return "the memory blade reports an error";
    }
}

static void fail(struct pager *pager, const struct action *action)
{
    char text[200];
    int length = snprintf(text, sizeof(text), "rackmem: page 0x%" PRIx64 ": %s; access to it ends with SIGBUS\n",
                          action->va, failure_text(action->reason));
    /* write() and not stdio: a thread that holds the stream's lock may be the one that waits for this page. */
    ssize_t written = length > 0 ? write(STDERR_FILENO, text, (size_t)length) : 0;
    (void)written; /* where there is no stderr, the signal still comes */
    memory_fail(&pager->memory, action->va);
}

static void flush(struct pager *pager)
{
    packet_socket_flush(&pager->socket);
    pager->stats->send_errors = pager->socket.send_errors;
}

static void transmit(struct pager *pager, const struct message *message)
{
    bool data = message->opcode == OPCODE_RDMA_WRITE_ONLY || message->opcode == OPCODE_PUSH;
    packet_socket_queue(&pager->socket, message, data ? memory_at(&pager->memory, message->va) : NULL);
}

static void install(struct pager *pager, const struct action *action)
{
    memory_install(&pager->memory, action->va, action->data, action->writable);
    histogram_add(&pager->stats->fault_ns, clock_ns() - action->started);
}

static void perform(void *context, const struct action *action)
{
    struct pager *pager = context;
    switch (action->kind) {
    case ACTION_SEND:
        transmit(pager, &action->message);
        break;
    case ACTION_INSTALL:
        install(pager, action);
        break;
    case ACTION_REMAP:
        memory_remap(&pager->memory, action->va, action->writable);
        break;
    case ACTION_HIDE:
        memory_hide(&pager->memory, action->va);
        break;
    case ACTION_PROTECT:
    case ACTION_UNPROTECT:
        memory_protect(&pager->memory, action->va, action->kind == ACTION_UNPROTECT);
        break;
    case ACTION_DROP:
        memory_drop(&pager->memory, action->va);
        break;
    case ACTION_WAKE:
        memory_wake(&pager->memory, action->va);
        break;
    default:
        fail(pager, action);
    }
}

static bool poll_packets(struct pager *pager)
{
    struct message message;
    const uint8_t *frame;
    size_t length;
    uint32_t count = 0;
    for (; count < PACKET_BATCH && (frame = packet_socket_peek(&pager->socket, &length)) != NULL; count++) {
        if (message_parse(frame, length, &message))
            protocol_receive(pager->protocol, &message, clock_ns());
        else
            pager->stats->malformed++;
        packet_socket_take(&pager->socket);
    }
    flush(pager);
    return count != 0;
}

static bool poll_faults(struct pager *pager)
{
    struct fault faults[FAULT_BATCH];
    uint32_t count = memory_faults(&pager->memory, faults);
    for (uint32_t i = 0; i < count; i++) {
        if (faults[i].local)
            protocol_local_fault(pager->protocol, faults[i].va, faults[i].write, clock_ns());
        else
            protocol_fault(pager->protocol, faults[i].va, faults[i].write, clock_ns());
    }
    flush(pager);
    return count != 0;
}

static void answer(struct pager *pager, int result)
{
    pthread_mutex_lock(&pager->guard);
    pager->command->result = result;
    __atomic_store_n(&pager->command, NULL, __ATOMIC_RELAXED);
    pager->done = true;
    pthread_cond_signal(&pager->finished);
    pthread_mutex_unlock(&pager->guard);
}

static int map(struct pager *pager, const struct command *command)
{
    if (!memory_map(&pager->memory, command->va, command->length, command->error))
        return command->error->code;
    if (protocol_map(pager->protocol, command->va, command->length))
        return RACKMEM_OK;
    memory_unmap(&pager->memory, command->va);
    return error_set(command->error, RACKMEM_NO_MEMORY, "no memory for the page table of %" PRIu64 " bytes",
                     command->length);
}

static int drained(struct pager *pager, const struct command *command)
{
    uint32_t lost = pager->protocol->drain.lost;
    if (command->kind == COMMAND_UNMAP) {
        memory_unmap(&pager->memory, command->va);
        protocol_unmap(pager->protocol, command->va, command->length);
    }
    if (lost == 0)
        return RACKMEM_OK;
    return error_set(command->error, RACKMEM_REFUSED_ACCESS, "%u dirty pages are lost: the directory had given them away", lost);
}

static int too_late(struct pager *pager, const struct command *command)
{
    pager->protocol->drain.active = false;
    return error_set(command->error, RACKMEM_TIMED_OUT, "the rack did not take back the dirty pages of [0x%" PRIx64
                     ", 0x%" PRIx64 ") in time", command->va, command->va + command->length);
}

/* Looks at the command that waits, if any; false when the thread is to end. */
static bool serve_command(struct pager *pager, uint64_t now)
{
    struct command *command = __atomic_load_n(&pager->command, __ATOMIC_ACQUIRE);
    if (command == NULL)
        return true;
    bool drains = command->kind == COMMAND_UNMAP || command->kind == COMMAND_FLUSH;
    if (drains && command->deadline == 0) {
        command->deadline = now + pager->give_up_ns;
        protocol_drain(pager->protocol, command->va, command->va + command->length, command->kind == COMMAND_UNMAP,
                       now);
        flush(pager);
    }
    if (drains && !protocol_drained(pager->protocol)) {
        if (now >= command->deadline)
            answer(pager, too_late(pager, command));
        return true;
    }
    bool stop = command->kind == COMMAND_STOP;
    answer(pager, drains ? drained(pager, command) : stop ? RACKMEM_OK : map(pager, command));
    return !stop;
}

static void count_drops(struct pager *pager, uint64_t now)
{
    if (now - pager->drops_counted < DROPS_EVERY_NS)
        return;
    pager->drops_counted = now;
    pager->stats->ring_drops += packet_socket_drops(&pager->socket);
}

static void sleep_until(struct pager *pager, uint64_t wake_at)
{
    uint64_t now = clock_ns();
    count_drops(pager, now);
    uint64_t wait = wake_at > now ? wake_at - now : 0;
    struct timespec timeout = {.tv_sec = (time_t)(wait / 1000000000ULL), .tv_nsec = (long)(wait % 1000000000ULL)};
    struct pollfd fds[] = {{.fd = pager->memory.uffd, .events = POLLIN},
                           {.fd = pager->socket.fd, .events = POLLIN},
                           {.fd = pager->event_fd, .events = POLLIN}};
    eventfd_t ignored;
    if (ppoll(fds, 3, wake_at == NEVER ? NULL : &timeout, NULL) > 0 && (fds[2].revents & POLLIN))
        eventfd_read(pager->event_fd, &ignored);
}

/* Answers come within microseconds, and going to sleep costs tens of them: so while one is due, poll. Others that
 * want this processor get it at each turn. */
static bool worth_spinning(const struct pager *pager, uint64_t idle_since)
{
    return protocol_busy(pager->protocol) && clock_ns() - idle_since < pager->spin_ns;
}

static void *run(void *argument)
{
    struct pager *pager = argument;
    uint64_t idle_since = clock_ns();
    uint32_t turns = 0;
    prctl(PR_SET_TIMERSLACK, 1000UL);
    pthread_setname_np(pthread_self(), "rackmem-pager");
    for (;;) {
        bool worked = poll_packets(pager);
        /* Before it sleeps it looks once more: the thread that was served may have run on to its next fault. */
        if (turns++ % FAULT_CHECK == 0 || !worked)
            worked |= poll_faults(pager);
        uint64_t now = clock_ns();
        protocol_tick(pager->protocol, now);
        flush(pager);
        if (!serve_command(pager, now))
            return NULL;
        if (worked)
            idle_since = now;
        else if (worth_spinning(pager, idle_since))
            sched_yield();
        else
            sleep_until(pager, protocol_wake_at(pager->protocol));
    }
}

static bool pin(pthread_attr_t *attributes, int32_t cpu)
{
    cpu_set_t set;
    if (cpu < 0)
        return true;
    CPU_ZERO(&set);
    CPU_SET((size_t)cpu, &set);
    return cpu < CPU_SETSIZE && pthread_attr_setaffinity_np(attributes, sizeof(set), &set) == 0;
}

/* The pager takes no signals: a handler could touch rack memory, for which it would wait for itself. */
static int create_thread(struct pager *pager, const pthread_attr_t *attributes)
{
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&pager->thread, attributes, run, pager);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failed;
}

static bool start_thread(struct pager *pager, int32_t cpu, struct rackmem_error *error)
{
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    int failed = pin(&attributes, cpu) ? create_thread(pager, &attributes) : EINVAL;
    pthread_attr_destroy(&attributes);
    pager->running = failed == 0;
    if (failed)
        error_system(error, failed, "starting the pager on CPU %d", cpu);
    return failed == 0;
}

bool pager_open(struct pager *pager, const struct pager_options *options, struct rackmem_stats *stats,
                struct rackmem_error *error)
{
    struct queue_pairs queue_pairs = {.first = options->protocol.first_qp,
                                      .last = options->protocol.first_qp + PAGER_QUEUE_PAIRS - 1,
                                      .and_zero = true};
    pager->stats = stats;
    pager->spin_ns = options->spin_ns;
    pager->give_up_ns = options->protocol.times.give_up;
    pager->socket.fd = pager->memory.uffd = -1;
    pager->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    pthread_mutex_init(&pager->turn, NULL);
    pthread_mutex_init(&pager->guard, NULL);
    pthread_cond_init(&pager->finished, NULL);
    pager->protocol = protocol_new(&options->protocol, stats, perform, pager);
    if (pager->event_fd < 0 || pager->protocol == NULL) {
        error_set(error, RACKMEM_NO_MEMORY, "no memory for a cache of %u pages", options->protocol.capacity);
        pager_close(pager);
        return false;
    }
    if (memory_open(&pager->memory, error) &&
        packet_socket_open(&pager->socket, options->interface, &options->endpoints, queue_pairs, RING_FRAMES, error) &&
        start_thread(pager, options->cpu, error))
        return true;
    pager_close(pager);
    return false;
}

int pager_command(struct pager *pager, uint8_t kind, uint64_t va, uint64_t length, struct rackmem_error *error)
{
    struct rackmem_error unread = {0};
    struct command command = {.kind = kind, .va = va, .length = length, .error = error ? error : &unread};
    pthread_mutex_lock(&pager->turn);
    pthread_mutex_lock(&pager->guard);
    pager->done = false;
    __atomic_store_n(&pager->command, &command, __ATOMIC_RELEASE);
    bool told = eventfd_write(pager->event_fd, 1) == 0;
    while (told && !pager->done)
        pthread_cond_wait(&pager->finished, &pager->guard);
    pthread_mutex_unlock(&pager->guard);
    pthread_mutex_unlock(&pager->turn);
    return told ? command.result : error_system(error, errno, "waking the pager");
}

void pager_close(struct pager *pager)
{
    if (pager->running) {
        pager_command(pager, COMMAND_STOP, 0, 0, NULL);
        pthread_join(pager->thread, NULL);
        pager->running = false;
    }
    memory_close(&pager->memory);
    if (pager->socket.fd >= 0)
        packet_socket_close(&pager->socket);
    if (pager->event_fd >= 0)
        close(pager->event_fd);
    pager->event_fd = -1;
    protocol_delete(pager->protocol);
    pager->protocol = NULL;
    pthread_cond_destroy(&pager->finished);
    pthread_mutex_destroy(&pager->guard);
    pthread_mutex_destroy(&pager->turn);
}
