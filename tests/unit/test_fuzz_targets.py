"""Parsers of strangers' bytes refuse in their own way only, whatever comes."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz_targets import SEEDS, TARGETS

LONGEST = 400


@st.composite
def spoilt(draw: st.DrawFn, name: str) -> bytes:
    """A seed with a few of its bytes taken out, doubled or replaced; or just bytes."""
    if draw(st.integers(0, 4)) == 0:
        return draw(st.binary(max_size=LONGEST))
    data = bytearray(draw(st.sampled_from(SEEDS[name])))
    for _ in range(draw(st.integers(0, 6))):
        at = draw(st.integers(0, max(0, len(data) - 1)))
        length = draw(st.integers(0, 12))
        data[at : at + length] = draw(
            st.one_of(
                st.binary(max_size=12),
                st.just(bytes(data[at : at + length]) * 2),
                st.sampled_from(
                    [b"@", b"%", b"://", b"\r\n", b'"', b"[", b"1e999", b"\xff", b"-1"]
                ),
            )
        )
    return bytes(data)


@pytest.mark.parametrize("name", TARGETS)
def test_a_parser_refuses_in_its_own_way_only(name: str) -> None:
    @settings(max_examples=50)
    @given(spoilt(name))
    def feed(data: bytes) -> None:
        TARGETS[name](data)

    for seed in SEEDS[name]:
        TARGETS[name](seed)
    feed()
