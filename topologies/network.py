"""A fabric's hosts and cables, made with Mininet.

Every host is a network namespace. The switches' interfaces are in the caller's, as their processes are.
"""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import IO, Any

from mininet.log import setLogLevel  # type: ignore[import-untyped]
from mininet.net import Mininet  # type: ignore[import-untyped]
from mininet.node import Host as MininetHost  # type: ignore[import-untyped]
from mininet.node import Switch

from rackplane.switch import links, netns
from rackplane.switch.errors import PortError
from rackplane.topologies import wires
from rackplane.topologies.cleanup import delete_interfaces
from rackplane.topologies.errors import LaunchError
from rackplane.topologies.fabric import Cable, End, Fabric, Host

_INTERFACES = Path("/sys/class/net")
MTU = 1500
_WIRES = "_wires"
"""The namespace of all shaped cables' middles. No host can have this name."""
_COMMAND_TIMEOUT_S = 30
_SAID = 2000


class _MarkedHost(MininetHost):  # type: ignore[misc]
    """A Mininet host whose processes get the rack's environment."""

    def _popen(self, cmd: list[str], **params: Any) -> Any:  # noqa: ANN401 (Mininet's signature)
        params.setdefault("env", self.params["environment"])
        return super()._popen(cmd, **params)


class _PortsOnly(Switch):  # type: ignore[misc]
    """The switch as Mininet sees it: ports. What forwards between them is a service that the launcher starts."""

    def _popen(self, cmd: list[str], **params: Any) -> Any:  # noqa: ANN401
        params.setdefault("env", self.params["environment"])
        return super()._popen(cmd, **params)

    def start(self, controllers: Sequence[object]) -> None:
        """Nothing to do: see the class."""


class RackNetwork:
    """The hosts and cables of one fabric. Use `start` and `stop`, or as a context manager."""

    def __init__(self, fabric: Fabric, environment: Mapping[str, str]) -> None:
        self._fabric = fabric
        self._environment = dict(environment)
        self._net: Any = None

    def start(self) -> None:
        """Make namespaces and links. Raises LaunchError; call `stop` then too."""
        for interface in self._fabric.switch_interfaces:
            if (_INTERFACES / interface).exists():
                raise LaunchError(
                    f"the interface {interface} exists already: another rack or Mininet runs here; "
                    "end it with `rackplane down` or `mn -c`"
                )
        _check_mnexec()
        setLogLevel("error")
        self._net = Mininet(topo=None, controller=None, build=False)
        for number, name in enumerate(self._fabric.switches, start=1):
            self._net.addSwitch(name, cls=_PortsOnly, dpid=f"{number:x}", environment=self._environment)
        for host in self._fabric.hosts:
            self._net.addHost(
                host.name, cls=_MarkedHost, ip=str(host.address), mac=host.mac, environment=self._environment
            )
        for cable in self._fabric.cables:
            self._lay(cable)
        self._net.start()
        for host in self._fabric.hosts:
            self._configure(host)
        for interface in self._fabric.switch_interfaces:
            # A switch that is no XDP program has no NAPI of its own, and what a blade's XDP program sends needs it.
            _settle(interface)
        for cable in self._fabric.cables:
            self._shape(cable)

    def _lay(self, cable: Cable) -> None:
        """Make a cable; one that is not shaped at its ends has a wire in its middle (wires.py)."""
        if not cable.shape.shapes or cable.shape.at_ends:
            self._connect(cable.first, cable.second)
            return
        if _WIRES not in self._net:
            self._net.addHost(_WIRES, cls=_MarkedHost, inNamespace=True, environment=self._environment)
        for end, middle in zip((cable.first, cable.second), wires.middle(cable), strict=True):
            self._connect(end, End(_WIRES, middle, len(self._net[_WIRES].intfs)))

    def _shape(self, cable: Cable) -> None:
        if cable.shape.at_ends:
            for end in (cable.first, cable.second):
                self._run(end.node, ["tc", "-batch", "-"], wires.queue(end.interface, cable.shape))
        elif cable.shape.shapes:
            first, second = wires.middle(cable)
            namespace = Path(f"/proc/{self._net[_WIRES].pid}/ns/net")
            for interface in (first, second):
                netns.run_in(namespace, partial(_settle, interface))
            self._run(_WIRES, ["tc", "-batch", "-"], wires.commands(cable))

    def run_commands(self) -> list[str]:
        """Run the hosts' own commands. Returns what failed; to know whether that matters is the user's."""
        lines = [(host.name, command) for host in self._fabric.hosts for command in host.commands]
        return [problem for host, command in lines if (problem := self._command(host, command))]

    def _command(self, host: str, command: str) -> str:
        """A command may leave programs behind that run on."""
        with tempfile.TemporaryFile() as output:
            process = self.popen(host, ["sh", "-c", command], stdout=output, stderr=output)
            try:
                status = process.wait(_COMMAND_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                return f"{host}: {command!r} did not end in {_COMMAND_TIMEOUT_S} s; write & behind it to let it run"
            if status == 0:
                return ""
            output.seek(0)
            said = output.read(_SAID).decode(errors="replace").strip()
            return f"{host}: {command!r} ended with status {status}: {said or 'it said nothing'}"

    def _connect(self, first: End, second: End) -> None:
        nodes = self._net[first.node], self._net[second.node]
        try:
            self._net.addLink(
                *nodes,
                port1=first.port,
                port2=second.port,
                intfName1=first.interface,
                intfName2=second.interface,
            )
        except Exception as error:  # Mininet raises nothing narrower
            raise LaunchError(f"cannot make the link {first.interface} - {second.interface}: {error}") from error

    def _configure(self, host: Host) -> None:
        """Offloads, MTU and static neighbours of a host."""
        commands = [f"link set dev {host.interface} mtu {MTU} up"] + [
            f"neighbour replace {ip} lladdr {mac} dev {host.interface} nud permanent" for ip, mac in host.neighbours
        ]
        self._run(host.name, ["ip", "-batch", "-"], commands)
        try:
            netns.run_in(Path(f"/proc/{self.pids[host.name]}/ns/net"), lambda: _settle(host.interface))
        except PortError as error:
            raise LaunchError(f"{host.name}: {error}") from error

    def _run(self, host: str, command: Sequence[str], commands: Sequence[str]) -> None:
        process = self.popen(host, command, stdin=subprocess.PIPE, stderr=subprocess.PIPE)
        _, errors = process.communicate("\n".join(commands).encode())
        if process.returncode != 0:
            raise LaunchError(f"cannot configure {host}: {errors.decode(errors='replace').strip()}")

    @property
    def pids(self) -> dict[str, int]:
        """For each host, the process that holds its namespaces."""
        return {host.name: self._net[host.name].pid for host in self._fabric.hosts}

    def popen(  # noqa: PLR0913 (subprocess.Popen's own parameters)
        self,
        host: str,
        command: Sequence[str],
        *,
        environment: Mapping[str, str] | None = None,
        stdin: int | IO[bytes] | None = subprocess.DEVNULL,
        stdout: int | IO[bytes] | None = None,
        stderr: int | IO[bytes] | None = None,
    ) -> subprocess.Popen[bytes]:
        """Start a program in the namespaces of a host, in a session of its own: Ctrl-C does not reach it."""
        process: subprocess.Popen[bytes] = self._net[host].popen(
            list(command),
            env={**self._environment, **(environment or {})},
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
        )
        return process

    def stop(self) -> None:
        """Take hosts and links away, also hosts whose shells have died: Mininet would wait for their answers."""
        net, self._net = self._net, None
        if net is None:
            return
        for node in [*net.hosts, *net.switches]:
            if node.shell is not None and node.shell.poll() is None:
                os.killpg(node.shell.pid, signal.SIGKILL)
            node.terminate()
        delete_interfaces(self._fabric.switch_interfaces)

    def __enter__(self) -> RackNetwork:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def _check_mnexec() -> None:
    """Mininet waits for ever for a host whose namespaces could not be made: find out first."""
    try:
        done = subprocess.run(["mnexec", "-n", "true"], capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise LaunchError("mnexec is not installed: sudo apt-get install mininet") from error
    if done.returncode:
        raise LaunchError(
            f"no network namespace can be made here: mnexec says {done.stderr.strip() or done.returncode}"
        )


def _settle(interface: str) -> None:
    links.silence(interface)
    links.prepare_host_end(interface)
