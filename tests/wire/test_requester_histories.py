"""The requester and a memory over a network that loses, doubles and overtakes packets."""

from __future__ import annotations

from random import Random

import memory_model as model
from hypothesis import given, settings
from hypothesis import strategies as st

from rackplane.wire import errors
from rackplane.wire.packet import Request
from rackplane.wire.requester import Requester, compare_swap, fetch_add, read, write

SIZE = 8192
WORDS = st.integers(0, 3).map(lambda n: 1016 + 8 * n)
VALUES = st.integers(0, 3)
OPERATIONS = st.one_of(
    st.builds(read, st.integers(0, 4000), st.integers(0, 3000)),
    st.builds(write, st.integers(0, 4000), st.binary(max_size=40)),
    st.builds(lambda va, n, fill: write(va, bytes([fill]) * n), st.just(100), st.integers(0, 4096), st.just(7)),
    st.builds(compare_swap, WORDS, VALUES, VALUES),
    st.builds(fetch_add, WORDS, VALUES),
)
WEATHER = st.builds(
    model.Weather,
    lost=st.sampled_from([0, 0.01, 0.3]),
    doubled=st.sampled_from([0, 0.3]),
    slowest=st.sampled_from([0.0, 0.001, 0.02]),
)


def expected(memory: bytearray, segments: list[Request]) -> tuple[bytes, int]:
    """What an operation gives and does where nothing goes wrong."""
    blade = model.Memory(len(memory), Random(0))
    blade.bytes = memory
    data, original = b"", 0
    for number, segment in enumerate(segments):
        answer = blade.serve(0, number, segment)
        assert answer is not None
        data, original = data + answer.data, answer.original
    return data, original


@settings(max_examples=150, deadline=None)
@given(
    operations=st.lists(OPERATIONS, max_size=12),
    weather=WEATHER,
    busy=st.sampled_from([0, 0.2]),
    first_psn=st.sampled_from([0, 0xFFFFF0]),
    seed=st.integers(0, 1 << 32),
)
def test_operations_in_order_do_what_they_would_on_a_good_network(
    operations: list[list[Request]], weather: model.Weather, busy: float, first_psn: int, seed: int
) -> None:
    random = Random(seed)
    memory = model.Memory(SIZE, random, busy)
    network = model.Network(memory, {1: Requester(first_psn, random=random)}, weather, random)
    plain = bytearray(SIZE)
    for segments in operations:
        network.requesters[1].submit(segments)
        (completion,) = network.run()[1]
        assert completion.error is None
        assert (completion.data, completion.original) == expected(plain, segments)
    assert memory.bytes == plain


@settings(max_examples=60, deadline=None)
@given(weather=WEATHER, counts=st.lists(st.integers(1, 300), min_size=1, max_size=3), seed=st.integers(0, 1 << 32))
def test_every_addition_happens_once(weather: model.Weather, counts: list[int], seed: int) -> None:
    random = Random(seed)
    requesters = {number: Requester(random.getrandbits(24), random=random) for number in range(1, len(counts) + 1)}
    memory = model.Memory(SIZE, random)
    network = model.Network(memory, requesters, weather, random)
    for number, count in enumerate(counts, start=1):
        for _ in range(count):
            requesters[number].submit(fetch_add(8, 1))
    completions = [completion for each in network.run().values() for completion in each]
    assert sorted(completion.original for completion in completions) == list(range(sum(counts)))
    assert memory.executed == sum(counts)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 1 << 32))
def test_an_address_that_is_not_there_fails_and_the_rest_goes_on(seed: int) -> None:
    random = Random(seed)
    weather = model.Weather(lost=0.2, doubled=0.2)
    network = model.Network(model.Memory(SIZE, random), {1: Requester(0, random=random)}, weather, random)
    bad = network.requesters[1].submit(read(SIZE - 1024, 2048))
    network.requesters[1].submit(write(0, b"still here"))
    good = network.requesters[1].submit(fetch_add(64, 1))
    ended = {completion.ticket: completion for completion in network.run()[1]}
    assert isinstance(ended[bad].error, errors.RemoteAccessError)
    assert ended[good].error is None
    assert network.memory.bytes[:10] == b"still here"


def test_a_dead_network_is_no_answer() -> None:
    random = Random(1)
    weather = model.Weather(lost=1.0)
    network = model.Network(model.Memory(SIZE, random), {1: Requester(0, random=random)}, weather, random)
    network.requesters[1].submit(fetch_add(0, 1))
    (completion,) = network.run()[1]
    assert isinstance(completion.error, errors.NoAnswerError)
    assert 5 <= network.now < 5.1
