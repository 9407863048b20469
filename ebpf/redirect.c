/* A bare redirect between two interfaces: what a switch costs that does nothing, for benchmarks. */
#include <uapi/linux/bpf.h>

BPF_ARRAY(first_interface, u32, 1);
BPF_DEVMAP(opposite, 2);

int redirect_xdp(struct xdp_md *ctx)
{
    int zero = 0;
    u32 *first = first_interface.lookup(&zero);

    if (!first)
        return XDP_DROP;
    return opposite.redirect_map(ctx->ingress_ifindex == *first ? 0 : 1, 0);
}
