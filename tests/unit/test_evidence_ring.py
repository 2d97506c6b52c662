"""The ring of encoded packets: whole groups, in bounds, and what is left can be decoded."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream_server.evidence.ring import EncodedPacket, PacketRing

KEEP_S = 10.0
arrivals = st.lists(
    st.tuples(st.floats(0, 3), st.integers(0, 400), st.booleans()), min_size=1, max_size=120
)
"""(seconds since the packet before, bytes, is it a keyframe)"""


def packets(facts: list[tuple[float, int, bool]]) -> list[EncodedPacket]:
    made, now_s = [], 0.0
    for index, (wait_s, size, is_keyframe) in enumerate(facts):
        now_s += wait_s
        made.append(EncodedPacket(b"x" * size, index, index, is_keyframe, now_s))
    return made


@settings(max_examples=40)
@given(arrivals, st.integers(0, 2000))
def test_it_never_holds_more_bytes_than_it_may(facts, max_bytes):
    ring = PacketRing(KEEP_S, max_bytes)
    for packet in packets(facts):
        ring.add(packet)
        held = ring.cut(float("-inf"), float("inf"))
        assert sum(len(one.data) for one in held) == ring.size_bytes <= max_bytes


@settings(max_examples=40)
@given(arrivals, st.integers(0, 2000), st.floats(0, 100), st.floats(0, 100))
def test_whatever_is_cut_begins_with_a_keyframe_and_lacks_nothing_inside(
    facts, max_bytes, since_s, length_s
):
    ring = PacketRing(KEEP_S, max_bytes)
    for packet in packets(facts):
        ring.add(packet)
    cut = ring.cut(since_s, since_s + length_s)
    assert not cut or cut[0].is_keyframe
    assert [packet.pts for packet in cut] == list(
        range(cut[0].pts if cut else 0, cut[0].pts + len(cut) if cut else 0)
    )
    assert all(packet.received_s <= since_s + length_s for packet in cut)


@settings(max_examples=40)
@given(arrivals)
def test_with_room_enough_the_last_seconds_are_whole(facts):
    ring, fed = PacketRing(KEEP_S, 10**9), packets(facts)
    for packet in fed:
        ring.add(packet)
    first = next((i for i, packet in enumerate(fed) if packet.is_keyframe), len(fed))
    wanted = [p.pts for p in fed[first:] if p.received_s >= fed[-1].received_s - KEEP_S]
    held = [packet.pts for packet in ring.cut(float("-inf"), float("inf"))]
    assert held[len(held) - len(wanted) :] == wanted


@pytest.mark.parametrize(("since_s", "first"), [(0.0, 0), (4.9, 3), (6.0, 6), (99.0, 6)])
def test_a_cut_goes_back_to_the_keyframe_before_its_beginning(since_s, first):
    ring = PacketRing(KEEP_S, 10**9)
    for packet in packets([(1.0 if i else 0.0, 5, i % 3 == 0) for i in range(9)]):
        ring.add(packet)
    assert ring.cut(since_s, 100.0)[0].pts == first
