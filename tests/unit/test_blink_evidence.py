"""What blink counts say: published intervals, the design's table, and its caps."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.blink_evidence import llr, poisson_interval, rate_llr


@pytest.mark.parametrize(
    ("count_", "low", "high"),
    [(0, 0.0, 3.689), (1, 0.0253, 5.572), (10, 4.795, 18.39), (100, 81.36, 121.63)],
)
def test_poisson_intervals_are_the_published_exact_ones(count_, low, high):
    assert poisson_interval(count_) == pytest.approx((low, high), rel=1e-3)


@pytest.mark.parametrize(
    ("seconds", "blinks", "expected"),
    [
        (30, 0, 1.2),
        (30, 8, -0.31),
        (60, 1, 1.07),
        (60, 4, -0.11),
        (60, 16, -0.32),
        (60, 50, 0.53),
        (120, 2, 1.48),
        (120, 100, 0.6),
    ],
)
def test_the_evidence_of_counts_is_that_of_the_design(seconds, blinks, expected):
    assert rate_llr(blinks, seconds) == pytest.approx(expected, abs=0.015)


@given(st.integers(0, 300), st.integers(1, 600))
def test_no_number_of_blinks_exonerates(blinks, seconds):
    assert rate_llr(blinks, seconds) >= math.log(0.7) - 1e-9


def test_odd_durations_and_clockwork_intervals_add_to_the_evidence():
    plain = llr(15, 60.0, [0.2] * 15, 0.5, 30.0)
    assert llr(15, 60.0, [0.7] * 15, 0.5, 30.0) == pytest.approx(plain + 0.4)
    assert llr(15, 60.0, [0.7] * 15, 0.5, 12.0) == pytest.approx(plain)
    assert llr(15, 60.0, [0.2] * 15, 0.05, 30.0) == pytest.approx(plain + 0.6)
    assert llr(0, 60.0, [], None, 30.0) == pytest.approx(1.5)
