"""The sliding window of classifier scores."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.types import FrameScore, WindowScore
from pipeline.window import ScoreWindow


def score(logit: float) -> FrameScore:
    return FrameScore(logit, 1 / (1 + math.exp(-logit)))


def filled(logits: list[float], every_s: float = 0.25) -> tuple[ScoreWindow, float]:
    window, time_s = ScoreWindow(), 0.0
    for index, logit in enumerate(logits):
        time_s = index * every_s
        window.add(score(logit), time_s)
        window.score(time_s)
    return window, time_s


def test_there_is_no_score_until_enough_samples_exist():
    window, time_s = filled([1.0] * 7)
    assert window.score(time_s).fake_prob is None
    window.add(score(1.0), 1.75)
    result = window.score(1.75)
    assert result.samples == 8
    assert result.fake_prob == pytest.approx(1 / (1 + math.exp(-1)))


def test_old_samples_leave_by_time_not_by_number():
    window, _ = filled([3.0] * 16)
    for index in range(16, 40):
        window.add(score(-3.0), index * 0.25)
    assert window.score(9.75).logit == pytest.approx(-3.0)
    assert window.score(12.0).samples < 8
    assert window.score(12.0).fake_prob is None


def test_dropped_samples_lower_the_coverage():
    full, end = filled([0.0] * 40)
    assert full.score(end).coverage == pytest.approx(1.0)
    half, end = filled([0.0] * 20, every_s=0.5)
    assert half.score(end).coverage == pytest.approx(0.5)
    assert half.score(end).samples == 8


def test_the_coverage_of_a_young_window_is_of_its_own_age():
    window, end = filled([0.0] * 5)
    assert window.score(end).coverage == pytest.approx(1.0)


def test_one_wild_frame_hardly_moves_the_score():
    window, end = filled([-2.0] * 15 + [20.0])
    assert window.score(end).logit == pytest.approx(-2.0)


@pytest.mark.parametrize("logit", [math.nan, math.inf, -math.inf])
def test_a_score_that_is_no_number_is_left_out(logit):
    window, end = filled([1.0] * 8)
    window.add(FrameScore(logit, 0.5), end)
    assert window.score(end).samples == 8
    assert window.score(end).logit == pytest.approx(1.0)


def test_a_sample_without_weight_or_out_of_order_is_left_out():
    window, end = filled([1.0] * 8)
    window.add(score(-9.0), end, weight=0.0)
    window.add(score(-9.0), end - 1.0)
    assert window.score(end).samples == 8


def test_a_heavy_sample_counts_more():
    even, tilted = ScoreWindow(), ScoreWindow()
    for index in range(12):
        logit = 1.0 if index % 2 else -1.0
        even.add(score(logit), index * 0.25)
        tilted.add(score(logit), index * 0.25, weight=1.0 if logit > 0 else 0.4)
    assert even.score(3.0).logit == pytest.approx(0.0)
    tilted_logit = tilted.score(3.0).logit
    assert tilted_logit is not None
    assert tilted_logit > 0.3


def test_the_band_holds_the_score_and_shrinks_with_agreement():
    calm, end = filled([1.0, 1.1] * 8)
    wild, _ = filled([-3.0, 5.2] * 8)
    results = calm.score(end), wild.score(end)
    widths = []
    for result in results:
        assert result.low_prob is not None
        assert result.high_prob is not None
        assert result.fake_prob is not None
        assert result.low_prob <= result.fake_prob <= result.high_prob
        widths.append(result.high_prob - result.low_prob)
    assert widths[0] < widths[1]


def test_correlated_neighbours_are_not_counted_as_independent_votes():
    fast, fast_end = filled([0.0, 1.0] * 60, every_s=1 / 30)
    slow, slow_end = filled([0.0, 1.0] * 8)
    results = fast.score(fast_end), slow.score(slow_end)
    widths = [(r.high_prob or 0) - (r.low_prob or 0) for r in results]
    assert widths[0] > widths[1] * 0.7  # 120 samples in the same 4 s are worth hardly more than 16


def test_suspicious_looks_are_counted():
    window, end = filled([1.0] * 10 + [-1.0] * 6)
    assert window.score(end).suspicious == 10


samples = st.lists(
    st.tuples(st.floats(-30, 30), st.floats(0.01, 1.0), st.floats(0.01, 1.0)), max_size=80
)


def play(entries: list[tuple[float, float, float]]) -> WindowScore:
    window, time_s = ScoreWindow(), 0.0
    for logit, dt, weight in entries:
        time_s += dt
        window.add(score(logit), time_s, weight)
    return window.score(time_s)


@given(samples)
def test_the_score_lies_between_its_samples_and_the_facts_are_possible(entries):
    result = play(entries)
    assert 0 <= result.coverage <= 1
    assert 0 <= result.suspicious <= result.samples <= len(entries)
    assert result.end_s - result.start_s <= 4.0 + 1e-9
    if result.logit is None:
        assert result.samples < 8
        assert result.fake_prob is None
        return
    recent = [logit for logit, _, _ in entries[-result.samples :]]
    assert min(recent) - 1e-9 <= result.logit <= max(recent) + 1e-9


@given(samples, st.floats(0, 5))
def test_a_higher_sample_never_lowers_the_score(entries, rise):
    if not entries:
        return
    raised = [*entries[:-1], (entries[-1][0] + rise, *entries[-1][1:])]
    before, after = play(entries).logit, play(raised).logit
    if before is not None and after is not None:
        assert after >= before - 1e-9
