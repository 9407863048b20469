"""A switch: its ports, its CPU port, and the program that runs on them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from rackplane.switch.fanout import Devices
from rackplane.switch.loader import LoadedObject
from rackplane.switch.loopport import LoopPort
from rackplane.switch.maps import SharedMemory
from rackplane.switch.packetio import CpuPort
from rackplane.switch.pipeline import Pipeline
from rackplane.switch.ports import Port, Ports


class Device:
    """The dataplane of one switch. Ports drop everything until a program is committed."""

    def __init__(self, interfaces: Mapping[int, str], cpu_port: int | None) -> None:
        self.cpu = CpuPort() if cpu_port is not None else None
        self.cpu_port = cpu_port
        names = dict(interfaces)
        try:
            if self.cpu is not None and cpu_port is not None:
                names[cpu_port] = self.cpu.interface
            self._ports = Ports(names)
            self._ports.attach()
        except Exception:
            if self.cpu is not None:
                self.cpu.close()
            raise
        self.pipeline: Pipeline | None = None
        self._loop: LoopPort | None = None
        self.before_commit: Callable[[], None] = lambda: None
        """Is called while the ports still run the program that commit() replaces."""

    def devices(self, with_loop: bool) -> Devices:
        """Return the interfaces that a program is loaded for; `with_loop` sees to the loop port."""
        if with_loop and self._loop is None:
            self._loop = LoopPort()
        return Devices(self.ports, self._loop.ifindex if with_loop and self._loop else 0)

    @property
    def ports(self) -> Mapping[int, Port]:
        """The ports by number, the CPU port included."""
        return self._ports.ports

    def commit(self, pipeline: Pipeline) -> None:
        """Run a loaded program on every port from now on, and drop the one before it."""
        self.before_commit()
        self._publish(pipeline, pipeline.loaded.egress_fd)
        self._run(pipeline.loaded)
        before, self.pipeline = self.pipeline, pipeline
        if before is not None:
            before.close()

    def substitute(self, build: LoadedObject) -> None:
        """Let the ports run another build of the running program, which works on the same maps."""
        if self.pipeline is not None:
            self._run(build)
            self._use_egress(self.pipeline, build.egress_fd)

    def restore(self) -> None:
        """End substitute(). Copies that the other build has queued meet its own egress program, or this one's."""
        if self.pipeline is not None:
            self._use_egress(self.pipeline, self.pipeline.loaded.egress_fd)
            self._run(self.pipeline.loaded)

    def _run(self, build: LoadedObject) -> None:
        if self._loop is not None and build.loop_fd >= 0:
            self._loop.run(build.loop_fd)
        self._ports.run(build.ingress_fd)
        if self._loop is not None and build.loop_fd < 0:
            self._loop.rest()

    def _use_egress(self, pipeline: Pipeline, program_fd: int) -> None:
        if pipeline.loaded.egress_fd >= 0:
            self._publish(pipeline, program_fd)
            pipeline.use_egress(program_fd)

    def _publish(self, pipeline: Pipeline, egress_fd: int) -> None:
        maps, loaded = pipeline.manifest.maps, pipeline.loaded
        by_ifindex = SharedMemory(loaded.map(maps.ports))
        self._ports.publish(by_ifindex, loaded.map(maps.tx), maps.max_ports, egress_fd)

    def close(self) -> None:
        """Detach from the ports and remove the CPU port."""
        self._ports.close()
        if self.pipeline is not None:
            self.pipeline.close()
            self.pipeline = None
        if self._loop is not None:
            self._loop.close()
        if self.cpu is not None:
            self.cpu.close()
