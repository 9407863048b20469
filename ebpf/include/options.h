/* What a memory blade is told when it starts. */
#ifndef RACKPLANE_OPTIONS_H
#define RACKPLANE_OPTIONS_H

struct options {
    u32 address;  /* this blade's IPv4 address; 0 serves any */
    u32 reserved;
    u64 lifetime; /* ns for which a silent queue pair is remembered */
};

BPF_TABLE("array", u32, struct options, options, 1);

static __always_inline struct options *this_blade(void)
{
    u32 only = 0;
    return options.lookup(&only);
}

#endif
