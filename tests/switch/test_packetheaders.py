from __future__ import annotations

import pytest
from finsy.proto import p4r
from hypothesis import given
from hypothesis import strategies as st

from rackplane.compiler.manifest import PacketHeader
from rackplane.switch.errors import BundleError
from rackplane.switch.packetheaders import ControllerHeader


@given(st.lists(st.tuples(st.integers(1, 40), st.booleans()), max_size=6), st.data())
def test_round_trip(shape: list[tuple[int, bool]], data: st.DataObject) -> None:
    pad = -sum(width for width, _ in shape) % 8
    fields = [(n + 1 if named else 0, f"f{n}", width) for n, (width, named) in enumerate(shape)]
    header = ControllerHeader(PacketHeader("packet_out", (*fields, *([(0, "pad", pad)] if pad else []))))
    values = {n: data.draw(st.integers(0, (1 << width) - 1)) for n, _, width in fields if n}
    metadata = [p4r.PacketMetadata(metadata_id=n, value=v.to_bytes(8, "big")) for n, v in values.items()]
    payload = data.draw(st.binary(max_size=20))
    frame = header.join(metadata, payload)
    assert len(frame) == header.size + len(payload)
    back, rest = header.split(frame)
    assert rest == payload
    assert {m.metadata_id: int.from_bytes(m.value, "big") for m in back} == values


def test_no_header_is_no_bytes() -> None:
    assert ControllerHeader(None).join([], b"abc") == b"abc"
    assert ControllerHeader(None).split(b"abc") == ([], b"abc")


def test_a_short_frame_has_no_metadata() -> None:
    header = ControllerHeader(PacketHeader("packet_in", ((1, "port", 16),)))
    assert header.split(b"x") == ([], b"x")


def test_a_header_is_whole_bytes() -> None:
    with pytest.raises(BundleError, match="packet_in header has 9 bits"):
        ControllerHeader(PacketHeader("packet_in", ((1, "port", 9),)))
