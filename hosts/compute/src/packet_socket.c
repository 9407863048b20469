#define _GNU_SOURCE
#include "packet_socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "error.h"
#include "rack_headers.h"

#define RING_FRAME 2048U
#define RING_BLOCK (64U * 1024U)
#define FRAMES_PER_BLOCK (RING_BLOCK / RING_FRAME)

struct outgoing {
    uint8_t bytes[LARGEST_HEADERS + SEGMENT_SIZE + ICRC_SIZE];
    size_t length;
};

/* The byte of a header at which a field begins, found by writing the field: the layout is in the headers alone. */
static uint32_t first_byte(const uint8_t *bytes, uint32_t size)
{
    for (uint32_t i = 0; i < size; i++)
        if (bytes[i])
            return i;
    return size;
}

static uint32_t dest_qp_offset(void)
{
    struct bth_t bth = {{0}};
    bth_set_dest_qp(&bth, PSN_MASK);
    return ETHERNET_SIZE + IPV4_SIZE + UDP_SIZE + first_byte(bth.bytes, BTH_SIZE);
}

static uint32_t dst_port_offset(void)
{
    struct udp_t udp = {{0}};
    udp_set_dst_port(&udp, 0xffff);
    return ETHERNET_SIZE + IPV4_SIZE + first_byte(udp.bytes, UDP_SIZE);
}

static uint32_t protocol_offset(void)
{
    struct ipv4_t ipv4 = {{0}};
    ipv4_set_protocol(&ipv4, 0xff);
    return ETHERNET_SIZE + first_byte(ipv4.bytes, IPV4_SIZE);
}

/* dest_qp is the low 24 bits of the word that begins one byte before it. */
static int attach_filter(int fd, struct queue_pairs queue_pairs)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, protocol_offset()),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IP_PROTO_UDP, 0, 8),
        BPF_STMT(BPF_LD | BPF_H | BPF_ABS, dst_port_offset()),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, UDP_PORT_ROCE, 0, 6),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, dest_qp_offset() - 1),
        BPF_STMT(BPF_ALU | BPF_AND | BPF_K, PSN_MASK),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, queue_pairs.and_zero ? 0 : queue_pairs.first, 2, 0),
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, queue_pairs.first, 0, 2),
        BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, queue_pairs.last, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
        BPF_STMT(BPF_RET | BPF_K, 0),
    };
    struct sock_fprog program = {.len = sizeof(code) / sizeof(code[0]), .filter = code};
    return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program));
}

static int make_ring(struct packet_socket *socket, uint32_t frames)
{
    int version = TPACKET_V2;
    uint32_t blocks = (frames + FRAMES_PER_BLOCK - 1) / FRAMES_PER_BLOCK;
    struct tpacket_req request = {.tp_block_size = RING_BLOCK,
                                  .tp_block_nr = blocks,
                                  .tp_frame_size = RING_FRAME,
                                  .tp_frame_nr = blocks * FRAMES_PER_BLOCK};
    if (setsockopt(socket->fd, SOL_PACKET, PACKET_VERSION, &version, sizeof(version)) < 0 ||
        setsockopt(socket->fd, SOL_PACKET, PACKET_RX_RING, &request, sizeof(request)) < 0)
        return -1;
    socket->frames = request.tp_frame_nr;
    void *ring = mmap(NULL, (size_t)blocks * RING_BLOCK, PROT_READ | PROT_WRITE, MAP_SHARED, socket->fd, 0);
    if (ring == MAP_FAILED)
        return -1;
    socket->ring = ring;
    return madvise(ring, (size_t)blocks * RING_BLOCK, MADV_DONTFORK);
}

static int bind_to(int fd, unsigned interface_index)
{
    struct sockaddr_ll address = {
        .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IP), .sll_ifindex = (int)interface_index};
    return bind(fd, (struct sockaddr *)&address, sizeof(address));
}

static bool open_failed(struct packet_socket *socket, const char *interface, const char *step,
                        struct rackmem_error *error)
{
    error_system(error, errno, "packet socket on interface %s: %s", interface, step);
    packet_socket_close(socket);
    return false;
}

bool packet_socket_open(struct packet_socket *socket_, const char *interface, const struct endpoints *endpoints,
                        struct queue_pairs queue_pairs, uint32_t frames, struct rackmem_error *error)
{
    unsigned index = if_nametoindex(interface);
    memset(socket_, 0, sizeof(*socket_));
    socket_->endpoints = *endpoints;
    socket_->fd = -1;
    if (index == 0)
        return open_failed(socket_, interface, "there is no such interface in this network namespace", error);
    /* Protocol 0 until filter and ring are there: nothing comes in between. */
    socket_->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (socket_->fd < 0)
        return open_failed(socket_, interface, "open (it needs CAP_NET_RAW)", error);
    socket_->outgoing = calloc(SEND_BATCH, sizeof(*socket_->outgoing));
    if (socket_->outgoing == NULL || attach_filter(socket_->fd, queue_pairs) < 0)
        return open_failed(socket_, interface, "attach a filter", error);
    if (make_ring(socket_, frames) < 0)
        return open_failed(socket_, interface, "make the receive ring", error);
    if (bind_to(socket_->fd, index) < 0)
        return open_failed(socket_, interface, "bind", error);
    return true;
}

void packet_socket_close(struct packet_socket *socket)
{
    if (socket->ring != NULL)
        munmap(socket->ring, (size_t)socket->frames * RING_FRAME);
    if (socket->fd >= 0)
        close(socket->fd);
    free(socket->outgoing);
    memset(socket, 0, sizeof(*socket));
    socket->fd = -1;
}

void packet_socket_queue(struct packet_socket *socket, const struct message *message, const void *data)
{
    if (socket->queued == SEND_BATCH)
        packet_socket_flush(socket);
    struct outgoing *out = &socket->outgoing[socket->queued++];
    size_t headers = message_build(message, &socket->endpoints, out->bytes);
    uint8_t *payload = out->bytes + headers;
    if (data != NULL)
        memcpy(payload, data, message->payload_length);
    else
        memset(payload, 0, message->payload_length);
    memset(payload + message->payload_length, 0, ICRC_SIZE);
    out->length = headers + message->payload_length + ICRC_SIZE;
}

/* A packet that can not be sent is a packet lost on the way: its sender's timer sends it again. */
void packet_socket_flush(struct packet_socket *socket)
{
    struct mmsghdr messages[SEND_BATCH];
    struct iovec vectors[SEND_BATCH];
    uint32_t count = socket->queued;
    socket->queued = 0;
    for (uint32_t i = 0; i < count; i++) {
        vectors[i] = (struct iovec){.iov_base = socket->outgoing[i].bytes, .iov_len = socket->outgoing[i].length};
        messages[i] = (struct mmsghdr){.msg_hdr = {.msg_iov = &vectors[i], .msg_iovlen = 1}};
    }
    for (uint32_t sent = 0; sent < count;) {
        int done = sendmmsg(socket->fd, messages + sent, count - sent, 0);
        if (done > 0) {
            sent += (uint32_t)done;
        } else if (errno != EINTR) {
            socket->send_errors++;
            sent++;
        }
    }
}

static struct tpacket2_hdr *ring_frame(const struct packet_socket *socket)
{
    return (struct tpacket2_hdr *)(socket->ring + (size_t)socket->next * RING_FRAME);
}

const uint8_t *packet_socket_peek(struct packet_socket *socket, size_t *length)
{
    struct tpacket2_hdr *header = ring_frame(socket);
    if (!(__atomic_load_n(&header->tp_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER))
        return NULL;
    bool whole = header->tp_len == header->tp_snaplen && header->tp_mac + header->tp_snaplen <= RING_FRAME;
    *length = whole ? header->tp_snaplen : 0;
    return (const uint8_t *)header + header->tp_mac;
}

void packet_socket_take(struct packet_socket *socket)
{
    __atomic_store_n(&ring_frame(socket)->tp_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
    socket->next = (socket->next + 1) % socket->frames;
}

uint64_t packet_socket_drops(const struct packet_socket *socket)
{
    struct tpacket_stats stats = {0};
    socklen_t size = sizeof(stats);
    if (getsockopt(socket->fd, SOL_PACKET, PACKET_STATISTICS, &stats, &size) < 0)
        return 0;
    return stats.tp_drops;
}
