"""The figures of the evaluation report against scikit-learn and against known answers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as known

from export.evaluation import measures
from export.evaluation.bootstrap import difference, estimate, estimates, exact_share, group_draws


def sample(seed: int = 0, count: int = 300):
    """Log-odds with ties, labels and weights."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, count)
    odds = np.round(rng.normal(labels * 1.2 - 0.5, 1.3), 1)
    return odds, labels, rng.integers(0, 4, count).astype(float)


WEIGHTED = {
    "auc": known.roc_auc_score,
    "ap": known.average_precision_score,
}


@pytest.mark.parametrize("name", WEIGHTED)
@pytest.mark.parametrize("seed", range(4))
def test_ranking_figures_are_those_of_scikit_learn_with_ties_and_weights(name, seed):
    theirs = WEIGHTED[name]
    odds, labels, weights = sample(seed)
    both = np.stack([np.ones_like(weights), weights])
    found = measures.ranking(odds, labels, both)[name]
    assert found[0] == pytest.approx(theirs(labels, odds))
    assert found[1] == pytest.approx(theirs(labels, odds, sample_weight=weights))


def test_probability_figures_are_those_of_scikit_learn():
    odds, labels, weights = sample()
    probs = measures.probability(odds)
    assert measures.brier(odds, labels, weights[None])[0] == pytest.approx(
        known.brier_score_loss(labels, probs, sample_weight=weights)
    )
    assert measures.log_loss(odds, labels, weights[None])[0] == pytest.approx(
        known.log_loss(labels, probs, sample_weight=weights)
    )


def test_decisions_are_those_of_scikit_learn():
    odds, labels, weights = sample()
    found = measures.decisions(odds > 0.5, labels, weights[None])
    given_weights = {"sample_weight": weights}
    assert found.balanced_accuracy[0] == pytest.approx(
        known.balanced_accuracy_score(labels, odds > 0.5, **given_weights)
    )
    assert found.matthews[0] == pytest.approx(
        known.matthews_corrcoef(labels, odds > 0.5, **given_weights)
    )
    assert found.fake_recall[0] == pytest.approx(
        known.recall_score(labels, odds > 0.5, **given_weights)
    )


def test_recall_at_a_false_alarm_limit_never_exceeds_the_limit():
    odds = np.array([5.0, 4, 3, 2, 1, 0])
    labels = np.array([1, 1, 0, 1, 0, 0])
    ones = np.ones((1, 6))
    assert measures.ranking(odds, labels, ones)["tpr_at_5"][0] == pytest.approx(2 / 3)
    many = np.concatenate([np.full(20, 9.0), np.arange(100.0, 0, -1) / 20])
    kinds = np.array([1] * 20 + [0] + [1] * 10 + [0] * 89)
    found = measures.ranking(many, kinds, np.ones((1, 120)))
    assert found["tpr_at_1"][0] == pytest.approx(20 / 30)
    assert found["tpr_at_5"][0] == 1.0


def test_the_equal_error_rate_of_known_scores():
    labels = np.array([0, 0, 0, 0, 1, 1, 1, 1])
    ones = np.ones((1, 8))
    apart = np.array([0.0, 1, 2, 3, 4, 5, 6, 7])
    crossed = np.array([0.0, 1, 2, 5, 4, 6, 7, 8])
    answers = {0.0: apart, 0.25: crossed, 0.5: np.zeros(8)}
    for wanted, odds in answers.items():
        found = measures.ranking(odds, labels, ones)["eer"][0]
        assert found == pytest.approx(wanted)


def test_a_calibrated_forecast_has_almost_no_calibration_error_and_a_sure_wrong_one_all():
    rng = np.random.default_rng(1)
    odds = rng.normal(0, 2, 60_000)
    labels = (rng.random(60_000) < measures.probability(odds)).astype(np.int64)
    ones = np.ones((1, 60_000))
    assert measures.calibration_error(odds, labels, ones)[0] < 0.01
    assert measures.calibration_error(np.full(4, 60.0), np.zeros(4, np.int64), ones[:, :4])[
        0
    ] == pytest.approx(1.0)


def test_the_surest_rows_are_judged_first():
    odds = np.array([4.0, -3.0, 2.0, -1.0])
    labels = np.array([1, 0, 0, 1])
    coverage, risk = measures.risk_coverage(odds, labels, np.ones((1, 4)))
    assert coverage[0].tolist() == [0.25, 0.5, 0.75, 1.0]
    assert risk[0].tolist() == pytest.approx([0, 0, 1 / 3, 1 / 2])
    area = measures.area_under_risk(odds, labels, np.ones((1, 4)))[0]
    assert area == pytest.approx((1 / 3 + 1 / 2) / 4)


def test_a_missing_class_gives_no_figure_instead_of_a_good_one():
    ones = np.ones((1, 3))
    labels = np.zeros(3, np.int64)
    assert np.isnan(measures.auc(np.arange(3.0), labels, ones)[0])
    assert np.isnan(measures.ranking(np.arange(3.0), labels, ones)["tpr_at_5"][0])
    assert np.isnan(measures.decisions(labels > 0, labels, ones).fake_recall[0])


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 1000), st.integers(1, 5))
def test_a_weight_of_two_is_a_row_given_twice(seed, times):
    odds, labels, _ = sample(seed, 40)
    weights = np.random.default_rng(seed).integers(0, times + 1, 40)
    twice = np.repeat(np.arange(40), weights)
    for measure in (measures.auc, measures.log_loss, measures.brier):
        assert measure(odds, labels, weights[None].astype(float))[0] == pytest.approx(
            measure(odds[twice], labels[twice], np.ones((1, len(twice))))[0], nan_ok=True
        )


def test_every_draw_holds_as_many_groups_as_there_are_and_keeps_them_whole():
    groups = ["a", "a", "b", "c", "c", "c"]
    weights = group_draws(groups, draws=50, seed=3)
    assert np.array_equal(weights[:, 0], weights[:, 1])
    assert np.array_equal(weights[:, 3], weights[:, 5])
    assert (weights[:, 0] + weights[:, 2] + weights[:, 3] == 3).all()
    assert np.array_equal(weights, group_draws(groups, draws=50, seed=3))


def test_the_interval_covers_the_truth_about_as_often_as_it_says_though_rows_of_a_group_agree():
    rng = np.random.default_rng(5)
    groups = np.repeat(np.arange(40), 8).astype(str)
    hits = narrow = 0
    for trial in range(30):
        values = np.repeat(rng.normal(0, 1, 40), 8) + rng.normal(0, 0.3, 320)

        def mean(weights, values=values):
            return weights @ values / weights.sum(1)

        clustered = estimate(mean, group_draws(groups, 150, trial))
        alone = estimate(mean, group_draws(np.arange(320).astype(str), 150, trial))
        hits += clustered.low <= 0 <= clustered.high
        narrow += alone.low <= 0 <= alone.high
    assert hits >= 25
    assert narrow < 20


def test_two_models_are_compared_on_the_same_draws():
    odds, labels, _ = sample(2)
    weights = group_draws([str(index // 3) for index in range(len(odds))], 400)
    worse = odds + np.random.default_rng(0).normal(0, 2, len(odds))
    same = difference(
        lambda w: measures.auc(odds, labels, w), lambda w: measures.auc(odds, labels, w), weights
    )
    better = difference(
        lambda w: measures.auc(odds, labels, w), lambda w: measures.auc(worse, labels, w), weights
    )
    assert (same.interval.low, same.interval.high, same.share_above) == (0, 0, 0.5)
    assert better.interval.low > 0
    assert better.share_above > 0.99


def test_none_of_thirty_is_not_surely_none():
    found = exact_share(0, 30)
    assert (found.value, found.low) == (0, 0)
    assert found.high == pytest.approx(0.1157, abs=1e-3)


def test_the_interval_of_a_calibration_error_holds_the_figure_itself():
    odds, labels, _ = sample(6, 60)
    weights = group_draws([str(index) for index in range(60)], 300)
    found = estimates(lambda part: measures.judging(odds, labels, part), weights)
    assert all(one.low <= one.value <= one.high for one in found.values())
    assert found["ece"].low >= 0
