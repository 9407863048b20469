"""Random histories: the switch and the model of the protocol must never part."""

from __future__ import annotations

import mind_model as model
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mind_bench import Bench
from mind_verbs import Action, verb

PAGES = 4


KINDS = (
    "GET_SHARED",
    "GET_MODIFIED",
    "UPGRADE",
    "INVALIDATE_ACK",
    "PUSH",
    "PUSH_EMPTY",
    "WRITE",
    "EVICT",
    "READ",
    "RECALL",
    "UNLOCK",
)
LIKELY = (
    "GET_SHARED",
    "GET_MODIFIED",
    "UPGRADE",
    "INVALIDATE_ACK",
    "INVALIDATE_ACK",
    "INVALIDATE_ACK",
    "PUSH",
    "EVICT",
)

actions = st.builds(
    Action,
    blade=st.integers(0, 3),
    kind=st.sampled_from((*LIKELY, *LIKELY, *KINDS)),
    page=st.integers(0, PAGES - 1),
    segment=st.sampled_from((0, 0, 0, 1, 3)),
    late=st.sampled_from((False, False, False, True)),
    kept=st.booleans(),
    peer_psn=st.sampled_from((0, 500, 0xFFFFFE)),
)


def apply(bench: Bench, entry: model.Directory, action: Action, psn: int) -> tuple[model.Step, list[model.Output]]:
    """Do it in the model and on the switch."""
    if action.kind == "RECALL":
        return model.recall(bench.region, entry), bench.recall()
    if action.kind == "UNLOCK":
        after = model.Directory("I", version=entry.version) if entry.state == "L" else entry
        bench.set_entry(after)
        return model.Step(after), []
    packet = verb(bench.region, entry, action, psn)
    outputs = bench.send(bench.region.port_of[action.blade], packet)
    return model.step(bench.region, entry, action.blade, packet), outputs


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(history=st.lists(actions, min_size=1, max_size=40), version=st.sampled_from((0, 0xFFFE)))
def test_random_histories(bench: Bench, history: list[Action], version: int) -> None:
    entry = model.Directory("I", version=version)
    bench.set_entry(entry)
    for psn, action in enumerate(history):
        expected, outputs = apply(bench, entry, action, psn)
        assert outputs == sorted(expected.outputs, key=lambda output: output.port), f"{action} in {entry}"
        assert bench.entry() == expected.entry, f"{action} in {entry}"
        entry = expected.entry
