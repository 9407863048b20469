"""The rack as data: addresses, validation, JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rackplane.topologies.fields import TopologyError
from rackplane.topologies.rack import MAX_BLADES, Rack, from_json, rack

counts = st.integers(1, MAX_BLADES)


def test_the_default_rack_has_the_documented_addresses() -> None:
    r = rack()
    assert [(b.name, b.blade_id, b.port, str(b.ip), b.mac) for b in r.compute] == [
        ("c1", 0, 1, "10.0.0.1", "02:00:00:00:00:01"),
        ("c2", 1, 2, "10.0.0.2", "02:00:00:00:00:02"),
    ]
    assert [(b.name, b.memory_id, b.port, str(b.ip), b.mac, b.base) for b in r.memory] == [
        ("m1", 0, 3, "10.0.1.1", "02:00:00:00:01:01", 1 << 40),
        ("m2", 1, 4, "10.0.1.2", "02:00:00:00:01:02", 2 << 40),
    ]
    assert [(k.host, k.host_interface, k.switch_interface, k.port) for k in r.links] == [
        ("c1", "c1-eth0", "s1-eth1", 1),
        ("c2", "c2-eth0", "s1-eth2", 2),
        ("m1", "m1-eth0", "s1-eth3", 3),
        ("m2", "m2-eth0", "s1-eth4", 4),
    ]


@given(compute=counts, memory=counts, pages=st.integers(1, 1 << 28))
def test_every_rack_survives_json(compute: int, memory: int, pages: int) -> None:
    r = rack(compute, memory, capacity=pages * 4096)
    assert from_json(r.to_json()) == r


def test_interface_names_fit_the_kernel() -> None:
    r = rack(16, 16, switch="abcdefghi")
    assert max(len(name) for link in r.links for name in (link.host_interface, link.switch_interface)) <= 15


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"compute": 0}, "1 to 16 compute blades, not 0"),
        ({"memory": 17}, "1 to 16 memory blades, not 17"),
        ({"capacity": 5000}, "m1: a capacity of 5000 bytes is impossible"),
        ({"capacity": 2 << 40}, "at most 1099511627776"),
        ({"name": "my rack"}, "'my rack' is no name"),
        ({"switch": "../x"}, "'../x' is no name"),
        ({"switch": "c1"}, "the switch and a blade are both called 'c1'"),
    ],
)
def test_impossible_racks_are_refused(arguments: dict[str, int], message: str) -> None:
    with pytest.raises(TopologyError, match=message):
        rack(**arguments)  # type: ignore[arg-type]


def change_compute(**fields: object) -> Callable[[Rack], Rack]:
    def change(r: Rack) -> Rack:
        return replace(r, compute=(r.compute[0], replace(r.compute[1], **fields)))  # type: ignore[arg-type]

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (change_compute(name="c1"), "two blades have the same name: c1"),
        (change_compute(ip=IPv4Address("10.0.1.1")), "two blades have the same IP address: 10.0.1.1"),
        (change_compute(mac="02:00:00:00:00:01"), "two blades have the same MAC address"),
        (change_compute(mac="2:0"), "'2:0' is no MAC address"),
        (change_compute(port=1), r"must be 1 to 4, not \[1, 1, 3, 4\]"),
        (change_compute(port=9), "must be 1 to 4"),
        (change_compute(blade_id=0), r"ids of the compute blades must be 0 to 1, not \[0, 0\]"),
        (lambda r: replace(r, memory=()), "1 to 16 memory blades, not 0"),
    ],
)
def test_inconsistent_racks_are_refused(change: Callable[[Rack], Rack], message: str) -> None:
    with pytest.raises(TopologyError, match=message):
        change(rack())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.pop("switch"), "rack has no 'switch'"),
        (lambda d: d.update(compute=3), "rack.compute must be a list, not 3"),
        (lambda d: d["memory"].append("m3"), r"rack.memory\[2\] must be an object"),
        (lambda d: d["compute"][0].update(port="1"), r"rack.compute\[0\].port must be a whole number, not '1'"),
        (lambda d: d["compute"][0].update(port=True), "must be a whole number"),
        (lambda d: d["compute"][1].update(ip="10.0.0.256"), r"rack.compute\[1\].ip must be an IPv4 address"),
        (lambda d: d["memory"][1].update(mac=7), r"rack.memory\[1\].mac must be a string, not 7"),
    ],
)
def test_bad_json_names_the_field(change: Callable[[dict[str, object]], object], message: str) -> None:
    data = json.loads(rack().to_json())
    change(data)
    with pytest.raises(TopologyError, match=message):
        from_json(json.dumps(data))


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '"rack"'])
def test_no_rack_at_all(text: str) -> None:
    with pytest.raises(TopologyError):
        from_json(text)


def test_a_blade_is_found_by_name() -> None:
    assert rack().blade("m2").port == 4
    with pytest.raises(TopologyError, match="no blade is called 'x'; this rack has c1, c2, m1, m2"):
        rack().blade("x")
