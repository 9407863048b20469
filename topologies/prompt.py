"""The prompt of a running rack."""

from __future__ import annotations

import cmd
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import IO

from rackplane.topologies import checks
from rackplane.topologies.errors import LaunchError
from rackplane.topologies.fields import TopologyError
from rackplane.topologies.probe import ProbeError, probe_memory
from rackplane.topologies.state import RackState


class FabricPrompt(cmd.Cmd):
    """Commands on hosts and switches. A mistake prints one line and the prompt goes on."""

    prompt = "rackplane> "
    intro = "Type `help` for the commands, `exit` to take the rack down."

    def __init__(self, state: RackState, stdin: IO[str] | None = None, stdout: IO[str] | None = None) -> None:
        super().__init__(stdin=stdin, stdout=stdout)
        if stdin is not None:
            self.use_rawinput = False
        self._state = state

    def do_hosts(self, _: str) -> None:
        """hosts: the hosts and their addresses."""
        for host in self._state.fabric.hosts:
            self._say(f"{host.name:6} {host.address!s:18} {host.mac}  {host.interface}")

    def do_switches(self, _: str) -> None:
        """switches: where they serve P4Runtime."""
        for name, address in self._state.switches.items():
            self._say(f"{name:6} P4Runtime on {address.grpc}, device {address.device_id}")

    def do_links(self, _: str) -> None:
        """links: the cables, and what has passed through the switches' ports."""
        for count in checks.link_counts(self._state):
            end, peer = count.end, count.peer
            self._say(
                f"{end.node} port {end.port:<3} {end.interface} - {peer.node} {peer.interface:9} "
                f"{'up' if count.up else 'DOWN':5}in {count.packets_in} packets, {count.bytes_in} bytes; "
                f"out {count.packets_out} packets, {count.bytes_out} bytes"
            )

    def do_ping(self, line: str) -> None:
        """ping A B [COUNT]: echo requests from host A to host B."""
        words = line.split()
        if len(words) not in (2, 3) or (len(words) == 3 and not words[2].isdigit()):
            self._say("usage: ping A B [COUNT]")
            return
        count = min(int(words[2]), 1000) if len(words) == 3 else 3
        self._try(lambda: self._say(describe(checks.ping(self._state, words[0], words[1], max(1, count)))))

    def do_pingall(self, _: str) -> None:
        """pingall: one echo request between every two hosts."""

        def run() -> None:
            results = []
            for result in checks.ping_all(self._state):
                results.append(result)
                if not result.ok:
                    self._say(describe(result))
            self._say(f"{sum(result.ok for result in results)} of {len(results)} pings came back")

        self._try(run)

    def do_exec(self, line: str) -> None:
        """exec HOST COMMAND...: run a command on a host; Ctrl-C ends it."""
        try:
            words = shlex.split(line)
        except ValueError as error:
            self._say(f"{error}: check the quotes")
            return
        if len(words) < 2:
            self._say("usage: exec HOST COMMAND...")
            return
        self._try(lambda: self._run(words[0], words[1:]))

    def _on_host(self, line: str) -> None:
        """Mininet's way to say exec: `h1 ping h2`, where names of hosts among the arguments become addresses."""
        try:
            host, *words = shlex.split(line)
        except ValueError as error:
            self._say(f"{error}: check the quotes")
            return
        if not words:
            self._say("usage: HOST COMMAND...")
            return
        known = {h.name: str(h.address.ip) for h in self._state.fabric.hosts}
        self._try(lambda: self._run(host, [words[0], *(known.get(word, word) for word in words[1:])]))

    def _run(self, host: str, command: list[str]) -> None:
        if self.use_rawinput:
            process = checks.popen(self._state, host, command)
        else:
            process = checks.popen(self._state, host, command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        try:
            text = process.communicate()[0]
        except KeyboardInterrupt:
            process.kill()
            process.wait()
            return
        if text:
            self._say(text.rstrip("\n"))
        if process.returncode:
            self._say(f"{command[0]} on {host} ended with status {process.returncode}")

    def do_stats(self, _: str) -> None:
        """stats: the processes of the rack and the traffic of its ports."""
        for name, pid in self._state.services.items():
            self._say(f"{name:16} process {pid:<8} {'running' if Path(f'/proc/{pid}').exists() else 'ENDED'}")
        self.do_links("")

    def do_exit(self, _: str) -> bool:
        """exit: take the rack down."""
        return True

    do_quit = do_exit

    def do_EOF(self, _: str) -> bool:
        """Ctrl-D: take the rack down."""
        self._say("")
        return True

    def emptyline(self) -> bool:
        """An empty line does nothing."""
        return False

    def default(self, line: str) -> None:
        """A host's name begins a command on that host; nothing else is known here."""
        first = line.split(maxsplit=1)[0]
        if first in self._state.hosts:
            self._on_host(line)
        else:
            self._say(f"no such command: {first}; `help` lists them")

    def completenames(self, text: str, *ignored: object) -> list[str]:
        """Names of commands that begin with `text`."""
        return [name for name in super().completenames(text, *ignored) if name != "EOF"]

    def _try(self, action: Callable[[], None]) -> None:
        try:
            action()
        except (TopologyError, LaunchError, ProbeError, OSError) as error:
            self._say(str(error))

    def _say(self, text: str) -> None:
        self.stdout.write(f"{text}\n")


class RackPrompt(FabricPrompt):
    """The prompt of a MIND rack."""

    def do_hosts(self, _: str) -> None:
        """hosts: the blades, their addresses and what they offer."""
        for blade in self._state.rack.compute:
            self._say(
                f"{blade.name:6} {blade.ip!s:12} {blade.mac}  port {blade.port:<3} compute blade {blade.blade_id}"
            )
        for memory in self._state.rack.memory:
            self._say(
                f"{memory.name:6} {memory.ip!s:12} {memory.mac}  port {memory.port:<3} "
                f"{memory.capacity >> 20} MiB from {memory.base:#x}"
            )

    def do_memory(self, line: str) -> None:
        """memory [BLADE]: write to and read from rack memory, from one compute blade or from each of them."""

        def run() -> None:
            for name in line.split() or [blade.name for blade in self._state.rack.compute]:
                result = probe_memory(self._state, name)
                self._say(
                    f"{name}: wrote and read back {result.bytes} bytes at {result.va:#x}; "
                    f"{result.reads} reads of 64 bytes: p50 {result.p50_us:.1f} us, p99 {result.p99_us:.1f} us"
                )

        self._try(run)


def prompt_of(state: RackState) -> FabricPrompt:
    """The prompt that fits what is running."""
    return RackPrompt(state) if state.blades is not None else FabricPrompt(state)


def describe(result: checks.Ping) -> str:
    """A ping's result in one line."""
    time = f", {result.mean_ms:.3f} ms" if result.mean_ms is not None else ""
    return f"{result.source} -> {result.target}: {result.received} of {result.sent} came back{time}"
