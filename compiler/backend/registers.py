"""A program by which the control plane reads and writes registers under the lock that packets take.

The switch runs it by BPF_PROG_TEST_RUN on a frame that is a request; it is attached to nothing.
"""

from __future__ import annotations

from rackplane.compiler.backend.access import words
from rackplane.compiler.backend.atomicity import Lock, Spans
from rackplane.compiler.backend.context import Facts
from rackplane.compiler.backend.ctext import CWriter

PROGRAM = "rackplane_registers"


def request_words(facts: Facts, spans: Spans) -> int:
    """How many 64-bit words the widest element of a locked register has; 0 when no register is locked."""
    registers = facts.pipeline.registers
    return max((words(registers[name].type.width) for name in spans.guarded), default=0)


def write(facts: Facts, out: CWriter, spans: Spans) -> None:
    """The program, where there are locked registers."""
    count = request_words(facts, spans)
    if not count:
        return
    kind = Lock.CAS if Lock.CAS in spans.locks.values() else Lock.SPIN
    facts.features.add(f"lock_{kind.value}")
    out.line(f"struct register_request {{ u32 which, first, count, write; u64 value[{count}]; }};")
    with out.block(f'SEC("xdp") int {PROGRAM}(struct xdp_md *ctx)'):
        out.line("struct register_request *frame = (void *)(long)ctx->data;")
        out.line("if ((u8 *)(frame + 1) > (u8 *)(long)ctx->data_end) return XDP_ABORTED;")
        out.line("struct register_request request = *frame;")
        with out.block():
            out.line(f"TAKE_{kind.name}_LOCK(return XDP_DROP;);")
            with out.block("switch (request.which)"):
                for position, (name, register) in enumerate(facts.pipeline.registers.items()):
                    if name in spans.guarded:
                        out.line(f"case {position}: REGISTER(r{position}, {max(1, register.size)}); break;")
            out.line(f"RELEASE_{kind.name}_LOCK();")
        out.line("frame = (void *)(long)ctx->data;")
        out.line("if ((u8 *)(frame + 1) > (u8 *)(long)ctx->data_end) return XDP_ABORTED;")
        out.line("*frame = request;")
        out.line("return XDP_PASS;")
