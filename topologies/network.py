"""A rack's hosts and cables, made with Mininet.

Every host is a network namespace. The switch's interfaces are in the namespace of the caller, as its process is.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from mininet.log import setLogLevel  # type: ignore[import-untyped]
from mininet.net import Mininet  # type: ignore[import-untyped]
from mininet.node import Host, Switch  # type: ignore[import-untyped]

from rackplane.switch import links, netns
from rackplane.switch.errors import PortError
from rackplane.topologies.cleanup import delete_interfaces
from rackplane.topologies.errors import LaunchError
from rackplane.topologies.rack import MTU, PREFIX_LENGTH, RACK_IP, RACK_MAC, Blade, Rack

_INTERFACES = Path("/sys/class/net")


class _MarkedHost(Host):  # type: ignore[misc]
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
    """The hosts and cables of one rack. Use `start` and `stop`, or as a context manager."""

    def __init__(self, rack: Rack, environment: Mapping[str, str]) -> None:
        self._rack = rack
        self._environment = dict(environment)
        self._net: Any = None

    def start(self) -> None:
        """Make namespaces and links. Raises LaunchError; call `stop` then too."""
        for link in self._rack.links:
            if (_INTERFACES / link.switch_interface).exists():
                raise LaunchError(
                    f"the interface {link.switch_interface} exists already: another rack or Mininet runs here; "
                    "end it with `rackplane down` or `mn -c`"
                )
        _check_mnexec()
        setLogLevel("error")
        self._net = Mininet(topo=None, controller=None, build=False)
        switch = self._net.addSwitch(self._rack.switch, cls=_PortsOnly, dpid="1", environment=self._environment)
        for link in self._rack.links:
            blade = self._rack.blade(link.host)
            host = self._net.addHost(
                blade.name,
                cls=_MarkedHost,
                ip=f"{blade.ip}/{PREFIX_LENGTH}",
                mac=blade.mac,
                environment=self._environment,
            )
            self._connect(host, switch, link.switch_interface, link.host_interface, link.port)
        self._net.start()
        for link in self._rack.links:
            self._configure(self._rack.blade(link.host))
            # A switch that is no XDP program has no NAPI of its own, and what a blade's XDP program sends needs it.
            _settle(link.switch_interface)

    def _connect(self, host: object, switch: object, switch_end: str, host_end: str, port: int) -> None:
        try:
            self._net.addLink(host, switch, port1=0, port2=port, intfName1=host_end, intfName2=switch_end)
        except Exception as error:  # Mininet raises nothing narrower
            raise LaunchError(f"cannot make the link {host_end} - {switch_end}: {error}") from error

    def _configure(self, blade: Blade) -> None:
        """Offloads, MTU and static neighbours of a host."""
        interface = f"{blade.name}-eth0"
        others = [(str(other.ip), other.mac) for other in self._rack.blades if other is not blade]
        commands = [f"link set dev {interface} mtu {MTU} up"] + [
            f"neighbour replace {ip} lladdr {mac} dev {interface} nud permanent"
            for ip, mac in [*others, (str(RACK_IP), RACK_MAC)]
        ]
        self._batch(blade.name, commands)
        try:
            netns.run_in(Path(f"/proc/{self.pids[blade.name]}/ns/net"), lambda: _settle(interface))
        except PortError as error:
            raise LaunchError(f"{blade.name}: {error}") from error

    def _batch(self, host: str, commands: Sequence[str]) -> None:
        process = self.popen(host, ["ip", "-batch", "-"], stdin=subprocess.PIPE, stderr=subprocess.PIPE)
        _, errors = process.communicate("\n".join(commands).encode())
        if process.returncode != 0:
            raise LaunchError(f"cannot configure {host}: {errors.decode(errors='replace').strip()}")

    @property
    def pids(self) -> dict[str, int]:
        """For each host, the process that holds its namespaces."""
        return {host.name: host.pid for host in self._net.hosts}

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
        delete_interfaces([link.switch_interface for link in self._rack.links])

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
