import itertools
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.media_time import MediaTime, Picker, TimeLimits

TICKS = Fraction(1, 90_000)


def times(pts: list[int | None], fps: float = 30) -> list[float]:
    clock = MediaTime(fps)
    return [clock.at(one, TICKS) for one in pts]


def steps(values: list[float]) -> list[float]:
    return [b - a for a, b in itertools.pairwise(values)]


def test_time_starts_at_zero_and_follows_the_timestamps() -> None:
    assert times([900_000, 903_000, 909_000]) == pytest.approx([0, 1 / 30, 0.1])


@pytest.mark.fault("F15")
@given(st.lists(st.none() | st.integers(-(2**40), 2**40), min_size=2, max_size=60))
def test_time_always_grows_whatever_the_timestamps(pts: list[int | None]) -> None:
    assert all(step > 0 for step in steps(times(pts)))


@given(st.lists(st.none() | st.integers(-(2**33), 2**33), min_size=2, max_size=60))
def test_no_single_step_exceeds_what_counts_as_a_gap(pts: list[int | None]) -> None:
    assert max(steps(times(pts))) <= TimeLimits().ahead_s


@pytest.mark.parametrize("jump", [-(2**33), -900_000, 90_000 * 3600, 2**32])
def test_after_a_jump_the_line_goes_on_with_one_usual_step(jump: int) -> None:
    pts = [3000 * i for i in range(50)] + [3000 * i + jump for i in range(50, 100)]
    assert steps(times(list(pts))) == pytest.approx([1 / 30] * 99)


def test_a_true_gap_of_three_seconds_is_kept() -> None:
    assert times([0, 3000, 3000 + 270_000])[-1] == pytest.approx(1 / 30 + 3)


def test_missing_timestamps_advance_by_the_usual_step() -> None:
    assert times([0, 3000, None, None, 12_000]) == pytest.approx([0, 1 / 30, 2 / 30, 0.1, 4 / 30])


def test_a_stream_without_any_timestamp_advances_at_its_nominal_rate() -> None:
    assert times([None] * 26, fps=25)[-1] == pytest.approx(1.0)


def test_pairs_of_equal_timestamps_do_not_stretch_time() -> None:
    pts: list[int | None] = [3000 * (i // 2 * 2) for i in range(300)]
    assert times(pts)[-1] == pytest.approx(298 / 30, rel=0.02)


def test_a_clock_that_stands_still_is_replaced_by_the_usual_step() -> None:
    assert times([3000, 6000] + [6000] * 300)[-1] == pytest.approx(10, rel=0.06)


def test_a_frame_slightly_out_of_order_does_not_move_the_line_back() -> None:
    values = times([0, 3000, 9000, 6000, 12_000])
    assert values == sorted(values)
    assert values[-1] == pytest.approx(4 / 30)


def test_a_missing_frame_shows_as_a_gap_of_two_steps() -> None:
    clock = MediaTime(30)
    for pts in (0, 3000, 6000, 12_000):
        clock.at(pts, TICKS)
    assert clock.last_gap_steps == pytest.approx(2)


@pytest.mark.parametrize(("fps_in", "fps_out"), [(30, 15), (25, 15), (60, 15), (29.97, 10)])
def test_as_many_frames_are_picked_as_are_wanted(fps_in: float, fps_out: float) -> None:
    picker = Picker(fps_out)
    picked = sum(picker(index / fps_in) for index in range(round(fps_in * 20)))
    assert picked == pytest.approx(20 * fps_out, rel=0.02)


def test_slow_streams_are_picked_whole_also_after_a_gap() -> None:
    picker = Picker(15)
    assert all(picker(time_s) for time_s in (0.0, 0.1, 0.2, 9.0, 9.1, 9.2))


def test_without_a_rate_every_frame_is_picked() -> None:
    picker = Picker(None)
    assert all(picker(index / 1000) for index in range(100))
