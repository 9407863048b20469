"""The prompt and the checks, on a rack whose switch forwards nothing."""

from __future__ import annotations

import io
import secrets
from collections.abc import Iterator
from contextlib import nullcontext

import pytest

from rackplane.topologies import checks, cleanup
from rackplane.topologies.prompt import RackPrompt
from rackplane.topologies.rack import rack
from rackplane.topologies.session import Plan, RackSession
from rackplane.topologies.state import RackState

PING_ALL = """PING 10.0.0.2 (10.0.0.2) 56(84) bytes of data.

--- 10.0.0.2 ping statistics ---
3 packets transmitted, 3 received, 0% packet loss, time 20ms
rtt min/avg/max/mdev = 0.113/0.459/0.901/0.345 ms
"""


@pytest.mark.parametrize(
    ("text", "received", "mean"),
    [
        (PING_ALL, 3, 0.459),
        ("3 packets transmitted, 1 received, 66% packet loss\nrtt min/avg/max/mdev = 1/2/3/4 ms", 1, 2.0),
        ("3 packets transmitted, 0 received, 100% packet loss, time 9ms", 0, None),
        ("ping: connect: Network is unreachable", 0, None),
    ],
)
def test_ping_summaries(text: str, received: int, mean: float | None) -> None:
    result = checks.parse_ping("c1", "c2", 3, text)
    assert (result.received, result.mean_ms, result.ok) == (received, mean, received == 3)


@pytest.fixture(scope="module")
def running() -> Iterator[RackState]:
    name = f"t{secrets.token_hex(3)}"
    plan = Plan("none", {}, "/nowhere/mind.sock", ())
    with RackSession(
        rack(1, 2, name=name, switch=name), lambda _d: nullcontext(plan), lambda _text: nullcontext()
    ) as state:
        yield state
    cleanup.clean(name)


def answer(state: RackState, *lines: str) -> str:
    output = io.StringIO()
    RackPrompt(state, io.StringIO("".join(f"{line}\n" for line in lines)), output).cmdloop("")
    return output.getvalue()


@pytest.mark.root
@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("hosts", "c1     10.0.0.1     02:00:00:00:00:01  port 1   compute blade 0"),
        ("hosts", "m2     10.0.1.2     02:00:00:00:01:02  port 3   256 MiB from 0x20000000000"),
        ("links", "-eth1 - c1 c1-eth0"),
        ("ping c1 m1 1", "c1 -> m1: 0 of 1 came back"),
        ("ping c1", "usage: ping A B [COUNT]"),
        ("ping c1 m1 many", "usage: ping A B [COUNT]"),
        ("ping c1 c9", "no host is called 'c9'; this rack has c1, m1, m2"),
        ("exec c1 echo hello there", "hello there"),
        ("exec c1 sh -c 'exit 7'", "sh on c1 ended with status 7"),
        ("exec c1", "usage: exec HOST COMMAND..."),
        ("exec c1 'open", "No closing quotation: check the quotes"),
        ("exec x1 true", "no host is called 'x1'"),
        ("exec m1 ip -brief -4 address show m1-eth0", "10.0.1.1/16"),
        ("memory c1", "the control plane: the control plane at /nowhere/mind.sock cannot be reached"),
        ("c1 echo m1 -m2", "10.0.1.1 -m2"),
        ("c1", "usage: HOST COMMAND..."),
        ("fly away", "no such command: fly; `help` lists them"),
        ("help", "pingall"),
        ("", ""),
    ],
)
def test_commands(running: RackState, line: str, expected: str) -> None:
    assert expected in answer(running, line)


@pytest.mark.root
def test_a_mistake_does_not_end_the_prompt_but_exit_does(running: RackState) -> None:
    text = answer(running, "nonsense", "exec c1 echo still here", "exit", "exec c1 echo not any more")
    assert "still here" in text
    assert "not any more" not in text


@pytest.mark.root
def test_blades_do_not_see_each_other_without_a_switch(running: RackState) -> None:
    assert [result.ok for result in checks.ping_all(running)] == [False] * 6
