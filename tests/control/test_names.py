"""Numbers that the P4 program and the control plane share must be the same in both."""

from __future__ import annotations

import re
from enum import IntEnum
from pathlib import Path

import pytest

from rackplane.control.mind import entries
from rackplane.control.mind.channel import Cause, Operation
from rackplane.control.mind.directory import DirectoryEvent, State
from rackplane.control.mind.protection import Rights
from rackplane.control.mind.regions import DEFAULT_SLOTS
from rackplane.control.mind.stats import Reason

INCLUDE = Path(__file__).resolve().parents[2] / "p4src" / "include"
METADATA = (INCLUDE / "metadata.p4").read_text()
SIZES = (INCLUDE / "sizes.p4").read_text()


def members(name: str) -> dict[str, int]:
    body = re.search(rf"enum bit<\d+> {name} \{{(.*?)\n\}}", METADATA, re.DOTALL)
    assert body
    text = re.sub(r"/\*.*?\*/", "", body[1], flags=re.DOTALL)
    return {m[1]: int(m[2]) for m in re.finditer(r"(\w+)\s*=\s*(\d+)", text)}


def constant(name: str, text: str) -> int:
    found = re.search(rf"const [\w<>]+ +{name} *= (\w+);", text)
    assert found
    return int(found[1], 0)


@pytest.mark.parametrize(
    ("name", "enum", "left_out"),
    [
        ("State", State, set()),
        ("Event", DirectoryEvent, {"NONE"}),
        ("Reason", Reason, {"NONE"}),
        ("Operation", Operation, set()),
        ("Cause", Cause, set()),
    ],
)
def test_enums(name: str, enum: type[IntEnum], left_out: set[str]) -> None:
    there = {member: value for member, value in members(name).items() if member not in left_out}
    assert there == {member.name: member.value for member in enum}


@pytest.mark.parametrize(
    ("name", "value"),
    [("CPU_PORT", entries.CPU_PORT), ("FLOOD_GROUP", entries.FLOOD_GROUP)],
)
def test_constants(name: str, value: int) -> None:
    assert constant(name, SIZES) == value


def test_rights() -> None:
    assert constant("RIGHT_READ", METADATA) == Rights.READ
    assert constant("RIGHT_WRITE", METADATA) == Rights.WRITE


def test_the_directory_has_room_for_all_slots() -> None:
    assert constant("DIRECTORY_SLOTS", SIZES) >= DEFAULT_SLOTS


def test_counters_have_a_cell_for_every_index() -> None:
    assert constant("REASON_CELLS", SIZES) > max(Reason)
    assert constant("TRANSITION_CELLS", SIZES) > (max(DirectoryEvent) << 4 | max(State))
