"""Fault injection: what it leaves alone, what it counts, and that it goes away."""

from __future__ import annotations

import pytest
from blade_bench import BladeLink, Change, frame, reth, run, stop, unpadded_read
from pyroute2 import IPRoute

from rackplane.ebpf.attachment import XdpLink
from rackplane.ebpf.errors import EbpfError, InterfaceError
from rackplane.ebpf.fault import FaultInjector, Faults
from rackplane.switch import libbpf

XDP_PASS = 2


@pytest.mark.parametrize(
    ("faults", "message"),
    [
        ({"drop": -1}, r"per mille and add up to 1000 at most, not \(-1, 0, 0\)"),
        ({"drop": 500, "duplicate": 500, "delay": 1}, r"not \(500, 500, 1\)"),
        ({"lateness": 11}, "0 to 10 seconds late, not 11"),
    ],
)
def test_bad_faults(faults: dict[str, int], message: str) -> None:
    with pytest.raises(EbpfError, match=message):
        Faults(**faults)


def program(interface: str) -> str:
    """What `ip link` says of the interface's XDP program."""
    shown = run("ip", "link", "show", interface)
    return shown.partition("prog/xdp")[2].split("name")[-1].split()[0] if "prog/xdp" in shown else ""


@pytest.mark.root
def test_the_same_seed_gives_the_same_faults(link: BladeLink) -> None:
    seen = []
    for seed in (5, 5, 6):
        with FaultInjector(link.near, Faults(drop=100, duplicate=50, delay=20, seed=seed)) as injector:
            link.send_from_far(*(unpadded_read(0, 8, psn=psn) for psn in range(1000)))
            injector.pump(0.1)
            seen.append(injector.counters())
    assert seen[0] == seen[1] != seen[2]
    assert all(counted["frames"] == 1000 for counted in seen)
    for counted in seen:
        assert 60 < counted["dropped"] < 140
        assert 25 < counted["duplicated"] < 75
        assert 5 < counted["delayed"] < 40


@pytest.mark.root
def test_frames_come_once_twice_late_or_never(link: BladeLink) -> None:
    made = [unpadded_read(0, 8, psn=psn) for psn in range(300)]
    with (
        link.socket() as near,
        FaultInjector(link.near, Faults(drop=100, duplicate=100, delay=100, lateness=0.05)) as injector,
    ):
        link.send_from_far(*made)
        injector.pump(0.3)
        near.settimeout(0.1)
        got = []
        try:
            while True:
                got.append(near.recv(2048))
        except TimeoutError:
            counted = injector.counters()
    assert counted["frames"] == 300
    times = [got.count(each) for each in made]
    assert (times.count(0), times.count(2)) == (counted["dropped"], counted["duplicated"])
    assert len(got) == 300 - counted["dropped"] + counted["duplicated"]
    punctual = [each for each in made if each in got]
    first = [each for index, each in enumerate(got) if each not in got[:index]]
    assert sorted(first) == sorted(punctual)
    assert first != punctual


@pytest.mark.root
def test_only_roce_is_disturbed(link: BladeLink) -> None:
    with link.socket() as near, FaultInjector(link.near, Faults(drop=1000)) as injector:
        others = [
            frame(0x0C, reth(0, 8), change=Change(udp={"dport": 4790})),
            frame(0x0C, reth(0, 8), change=Change(ip={"proto": 6})),
            b"\xff" * 6 + bytes(6) + b"\x08\x00" + bytes(20),
        ]
        for other in others:
            link.send_from_far(other)
        link.send_from_far(frame(0x0C, reth(0, 8)))
        assert [near.recv(2048) for _ in others] == others
        assert injector.counters()["dropped"] == 1


@pytest.mark.root
@pytest.mark.parametrize("attach", ["nothing", "a link of BCC's", "a link of libbpf's", "netlink"])
def test_the_interfaces_own_program_comes_back(link: BladeLink, attach: str) -> None:
    own = libbpf.load_xdp_return(XDP_PASS)
    if attach == "a link of BCC's":
        link.start("rackplane.ebpf.fault", "--interface", link.near, here=True)
    elif attach == "a link of libbpf's":
        held = XdpLink(link.near, own)
    elif attach == "netlink":
        with IPRoute() as ip:
            ip.link("set", index=ip.link_lookup(ifname=link.near)[0], xdp_fd=own)
    before = program(link.near)
    assert (before == "") == (attach == "nothing")
    with FaultInjector(link.near, Faults()):
        assert program(link.near) == "fault_xdp"
    assert program(link.near) == before
    if attach == "a link of libbpf's":
        held.close()
        assert program(link.near) == ""


@pytest.mark.root
def test_the_process_says_what_it_did(link: BladeLink) -> None:
    process = link.start("rackplane.ebpf.fault", "--interface", link.near, "--drop", "1000", here=True)
    link.send_from_far(frame(0x0C, reth(0, 8)))
    assert '"dropped": 1' in stop(process)
    assert program(link.near) == ""


@pytest.mark.root
def test_no_such_interface() -> None:
    with pytest.raises(InterfaceError, match="there is no interface nix in this network namespace"):
        FaultInjector("nix", Faults())
