"""Tracing packets that take more than one way: cloned, resubmitted, recirculated."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import finsy as fy
import pytest
from traced_switch import Traced, found, stories, traced_switch

PROGRAM = Path(__file__).parent / "stf" / "programs" / "paths.p4"

CLONED = [(0, "continues", None), (1, "continues", None), (1, "forward", 2), (2, "forward", 3)]

pytestmark = pytest.mark.root


def frame(ingress: int, egress: int) -> bytes:
    return (bytes.fromhex("020000000001 020000000002 1234") + bytes((ingress, egress, 0))).ljust(60, b"\0")


async def fill(address: str, options: fy.SwitchOptions) -> None:
    async with fy.Switch("s", address, options) as sw:
        await sw.write([+fy.P4CloneSessionEntry(session_id=n, replicas=[3]) for n in (1, 2, 3, 4)])


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Traced]:
    with traced_switch(PROGRAM, tmp_path_factory.mktemp("paths"), fill) as running:
        yield running


@pytest.mark.parametrize(
    ("ingress", "egress", "outcomes"),
    [
        pytest.param(0, 0, [(0, "forward", 2)], id="plain"),
        pytest.param(4, 0, [(0, "continues", None), (1, "forward", 2)], id="resubmitted"),
        pytest.param(0, 4, [(0, "continues", None), (1, "forward", 2)], id="recirculated"),
        pytest.param(
            1,
            0,
            [(0, "continues", None), (1, "continues", None), (1, "forward", 2), (2, "forward", 3)],
            id="cloned",
        ),
    ],
)
def test_every_run_is_told_with_the_one_before(
    paths: Traced, ingress: int, egress: int, outcomes: list[tuple[int, str, int | None]]
) -> None:
    told = stories(paths, [(1, frame(ingress, egress))])
    depth: dict[object, int] = {None: -1}
    for story in sorted(told, key=lambda s: s["time_ns"]):
        depth[story["id"]] = depth[story["copy_of"]] + 1
    shown = [(depth[s["id"]], s["verdict"]["outcome"], s["verdict"].get("port")) for s in told]
    assert sorted(shown, key=str) == sorted(outcomes, key=str)


def test_a_resubmitted_packet_is_parsed_again(paths: Traced) -> None:
    first, second = sorted(stories(paths, [(1, frame(4, 0))]), key=lambda s: s["time_ns"])
    assert [len(found(s, "state")) for s in (first, second)] == [1, 1]
    assert any(e["name"] == "resubmit_preserving_field_list" for e in found(first, "call"))
    hops = [found(s, "extract")[1]["headers"][0]["fields"]["hops"] for s in (first, second)]
    assert hops == [0, 0]
