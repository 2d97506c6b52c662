"""The report's small drawings as coordinates: a probability, and how its reasons add up."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.model_card import Thresholds
from pipeline.report import Verdict
from pipeline.types import Reason

BAR_WIDTH = 260.0
GAUGE_WIDTH, GAUGE_LEFT, GAUGE_RIGHT = 640.0, 20.0, 620.0


@dataclass(frozen=True, slots=True)
class Step:
    """One reason in the sum: a bar from where the sum stood to where it stands then."""

    cue: str
    text: str
    llr: float
    x: float
    width: float
    raises: bool


@dataclass(frozen=True, slots=True)
class Gauge:
    """A probability between its thresholds, with its band, on a line from 0 to 100 %."""

    at: float
    band: tuple[float, float] | None
    """From x, width."""
    clear_at: float
    raise_at: float


@dataclass(frozen=True, slots=True)
class Waterfall:
    """How the reasons add up to the log-odds; all rows share one scale."""

    steps: tuple[Step, ...]
    total: Step
    zero_x: float


def gauge(verdict: Verdict, thresholds: Thresholds) -> Gauge | None:
    """Lay out the file's probability; None where there is none."""
    if verdict.fake_prob is None:
        return None
    low, high = verdict.low_prob, verdict.high_prob
    known = low is not None and high is not None
    band = (_share_x(low or 0.0), _share_x(high or 0.0)) if known else None
    return Gauge(
        at=_share_x(verdict.fake_prob),
        band=(band[0], max(2.0, round(band[1] - band[0], 1))) if band else None,
        clear_at=_share_x(thresholds.clear_at),
        raise_at=_share_x(thresholds.raise_at),
    )


def _share_x(share: float) -> float:
    return round(GAUGE_LEFT + share * (GAUGE_RIGHT - GAUGE_LEFT), 1)


def waterfall(reasons: Sequence[Reason]) -> Waterfall:
    """Lay out the reasons as a running sum, in their own order."""
    sums = [0.0, *itertools.accumulate(reason.llr for reason in reasons)]
    reach = max(2.0, *(abs(value) for value in sums))

    def step(cue: str, text: str, start: float, end: float) -> Step:
        x, far = ((value + reach) / (2 * reach) * BAR_WIDTH for value in sorted((start, end)))
        return Step(cue, text, end - start, round(x, 1), max(1.5, round(far - x, 1)), end >= start)

    steps = tuple(
        step(reason.cue, reason.text, start, end)
        for reason, (start, end) in zip(reasons, itertools.pairwise(sums), strict=True)
    )
    return Waterfall(steps, step("sum", "", 0.0, sums[-1]), BAR_WIDTH / 2)
