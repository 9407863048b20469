"""A learning switch as controllers make it: learn from digests, forward, age out. By plain gRPC, and by finsy."""

from __future__ import annotations

import asyncio
from pathlib import Path

import finsy as fy
import pytest
import switch_client as p4
from compiled_program import CompiledProgram
from finsy.proto import p4r
from google.protobuf import text_format
from switch_hosts import DEVICE_ID, Links, Running

pytestmark = pytest.mark.root

SECOND = 10**9
HOSTS = {1: 0x020000000001, 2: 0x020000000002, 3: 0x020000000003}
FLOOD = 0xFFFFFFFFFFFF


def frame(destination: int, source: int) -> bytes:
    return (destination.to_bytes(6, "big") + source.to_bytes(6, "big") + b"\x12\x34hello").ljust(60, b"\0")


class LearningController:
    """What a controller does with each message of the stream."""

    def __init__(self, client: p4.Client, program: CompiledProgram, ttl: int) -> None:
        self.client, self.program, self.ttl = client, program, ttl
        self.known: dict[int, int] = {}
        entity = p4r.Entity()
        entity.digest_entry.digest_id = program.digest_id("learn_t")
        entity.digest_entry.config.ack_timeout_ns = 3600 * SECOND
        client.insert(entity)

    def entries(self, mac: int, port: int) -> list[p4r.Entity]:
        known = self.program.entry("known", "NoAction", src=mac)
        known.table_entry.idle_timeout_ns = self.ttl
        return [known, self.program.entry("bridge", "forward", priority=1, dst=mac, port=port)]

    def step(self, timeout: float = 20) -> str:
        """Handle one message and say of which kind it was."""
        message = self.client.stream.receive(timeout)
        if message.HasField("digest"):
            for data in message.digest.data:
                source, port = (int.from_bytes(m.bitstring, "big") for m in data.struct.members[:2])
                self.known[source] = port
                self.client.insert(*self.entries(source, port))
            ack = p4r.StreamMessageRequest()
            ack.digest_ack.digest_id, ack.digest_ack.list_id = message.digest.digest_id, message.digest.list_id
            self.client.stream.send(ack)
        for entry in message.idle_timeout_notification.table_entry:
            source = int.from_bytes(entry.match[0].exact.value, "big")
            self.client.delete(*self.entries(source, self.known.pop(source)))
        return str(message.WhichOneof("update"))


def test_hosts_are_learned_bridged_and_forgotten(
    bridge: p4.Client, links: Links, learning: CompiledProgram
) -> None:
    controller = LearningController(bridge, learning, 3600 * SECOND)
    for port, mac in HOSTS.items():
        links.hosts[port].send(frame(FLOOD, mac))
        assert controller.step() == "digest"
    assert controller.known == {mac: port for port, mac in HOSTS.items()}
    for source, destination in ((1, 2), (2, 3), (3, 1)):
        sent = frame(HOSTS[destination], HOSTS[source])
        links.hosts[source].send(sent)
        assert links.hosts[destination].receive(5) == sent
    controller.ttl = SECOND // 10
    bridge.modify(*(controller.entries(mac, port)[0] for mac, port in controller.known.items()))
    while controller.known:
        assert controller.step() == "idle_timeout_notification"
    assert bridge.read(learning.entry("known"), learning.entry("bridge")) == []
    links.hosts[1].send(frame(HOSTS[2], HOSTS[1]))
    assert controller.step() == "digest", "it is learned again"


def test_a_restarted_controller_reconciles(bridge: p4.Client, switch: Running, learning: CompiledProgram) -> None:
    """The first controller is gone; the second finds what is there and keeps it over a new config."""
    controller = LearningController(bridge, learning, 3600 * SECOND)
    wanted = controller.entries(HOSTS[1], 1)
    bridge.insert(*wanted)
    bridge.close()
    second = p4.Client(switch.address, election_id=2)
    assert second.arbitration.status.code == 0
    key = p4r.Entity.SerializeToString
    assert sorted(second.read(learning.entry("known"), learning.entry("bridge")), key=key) == sorted(
        wanted, key=key
    )
    second.push(learning.config, p4r.SetForwardingPipelineConfigRequest.RECONCILE_AND_COMMIT, learning.p4info)
    assert second.read(wanted[0]) == [wanted[0]]
    everything = p4r.Entity()
    everything.digest_entry.SetInParent()
    assert len(second.read(everything)) == 1
    second.close()


def test_finsy_learns_and_is_told_of_idle_entries(
    switch: Running, links: Links, learning: CompiledProgram, tmp_path: Path
) -> None:
    p4info, config = tmp_path / "learning.p4info.txtpb", tmp_path / "learning.bin"
    p4info.write_text(text_format.MessageToString(learning.p4info))
    config.write_bytes(learning.config)
    switch.programs[learning.config] = (learning.image, learning.manifest)

    async def body() -> None:
        options = fy.SwitchOptions(p4info=p4info, p4blob=config, device_id=DEVICE_ID)
        async with fy.Switch("s", switch.address, options) as sw:
            digests, idles = sw.read_digests("learn_t"), sw.read_idle_timeouts()
            await sw.write([+fy.P4DigestEntry("learn_t", max_list_size=1, ack_timeout_ns=SECOND)])
            links.hosts[3].send(frame(FLOOD, HOSTS[3]))
            learned = await asyncio.wait_for(anext(digests), 20)
            assert learned[0] == {"src": HOSTS[3], "port": 3, "level": -5, "wide": 0x123456789ABCDEF0123}
            await sw.write(learned.ack())
            action = fy.Action("NoAction")
            await sw.write(
                [
                    +fy.P4TableEntry(
                        "known", match=fy.Match(src=HOSTS[3]), action=action, idle_timeout_ns=SECOND // 10
                    )
                ]
            )
            notice = await asyncio.wait_for(anext(idles), 20)
            assert [e.match["src"] for e in notice.table_entry] == [HOSTS[3]]

    asyncio.run(asyncio.wait_for(body(), 60))


def test_finsy_reads_the_age_of_entries(
    bridge: p4.Client, switch: Running, learning: CompiledProgram, tmp_path: Path
) -> None:
    bridge.insert(learning.entry("known", "NoAction", src=5))
    p4info = tmp_path / "learning.p4info.txtpb"
    p4info.write_text(text_format.MessageToString(learning.p4info))

    async def body() -> None:
        options = fy.SwitchOptions(p4info=p4info, device_id=DEVICE_ID, initial_election_id=9)
        async with fy.Switch("s", switch.address, options) as sw:
            wanted = fy.P4TableEntry("known", time_since_last_hit=0)
            (entry,) = [e async for e in sw.read(wanted)]
            assert isinstance(entry, fy.P4TableEntry)
            assert entry.time_since_last_hit is not None

    asyncio.run(asyncio.wait_for(body(), 60))
