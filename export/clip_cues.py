"""What the cues say of development clips, from their traces (see `export.traces`)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from export.traces import Trace
from pipeline.blink import BlinkMeter, BlinkSettings
from pipeline.cues import HeadWatch, cues_of
from pipeline.eyes import measure_eyes
from pipeline.quality import yaw_of
from pipeline.types import Box, Face

SHORT = BlinkSettings(min_observed_s=3.0)
"""The clips last 6 to 15 s: the likelihood ratio weighs so little time by itself."""
_FACE = Face(Box(0, 0, 1, 1), 1.0)
_RIGID = (1, 4, 5, 6, 8, 9, 10, 50, 67, 93, 103, 109, 117, 127, 132, 151, 168, 195, 197)
_RIGID_RIGHT = (280, 297, 323, 332, 338, 346, 356, 361)
"""Points of the mesh on nose, forehead and cheeks, which neither lids nor lips move."""


@dataclass(frozen=True, slots=True)
class ClipCues:
    """The cues of one clip."""

    blink_llr: float
    blinks: int
    observed_s: float
    lags_s: list[float]
    jitter: float
    """Tremble of the points that no motion of the head explains, over the eyes' distance."""
    standing_out: list[str]
    """Cues of `pipeline.cues` that spoke at any time."""
    seconds: float


def measure(trace: Trace) -> ClipCues:
    """Let the service's own meters watch the trace."""
    meter, watch = BlinkMeter(SHORT), HeadWatch()
    spoke: set[str] = set()
    stats = meter.update(None, -1.0)
    for index, time_s in enumerate(trace.times_s.tolist()):
        landmarks = trace.landmarks(index)
        eyes = measure_eyes(landmarks, yaw_of(_FACE, landmarks)) if landmarks else None
        stats = meter.update(eyes, time_s)
        motion = watch.update(eyes.head if eyes else None, time_s)
        spoke |= {reason.cue for reason in cues_of(motion, stats)}
    lag = [] if stats.lid_lag_s is None else [round(stats.lid_lag_s, 3)]
    return ClipCues(
        stats.llr,
        stats.blinks,
        round(stats.observed_s, 2),
        lag,
        jitter(trace),
        sorted(spoke),
        float(trace.times_s[-1]),
    )


def jitter(trace: Trace) -> float:
    """Root mean square of what an affine motion leaves of the points' second difference.

    The median over frames, divided by the distance of the outer eye corners; NaN if too little.
    """
    rigid = list(_RIGID + _RIGID_RIGHT)
    points = trace.points[:, rigid].astype(np.float64)
    apart = np.linalg.norm(trace.points[:, 263] - trace.points[:, 33], axis=1)
    even = np.abs(np.diff(trace.times_s, n=2)) < 0.01
    values = [
        _left_over(points[i + 1], points[i + 2] - 2 * points[i + 1] + points[i]) / apart[i + 1]
        for i in np.flatnonzero(even)
        if not np.isnan(points[i : i + 3]).any()
    ]
    return float(np.median(values)) if len(values) >= 10 else float("nan")


def _left_over(points: NDArray[np.float64], change: NDArray[np.float64]) -> float:
    frame = np.column_stack([points - points.mean(axis=0), np.ones(len(points))])
    solution, *_ = np.linalg.lstsq(frame, change, rcond=None)
    return float(np.sqrt(np.square(change - frame @ solution).mean()))
