"""The alert rule over many resampled series and many thresholds at once.

The same arithmetic as `pipeline.alert.AlertTrigger`, which a test holds it against, in columns.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.alert import AlertSettings
from stream_server.calibration.recordings import STEP_S, Floats

_LOGIT_LIMIT = 6.0


@dataclass(frozen=True, slots=True)
class Candidates:
    """K rules to be tried side by side: log-odds, and log-odds times seconds."""

    raise_at: Floats
    clear_at: Floats
    limit: Floats
    """Of the cumulated excess; infinite where there is no CUSUM."""
    allowance: float = 0.0


def count_openings(
    series: Floats,
    rules: Candidates,
    settings: AlertSettings,
    progress: Callable[[float], None] = lambda _share: None,
) -> NDArray[np.int64]:
    """Alerts that each rule opens in each series: (R, T) log-odds `STEP_S` apart to (R, K)."""
    logits = np.clip(series, -_LOGIT_LIMIT, _LOGIT_LIMIT)
    shape = (len(logits), len(rules.raise_at))
    above, below, total = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    is_open, closed_s = np.zeros(shape, bool), np.full(shape, -np.inf)
    opened = np.zeros(shape, np.int64)
    keep = math.exp(-STEP_S / settings.tau_s)
    level = before = logits[:, 0]
    uses_sum = bool(np.isfinite(rules.limit).any())
    for step in range(1, logits.shape[1]):
        time_s, logit, last = step * STEP_S, logits[:, step], level
        level = logit + keep * (level - logit)
        low, high = np.minimum(last, level)[:, None], np.maximum(last, level)[:, None]
        above = np.where(low >= rules.raise_at, above + STEP_S, 0.0)
        below = np.where(high <= rules.clear_at, below + STEP_S, 0.0)
        fires = (above >= settings.hold_s) & (level[:, None] >= rules.raise_at)
        if uses_sum:
            excess = (np.minimum(before, logit) - rules.allowance)[:, None] * STEP_S
            total = np.maximum(0.0, total + excess)
            fires |= total > rules.limit
            before = logit
        closes = is_open & (below >= settings.release_s)
        fires &= ~is_open & (time_s - closed_s >= settings.cooldown_s)
        is_open = (is_open & ~closes) | fires
        closed_s[closes] = time_s
        total[closes] = 0.0
        below[fires] = 0.0
        opened += fires
        if step % 256 == 0:
            progress(step / logits.shape[1])
    progress(1.0)
    return opened
