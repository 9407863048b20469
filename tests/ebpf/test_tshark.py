"""tshark reads the rack's requests and a blade's answers as what they are."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from blade_bench import unpadded_read, wire_frame
from scapy.layers.l2 import Ether
from scapy.utils import wrpcap

from rackplane.ebpf.bpf_call import test_run as run_program
from rackplane.ebpf.memory_blade import MemoryBlade
from rackplane.wire.generated.rack_headers import Opcode
from rackplane.wire.packet import Request

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed"),
]
FIELDS = ("opcode", "psn", "destqp")
EXTENDED = ("reth.va", "reth.dmalen", "aeth.syndrome", "atomiceth.swapdt", "atomicacketh.origremdt", "payload")
VA = 0x8000


def read_by_tshark(pcap: Path) -> list[dict[str, str]]:
    """The InfiniBand fields of each frame that have a value."""
    names = [*(f"bth.{name}" for name in FIELDS), *EXTENDED]
    fields = [argument for name in names for argument in ("-e", f"infiniband.{name}")]
    malformed = ["-e", "_ws.malformed"]
    shown = subprocess.run(
        ["tshark", "-n", "-r", str(pcap), "-T", "fields", "-E", "separator=|", *fields, *malformed],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    rows = [line.split("|") for line in shown.splitlines()]
    return [{name: text for name, text in zip([*names, "malformed"], row, strict=True) if text} for row in rows]


def test_tshark_reads_the_verbs(shared_blade: MemoryBlade, tmp_path: Path) -> None:
    shared_blade.memory[VA : VA + 8] = (0x1122334455667788).to_bytes(8, "little")
    requests = [
        wire_frame(Request(Opcode.RDMA_READ_REQUEST, VA, 8), 1, 0x7001),
        wire_frame(Request(Opcode.RDMA_READ_REQUEST, VA, 200), 2, 0x7001),
        wire_frame(Request(Opcode.RDMA_WRITE_ONLY, VA + 64, 8, data=b"abcdefgh"), 3, 0x7001),
        wire_frame(Request(Opcode.FETCH_ADD, VA, 8, operand=1), 4, 0x7001),
        wire_frame(Request(Opcode.COMPARE_SWAP, VA, 8, operand=9, compare=8), 5, 0x7001),
        unpadded_read(1 << 40, 8),
    ]
    frames = [each for made in requests for each in (made, run_program(shared_blade.xdp, made).frame)]
    wrpcap(str(tmp_path / "verbs.pcap"), [Ether(each) for each in frames])
    read = read_by_tshark(tmp_path / "verbs.pcap")
    assert [int(each["bth.opcode"]) for each in read] == [12, 16, 12, 16, 10, 17, 20, 18, 19, 18, 12, 17]
    assert [int(each["bth.psn"]) for each in read] == [1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 0, 0]
    assert {int(each["bth.destqp"], 16) for each in read[:10]} == {0x7001}
    assert int(read[0]["reth.va"], 16) == VA
    assert [int(read[n]["reth.dmalen"]) for n in (0, 2, 4)] == [8, 200, 8]
    assert [int(read[n]["atomicacketh.origremdt"]) for n in (7, 9)] == [0x1122334455667788, 0x1122334455667789]
    assert [int(read[n]["aeth.syndrome"], 0) for n in (1, 3, 5, 7, 9, 11)] == [0, 0, 0, 0, 0, 0x62]
    assert not any("malformed" in each for each in read)
