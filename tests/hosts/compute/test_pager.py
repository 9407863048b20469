"""The pager with real faults and real packets, around the model switch."""

from __future__ import annotations

import signal
import time
from typing import Any

import pytest
from model_rack import COHERENT, DIRECT, Blade, BladeGone, model_rack

pytestmark = pytest.mark.root

PAGES = 64
LENGTH = PAGES * 4096
TROUBLE = {"loss": 0.01, "duplication": 0.01, "delay_us": 300.0}


def mapped(blade: Blade) -> Blade:
    blade.do("map", va=COHERENT, length=LENGTH)
    return blade


@pytest.mark.parametrize("region_log2", [12, 14, 18])
@pytest.mark.parametrize("trouble", [{}, TROUBLE], ids=["clean", "trouble"])
def test_stores_of_one_blade_are_loads_of_another(region_log2: int, trouble: dict[str, float]) -> None:
    with model_rack(2, region_log2=region_log2, **trouble) as rack:
        one, two = (mapped(blade) for blade in rack.blades)
        for turn in range(20):
            va = COHERENT + turn % 3 * 4096 + 8 * turn
            one.do("store", va=va, value=turn + 1)
            assert two.do("load", va=va) == turn + 1
            two.do("store", va=va, value=turn + 1000)
            assert one.do("load", va=va) == turn + 1000
        assert two.do("fetch_add", va=COHERENT + 4088, add=5) == 0
        assert one.do("cas", va=COHERENT + 4088, compare=5, swap=9) == 5
        assert two.do("cas", va=COHERENT + 4088, compare=5, swap=7) == 9
        assert two.do("load", va=COHERENT + 4088) == 9


def counted(blade: Blade, *names: str) -> list[int]:
    stats: dict[str, Any] = blade.do("stats")
    return [stats[name] for name in names]


def test_counters_tell_what_happened() -> None:
    with model_rack(2) as rack:
        one, two = (mapped(blade) for blade in rack.blades)
        one.do("load", va=COHERENT)
        one.do("store", va=COHERENT, value=1)
        two.do("store", va=COHERENT, value=2)
        names = ("read_faults", "upgrade_faults", "fills", "upgrades", "invalidations", "pushes")
        assert counted(one, *names) == [1, 1, 1, 1, 1, 1]
        assert counted(two, "write_faults", "fills", "invalidations") == [1, 1, 0]
        assert counted(one, "cached_pages", "dirty_pages") == [0, 0]
        assert counted(two, "cached_pages", "dirty_pages") == [1, 1]
        two.do("flush")
        assert counted(two, "cached_pages", "dirty_pages", "write_backs") == [1, 0, 1]


@pytest.mark.parametrize("trouble", [{}, TROUBLE], ids=["clean", "trouble"])
def test_a_small_cache_evicts_and_loses_nothing(trouble: dict[str, float]) -> None:
    with model_rack(2, region_log2=13, options={"cache_bytes": 16 * 4096}, **trouble) as rack:
        one, two = (mapped(blade) for blade in rack.blades)
        for page in range(PAGES):
            one.do("fill", va=COHERENT + page * 4096, length=4096, value=page + 1)
        for page in range(PAGES):
            assert one.do("sums", va=COHERENT + page * 4096, length=4096) == 4096 * (page + 1)
            assert two.do("sums", va=COHERENT + page * 4096, length=4096) == 4096 * (page + 1)
        assert counted(one, "evictions")[0] >= PAGES - 16
        assert counted(one, "cached_pages")[0] <= 16
        one.do("unmap", va=COHERENT, length=LENGTH)
        two.do("close")
        assert counted(one, "cached_pages") == [0]


def test_a_page_in_use_stays_while_others_come_and_go() -> None:
    with model_rack(1, options={"cache_bytes": 32 * 4096}, pages=400) as rack:
        (blade,) = rack.blades
        blade.do("map", va=COHERENT, length=400 * 4096)
        for page in range(1, 400):
            blade.do("load", va=COHERENT + page * 4096)
            blade.do("store", va=COHERENT, value=page)
        fills, local = counted(blade, "fills", "local_faults")
        assert fills <= 400 + 4
        assert local >= 4
        assert blade.do("load", va=COHERENT) == 399


def test_closing_gives_everything_back() -> None:
    with model_rack(2) as rack:
        one, two = (mapped(blade) for blade in rack.blades)
        one.do("fill", va=COHERENT, length=LENGTH, value=3)
        one.do("close")
        assert two.do("sums", va=COHERENT, length=LENGTH) == 3 * LENGTH
        assert counted(two, "invalidations", "fills") == [0, PAGES]


@pytest.mark.parametrize("trouble", [{}, TROUBLE], ids=["clean", "trouble"])
@pytest.mark.parametrize(("offset", "size"), [(0, 1), (1000, 100), (1, 65536), (1024, 1024), (4095, 2)])
def test_explicit_reads_and_writes(offset: int, size: int, trouble: dict[str, float]) -> None:
    data = bytes(i * 7 % 256 for i in range(size)).hex()
    with model_rack(2, **trouble) as rack:
        one, two = rack.blades
        one.do("write", va=DIRECT + offset, data=data)
        assert two.do("read", va=DIRECT + offset, length=size) == data


def test_explicit_atomics_happen_once_each() -> None:
    with model_rack(2, **{**TROUBLE, "loss": 0.1}) as rack:
        one, two = rack.blades
        for turn in range(40):
            assert one.do("fetch_add", va=DIRECT, add=3) == turn * 3
        assert two.do("cas", va=DIRECT, compare=120, swap=1) == 120
        assert two.do("fetch_add", va=DIRECT, add=2**64 - 1) == 1


@pytest.mark.parametrize(
    ("do", "arguments", "says"),
    [
        ("map", {"va": COHERENT + 1, "length": 4096}, "ArgumentError"),
        ("map", {"va": COHERENT, "length": 0}, "ArgumentError"),
        ("unmap", {"va": COHERENT, "length": 4096}, "ArgumentError: no mapping begins at"),
        ("read", {"va": COHERENT, "length": 8}, "RefusedError: 0x10000000000: not direct memory"),
        ("read", {"va": 3 << 50, "length": 8}, "RefusedError: 0xc000000000000: no memory at this address"),
        ("cas", {"va": DIRECT + 4, "compare": 0, "swap": 1}, "ArgumentError"),
        ("write", {"va": DIRECT, "data": ""}, "ArgumentError"),
    ],
)
def test_refusals_name_the_address(do: str, arguments: dict[str, Any], says: str) -> None:
    with model_rack(1) as rack, pytest.raises(RuntimeError, match=says):
        rack.blades[0].do(do, **arguments)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"refused_domains": [1]}, "page 0x10000000000: the rack refuses access"),
        ({"coherent": [(COHERENT + (1 << 30), 4096, 12)]}, "page 0x10000000000: the rack refuses access"),
        ({"coherent": [], "direct": [(COHERENT, LENGTH)]}, "page 0x10000000000: .* no coherent memory"),
        ({"loss": 1.0}, "page 0x10000000000: the rack does not answer"),
    ],
)
def test_an_access_that_fails_is_sigbus_and_a_message(settings: dict[str, Any], says: str) -> None:
    with model_rack(1, options={"give_up_ms": 300}, **settings) as rack:
        (blade,) = rack.blades
        blade.do("map", va=COHERENT, length=LENGTH)
        with pytest.raises(BladeGone, match=says) as gone:
            blade.do("load", va=COHERENT)
        assert gone.value.args[0] == -signal.SIGBUS


def test_a_silent_rack_is_an_error_of_explicit_calls() -> None:
    with (
        model_rack(1, options={"give_up_ms": 200}, loss=1.0) as rack,
        pytest.raises(RuntimeError, match="RackTimeoutError: 0x10100000000: no answer from the rack for 200 ms"),
    ):
        rack.blades[0].do("read", va=DIRECT, length=8)


def test_memory_that_the_process_discards_is_not_lost() -> None:
    with model_rack(2) as rack:
        one, two = (mapped(blade) for blade in rack.blades)
        one.do("store", va=COHERENT, value=11)
        one.do("discard", va=COHERENT, length=4096)
        assert one.do("load", va=COHERENT) == 11
        one.do("discard", va=COHERENT, length=4096)
        assert two.do("load", va=COHERENT) == 11
        assert counted(one, "local_faults") == [1]


def test_an_idle_pager_sleeps() -> None:
    with model_rack(1) as rack:
        (blade,) = rack.blades
        mapped(blade).do("store", va=COHERENT, value=1)
        before = cpu_seconds(blade.process.pid)
        time.sleep(0.5)
        assert cpu_seconds(blade.process.pid) - before < 0.05


def cpu_seconds(pid: int) -> float:
    with open(f"/proc/{pid}/stat", encoding="ascii") as stat:  # noqa: PTH123
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100
