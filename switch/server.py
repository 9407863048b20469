"""The gRPC server of one switch: its address, its limits, and its life."""

from __future__ import annotations

import ipaddress
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

import grpc  # type: ignore[import-untyped]
from finsy.proto import p4r

from rackplane.switch.device import Device
from rackplane.switch.errors import SwitchError
from rackplane.switch.linkwatch import LinkWatch
from rackplane.switch.p4runtime.config import Reader
from rackplane.switch.p4runtime.service import P4RuntimeService

log = logging.getLogger(__name__)

MAX_MESSAGE = 64 << 20
MAX_CONCURRENT_RPCS = 128
_GRACE_S = 1.0


@dataclass(frozen=True)
class ServerOptions:
    """What a switch is started with. `grpc_address` is HOST:PORT (port 0 takes a free one) or unix:PATH."""

    grpc_address: str
    device_id: int
    ports: Mapping[int, str] = field(default_factory=dict)
    cpu_port: int | None = None


async def serve(
    options: ServerOptions,
    device: Device,
    reader: Reader,
    ready: Callable[[str], Awaitable[None]],
    initial: p4r.ForwardingPipelineConfig | None = None,
) -> None:
    """Serve until `ready`, which is called with the real address, returns; then end every stream.

    `initial` is a config to commit before any controller comes.
    """
    service = P4RuntimeService(device, options.device_id, reader)
    if initial is not None:
        await service.configs.commit_initial(initial)
    server = grpc.aio.server(
        options=[
            ("grpc.max_receive_message_length", MAX_MESSAGE),
            ("grpc.max_send_message_length", MAX_MESSAGE),
            ("grpc.so_reuseport", 0),
        ],
        maximum_concurrent_rpcs=MAX_CONCURRENT_RPCS,
    )
    server.add_generic_rpc_handlers((service.handlers(),))
    address = _listen(server, options.grpc_address)
    await server.start()
    service.streams.start()
    watch = LinkWatch(service.configs.links_changed)
    watch.start()
    try:
        await ready(address)
    finally:
        watch.stop()
        service.streams.stop()
        await server.stop(_GRACE_S)
        service.configs.close()


def _listen(server: grpc.aio.Server, address: str) -> str:
    if address.startswith("unix:"):
        server.add_insecure_port(address)
        return address
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit():
        raise SwitchError(f"{address!r} is not a gRPC address: write HOST:PORT, such as 127.0.0.1:9559")
    if not _is_loopback(host):
        log.warning("the P4Runtime service on %s is open to the network, without authentication", address)
    try:
        bound = server.add_insecure_port(address)
    except RuntimeError as e:
        raise SwitchError(f"cannot listen on {address}: is another switch using it?") from e
    return f"{host}:{bound}"


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"
