"""Manifests that lie about meters, action profiles or value sets are refused before the kernel sees anything."""

from __future__ import annotations

import dataclasses

import pytest
from compiled_program import compiled
from finsy.proto import p4i

from rackplane.compiler.manifest import Manifest
from rackplane.switch import pipeline
from rackplane.switch.errors import BundleError


def changed(manifest: Manifest, group: str, index: int, **changes: object) -> Manifest:
    items = list(getattr(manifest, group))
    items[index] = dataclasses.replace(items[index], **changes)
    return dataclasses.replace(manifest, **{group: tuple(items)})  # type: ignore[arg-type]


LIES: list[tuple[str, str, int, dict[str, object], str]] = [
    ("meters", "meters", 0, {"map": "nowhere"}, "meter ingress.packets: the object has no map 'nowhere'"),
    ("meters", "meters", 0, {"map": "m0_marks"}, "should have key 4 B, value 80 B, 1024 entries"),
    ("meters", "meters", 0, {"marks": "m0"}, "marks: map m0 .* should have key 4 B, value 48 B"),
    ("meters", "meters", 0, {"size": 1025}, "should have key 4 B, value 80 B, 1025 entries"),
    ("meters", "meters", 0, {"size": -1}, "a size of -1 or the unit 'packets' makes no sense"),
    ("meters", "meters", 0, {"unit": "bits"}, "the unit 'bits' makes no sense"),
    ("meters", "meters", 2, {"table": 5}, "a size of -1 or the unit 'packets' makes no sense"),
    (
        "selectors",
        "profiles",
        1,
        {"members": "t0_first"},
        "action profile ingress.spread: map t0_first .* should be one",
    ),
    ("selectors", "profiles", 1, {"slots": 1 << 20}, "one mappable value of at least 4194304 bytes"),
    ("selectors", "profiles", 1, {"size": 0}, "members of 16 bytes make no sense"),
    ("selectors", "profiles", 1, {"size": 96}, "96 members of 16 bytes make no sense"),
    ("selectors", "profiles", 1, {"choice_slots": 1 << 20}, "one mappable value of at least 4194304 bytes"),
    ("selectors", "profiles", 1, {"choice_slots": -1}, "make no sense"),
    ("selectors", "profiles", 1, {"value_size": 24}, "one mappable value of at least 2304 bytes"),
    ("selectors", "profiles", 1, {"actions": ()}, "its action profile \\d+ is not one that fits"),
    ("selectors", "profiles", 1, {"id": 7}, "its action profile \\d+ is not one that fits"),
    (
        "selectors",
        "tables",
        2,
        {"action_profile": 9},
        "table ingress.balanced: its action profile 9 is not one that fits",
    ),
    ("value_sets", "value_sets", 0, {"active": "vs0"}, "value set P.types: map vs0 .* is not of type ARRAY"),
    ("value_sets", "value_sets", 0, {"map": "nowhere"}, "the object has no map 'nowhere'"),
    ("value_sets", "value_sets", 0, {"size": 4}, "should have key 16 B, value 8 B, 8 entries"),
    ("value_sets", "value_sets", 0, {"words": 2}, "3 members of 2 words make no sense"),
    ("value_sets", "value_sets", 0, {"fields": ()}, "3 members of 1 words make no sense"),
    ("value_sets", "value_sets", 2, {"size": 3000}, "one mappable value of at least 480000 bytes"),
    ("value_sets", "value_sets", 2, {"members": ".bss.vs0a"}, "one mappable value of at least"),
]


@pytest.mark.root
@pytest.mark.parametrize(("name", "group", "index", "changes", "message"), LIES)
def test_lies_are_refused(name: str, group: str, index: int, changes: dict[str, object], message: str) -> None:
    found = compiled(name)
    manifest = changed(found.manifest, group, index, **changes)
    with pytest.raises(BundleError, match=message):
        pipeline.check(found.image, manifest, found.p4info)


@pytest.mark.root
def test_a_value_set_is_a_map_or_a_list() -> None:
    found = compiled("value_sets")
    manifest = changed(found.manifest, "value_sets", 0, map="")
    with pytest.raises(BundleError, match=r"value set P.types has to be either a map or a list"):
        pipeline.load(found.image, manifest, found.p4info, pipeline.Devices({}))


@pytest.mark.root
def test_other_profiles_in_the_p4info_are_refused() -> None:
    found = compiled("selectors")
    info = p4i.P4Info()
    info.CopyFrom(found.p4info)
    del info.action_profiles[1]
    with pytest.raises(BundleError, match="the P4Info has other action profiles than the device config"):
        pipeline.check(found.image, found.manifest, info)
