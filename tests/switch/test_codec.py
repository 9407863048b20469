import pytest
from hypothesis import given
from hypothesis import strategies as st

from rackplane.switch import codec
from rackplane.switch.errors import Code, RequestError
from rackplane.switch.ranges import prefixes

# The specification's tables of valid and invalid encodings (section "Bytestrings").
VALID = [
    (8, False, "63", 99, True),
    (16, False, "0063", 99, False),
    (16, False, "63", 99, True),
    (16, False, "3064", 12388, True),
    (16, False, "003064", 12388, False),
    (12, False, "0063", 99, False),
    (12, False, "63", 99, True),
    (12, False, "000063", 99, False),
    (8, True, "63", 99, True),
    (8, True, "9d", -99, True),
    (8, True, "ff9d", -99, False),
    (12, True, "fd1d", -739, True),
    (16, True, "0000", 0, False),
    (16, True, "00", 0, True),
]
INVALID = [
    (8, False, "0163"),
    (8, False, ""),
    (16, False, "010063"),
    (12, False, "1063"),
    (12, False, "010063"),
    (12, False, "004063"),
    (8, True, "009d"),
    (12, True, "8d1d"),
    (16, True, ""),
]


@pytest.mark.parametrize(("width", "signed", "text", "value", "canonical"), VALID)
def test_valid_encodings(width: int, signed: bool, text: str, value: int, canonical: bool) -> None:
    decode, encode = (codec.decode_signed, codec.encode_signed) if signed else (codec.decode, codec.encode)
    data = bytes.fromhex(text)
    assert decode(data, width, "x") == value
    assert (encode(value) == data) is canonical


@pytest.mark.parametrize(("width", "signed", "text"), INVALID)
def test_invalid_encodings(width: int, signed: bool, text: str) -> None:
    decode = codec.decode_signed if signed else codec.decode
    with pytest.raises(RequestError, match="port") as error:
        decode(bytes.fromhex(text), width, "port")
    assert error.value.code is Code.OUT_OF_RANGE


@given(st.integers(1, 300), st.data())
def test_unsigned_round_trip(width: int, data: st.DataObject) -> None:
    value = data.draw(st.integers(0, (1 << width) - 1))
    encoded = codec.encode(value)
    assert codec.is_canonical(encoded)
    assert codec.decode(encoded, width, "x") == value
    assert codec.decode(bytes(data.draw(st.integers(0, 5))) + encoded, width, "x") == value


@given(st.integers(1, 300), st.data())
def test_signed_round_trip(width: int, data: st.DataObject) -> None:
    value = data.draw(st.integers(-(1 << (width - 1)), (1 << (width - 1)) - 1))
    encoded = codec.encode_signed(value)
    assert codec.decode_signed(encoded, width, "x") == value
    shorter = encoded[1:]
    assert not shorter or int.from_bytes(shorter, "big", signed=True) != value


@given(st.integers(1, 10), st.data())
def test_prefixes_match_exactly_the_range(width: int, data: st.DataObject) -> None:
    low = data.draw(st.integers(0, (1 << width) - 1))
    high = data.draw(st.integers(low, (1 << width) - 1))
    pairs = prefixes(low, high, width)
    assert len(pairs) <= max(1, 2 * width - 2)
    for value in range(1 << width):
        hits = sum(value & mask == wanted for wanted, mask in pairs)
        assert hits == (low <= value <= high)


@pytest.mark.parametrize(
    ("low", "high", "width", "expected"),
    [
        (0, 65535, 16, [(0, 0)]),
        (80, 80, 16, [(80, 0xFFFF)]),
        (
            1024,
            65535,
            16,
            [(1024, 0xFC00), (2048, 0xF800), (4096, 0xF000), (8192, 0xE000), (16384, 0xC000), (32768, 0x8000)],
        ),
    ],
)
def test_prefixes(low: int, high: int, width: int, expected: list[tuple[int, int]]) -> None:
    assert prefixes(low, high, width) == expected
