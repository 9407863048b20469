"""The rack file: what a topology writes is read; what is no rack is refused with the field's name."""

from __future__ import annotations

import json

import pytest

from rackplane.control.mind.entries import rack_entries
from rackplane.control.mind.rack import RackError, read_rack
from rackplane.topologies.rack import rack as topology


def test_a_topologys_rack_is_understood() -> None:
    rack = read_rack(topology(3, 2, capacity=1 << 20).to_json())
    assert [(b.name, b.blade_id, b.port, b.mask) for b in rack.compute] == [
        ("c1", 0, 1, 1),
        ("c2", 1, 2, 2),
        ("c3", 2, 3, 4),
    ]
    assert [(b.base, b.port, b.group, b.capacity) for b in rack.memory] == [
        (1 << 40, 4, 1, 1 << 20),
        (2 << 40, 5, 2, 1 << 20),
    ]
    assert (rack.compute[0].ip, rack.compute[0].mac) == (0x0A000001, 0x020000000001)


def test_entries_of_a_rack() -> None:
    """Per compute blade four entries, per memory blade four and a group, and the flood group."""
    entries = [str(entry) for entry in rack_entries(read_rack(topology(3, 2).to_json()))]
    assert len(entries) == 3 * 4 + 2 * (4 + 1) + 1
    assert "multicast group 2 -> ports 1, 2, 3, 5" in entries
    assert (
        "MindIngress.translation.ranges[va 0x10000000000/24] -> "
        "MindIngress.translation.memory(port=0x4, group=0x1, base=0x10000000000)" in entries
    )


def _changed(kind: str, **fields: object) -> str:
    data = json.loads(topology(2, 1).to_json())
    data[kind][0].update(fields)
    return json.dumps(data)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not JSON"),
        ("[]", "needs a list of blades called 'compute'"),
        ('{"compute": []}', "needs a list of blades called 'compute'"),
        (_changed("compute", port="1"), "'port' must be a number from 0 to 509"),
        (_changed("compute", port=510), "'port' must be a number from 0 to 509"),
        (_changed("compute", port=2), "share a switch port"),
        (_changed("compute", blade_id=1), "ids of their own"),
        (_changed("compute", blade_id=16), "'blade_id' must be a number from 0 to 15"),
        (_changed("compute", ip="10.0.0"), "c1"),
        (_changed("compute", mac="zz"), "c1"),
        (_changed("compute", mac="02:00:00:00:00:00:01"), "no MAC address"),
        (_changed("compute", mac=7), "'mac' must be a string"),
        (_changed("memory", capacity=5000), "multiple of 4096"),
        (_changed("memory", capacity=0), "multiple of 4096"),
    ],
)
def test_no_rack(text: str, message: str) -> None:
    with pytest.raises(RackError, match=message):
        read_rack(text)
