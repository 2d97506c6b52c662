import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import SourceLost, SourceRefused
from stream_server.streams.backoff import Backoff, BackoffSettings

REFUSED = SourceLost("refused", "x")
AUTH = SourceLost("auth_failed", "x")


def gaps(chance: float, count: int, error: SourceLost = REFUSED) -> list[float]:
    backoff = Backoff(chance=lambda: chance)
    delays = [backoff.delay_s(error, 0.0) for _ in range(count)]
    return [delay for delay in delays if delay is not None]


def test_the_gaps_double_from_one_second_up_to_sixty() -> None:
    assert gaps(1.0, 8) == [2, 4, 8, 16, 32, 60, 60, 60]
    assert gaps(0.0, 8) == [1] * 8


@given(st.floats(0, 1, exclude_max=True), st.integers(1, 200))
def test_every_gap_lies_between_one_second_and_sixty(chance: float, count: int) -> None:
    assert all(1 <= gap <= 60 for gap in gaps(chance, count))


@pytest.mark.fault("F01")
def test_streams_that_failed_together_do_not_return_together() -> None:
    backoffs = [Backoff() for _ in range(20)]
    assert len({backoff.delay_s(REFUSED, 0.0) for backoff in backoffs}) == 20


@pytest.mark.fault("F05")
def test_a_wrong_password_waits_a_minute_and_at_most_a_quarter_of_an_hour() -> None:
    assert gaps(0.0, 6, AUTH) == [60, 120, 240, 480, 900, 900]
    assert all(60 <= gap <= 900 for gap in gaps(0.99, 6, AUTH))


def test_a_frame_starts_the_schedule_anew() -> None:
    backoff = Backoff(chance=lambda: 1.0)
    for _ in range(6):
        backoff.delay_s(REFUSED, 0.0)
    backoff.worked(100.0)
    assert backoff.delay_s(REFUSED, 1000.0) == 2


def test_a_camera_that_worked_lately_is_tried_every_three_seconds_at_most() -> None:
    backoff = Backoff(chance=lambda: 1.0)
    backoff.worked(0.0)
    delays = [backoff.delay_s(REFUSED, now) for now in range(0, 180, 3)]
    assert max(delay for delay in delays if delay is not None) == 3
    assert backoff.delay_s(REFUSED, 181.0) == 60


def test_what_only_new_settings_can_mend_is_never_tried_again() -> None:
    backoff = Backoff()
    assert backoff.delay_s(SourceRefused("codec_unsupported", "x"), 0.0) is None
    assert backoff.delay_s(SourceRefused("protocol_unsupported", "x"), 0.0) is None


def test_what_may_be_mended_at_the_camera_is_tried_every_quarter_of_an_hour() -> None:
    backoff = Backoff()
    assert backoff.delay_s(SourceRefused("no_video", "x"), 0.0) == 900
    assert backoff.delay_s(SourceRefused("too_large", "x"), 0.0) == 900


def test_short_limits_of_the_settings_are_kept() -> None:
    backoff = Backoff(BackoffSettings(shortest_s=0.1, longest_s=0.3), chance=lambda: 0.999)
    delays = [backoff.delay_s(REFUSED, 0.0) for _ in range(5)]
    assert all(delay is not None and 0.1 <= delay <= 0.3 for delay in delays)
