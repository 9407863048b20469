"""The Python side: building, arguments, errors, numpy, fork, the interpreter's end."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from model_rack import COHERENT, DIRECT, ModelRack, model_rack

from rackplane.hosts.compute import build
from rackplane.hosts.compute.errors import (
    ArgumentError,
    BuildError,
    Code,
    ForkedError,
    RackMemoryError,
    RackTimeoutError,
    RefusedError,
    SystemCallError,
    error_for,
)
from rackplane.hosts.compute.memory import BladeOptions, RackMemory


def test_the_library_is_built_once(tmp_path: Path) -> None:
    first = build.library_path(tmp_path)
    built = first.stat().st_mtime_ns
    assert build.library_path(tmp_path) == first
    assert first.stat().st_mtime_ns == built
    assert [path.name for path in tmp_path.iterdir()] == [first.name]


def test_a_missing_compiler_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BuildError, match=r"no C compiler .* install the package gcc"):
        build.library_path(tmp_path / "cache")


def test_a_compiler_that_fails_is_quoted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compiler = tmp_path / "gcc"
    compiler.write_text("#!/bin/sh\necho 'no room for the object' >&2\nexit 1\n")
    compiler.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BuildError, match=r"could not build librackmem-.*\n.*no room for the object"):
        build.library_path(tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"interface": ""}, "'' is no interface name"),
        ({"interface": "a" * 16}, "is no interface name"),
        ({"domain": 0}, "protection domain 0 is not in 1..65535"),
        ({"domain": 65536}, "domain is 65536: it must be 0 to 65535"),
        ({"domain": -1}, "domain is -1"),
        ({"mac": "02:00"}, "'02:00' is no MAC address: it has 2 bytes"),
        ({"mac": "xx"}, "'xx' is no MAC address"),
        ({"address": "10.0.0.256"}, "'10.0.0.256' is no IPv4 address"),
        ({"cache_bytes": 4096}, "a cache of 4096 bytes is not in 64 KiB..1 TiB"),
    ],
)
def test_bad_options(changes: dict[str, object], says: str) -> None:
    options = {"interface": "lo", "domain": 1, "address": "10.0.0.1", "mac": "02:00:00:00:00:01"} | changes
    with pytest.raises(ArgumentError, match=says):
        RackMemory(BladeOptions(**options))  # type: ignore[arg-type]


@pytest.mark.root
def test_an_unknown_interface_is_named() -> None:
    options = BladeOptions("nothing0", 1, mac="02:00:00:00:00:01", address="10.0.0.1")
    with pytest.raises(SystemCallError, match="nothing0: there is no such interface in this network namespace"):
        RackMemory(options)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (Code.TIMED_OUT, RackTimeoutError),
        (Code.REFUSED_ACCESS, RefusedError),
        (Code.FORKED, ForkedError),
        (Code.NO_MEMORY, RackMemoryError),
        (Code.OVERLAP, ArgumentError),
    ],
)
def test_codes_become_errors(code: Code, kind: type[RackMemoryError]) -> None:
    error = error_for(code, "why", 0)
    assert type(error) is kind
    assert str(error) == "why"


def test_a_system_call_keeps_its_number() -> None:
    error = error_for(Code.NOT_PERMITTED, "why", 13)
    assert isinstance(error, OSError)
    assert error.errno == 13


def python(rack: ModelRack, code: str) -> subprocess.CompletedProcess[str]:
    """Runs a program where blade 0's interface is."""
    prefix = rack.blades[0].process.args[:4]  # type: ignore[index]
    setup = """
        import os, sys
        from rackplane.hosts.compute.errors import *
        from rackplane.hosts.compute.memory import *
        options = BladeOptions("c0", 1, address="10.0.0.1", give_up_ms=2000)
    """
    program = textwrap.dedent(setup) + textwrap.dedent(code)
    return subprocess.run([*prefix, sys.executable, "-c", program], capture_output=True, text=True, check=False)


PROGRAMS = {
    "a numpy array stands on rack memory": f"""
        import numpy as np
        with RackMemory(options) as memory:
            numbers = np.frombuffer(memory.map({COHERENT}, 65536), dtype=np.float64)
            numbers[:] = np.arange(8192)
            numbers[1000:2000] *= 2
            print(int(numbers.sum()), memory.stats().fills)
            del numbers
    """,
    "a child of fork() is told": f"""
        with RackMemory(options) as memory:
            memory.map({COHERENT}, 4096)
            if os.fork() == 0:
                for call in (lambda: memory.read({DIRECT}, 8), memory.flush, memory.close):
                    try:
                        call()
                    except ForkedError as error:
                        print(error, flush=True)
                sys.exit(0)
            os.wait()
    """,
    "an interpreter that ends writes back": f"""
        memory = RackMemory(options)
        memory.map({COHERENT}, 4096)[0] = 42
    """,
    "addresses in use are refused": f"""
        with RackMemory(options) as memory:
            memory.map({COHERENT}, 8192)
            for call in (lambda: memory.map({COHERENT} + 4096, 4096), lambda: memory.read({COHERENT} + 8000, 400)):
                try:
                    call()
                except ArgumentError as error:
                    print(error)
    """,
    "a closed context says so": f"""
        memory = RackMemory(options)
        memory.close()
        memory.close()
        try:
            memory.read({DIRECT}, 8)
        except ClosedError as error:
            print(error)
    """,
    "threads share a context": f"""
        from concurrent.futures import ThreadPoolExecutor
        with RackMemory(options) as memory:
            view = memory.map({COHERENT}, 65536).cast("Q")
            def work(number):
                for turn in range(50):
                    memory.fetch_add({DIRECT}, 1)
                    memory.fetch_add({COHERENT}, 1)
                    view[512 * number] += 1
            with ThreadPoolExecutor(4) as pool:
                list(pool.map(work, range(1, 5)))
            print(memory.fetch_add({DIRECT}, 0), view[0], [view[512 * k] for k in range(1, 5)])
            view.release()
    """,
}
FORKED = "rack memory can not be used in a child of fork(): open a context there\n"
PRINTED = {
    "a numpy array stands on rack memory": f"{8192 * 8191 // 2 + sum(range(1000, 2000))} 16\n",
    "a child of fork() is told": FORKED * 3,
    "an interpreter that ends writes back": "",
    "addresses in use are refused": "the process already uses addresses in [0x10000001000, 0x10000002000)\n"
    "[0x10000001f40, 0x100000020d0) is mapped in part only\n",
    "a closed context says so": "this RackMemory is closed\n",
    "threads share a context": "200 200 [50, 50, 50, 50]\n",
}


@pytest.mark.root
@pytest.mark.parametrize("name", PROGRAMS)
def test_programs(name: str) -> None:
    with model_rack(2) as rack:
        rack.blades[0].do("close")
        done = python(rack, PROGRAMS[name])
        assert (done.stderr, done.returncode) == ("", 0)
        assert done.stdout == PRINTED[name]
        if name == "an interpreter that ends writes back":
            rack.blades[1].do("map", va=COHERENT, length=4096)
            assert rack.blades[1].do("load", va=COHERENT) == 42


@pytest.mark.root
def test_what_the_kernel_answers_in_its_own_name_stays_out() -> None:
    """No ICMP "port unreachable" goes back for the rack's packets."""
    with model_rack(1) as rack:
        prefix = [*rack.blades[0].process.args[:4]]  # type: ignore[index]
        subprocess.run([*prefix, "ip", "addr", "add", "10.0.0.1/16", "dev", "c0"], check=True)
        for _ in range(20):
            rack.blades[0].do("fetch_add", va=DIRECT, add=1)
        counters = subprocess.check_output([*prefix, "cat", "/proc/net/snmp"], text=True)
        names, values = (line.split() for line in counters.splitlines() if line.startswith("Icmp:"))
        icmp = dict(zip(names, values, strict=True))
        assert icmp["OutDestUnreachs"] == "0", json.dumps(icmp)
