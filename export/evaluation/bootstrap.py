"""Intervals by drawing whole groups, for one model and for the difference of two.

Rows of one person or one source clip stand or fall together (cluster bootstrap, Field and Welsh
2007); the same draws for both models make their difference a paired one.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import binomtest

from export.evaluation.measures import Floats
from export.metrics import Interval

Measure = Callable[[Floats], Floats]
"""Weights (draws, rows) to figures (draws,)."""
Measures = Callable[[Floats], dict[str, Floats]]
DRAWS = 2000
CHUNK = 100
LEVEL = 0.95
DRAWN_TOO_HIGH = {"ece"}
"""A draw holds rows twice, which makes bins purer and the calibration error larger than it is: the
draws are moved to the figure itself."""


def group_draws(groups: Sequence[str], draws: int = DRAWS, seed: int = 0) -> Floats:
    """How often each row occurs in each draw of as many groups as there are: (draws, rows)."""
    names, codes = np.unique(np.array(groups), return_inverse=True)
    rng = np.random.default_rng(seed)
    counts = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=draws)
    return np.asarray(counts[:, codes], np.float64)


def drawn(measures: Measures, weights: Floats) -> dict[str, Floats]:
    """The measures of every draw, a few at a time: frames times draws do not fit into memory."""
    parts = [measures(weights[start : start + CHUNK]) for start in range(0, len(weights), CHUNK)]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def estimates(measures: Measures, weights: Floats) -> dict[str, Interval]:
    """The figures of the rows as they are, with their 95 % percentile intervals."""
    ones = measures(np.ones((1, weights.shape[1])))
    whole = {name: float(values[0]) for name, values in ones.items()}
    draws = drawn(measures, weights)
    for name in DRAWN_TOO_HIGH & draws.keys():
        shift = np.nanmean(draws[name]) - whole[name]
        draws[name] = np.maximum(0.0, draws[name] - shift)
    return {name: _interval(whole[name], values) for name, values in draws.items()}


def estimate(measure: Measure, weights: Floats) -> Interval:
    """One figure with its interval."""
    return estimates(lambda part: {"one": measure(part)}, weights)["one"]


@dataclass(frozen=True, slots=True)
class Difference:
    """One model's figure less another's."""

    interval: Interval
    share_above: float
    """Share of the draws in which the first one is better."""


def difference(first: Measure, second: Measure, weights: Floats) -> Difference:
    """Paired: both are measured on the same draws."""
    ones = np.ones((1, weights.shape[1]))
    whole = float(first(ones)[0] - second(ones)[0])
    gaps = drawn(lambda part: {"gap": first(part) - second(part)}, weights)["gap"]
    finite = gaps[np.isfinite(gaps)]
    above = (finite > 0).mean() + (finite == 0).mean() / 2 if len(finite) else np.nan
    return Difference(_interval(whole, gaps), float(above))


def _interval(whole: float, values: Floats) -> Interval:
    finite = values[np.isfinite(values)]
    if len(finite) == 0:
        return Interval(whole, float("nan"), float("nan"))
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(finite, [tail, 1 - tail])
    return Interval(whole, float(low), float(high))


def exact_share(count: int, total: int) -> Interval:
    """A share with its exact binomial interval (Clopper and Pearson 1934), rows independent.

    The bootstrap gives 0 of 30 an interval without width; this one does not.
    """
    if total == 0:
        return Interval(float("nan"), float("nan"), float("nan"))
    found = binomtest(count, total).proportion_ci(LEVEL, method="exact")
    return Interval(count / total, float(found.low), float(found.high))
