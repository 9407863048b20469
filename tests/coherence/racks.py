"""Racks to take histories from: around the model switch, and the real one."""

from __future__ import annotations

import secrets
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from model_rack import COHERENT, Blade, model_rack

from rackplane.control.mind.client import Client
from rackplane.topologies.checks import host_command
from rackplane.topologies.mind import mind_planner
from rackplane.topologies.rack import rack
from rackplane.topologies.session import RackSession
from rackplane.topologies.state import RackState

LOSSY = Path(__file__).with_name("lossy.bpf.c")


@dataclass(frozen=True)
class SharedRange:
    """Coherent memory from `va` on that every blade has mapped."""

    blades: list[Blade]
    va: int
    pages: int


def _map(blades: list[Blade], va: int, pages: int) -> SharedRange:
    for blade in blades:
        blade.do("map", va=va, length=pages * 4096)
    return SharedRange(blades, va, pages)


@contextmanager
def around_the_model(
    blades: int, *, pages: int, region_log2: int, options: dict[str, Any], lossy: bool
) -> Iterator[SharedRange]:
    trouble = {"loss": 0.01, "duplication": 0.005, "delay_us": 200.0} if lossy else {}
    with model_rack(blades, pages=pages, region_log2=region_log2, options=options, **trouble) as model:
        yield _map(model.blades, COHERENT, pages)


def _lose_frames(state: RackState, host: str, scratch: Path) -> None:
    """On both directions of a blade's link."""
    built = scratch / "lossy.o"
    if not built.exists():
        compile_ = ["clang", "-O2", "-g", "-target", "bpf", "-I/usr/include/x86_64-linux-gnu"]
        subprocess.run([*compile_, "-c", str(LOSSY), "-o", str(built)], check=True)
    tc = ["nsenter", "-t", str(state.host_pid(host)), "-n", "tc"]
    interface = f"{host}-eth0"
    subprocess.run([*tc, "qdisc", "replace", "dev", interface, "clsact"], check=True)
    for direction in ("ingress", "egress"):
        add = ["filter", "add", "dev", interface, direction, "bpf", "da", "obj", str(built)]
        subprocess.run([*tc, *add, "sec", "classifier"], check=True)


@contextmanager
def around_the_switch(
    blades: int, *, pages: int, region_log2: int, options: dict[str, Any], lossy: bool, scratch: Path
) -> Iterator[SharedRange]:
    name = f"h{secrets.token_hex(2)}"
    wanted = rack(blades, 2, name=name, switch=name)
    session = RackSession(wanted, mind_planner(wanted, "xdp"), lambda _text: nullcontext())
    with session as state, ExitStack() as stack:
        client = Client(Path(state.control))
        domain = client.new_domain()
        given = client.alloc(pages * 4096, domain, region_size=1 << region_log2)
        members: list[Blade] = []
        for blade in state.rack.compute:
            if lossy:
                _lose_frames(state, blade.name, scratch)
            prefix = host_command(state, blade.name, [])
            members.append(Blade(prefix, {"interface": f"{blade.name}-eth0", "domain": domain} | options))
            stack.callback(members[-1].stop)
        yield _map(members, given.va, pages)
