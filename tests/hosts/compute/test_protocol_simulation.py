"""Whole racks in simulated time: no load is stale, no store lost, no page has two writers, and all get done."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rack_packets import PAGE
from simulated_rack import BASE, CoherenceViolation, SimulatedRack, Weather


def accesses(seed: int, pages: int, stores: float) -> Callable[[], tuple[int, bool]]:
    choice = random.Random(seed)

    def choose() -> tuple[int, bool]:
        va = BASE + choice.randrange(pages) * PAGE + choice.choice([0, 1024, 2040, 4088])
        return va, choice.random() < stores

    return choose


def simulate(rack: SimulatedRack, *, pages: int, threads: int, count: int, stores: float, seed: int) -> None:
    for blade in range(len(rack.blades)):
        for thread in range(threads):
            rack.start(blade, accesses(seed * 1000 + blade * 10 + thread, pages, stores), count)
    rack.run()
    for state in rack.blades:
        assert not state.failed


weathers = st.builds(
    Weather,
    most_delay=st.sampled_from([1_000, 20_000, 400_000]),
    loss=st.sampled_from([0.0, 0.01, 0.1]),
    duplication=st.sampled_from([0.0, 0.01, 0.2]),
    straggling=st.sampled_from([0.0, 0.02]),
)


@dataclass(frozen=True)
class Scenario:
    """A rack and what its blades do."""

    blades: int
    pages: int
    region_log2: int
    capacity: int
    threads: int
    stores: float
    weather: Weather
    seed: int


scenarios = st.builds(
    Scenario,
    blades=st.integers(1, 4),
    pages=st.sampled_from([1, 4, 8]),
    region_log2=st.sampled_from([12, 13, 15]),
    capacity=st.sampled_from([16, 2, 3]),
    threads=st.integers(1, 3),
    stores=st.sampled_from([0.1, 0.5, 1.0]),
    weather=weathers,
    seed=st.integers(0, 2**20),
)


def run(scenario: Scenario) -> SimulatedRack:
    rack = SimulatedRack(
        scenario.blades,
        pages=scenario.pages,
        region_log2=scenario.region_log2,
        capacity=scenario.capacity,
        weather=scenario.weather,
        seed=scenario.seed,
    )
    with closing(rack):
        simulate(
            rack,
            pages=scenario.pages,
            threads=scenario.threads,
            count=15,
            stores=scenario.stores,
            seed=scenario.seed,
        )
    return rack


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(scenarios)
def test_any_rack_in_any_weather_is_coherent(scenario: Scenario) -> None:
    run(scenario)


SLOW = Weather(most_delay=400_000, duplication=0.01)
ROUGH = Weather(most_delay=20_000, loss=0.1, duplication=0.01, straggling=0.02)
LATE = Weather(most_delay=400_000, loss=0.01, duplication=0.01, straggling=0.02)


@pytest.mark.parametrize(
    "scenario",
    [
        pytest.param(
            Scenario(3, 4, 13, 16, 2, 0.5, ROUGH, 0), id="all but the first segment lost in a transaction"
        ),
        pytest.param(Scenario(4, 4, 13, 2, 3, 0.1, Weather(duplication=0.2), 63), id="a late EVICT"),
        pytest.param(Scenario(3, 8, 15, 2, 2, 0.5, SLOW, 219), id="a fill that ends while its region is pushed"),
        pytest.param(Scenario(2, 8, 13, 3, 3, 0.5, SLOW, 236), id="room is made by the region that is asked for"),
        pytest.param(Scenario(3, 1, 15, 2, 3, 1.0, ROUGH, 72), id="a transaction that nobody waits for"),
        pytest.param(Scenario(4, 1, 15, 3, 3, 0.5, LATE, 10107), id="a late INVALIDATE while a fill is under way"),
        pytest.param(Scenario(1, 4, 12, 2, 3, 0.5, SLOW, 391), id="more threads than pages"),
    ],
)
def test_what_once_went_wrong(scenario: Scenario) -> None:
    run(scenario)


def test_the_check_sees_a_stale_copy() -> None:
    rack = SimulatedRack(2)
    simulate(rack, pages=1, threads=1, count=5, stores=1.0, seed=3)
    rack.latest[BASE] = 2**40
    with pytest.raises(CoherenceViolation, match="last store"):
        simulate(rack, pages=1, threads=1, count=5, stores=0.0, seed=4)
    rack.close()
