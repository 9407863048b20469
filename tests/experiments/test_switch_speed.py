"""The benchmark of the switch: its pure parts, and that a small run tells the truth about what it forwards."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from itertools import islice
from random import Random

import pytest
from finsy.proto import p4i, p4r

from rackplane.experiments.machine import this_machine
from rackplane.experiments.switch_speed import report
from rackplane.experiments.switch_speed.entries import (
    EntryMaker,
    Match,
    batches,
    exact_matches,
    keys_within,
    prefix_matches,
    ternary_matches,
)
from rackplane.experiments.switch_speed.report import (
    Compilation,
    EntryRate,
    Load,
    Lookup,
    Passage,
    Result,
    Round,
)


def a_round(bare_pps: float, pps: float) -> Round:
    return Round(Passage(1000, 1000, 1000 / bare_pps), Passage(1000, 1000, 1000 / pps))


def test_throughput_takes_medians_and_the_best_load() -> None:
    rounds = [a_round(100, 90), a_round(200, 100), a_round(100, 10)]
    loads = [Load(10, 2), Load(20, 3), Load(40, 1)]
    found = report.throughput("router", 64, rounds, loads)
    assert found.pps == pytest.approx(90)
    assert found.bare_pps == pytest.approx(100)
    assert found.share_of_bare == pytest.approx(0.5)
    assert found.bmv2_best_pps == 3
    assert found.times_bmv2 == pytest.approx(30)
    assert found.lost == 0


def test_a_load_is_shown_by_its_medians() -> None:
    assert report.typical([Load(10, 9), Load(12, 1), Load(11, 8)]) == Load(11, 8)


def test_what_is_lost_counts_on_both_paths() -> None:
    lossy = Round(Passage(100, 99, 1), Passage(100, 95, 1))
    assert report.throughput("l2", 64, [lossy]).lost == 6


@pytest.mark.parametrize(
    ("program", "share", "times", "held"),
    [
        ("router", 0.71, 41.0, {"share": True, "times": True}),
        ("router", 0.69, 39.0, {"share": False, "times": False}),
        ("mind", 0.51, 41.0, {"share": True, "times": True}),
        ("mind", 0.49, None, {"share": False, "times": None}),
        ("l2", 0.1, 41.0, {"times": True}),
    ],
)
def test_goals_of_throughput(program: str, share: float, times: float | None, held: dict[str, bool | None]) -> None:
    pps = 1e6
    loads = [] if times is None else [Load(pps, pps / times)]
    found = report.throughput(program, 64, [a_round(pps / share, pps)], loads)
    goals = {goal.name.split()[1]: goal.held for goal in report.throughput_goals([found])}
    assert goals == held


@pytest.mark.parametrize(
    ("costs", "held"),
    [
        ({10: (50.0, 300.0), 1000: (300.0, 900.0), 1_000_000: (99.0, 599.0)}, [True, True]),
        ({10: (50.0, 300.0), 1_000_000: (101.0, 400.0)}, [True, False]),
        ({10: (50.0, 300.0), 1_000_000: (60.0, 601.0)}, [False, True]),
        ({10: (5.0, 300.0)}, []),
    ],
)
@pytest.mark.parametrize("kind", ["exact", "lpm"])
def test_goal_of_flat_lookups(kind: str, costs: dict[int, tuple[float, float]], held: list[bool]) -> None:
    found = [Lookup(kind, entries, 1, alone, live) for entries, (alone, live) in costs.items()]
    assert [goal.held for goal in report.lookup_goals(found)] == held


def test_ternary_lookups_need_not_be_flat_in_their_masks() -> None:
    found = [Lookup("ternary", 64, 1, 1.0, 1.0), Lookup("ternary", 4096, 64, 99.0, 99.0)]
    assert not list(report.lookup_goals(found))


@pytest.mark.parametrize(("live", "held"), [(19.0, True), (21.0, False)])
def test_ternary_lookups_are_flat_in_their_entries(live: float, held: bool) -> None:
    masks = report.FEW_MASKS
    found = [Lookup("ternary", 80, masks, 1.0, 10.0), Lookup("ternary", 80_000, masks, 9.0, live)]
    assert [goal.held for goal in report.lookup_goals(found)] == [held]


@pytest.mark.parametrize(
    ("cold", "cached", "held"), [(4.9, 0.4, [True, True]), (5.1, 0.4, [False, True]), (1.0, 0.6, [True, False])]
)
def test_goals_of_compile_times(cold: float, cached: float, held: list[bool]) -> None:
    assert [goal.held for goal in report.compilation_goals([Compilation("mind", cold, cached, 9, 9)])] == held


@pytest.mark.parametrize(
    ("rates", "held"),
    [
        ({("xdp", "write", 100): 50.0, ("bmv2", "write", 100): 43.0}, [True]),
        ({("xdp", "read", 100): 40.0, ("bmv2", "read", 100): 43.0}, [False]),
        ({("xdp", "read", 0): 9.0, ("bmv2", "read", 0): 8.0, ("xdp", "write", 1000): 7.0}, [True]),
        ({("xdp", "write", 100): 40.0, ("xdp", "read", 0): 7.0, ("xdp", "write", 1): 1.0}, [None, None]),
        ({}, []),
    ],
)
def test_goals_of_entry_rates(rates: dict[tuple[str, str, int], float], held: list[bool | None]) -> None:
    found = [EntryRate(*what, 1000, rate) for what, rate in rates.items()]
    assert [goal.held for goal in report.entry_rate_goals(found)] == held


@pytest.mark.parametrize(("cold", "held"), [(1.0, True), (9.0, False)])
def test_a_result_holds_if_no_goal_is_missed(cold: float, held: bool) -> None:
    unmeasured = (EntryRate("xdp", "write", 100, 1, 1.0),)
    result = Result(
        this_machine(), 0.0, 0, compilation=(Compilation("mind", cold, 0.1, 1, 1),), entry_rates=unmeasured
    )
    assert result.held is held


def info(kind: p4i.MatchField.MatchType.ValueType) -> p4i.P4Info:
    table = p4i.Table(
        preamble=p4i.Preamble(id=7, alias="t"), match_fields=[p4i.MatchField(id=1, bitwidth=32, match_type=kind)]
    )
    action = p4i.Action(preamble=p4i.Preamble(id=9, alias="a"), params=[p4i.Action.Param(id=3, name="port")])
    return p4i.P4Info(tables=[table], actions=[action])


@pytest.mark.parametrize(
    ("kind", "match", "expected"),
    [
        (
            p4i.MatchField.EXACT,
            Match(0, 0xFFFFFFFF),
            p4r.FieldMatch(field_id=1, exact=p4r.FieldMatch.Exact(value=b"\0")),
        ),
        (
            p4i.MatchField.LPM,
            Match(0x0A000000, 0xFF000000),
            p4r.FieldMatch(field_id=1, lpm=p4r.FieldMatch.LPM(value=b"\x0a\0\0\0", prefix_len=8)),
        ),
        (
            p4i.MatchField.TERNARY,
            Match(0x0100, 0x0F00, 5),
            p4r.FieldMatch(field_id=1, ternary=p4r.FieldMatch.Ternary(value=b"\x01\0", mask=b"\x0f\0")),
        ),
    ],
)
def test_updates(kind: p4i.MatchField.MatchType.ValueType, match: Match, expected: p4r.FieldMatch) -> None:
    update = EntryMaker(info(kind), "t", "a", {"port": 300}).update(match, p4r.Update.DELETE)
    entry = update.entity.table_entry
    assert update.type == p4r.Update.DELETE
    assert (entry.table_id, entry.priority, list(entry.match)) == (7, match.priority, [expected])
    assert entry.action.action.action_id == 9
    assert [(p.param_id, p.value) for p in entry.action.action.params] == [(3, b"\x01\x2c")]


@pytest.mark.parametrize("source", [exact_matches, prefix_matches])
def test_matches_are_distinct_and_within_their_masks(source: object) -> None:
    found = list(islice(source(Random(1)), 5000))  # type: ignore[operator]
    assert len({(m.value, m.mask) for m in found}) == 5000
    assert all(m.value & ~m.mask == 0 for m in found)
    assert all((~m.mask & 0xFFFFFFFF) & ((~m.mask & 0xFFFFFFFF) + 1) == 0 for m in found), "leading ones"


@pytest.mark.parametrize("masks", [1, 5, 64])
def test_ternary_matches_have_so_many_masks(masks: int) -> None:
    found = ternary_matches(Random(1), masks, 16)
    assert len(found) == 16 * masks
    assert len({m.mask for m in found}) == masks
    assert all(m.value & ~m.mask == 0 and m.priority > 0 for m in found)


def test_keys_hit_an_entry_and_differ_where_it_is_open() -> None:
    matches = list(islice(prefix_matches(Random(1)), 50))
    keys = keys_within(Random(2), matches, 1000)
    assert all(any((key >> 32) & m.mask == m.value for m in matches) for key in keys)
    assert all(key < 1 << 64 and key & 0xFFFFFFFF == 0 for key in keys)
    assert len(set(keys)) > len(matches)


def test_batches() -> None:
    assert [list(part) for part in batches([1, 2, 3, 4, 5], 2)] == [[1, 2], [3, 4], [5]]


@pytest.mark.root
@pytest.mark.parametrize("program", ["l2", "router", "mind"])
def test_a_small_run(program: str) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root")
    code = (
        "import json; from dataclasses import asdict;"
        "from rackplane.experiments.switch_speed.measure import Bench, Effort;"
        "from rackplane.experiments.switch_speed.throughput import Sweep;"
        f"effort = Effort(('throughput',), ({program!r},), 5000, 1, Sweep((1000,), 0.3));"
        "print(json.dumps(asdict(Bench(effort, 0, lambda text: None).run())))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    found = json.loads(done.stdout)
    (throughput,), (single,) = found["throughput"], found["single"]
    passages = [passage for one in throughput["rounds"] for passage in one.values()]
    assert [passage["arrived"] for passage in passages] == [5000, 5000]
    assert single["instructions"] > 10
    assert single["ns_per_packet"] > 0
