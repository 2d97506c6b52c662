"""What WebRTC needs and needs no network for: session descriptions, media time, the offer rate."""

import pytest

from stream_server.webrtc.limits import OfferRate
from stream_server.webrtc.media_clock import MediaClock
from stream_server.webrtc.session_description import MAX_CANDIDATES, clean_offer, with_start_bitrate

VP8 = "m=video 9 UDP/TLS/RTP/SAVPF 96 97\r\na=rtpmap:96 VP8/90000\r\na=rtpmap:97 rtx/90000\r\n"
H264 = (
    "m=video 9 UDP/TLS/RTP/SAVPF 99\r\na=rtpmap:99 H264/90000\r\na=fmtp:99 packetization-mode=1\r\n"
)


def candidate(host, protocol="udp"):
    return f"a=candidate:1 1 {protocol} 2130706431 {host} 5000 typ host\r\n"


@pytest.mark.parametrize(
    "line",
    [
        candidate("8d4c1c0e-1f0f-4a4b-9a0e-0f6f5a1f8d11.local"),
        candidate("192.0.2.7", "tcp"),
        "a=end-of-candidates\r\n",
    ],
    ids=["mDNS", "TCP", "the end of candidates"],
)
def test_an_offer_loses_what_must_not_be_acted_upon(line):
    assert clean_offer(VP8 + line + "a=mid:0\r\n") == VP8 + "a=mid:0\r\n"


def test_an_offer_keeps_its_ordinary_addresses_up_to_a_bound():
    many = "".join(candidate(f"192.0.2.{i}") for i in range(200))
    assert clean_offer(many).count("a=candidate") == MAX_CANDIDATES


def test_every_video_codec_of_an_answer_gets_a_start_bitrate():
    answer = with_start_bitrate(VP8 + H264, 1500)
    assert "a=fmtp:99 packetization-mode=1;x-google-start-bitrate=1500\r\n" in answer
    assert "a=rtpmap:96 VP8/90000\r\na=fmtp:96 x-google-start-bitrate=1500\r\n" in answer
    assert "97 x-google" not in answer, "retransmissions have no rate of their own"


def test_within_one_media_track_the_senders_timestamps_rule():
    clock = MediaClock()
    # arrival   10.0    10.2 (late)  10.21
    # pts        3.0     3.1          3.2
    times = [clock.time_s(pts, now) for pts, now in ((3.0, 10.0), (3.1, 10.2), (3.2, 10.21))]
    assert times == pytest.approx([0.0, 0.1, 0.2])


def test_a_new_media_track_begins_where_the_clock_stands():
    clock = MediaClock()
    clock.time_s(3.0, 10.0)
    clock.time_s(4.0, 11.0)
    clock.start_leg()
    assert clock.time_s(900.0, 14.5) == pytest.approx(4.5)
    assert clock.time_s(900.5, 15.0) == pytest.approx(5.0)


@pytest.mark.parametrize("leap_s", [-3600.0, -0.5, 7.0, 1e6])
def test_a_leap_of_the_timestamps_never_turns_time_back(leap_s):
    clock = MediaClock()
    before = clock.time_s(100.0, 10.0)
    times = [clock.time_s(100.0 + leap_s + i / 30, 10.1 + i / 30) for i in range(30)]
    assert all(a <= b for a, b in zip([before, *times], times, strict=False))
    assert times[-1] - before == pytest.approx(0.1 + 29 / 30, abs=0.6)


def test_a_picture_without_a_timestamp_is_dated_by_its_arrival():
    clock = MediaClock()
    assert clock.time_s(None, 10.0) == 0
    assert clock.time_s(None, 10.5) == pytest.approx(0.5)


def test_a_burst_of_offers_passes_and_a_flood_does_not():
    rate = OfferRate(burst=3, per_s=1)
    assert [rate.take("a", 0.0) for _ in range(5)] == [True, True, True, False, False]
    assert rate.take("b", 0.0), "another address has its own allowance"
    assert rate.take("a", 1.0)
    assert not rate.take("a", 1.5)


def test_a_crowd_of_addresses_costs_bounded_memory():
    rate = OfferRate()
    for i in range(5000):
        rate.take(f"address {i}", 0.0)
    assert len(rate._buckets) <= 1024
