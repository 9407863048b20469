/* tc: drops ten frames of a thousand, at random. */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>

static __u32 (*const random_number)(void) = (void *)BPF_FUNC_get_prandom_u32;

__attribute__((section("classifier"), used)) int drop_some(struct __sk_buff *skb)
{
    (void)skb;
    return random_number() % 1000 < 10 ? TC_ACT_SHOT : TC_ACT_OK;
}

char _license[] __attribute__((section("license"), used)) = "GPL";
