"""From the first forged frame to the alert: window, fusion and trigger as one chain."""

import math

import numpy as np
import pytest

from pipeline.alert import AlertTrigger
from pipeline.fuse import fuse
from pipeline.model_card import Thresholds
from pipeline.types import AlertPhase, FrameScore, Quality
from pipeline.window import ScoreWindow

THRESHOLDS = Thresholds(raise_at=0.8, clear_at=0.55)
GOOD = Quality(150.0, 100.0, 0.5, 0.0, damaged=False, usable=True, reason=None)
GENUINE = math.log(0.8 / 0.2) - 2.0
"""Mean log-odds of a genuine face whose frames reach the threshold at 2 standard deviations."""


def opened_at(logits: dict[float, float], until_s: float, fps: float = 15.0) -> list[float]:
    """When alerts open; `logits` are the classifier's answers by time."""
    window, trigger = ScoreWindow(), AlertTrigger(THRESHOLDS)
    due, opened = sorted(logits), []
    for index in range(int(until_s * fps)):
        time_s = index / fps
        while due and due[0] <= time_s:
            window.add(FrameScore(logits[due.pop(0)], 0.5), time_s)
        prob = fuse(window.score(time_s), None, GOOD).fake_prob
        if trigger.update(prob, time_s).phase is AlertPhase.OPENED:
            opened.append(time_s)
    return opened


def attack(rng: np.random.Generator, sigma: float, per_s: float) -> float:
    """Seconds from the start of an attack, 10 s into the stream, to the alert."""
    phi = 0.8 ** (2 / per_s)
    noise, logits = rng.normal(), {}
    for index in range(int(30 * per_s)):
        noise = phi * noise + math.sqrt(1 - phi * phi) * rng.normal()
        t = index / per_s
        logits[t] = GENUINE + noise + (sigma if t >= 10 else 0.0)
    times = [t for t in opened_at(logits, 30.0) if t >= 10]
    return times[0] - 10 if times else math.inf


@pytest.mark.parametrize(
    ("sigma", "per_s", "quantile"), [(3.0, 4.0, 0.5), (3.0, 3.0, 0.5), (4.0, 4.0, 0.9)]
)
def test_a_strong_forgery_is_told_within_four_seconds(sigma, per_s, quantile):
    rng = np.random.default_rng(11)
    delays = [attack(rng, sigma, per_s) for _ in range(60)]
    assert np.quantile(delays, quantile, method="lower") <= 4.0


def test_a_forgery_without_noise_is_told_within_four_seconds():
    logits = {i / 4: (3.0 if i >= 40 else -3.0) for i in range(80)}
    (first,) = opened_at(logits, 20.0)
    assert 1.0 < first - 10.0 <= 4.0


@pytest.mark.parametrize("bad_frames", [1, 2, 3])
def test_a_few_wild_frames_open_nothing(bad_frames):
    logits = {i / 4: (20.0 if 40 <= i < 40 + bad_frames else GENUINE) for i in range(120)}
    assert opened_at(logits, 30.0) == []


def test_a_score_that_swings_round_the_threshold_opens_one_alert_at_most():
    logits = {i / 4: math.log(4) + 0.3 * math.sin(i / 9) for i in range(240)}
    assert len(opened_at(logits, 60.0)) <= 1


def test_a_thin_window_opens_nothing():
    logits = {float(i): 6.0 for i in range(60)}
    assert opened_at(logits, 60.0) == []
