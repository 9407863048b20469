"""What happens when the world under the switch breaks: the kernel refuses, an interface goes."""

from __future__ import annotations

import errno
import subprocess

import basic_program as basic
import pytest
import switch_client as p4
from finsy.proto import p4r
from switch_hosts import Links

from rackplane.switch import libbpf, pipeline
from rackplane.switch.errors import Code
from rackplane.switch.fanout import Devices
from rackplane.switch.p4runtime.status import BatchError
from rackplane.switch.p4runtime.write import Writer
from rackplane.switch.tables import Table

pytestmark = pytest.mark.root


def inserts(*entities: p4r.Entity) -> list[bytes]:
    return [p4r.Update(type=p4r.Update.INSERT, entity=e).SerializeToString() for e in entities]


def in_kernel(table: Table, program: pipeline.Pipeline) -> list[bool]:
    entries = program.loaded.map(table.layout.map)
    return [entries.get(key) is not None for key in table.entries]


def test_a_batch_that_the_kernel_refuses_is_undone(basic_object: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    program = pipeline.load(basic_object, basic.manifest(), basic.p4info(), Devices())
    writer, table = Writer(program), program.tables[basic.L2]
    writer.write(0, inserts(p4.l2(1, 1)))
    real = libbpf.update_batch

    def refuse_halfway(fd: int, keys: bytes, values: bytes, count: int, flags: int) -> tuple[int, int]:
        real(fd, keys, values, 1, flags)
        return -errno.ENOMEM, 1

    with monkeypatch.context() as patch:
        patch.setattr(libbpf, "update_batch", refuse_halfway)
        with pytest.raises(BatchError) as failure:
            writer.write(0, inserts(p4.l2(2, 1), p4.l2(3, 1), p4.route(0x0A000000, 8, 1)))
    assert {i: e.code for i, e in failure.value.errors.items()} == {0: Code.INTERNAL, 1: Code.INTERNAL}
    assert "Cannot allocate memory" in str(failure.value)
    assert [e.wire for e in table.entries.values()] == [p4.l2(1, 1).SerializeToString()]
    assert in_kernel(table, program) == [True]
    kernel = program.loaded.map("l2")
    assert kernel.get((2).to_bytes(6, "big") + bytes(2)) is None
    assert len(program.tables[basic.ROUTES].entries) == 1
    writer.write(0, inserts(p4.l2(2, 1), p4.l2(3, 1)))
    assert in_kernel(table, program) == [True] * 3
    program.close()


def test_a_port_whose_interface_goes(client: p4.Client, links: Links) -> None:
    frame = bytes.fromhex("000000000200 020000000a00 1234") + bytes(46)
    subprocess.run(["ip", "link", "del", links.ports[3]], check=True)
    client.push()
    client.insert(p4.l2(0x0200, 2), p4.l2(0x0300, 3), p4.group(1, (2, 0), (3, 0)), p4.l2(0x0400, group=1))
    links.hosts[1].send(frame)
    assert links.hosts[2].receive() == frame
    links.hosts[1].send(frame.replace(b"\x02\x00", b"\x03\x00", 1))
    copied = frame.replace(b"\x02\x00", b"\x04\x00", 1)
    links.hosts[1].send(copied)
    assert links.hosts[2].receive() == copied
