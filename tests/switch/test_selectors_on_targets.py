"""Action selectors on both targets: after the same writes both choose what the model of BMv2 says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import selector_model as model
from finsy.proto import p4i, p4r
from on_targets import TARGETS, running_program
from switch_hosts import Links

from rackplane.switch.stf.client import Client

INSERT, MODIFY, DELETE = p4r.Update.INSERT, p4r.Update.MODIFY, p4r.Update.DELETE
FLOWS = 16


class Controller:
    """Writes to a running switch by names, and sends frames of many flows through it."""

    def __init__(self, client: Client, info: p4i.P4Info, links: Links) -> None:
        self._client = client
        self._links = links
        groups = (info.tables, info.actions, info.action_profiles)
        self._ids = {o.preamble.alias: o.preamble.id for group in groups for o in group}

    def id(self, name: str) -> int:
        return self._ids[name]

    def action(self, name: str, *values: int) -> p4r.Action:
        found = p4r.Action(action_id=self.id(name))
        for number, value in enumerate(values, start=1):
            found.params.add(param_id=number, value=model.canonical(value))
        return found

    def write(self, kind: p4r.Update.Type.ValueType, entity: p4r.Entity) -> None:
        self._client.write([p4r.Update(type=kind, entity=entity)])

    def chosen(self, key: int) -> list[int | None]:
        """What ran for each flow."""
        found = []
        for n in range(FLOWS):
            self._links.hosts[2].send(model.frame(model.BALANCED, key, **model.flow(n)))
            answer = self._links.hosts[1].receive(2.0)
            found.append(int.from_bytes(answer[18:20], "big") if answer else None)
        return found


@pytest.fixture(params=TARGETS)
def controller(request: pytest.FixtureRequest, links: Links, tmp_path: Path) -> Iterator[Controller]:
    with running_program(request.param, "selectors", links, tmp_path) as (client, info):
        yield Controller(client, info, links)


@pytest.mark.root
def test_members_and_groups(controller: Controller) -> None:
    for number in (1, 2, 3, 4, 5):
        controller.write(INSERT, model.member(controller, number, "set", 0x100 + number))
    controller.write(INSERT, model.group(controller, 1, (1, 1), (2, 1), (3, 1)))
    controller.write(INSERT, model.entry(controller, "balanced", 1, group=1))
    steps = [
        ([(1, 2), (3, 3), (5, 1)], [0x101, 0x103, 0x105, 0x101, 0x103, 0x103]),
        ([(5, 2), (4, 1)], [0x104, 0x105, 0x105]),
        ([(1, 1)], [0x101]),
    ]
    assert controller.chosen(1) == model.choices([0x101, 0x102, 0x103], FLOWS)
    for members, order in steps:
        controller.write(MODIFY, model.group(controller, 1, *members))
        assert controller.chosen(1) == model.choices(order, FLOWS)
    controller.write(DELETE, model.member(controller, 2))
    controller.write(INSERT, model.member(controller, 9, "set", 0x109))
    controller.write(MODIFY, model.group(controller, 1, (9, 1), (3, 1), (1, 2)))
    assert controller.chosen(1) == model.choices([0x101, 0x109, 0x103, 0x101], FLOWS)
    controller.write(MODIFY, model.member(controller, 9, "set", 0x209))
    assert controller.chosen(1) == model.choices([0x101, 0x209, 0x103, 0x101], FLOWS)


@pytest.mark.root
def test_one_shot_sets(controller: Controller) -> None:
    sets = [
        ([(0x201, 2), (0x202, 1), (0x203, 3)], [0x201, 0x201, 0x202, 0x203, 0x203, 0x203]),
        ([(0x204, 1), (0x205, 1)], [0x204, 0x205]),
    ]
    for kind, (actions, order) in zip((INSERT, MODIFY), sets, strict=True):
        given = [(controller.action("set", value), weight) for value, weight in actions]
        controller.write(kind, model.one_shot(controller, "balanced", 1, *given))
        assert controller.chosen(1) == model.choices(order, FLOWS)
