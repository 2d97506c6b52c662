"""Loops, frozen pictures and eyes that blink apart, from drawn signals."""

import numpy as np
import pytest

from pipeline.loop import find_loop, lid_lag_s, still_for_s


def wander(rng: np.random.Generator, seconds: float, fps: float = 30.0) -> tuple:
    """Times and four channels of a head that moves as heads do, with trembling landmarks."""
    times = np.arange(0, seconds, 1 / fps)
    steps = rng.normal(size=(len(times), 4))
    kernel = np.hanning(round(0.8 * fps))
    motion = np.stack(
        [np.convolve(c, kernel / np.sqrt((kernel**2).sum()), "same") for c in steps.T]
    )
    return times, 0.2 * motion.T


def looped(period_s: float, noise: float, fps: float = 30.0) -> tuple:
    rng = np.random.default_rng(3)
    times, motion = wander(rng, 30.0, fps)
    motion = motion[np.arange(len(times)) % round(period_s * fps)]
    return times, motion + noise * rng.normal(size=motion.shape)


@pytest.mark.parametrize("period_s", [3.5, 6.0, 11.0])
def test_a_loop_is_found_with_its_period(period_s):
    found = find_loop(*looped(period_s, noise=0.005))
    assert found is not None
    beyond = (found.period_s + period_s / 2) % period_s - period_s / 2
    assert beyond == pytest.approx(0, abs=0.1)  # a multiple of the period is as true
    assert found.similarity > 0.98


def test_a_loop_is_found_at_another_and_uneven_frame_rate():
    times, motion = looped(6.0, noise=0.005, fps=12.0)
    jitter = np.random.default_rng(1).uniform(-0.02, 0.02, size=len(times))
    assert find_loop(np.sort(times + jitter), motion) is not None


@pytest.mark.parametrize("seed", range(20))
def test_a_living_head_is_no_loop(seed):
    assert find_loop(*wander(np.random.default_rng(seed), 60.0)) is None


def test_a_still_head_is_no_loop():
    rng = np.random.default_rng(2)
    times = np.arange(0, 60, 1 / 30)
    assert find_loop(times, 0.005 * rng.normal(size=(len(times), 4))) is None


def test_a_nod_that_is_repeated_by_hand_is_no_loop():
    rng = np.random.default_rng(4)
    times, motion = wander(rng, 40.0)
    nods = np.zeros(len(times))
    for start in (5.0, 12.3, 20.1, 33.0, 37.8):
        width = rng.uniform(0.5, 0.9)
        nods += np.exp(-(((times - start) / width) ** 2)) * rng.uniform(0.8, 1.2)
    motion[:, 1] += nods
    assert find_loop(times, motion) is None


def test_too_short_or_torn_signals_say_nothing():
    times, motion = looped(3.5, noise=0.0)
    assert find_loop(times[:100], motion[:100]) is None
    torn = times + np.where(times > 27, 5.0, 0.0)
    assert find_loop(torn, motion) is None
    assert find_loop(np.zeros(0), np.zeros((0, 4))) is None


def test_a_frozen_picture_is_timed_and_a_trembling_one_is_not_frozen():
    rng = np.random.default_rng(5)
    times, motion = wander(rng, 20.0)
    assert still_for_s(times, motion + 0.003 * rng.normal(size=motion.shape)) < 0.3
    motion[times >= 12] = motion[times >= 12][0]
    assert still_for_s(times, motion) == pytest.approx(8.0, abs=0.1)
    assert still_for_s(np.zeros(0), np.zeros((0, 4))) == 0.0


def lids(lag_s: float, fps: float, noise: float = 0.01) -> tuple:
    rng = np.random.default_rng(6)
    times = np.arange(0, 1.5, 1 / fps)
    right, left = (0.3 - 0.2 * np.exp(-(((times - 0.7 - lag) / 0.08) ** 2)) for lag in (0, lag_s))
    return times, right + noise * rng.normal(size=len(times)), left


@pytest.mark.parametrize("lag_s", [-0.12, 0.0, 0.03, 0.1])
@pytest.mark.parametrize("fps", [30.0, 20.0])
def test_the_lag_between_the_eyes_is_measured_below_a_frame(lag_s, fps):
    assert lid_lag_s(*lids(lag_s, fps)) == pytest.approx(lag_s, abs=0.02)


def test_eyes_that_do_not_move_together_have_no_lag():
    times, right, _ = lids(0.0, 30.0)
    noise = np.random.default_rng(8).normal(size=len(times))
    assert lid_lag_s(times, right, 0.3 + 0.01 * noise) is None
    assert lid_lag_s(times, np.full(len(times), 0.3), np.full(len(times), 0.3)) is None
    assert lid_lag_s(times[:5], right[:5], right[:5]) is None
