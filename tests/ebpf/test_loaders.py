"""Loading: sources in one text, errors that say what is wrong, processes that leave nothing behind."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from blade_bench import (
    ACK,
    ADD,
    ATOMIC_ACK,
    CAS,
    READ,
    READ_RESPONSE,
    WRITE,
    BladeLink,
    atomic_eth,
    frame,
    read_json,
    reply,
    reth,
    run,
    stop,
    unpadded_read,
    wait_until,
)

from rackplane.ebpf.attachment import XdpLink
from rackplane.ebpf.bpf_call import test_run as run_program
from rackplane.ebpf.errors import InterfaceError, ProgramError
from rackplane.ebpf.memory_blade import MemoryBladeOptions
from rackplane.ebpf.program import Kind, Module
from rackplane.ebpf.reflector import Reflector
from rackplane.ebpf.source import one_text
from rackplane.hosts.memory.control import ControlError, ask


def test_one_text_has_each_file_once_and_knows_every_line(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "main.c").write_text('#include <a.h>\n#include "sub/b.h"\n# include "c.h"\nint main_line4;\n')
    (tmp_path / "sub" / "b.h").write_text('#include "../c.h"\nint b_line2;\n')
    (tmp_path / "c.h").write_text("int c_line1;\n")
    main, b, c = tmp_path / "main.c", tmp_path / "sub" / "b.h", tmp_path / "c.h"
    assert one_text(main).splitlines() == [
        f'#line 1 "{main}"',
        "#include <a.h>",
        f'#line 1 "{b}"',
        f'#line 1 "{c}"',
        "int c_line1;",
        f'#line 2 "{b}"',
        "int b_line2;",
        f'#line 3 "{main}"',
        f'#line 4 "{main}"',
        "int main_line4;",
    ]


def test_a_missing_include_is_named(tmp_path: Path) -> None:
    (tmp_path / "main.c").write_text('#include "nix.h"\n')
    with pytest.raises(ProgramError, match=r"cannot read .*nix.h: No such file"):
        one_text(tmp_path / "main.c")


@pytest.mark.root
@pytest.mark.parametrize(
    ("text", "error", "shown"),
    [
        ("int f(struct xdp_md *ctx) { return nix; }\n", "cannot compile", "bad.c:1:36"),
        (
            "int f(struct xdp_md *ctx) { return *(int *)(long)ctx->data; }\n",
            "refuses f of bad.c",
            "outside of the packet",
        ),
    ],
    ids=["compiler", "verifier"],
)
def test_a_bad_program_is_an_error(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], text: str, error: str, shown: str
) -> None:
    (tmp_path / "bad.c").write_text(text)
    with pytest.raises(ProgramError, match=error):
        Module(tmp_path / "bad.c").load("f", Kind.XDP)
    assert shown in capfd.readouterr().err


@pytest.mark.parametrize(
    ("queue_pairs", "buckets"), [(1, 1), (8, 1), (9, 2), (16, 2), (17, 4), (1024, 128), (1025, 256), (65536, 8192)]
)
def test_buckets_of_the_history(queue_pairs: int, buckets: int) -> None:
    assert MemoryBladeOptions(queue_pairs=queue_pairs).buckets == buckets


def total_memory() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


SMALL = pytest.mark.skipif(total_memory() > 64 << 30, reason="this machine has more memory than a blade can have")


def attached(link: BladeLink) -> tuple[bool, bool]:
    """Whether the far end has an XDP program, and a tc program."""
    xdp = "prog/xdp" in run("ip", "-n", link.namespace, "link", "show", link.far)
    tc = "memory_blade" in run("tc", "-n", link.namespace, "filter", "show", "dev", link.far, "ingress")
    return xdp, tc


@pytest.mark.root
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_blade_that_ends_leaves_nothing_behind(link: BladeLink, number: signal.Signals) -> None:
    process = link.serve()
    assert attached(link) == (True, True)
    assert ask(link.control, {"verb": "stats"})["capacity"] == 1 << 20
    process.send_signal(number)
    assert process.wait(timeout=30) == 0
    assert attached(link) == (False, False)
    assert not link.control.exists()


@pytest.mark.root
def test_after_a_killed_blade_another_can_start(link: BladeLink) -> None:
    process = link.serve()
    process.kill()
    process.wait()
    wait_until(lambda: not attached(link)[0])
    assert link.control.exists()
    stop(link.serve())
    assert attached(link) == (False, False)


@pytest.mark.root
def test_two_blades_on_one_interface_are_refused(link: BladeLink) -> None:
    link.serve()
    command = [sys.executable, "-m", "rackplane.hosts.memory", "--interface", link.far, "--capacity", "1M"]
    other = subprocess.run(
        ["ip", "netns", "exec", link.namespace, *command, "--control", str(link.directory / "other")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert other.returncode == 1
    assert f"cannot attach an XDP program to {link.far}" in other.stderr
    assert "Traceback" not in other.stderr
    with link.memory() as memory:
        assert memory.fetch_add(0, 1) == 0
    with link.socket() as near:
        near.send(unpadded_read(4096, 1024))
        assert reply(near.recv(2048)).body == bytes(1024)


@pytest.mark.root
def test_a_qdisc_and_filters_of_others_stay(link: BladeLink) -> None:
    run("tc", "-n", link.namespace, "qdisc", "add", "dev", link.far, "clsact")
    match = ("protocol", "ip", "prio", "5", "bpf", "bytecode", "1,6 0 0 0")
    run("tc", "-n", link.namespace, "filter", "add", "dev", link.far, "ingress", *match)
    process = link.serve()
    assert attached(link) == (True, True)
    stop(process)
    shown = run("tc", "-n", link.namespace, "filter", "show", "dev", link.far, "ingress")
    assert "pref 5" in shown
    assert "memory_blade" not in shown


@pytest.mark.root
def test_a_blade_prints_that_it_is_ready_once_requests_are_answered(link: BladeLink) -> None:
    options = ["--interface", link.far, "--capacity", "64k", "--control", str(link.control)]
    command = ["ip", "netns", "exec", link.namespace, sys.executable, "-m", "rackplane.hosts.memory", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            ready = read_json(process, 60)
            assert ready == {
                "ready": True,
                "interface": link.far,
                "capacity": 65536,
                "control": str(link.control),
            }
            with link.memory() as memory:
                assert memory.read(65528, 8) == bytes(8)
        finally:
            process.terminate()


@pytest.mark.parametrize(
    ("options", "status", "message"),
    [
        (["--capacity", "1X"], 2, "'1X' is no size; write for example 256M"),
        (["--capacity", "1000"], 2, "a memory blade's capacity is a multiple of 4096 bytes"),
        (["--address", "10.0.1"], 2, "Expected 4 octets in '10.0.1'"),
        (["--queue-pairs", "0"], 2, "1 to 65536 queue pairs, not 0"),
        pytest.param(
            ["--capacity", "64G"],
            1,
            "a memory blade of 65536 MiB cannot be made: ",
            marks=[pytest.mark.root, SMALL],
        ),
        pytest.param([], 1, "there is no interface nix in this network namespace", marks=pytest.mark.root),
    ],
)
def test_bad_arguments(tmp_path: Path, options: list[str], status: int, message: str) -> None:
    command = [
        sys.executable,
        "-m",
        "rackplane.hosts.memory",
        "--interface",
        "nix",
        "--control",
        str(tmp_path / "c"),
    ]
    done = subprocess.run([*command, *options], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (status, "")
    assert message in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.root
def test_a_blade_answers_strangers_and_goes_on(link: BladeLink) -> None:
    link.serve()
    for nonsense in (b"\n", b"not JSON\n", b"[]\n", b'{"verb": 7}\n', b"x" * 5000, b'{"verb"'):
        with socket.socket(socket.AF_UNIX) as stranger:
            stranger.settimeout(5)
            stranger.connect(str(link.control))
            stranger.sendall(nonsense)
            if nonsense.strip():
                stranger.shutdown(socket.SHUT_WR)
                assert "error" in json.loads(stranger.recv(1 << 16))
    with socket.socket(socket.AF_UNIX) as silent:
        silent.connect(str(link.control))
        assert ask(link.control, {"verb": "stats"})["capacity"] == 1 << 20
    with pytest.raises(ControlError, match="no such request"):
        ask(link.control, {"verb": "nix"})


@pytest.mark.root
@pytest.mark.parametrize(
    ("opcode", "extended", "answer", "length"),
    [
        (READ, reth(0, 64, rkey=5), READ_RESPONSE, 64),
        (READ, reth(0, 1024, rkey=5) + bytes(1024), READ_RESPONSE, 1024),
        (WRITE, reth(0, 100, rkey=5) + bytes(100), ACK, 0),
        (ADD, atomic_eth(0, 1, rkey=5), ATOMIC_ACK, 8),
        (CAS, atomic_eth(0, 1, rkey=5), ATOMIC_ACK, 8),
    ],
    ids=["read", "padded read", "write", "add", "swap"],
)
def test_the_reflector_answers_every_verb(
    link: BladeLink, opcode: int, extended: bytes, answer: int, length: int
) -> None:
    with Reflector(link.near) as reflector:
        found = reply(run_program(reflector.program, frame(opcode, extended, qp=9, psn=8)).frame)
        assert (found.opcode, found.qp, found.psn, found.syndrome, found.msn) == (answer, 9, 8, 0, 5)
        assert len(found.body) == length
        link.send_from_far(frame(opcode, extended, qp=9, psn=8))


@pytest.mark.root
def test_a_link_refuses_an_interface_that_is_not_there_or_taken(link: BladeLink) -> None:
    with Reflector(link.near) as reflector:
        with pytest.raises(InterfaceError, match=f"cannot attach an XDP program to {link.near}"):
            XdpLink(link.near, reflector.program)
        with pytest.raises(InterfaceError, match="there is no interface nix"):
            XdpLink("nix", reflector.program)
