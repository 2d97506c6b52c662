"""The ways to judge a stretch against a genuine one: a score a case, higher is more suspect."""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from export.reference_cases import Case, Floats
from pipeline.enrolling import is_suspicious
from pipeline.model_card import ReferenceScale
from pipeline.reference import cosine_distance, distance_llr, mean_direction, shift_llr

TRIM = 0.2
CUSUM_SLACK = 1.5
_COVARIANCE_SHRINK = 0.3
Vectors = NDArray[np.float32]


class Answers:
    """What the held-out models said of each crop of the store, and of the disturbed crops."""

    def __init__(self, odds: Floats, embeddings: Vectors, before: "Answers | None" = None) -> None:
        """`before` is what enrolment saw, where the judged crops are disturbed."""
        self.odds, self.embeddings = odds, embeddings
        self.enrolled = before or self

    def level(self, case: Case) -> float:
        """The trimmed mean of the judged stretch, as the service's window takes it."""
        return trimmed(self.odds[case.judged])

    def distance(self, case: Case) -> float:
        """Cosine distance of the judged stretch to the enrolled one."""
        now = mean_direction(list(self.embeddings[case.judged]))
        return cosine_distance(now, mean_direction(list(self.enrolled.embeddings[case.reference])))


def trimmed(values: Floats) -> float:
    """The mean without a fifth at either end."""
    cut = round(TRIM * len(values))
    return float(np.sort(values)[cut : len(values) - cut].mean())


def scale_of(cases: list[Case], answers: Answers) -> ReferenceScale:
    """Spread of genuine recordings; the distance is what four in five genuine stretches keep to."""
    genuine = [case for case in cases if case.label == 0]
    levels = np.array([answers.enrolled.odds[case.reference].mean() for case in genuine])
    apart = np.array([answers.enrolled.distance(case) for case in genuine])
    return ReferenceScale(float(levels.mean()), float(levels.std()), float(np.quantile(apart, 0.8)))


def scales(cases: list[Case], answers: Answers) -> dict[int, ReferenceScale]:
    """The scale that each fold is judged with, from the other folds only."""
    return {
        fold: scale_of([case for case in cases if case.fold != fold], answers)
        for fold in sorted({case.fold for case in cases})
    }


def terms(
    cases: list[Case], answers: Answers, by_fold: dict[int, ReferenceScale], clear_at: float
) -> NDArray[np.float64]:
    """(N, 2): shift and distance in log-odds, as served; zero where enrolling is refused."""
    found = np.zeros((len(cases), 2))
    for row, case in enumerate(cases):
        enrolled = answers.enrolled.odds[case.reference]
        if is_suspicious(float(enrolled.mean()), clear_at):
            continue
        scale = by_fold[case.fold]
        found[row] = (
            shift_llr(scale, len(enrolled), float(enrolled.mean())),
            distance_llr(scale, answers.distance(case)),
        )
    return found


def cusum(cases: list[Case], answers: Answers, by_fold: dict[int, ReferenceScale]) -> Floats:
    """The highest cumulative sum of z = (odds - shrunk reference) / sd over its slack (Page 1954).

    Given for each look, since stretches differ in length.
    """
    sds = [answers.enrolled.odds[case.reference].std() for case in cases if case.label == 0]
    spread = float(np.median(sds))
    peaks = []
    for case in cases:
        scale, enrolled = by_fold[case.fold], answers.enrolled.odds[case.reference]
        center = scale.logit_mean - shift_llr(scale, len(enrolled), float(enrolled.mean()))
        total = peak = 0.0
        for value in answers.odds[case.judged]:
            total = max(0.0, total + (value - center) / spread - CUSUM_SLACK)
            peak = max(peak, total)
        peaks.append(peak / len(case.judged))
    return np.array(peaks)


def mahalanobis(cases: list[Case], answers: Answers) -> Floats:
    """Distance of the means under the other folds' shrunk covariance within genuine stretches."""
    vectors = answers.enrolled.embeddings
    result = np.zeros(len(cases))
    for fold in {case.fold for case in cases}:
        within = np.concatenate(
            [
                vectors[case.reference] - vectors[case.reference].mean(0)
                for case in cases
                if case.label == 0 and case.fold != fold
            ]
        )
        covariance = np.cov(within.T)
        size = np.trace(covariance) / len(covariance)
        shrunk = (1 - _COVARIANCE_SHRINK) * covariance
        inverse = np.linalg.inv(shrunk + _COVARIANCE_SHRINK * size * np.eye(len(covariance)))
        for row, case in enumerate(cases):
            if case.fold == fold:
                apart = answers.embeddings[case.judged].mean(0) - vectors[case.reference].mean(0)
                result[row] = np.sqrt(apart @ inverse @ apart)
    return result


def learnt(features: Floats, cases: list[Case]) -> Floats:
    """Ridge logistic regression on (N, F), each fold by a fit of the others."""
    labels = np.array([case.label for case in cases])
    numbers = np.array([case.fold for case in cases])
    scores = np.zeros(len(cases))
    for fold in np.unique(numbers):
        train = numbers != fold
        mean, sd = features[train].mean(0), features[train].std(0) + 1e-9
        inputs = np.column_stack([(features - mean) / sd, np.ones(len(cases))])
        weights = np.where(labels == 1, 0.5 / labels[train].sum(), 0.5 / (1 - labels[train]).sum())

        def loss(
            free: Floats,
            inputs: Floats = inputs[train],
            signs: Floats = 2.0 * labels[train] - 1,
            weights: Floats = weights[train],
        ) -> float:
            wrong = np.logaddexp(0, -signs * (inputs @ free))
            return float((weights * wrong).sum() + 0.01 * np.square(free[:-1]).sum())

        free = minimize(loss, np.zeros(inputs.shape[1])).x
        scores[~train] = inputs[~train] @ free
    return scores
