"""Calibration keeps the order of scores, and thresholds keep genuine windows below them."""

import numpy as np
import pytest

from export.calibrate import Calibration, balanced, fit, thresholds, windows
from export.metrics import auc, calibration_error, clustered, sigmoid


def scores(seed: int, count: int = 400) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, count)
    return rng.normal(labels * 3.0 + 2.0, 2.0), labels


def test_calibration_never_turns_the_order_of_two_scores() -> None:
    logits, labels = scores(1)
    found = fit(logits, labels, np.ones(len(logits)))
    assert found.temperature > 0
    ordered = np.linspace(-20, 20, 101)
    assert np.all(np.diff(found(ordered)) > 0)


def test_calibration_survives_scores_that_are_on_the_wrong_side() -> None:
    logits, labels = scores(2)
    found = fit(-logits, labels, np.ones(len(logits)))
    assert found.temperature > 0
    assert np.isfinite(found(logits)).all()


def test_calibration_makes_probabilities_honest() -> None:
    logits, labels = scores(3, 4000)
    found = fit(logits, labels, np.ones(len(logits)))
    assert calibration_error(sigmoid(found(logits)), labels) < 0.04
    assert calibration_error(sigmoid(logits), labels) > 0.15


def test_every_group_counts_alike_within_its_label() -> None:
    labels = np.array([0, 0, 0, 0, 1, 1])
    weights = balanced(labels, ["long", "long", "long", "short", "a", "b"])
    assert weights[:3].sum() == pytest.approx(weights[3])
    assert weights[labels == 0].sum() == pytest.approx(weights[labels == 1].sum())


def test_a_window_is_the_mean_of_four_seconds_of_one_video() -> None:
    facts = [{"path": path, "time_s": k / 4} for path in ("a", "b") for k in range(24)]
    odds = np.concatenate([np.arange(24.0), np.full(24, 100.0)])
    found = windows(facts, odds)
    assert found.means[0] == pytest.approx(7.5)
    assert set(found.means[found.rows >= 24]) == {100.0}


def test_a_short_video_is_one_window() -> None:
    facts = [{"path": "short", "time_s": k / 4} for k in range(3)]
    assert windows(facts, np.array([1.0, 2.0, 3.0])).means.tolist() == [2.0]


def test_thresholds_keep_the_asked_share_of_genuine_windows() -> None:
    genuine = np.random.default_rng(4).normal(-2, 1.5, 1000)
    groups = [f"g{k % 50}" for k in range(1000)]
    raise_at, clear_at = thresholds(genuine, groups, 0.97)
    assert 0 < clear_at < raise_at < 1
    assert (sigmoid(genuine) < raise_at).mean() >= 0.96


def test_auc_counts_ties_half_and_matches_all_couples() -> None:
    rng = np.random.default_rng(5)
    values, labels = rng.integers(0, 6, 60).astype(float), rng.integers(0, 2, 60)
    fakes, reals = values[labels == 1], values[labels == 0]
    couples = (fakes[:, None] > reals) + 0.5 * (fakes[:, None] == reals)
    assert auc(values, labels) == pytest.approx(couples.mean())


def test_the_interval_is_wider_when_a_group_stands_or_falls_together() -> None:
    rng = np.random.default_rng(6)
    level = np.repeat(rng.normal(0, 1, 12), 20)
    alone = clustered(lambda rows: float(level[rows].mean()), [str(k) for k in range(240)], 400)
    grouped = clustered(
        lambda rows: float(level[rows].mean()), [str(k // 20) for k in range(240)], 400
    )
    assert grouped.high - grouped.low > 2 * (alone.high - alone.low)


def test_the_identity_is_a_calibration() -> None:
    assert Calibration(1.0, 0.0)(np.array([1.5])).tolist() == [1.5]
