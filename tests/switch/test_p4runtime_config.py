"""SetForwardingPipelineConfig and GetForwardingPipelineConfig, case by case."""

from __future__ import annotations

from collections.abc import Callable

import basic_program as basic
import grpc
import pytest
import switch_client as p4
from finsy.proto import p4r
from grpc import StatusCode as Status
from switch_hosts import Running

pytestmark = pytest.mark.root

Config = p4r.SetForwardingPipelineConfigRequest


def test_requests_need_a_config(switch: Running) -> None:
    client = p4.Client(switch.address)
    request = p4r.GetForwardingPipelineConfigRequest(device_id=p4.DEVICE_ID)
    assert not client.stub.GetForwardingPipelineConfig(request).HasField("config")
    for attempt in (lambda: client.insert(p4.HELD), lambda: client.read(p4.HELD)):
        with pytest.raises(grpc.RpcError) as failure:
            attempt()
        assert failure.value.code() is Status.FAILED_PRECONDITION
    client.close()


Get = p4r.GetForwardingPipelineConfigRequest
PARTS = [
    (Get.ALL, True, True),
    (Get.COOKIE_ONLY, False, False),
    (Get.P4INFO_AND_COOKIE, True, False),
    (Get.DEVICE_CONFIG_AND_COOKIE, False, True),
]


@pytest.mark.parametrize(("kind", "p4info", "device_config"), PARTS)
def test_get_config(filled: p4.Client, kind: int, p4info: bool, device_config: bool) -> None:
    request = p4r.GetForwardingPipelineConfigRequest(device_id=p4.DEVICE_ID, response_type=kind)
    config = filled.stub.GetForwardingPipelineConfig(request).config
    assert config.cookie.cookie == 99
    assert config.HasField("p4info") is p4info
    assert not p4info or config.p4info == basic.p4info()
    assert config.p4_device_config == (b"basic" if device_config else b"")


def test_verify_leaves_everything(client: p4.Client) -> None:
    client.insert(p4.HELD)
    client.push(action=Config.VERIFY)
    assert client.read(p4.everything_in(basic.L2)) == [p4.HELD]


def test_commit_clears_and_reconcile_keeps(client: p4.Client) -> None:
    state = [p4.HELD, p4.HELD_ROUTE, p4.HELD_ACL]
    client.insert(*state, p4.group(4, (1, 1)))
    new_default = p4.tweaked(p4.default_of(basic.L2), lambda e: e.action.CopyFrom(p4.l2(0, 3).table_entry.action))
    client.modify(new_default, p4.register(basic.SEEN, 2, 5), p4.counter(basic.PORT_COUNTER, 1, 6))
    client.push(action=Config.RECONCILE_AND_COMMIT)
    assert client.read(p4.HELD, p4.HELD_ROUTE, p4.HELD_ACL, p4.default_of(basic.L2)) == [*state, new_default]
    assert client.read(p4.group(4)) == [p4.group(4, (1, 1))]
    assert client.read(p4.register(basic.SEEN, 2)) == [p4.register(basic.SEEN, 2, 5)]
    assert client.read(p4.counter(basic.PORT_COUNTER, 1))[0].counter_entry.data.packet_count == 6
    client.push()
    assert client.read(p4.HELD, p4.HELD_ROUTE, p4.HELD_ACL, p4.group(4)) == []


def test_reconcile_keeps_direct_counters(client: p4.Client) -> None:
    client.insert(
        p4.tweaked(p4.HELD_ROUTE, lambda e: setattr(e.counter_data, "packet_count", 7)), p4.route(0, 0, 2)
    )
    client.push(action=Config.RECONCILE_AND_COMMIT)
    asked = p4.tweaked(p4.everything_in(basic.ROUTES), lambda e: e.counter_data.SetInParent())
    assert [e.table_entry.counter_data.packet_count for e in client.read(asked)] == [7, 0]


def test_saved_config_takes_writes_until_it_is_committed(client: p4.Client) -> None:
    client.insert(p4.HELD)
    client.push(action=Config.VERIFY_AND_SAVE)
    assert client.read(p4.everything_in(basic.L2)) == []
    client.insert(p4.NEW)
    client.stub.SetForwardingPipelineConfig(client.config_request(Config.COMMIT))
    assert client.read(p4.everything_in(basic.L2)) == [p4.NEW]


BAD_CONFIGS: list[tuple[str, Callable[[Config], object], Status, str]] = [
    ("no action", lambda r: setattr(r, "action", 0), Status.INVALID_ARGUMENT, "no action"),
    ("unknown action", lambda r: setattr(r, "action", 9), Status.INVALID_ARGUMENT, "action 9 does not exist"),
    ("no config", lambda r: r.ClearField("config"), Status.INVALID_ARGUMENT, "no config"),
    ("no device config", lambda r: r.config.ClearField("p4_device_config"), Status.INVALID_ARGUMENT, "both"),
    ("garbage", lambda r: setattr(r.config, "p4_device_config", b"?"), Status.INVALID_ARGUMENT, "device config"),
    ("other P4Info", lambda r: r.config.p4info.tables.pop(), Status.INVALID_ARGUMENT, "other tables"),
    ("other keys", lambda r: r.config.p4info.tables[0].match_fields.pop(), Status.INVALID_ARGUMENT, "ingress.l2"),
    (
        "commit of nothing",
        lambda r: (setattr(r, "action", Config.COMMIT), r.ClearField("config")),
        Status.NOT_FOUND,
        "VERIFY_AND_SAVE",
    ),
    ("commit with config", lambda r: setattr(r, "action", Config.COMMIT), Status.INVALID_ARGUMENT, "no config"),
    ("other device", lambda r: setattr(r, "device_id", 3), Status.NOT_FOUND, "device 3"),
    ("other role", lambda r: setattr(r, "role", "x"), Status.NOT_FOUND, "role 'x'"),
    ("not primary", lambda r: setattr(r.election_id, "low", 9), Status.PERMISSION_DENIED, "election id 9"),
]


@pytest.mark.parametrize(("what", "change", "code", "words"), BAD_CONFIGS, ids=[c[0] for c in BAD_CONFIGS])
def test_bad_config(
    filled: p4.Client, what: str, change: Callable[[Config], object], code: Status, words: str
) -> None:
    request = filled.config_request(Config.VERIFY_AND_COMMIT)
    request.config.p4info.CopyFrom(basic.p4info())
    request.config.p4_device_config = b"basic"
    change(request)
    with pytest.raises(grpc.RpcError) as failure:
        filled.stub.SetForwardingPipelineConfig(request)
    assert failure.value.code() is code
    assert words in failure.value.details()
    assert len(filled.read(p4.everything_in(basic.L2))) == 2
