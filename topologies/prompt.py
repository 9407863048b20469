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


class RackPrompt(cmd.Cmd):
    """Commands on a rack. A mistake prints one line and the prompt goes on."""

    prompt = "rackplane> "
    intro = "Type `help` for the commands, `exit` to take the rack down."

    def __init__(self, state: RackState, stdin: IO[str] | None = None, stdout: IO[str] | None = None) -> None:
        super().__init__(stdin=stdin, stdout=stdout)
        if stdin is not None:
            self.use_rawinput = False
        self._state = state

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

    def do_links(self, _: str) -> None:
        """links: the cables, and what has passed through the switch's ports."""
        for count in checks.link_counts(self._state):
            link = count.link
            self._say(
                f"port {link.port:<3} {link.switch_interface} - {link.host_interface:9} "
                f"{'up' if count.up else 'DOWN':5}in {count.packets_in} packets, {count.bytes_in} bytes; "
                f"out {count.packets_out} packets, {count.bytes_out} bytes"
            )

    def do_ping(self, line: str) -> None:
        """ping A B [COUNT]: echo requests from blade A to blade B."""
        words = line.split()
        if len(words) not in (2, 3) or (len(words) == 3 and not words[2].isdigit()):
            self._say("usage: ping A B [COUNT]")
            return
        count = min(int(words[2]), 1000) if len(words) == 3 else 3
        self._try(lambda: self._say(describe(checks.ping(self._state, words[0], words[1], max(1, count)))))

    def do_pingall(self, _: str) -> None:
        """pingall: one echo request between every two blades."""

        def run() -> None:
            results = []
            for result in checks.ping_all(self._state):
                results.append(result)
                if not result.ok:
                    self._say(describe(result))
            self._say(f"{sum(result.ok for result in results)} of {len(results)} pings came back")

        self._try(run)

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

    def do_exec(self, line: str) -> None:
        """exec BLADE COMMAND...: run a command on a blade; Ctrl-C ends it."""
        try:
            words = shlex.split(line)
        except ValueError as error:
            self._say(f"{error}: check the quotes")
            return
        if len(words) < 2:
            self._say("usage: exec BLADE COMMAND...")
            return
        self._try(lambda: self._run(words[0], words[1:]))

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
        """Say that a command does not exist."""
        self._say(f"no such command: {line.split(maxsplit=1)[0]}; `help` lists them")

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


def describe(result: checks.Ping) -> str:
    """A ping's result in one line."""
    time = f", {result.mean_ms:.3f} ms" if result.mean_ms is not None else ""
    return f"{result.source} -> {result.target}: {result.received} of {result.sent} came back{time}"
