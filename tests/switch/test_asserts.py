"""Packets for which assert() or assume() fails are dropped and counted, wherever it stands; others go on."""

from __future__ import annotations

import pytest
from program_lab import Lab

pytestmark = pytest.mark.root

REASON = "an assert() or assume() of the program does not hold"
PLACES = {1: "parser", 2: "ingress, a group is set", 3: "a table's action", 4: "a locked span", 5: "egress"}


def test_failed_assertions_drop_and_count() -> None:
    with Lab("asserts") as lab:
        counted = 0
        for n, where in enumerate([0, *PLACES, 0, 4, 0]):
            out = lab.run(bytes(12) + where.to_bytes(2, "big") + bytes(46))
            assert (out is None) == (where != 0), PLACES.get(where)
            counted += where != 0
            assert lab.pipeline.drop_counts()[REASON] == counted
            # Egress failed after the register was written.
            if out is not None:
                assert int.from_bytes(out[6:12], "big") == {0: 0, 6: 2, 8: 3}[n]
