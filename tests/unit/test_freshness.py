import pytest

from stream_server.freshness import Backlog, Pace

FRAME_S = 1 / 30


def test_the_frames_that_waited_before_the_first_read_are_left_out() -> None:
    backlog = Backlog()
    fresh = []
    for index in range(24):  # the backlog of a connection: no read has to wait
        backlog.read(0.0001)
        fresh.append(backlog.is_fresh(index * FRAME_S, index * 0.001))
    assert fresh == [True] + [False] * 23
    backlog.read(0.03)
    assert backlog.is_fresh(24 * FRAME_S, 0.06)


def test_live_frames_are_all_fresh() -> None:
    backlog = Backlog()
    for index in range(300):
        backlog.read(0.03)
        assert backlog.is_fresh(index * FRAME_S, index * FRAME_S)


def test_small_bursts_of_a_camera_are_fresh() -> None:
    backlog = Backlog()
    for index in range(300):
        backlog.read(0.13 if index % 4 == 0 else 0.0)
        assert backlog.is_fresh(index * FRAME_S, index * FRAME_S)


def test_after_a_long_pause_a_burst_is_backlog_except_its_first_frame() -> None:
    backlog = Backlog()
    for index in range(10):
        backlog.read(0.03)
        backlog.is_fresh(index * FRAME_S, index * FRAME_S)
    backlog.read(60.0)
    assert backlog.is_fresh(10 * FRAME_S, 60.0)
    for index in range(11, 200):
        backlog.read(0.0001)
        assert not backlog.is_fresh(index * FRAME_S, 60.0 + index * 0.001)
    backlog.read(0.02)
    assert backlog.is_fresh(200 * FRAME_S, 60.3)


def test_frames_far_apart_are_each_fresh() -> None:
    backlog = Backlog()
    for index in range(5):
        backlog.read(30.0)
        assert backlog.is_fresh(30.0 * index, 30.0 * index)


def test_a_reader_that_never_catches_up_still_sees_two_frames_a_second() -> None:
    backlog = Backlog()
    fresh = 0
    for index in range(300):
        backlog.read(0.0)
        fresh += backlog.is_fresh(index * FRAME_S, index * 0.05)
    assert 25 <= fresh <= 31  # 15 seconds


def test_a_file_is_given_the_pace_of_real_time() -> None:
    pace = Pace()
    assert pace.delay_s(5.0, 100.0) == 0
    assert pace.delay_s(5.5, 100.1) == pytest.approx(0.4)


def test_a_late_file_does_not_hurry_to_catch_up() -> None:
    pace = Pace()
    pace.delay_s(0.0, 100.0)
    assert pace.delay_s(0.1, 160.0) == 0
    assert pace.delay_s(0.2, 160.0) == pytest.approx(0.1)
