"""False alarms an hour on genuine clips against delay on manipulated ones: EWMA and CUSUM.

Needs held-out logits of the development clips and the facts of their crops (never part of the
repository); the window, fusion and trigger are the pipeline's. Simulated: benchmarks.alert_rules.
"""

import argparse
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.alert_rules import EVERY_S, GOOD
from benchmarks.record import record
from pipeline.alert import AlertSettings, AlertTrigger
from pipeline.fuse import fuse
from pipeline.load import DEFAULT_CLASSIFIER, models_directory
from pipeline.model_card import Cusum, ModelCard, Thresholds, read_card
from pipeline.types import AlertPhase, FrameScore, TrackId
from pipeline.window import ScoreWindow
from stream_server.calibration.findings import find, sentences
from stream_server.calibration.recordings import Recording
from stream_server.calibration.solve import spread_of, upper_per_h

COMMAND = "python -m benchmarks.false_alarms --scores HELDOUT.npz --store STORE"
RAISE = (0.7, 0.75, 0.7972, 0.85, 0.9, 0.93, 0.95, 0.97)
ALLOWANCE_SD = (0.5, 1.0, 1.5)
LIMITS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
REPLICATES = 1000


@dataclass(frozen=True, slots=True)
class Clip:
    """One clip's fused log-odds; `group` is the person or source clip that others share."""

    recording: Recording
    group: str
    is_genuine: bool


def load(scores: Path, store: Path, card: ModelCard) -> list[Clip]:
    """Held-out logits through calibration, window and fusion; quality is taken to be good."""
    facts = json.loads((store / "facts.json").read_text(encoding="utf-8"))
    rows = facts["crops"] if isinstance(facts, dict) else facts
    logits = np.load(scores)["logits"] / card.temperature + card.bias
    clips: dict[str, list[int]] = {}
    for index, row in enumerate(rows):
        clips.setdefault(row["path"], []).append(index)
    found = []
    for path, indices in clips.items():
        window = ScoreWindow(every_s=EVERY_S)
        track = []
        for index in sorted(indices, key=lambda i: rows[i]["time_s"]):
            time_s = float(rows[index]["time_s"])
            window.add(FrameScore(float(logits[index]), 0.5), time_s)
            fused = fuse(window.score(time_s), None, GOOD)
            if fused.logit is not None:
                track.append((time_s, fused.logit))
        first = rows[indices[0]]
        if track:
            recording = Recording(path, {TrackId(1): track})
            found.append(Clip(recording, first["group"], first["label"] == 0))
    return found


def opening_s(clip: Clip, thresholds: Thresholds) -> float:
    """Seconds from the clip's first crop to the alert; infinite where none came."""
    trigger = AlertTrigger(thresholds, AlertSettings())
    for time_s, logit in clip.recording.tracks[TrackId(1)]:
        if trigger.update(_prob(logit), time_s).phase is AlertPhase.OPENED:
            return time_s
    return math.inf


@dataclass(frozen=True, slots=True)
class Measured:
    """One rule on all clips."""

    thresholds: Thresholds
    alarms: int
    delays: dict[str, float]
    """By clip."""

    def median_s(self, names: Sequence[str] | None = None) -> float:
        """Median delay; a clip without an alert counts as never."""
        chosen = [self.delays[name] for name in (names or self.delays)]
        return sorted(chosen)[len(chosen) // 2]


def measure(clips: Sequence[Clip], thresholds: Thresholds) -> Measured:
    """Alarms on genuine clips, delays on manipulated ones."""
    alarms = sum(
        clip.recording.alarms(thresholds, AlertSettings()) for clip in clips if clip.is_genuine
    )
    delays = {c.recording.name: opening_s(c, thresholds) for c in clips if not c.is_genuine}
    return Measured(thresholds, alarms, delays)


def rules(spread_mean: float, spread_sd: float) -> list[Thresholds]:
    """Levels alone, then each of them with every CUSUM."""
    levels = [Thresholds(at, at * 0.777) for at in RAISE]
    sums = [Cusum(round(spread_mean + k * spread_sd, 3), h) for k in ALLOWANCE_SD for h in LIMITS]
    both = [Thresholds(t.raise_at, t.clear_at, c) for t in levels for c in sums]
    return levels + both


def gain(clips: Sequence[Clip], before: Measured, after: Measured) -> dict[str, Any]:
    """Share of manipulated clips alerted, after less before; 95 % bootstrap over groups."""
    groups: dict[str, list[str]] = {}
    for clip in clips:
        if not clip.is_genuine:
            groups.setdefault(clip.group, []).append(clip.recording.name)
    rng, names, found = np.random.default_rng(20), list(groups), []
    for _ in range(REPLICATES):
        drawn = [n for i in rng.integers(len(names), size=len(names)) for n in groups[names[i]]]
        found.append(_found(after, drawn) - _found(before, drawn))
    low, high = np.quantile(found, (0.025, 0.975))
    value = _found(after, list(after.delays)) - _found(before, list(before.delays))
    return {"share_more_alerted": round(value, 3), "interval_95": [round(low, 3), round(high, 3)]}


def figures(clips: Sequence[Clip], shipped: Thresholds) -> dict[str, Any]:
    """Every rule, the best of each kind at the shipped count of alarms, and a calibration."""
    genuine = [clip.recording for clip in clips if clip.is_genuine]
    hours = sum(_seconds(recording) for recording in genuine) / 3600
    spread = spread_of(genuine)
    present = measure(clips, shipped)
    candidates = rules(spread.mean, spread.sd)
    kinds = {
        "ewma": [rule for rule in candidates if rule.cusum is None],
        "ewma_and_cusum": [rule for rule in candidates if rule.cusum is not None],
    }
    measured = {kind: [measure(clips, rule) for rule in kinds[kind]] for kind in kinds}
    best = {kind: _best(measured[kind], present) for kind in kinds}
    cusum = best["ewma_and_cusum"].thresholds.cusum
    allowance = cusum.allowance if cusum else math.inf
    return {
        "what": "held-out scores of the development clips; window, fusion and trigger as shipped",
        "genuine_clips": len(genuine),
        "genuine_hours": round(hours, 4),
        "genuine_groups": len({clip.group for clip in clips if clip.is_genuine}),
        "manipulated_clips": len(present.delays),
        "spread": {"mean": spread.mean, "within": spread.within_sd, "between": spread.between_sd},
        "shipped": _row(present, hours),
        "share_of_genuine_clips_with_an_alarm": _share_with_alarm(genuine, shipped),
        "best_at_no_more_alarms": {kind: _row(m, hours) for kind, m in best.items()},
        "cusum_against_ewma": gain(clips, best["ewma"], best["ewma_and_cusum"]),
        "cusum_against_shipped": gain(clips, present, best["ewma_and_cusum"]),
        "chosen_on_the_other_half": {
            kind: chosen_elsewhere(clips, kinds[kind], shipped) for kind in kinds
        },
        "genuine_clips_that_would_alarm_by_cusum_if_they_went_on": sum(
            bool(recording.series.mean() > allowance) for recording in genuine
        ),
        "rules": [_row(m, hours) for kind in kinds for m in measured[kind]],
        "calibrated_for_one_in_8_h": sentences(find(genuine, 8.0, shipped, AlertSettings())),
    }


def chosen_elsewhere(
    clips: Sequence[Clip], candidates: Sequence[Thresholds], shipped: Thresholds
) -> dict[str, int]:
    """Alarms and alerted clips, each half of the groups by the best rule of the other half."""
    groups = sorted({clip.group for clip in clips})
    halves = [[c for c in clips if groups.index(c.group) % 2 == side] for side in (0, 1)]
    alarms = alerted = 0
    for here, elsewhere in (halves, halves[::-1]):
        known = [measure(elsewhere, rule) for rule in candidates]
        fresh = measure(here, _best(known, measure(elsewhere, shipped)).thresholds)
        alarms += fresh.alarms
        alerted += sum(math.isfinite(delay) for delay in fresh.delays.values())
    return {"false_alarms": alarms, "alerted": alerted}


def _best(measured: Sequence[Measured], at_most: Measured) -> Measured:
    allowed = [m for m in measured if m.alarms <= at_most.alarms]
    return max(allowed, key=lambda m: (_found(m, list(m.delays)), -m.median_s()))


def _row(measured: Measured, hours: float) -> dict[str, Any]:
    at, median = measured.thresholds, measured.median_s()
    alerted = sorted(value for value in measured.delays.values() if math.isfinite(value))
    return {
        "raise_at": at.raise_at,
        "cusum": [at.cusum.allowance, at.cusum.limit] if at.cusum else None,
        "false_alarms": measured.alarms,
        "false_alarms_per_hour": round(measured.alarms / hours, 1),
        "upper_95_per_hour": round(upper_per_h(measured.alarms, hours), 1),
        "alerted": len(alerted),
        "median_delay_s": round(median, 2) if math.isfinite(median) else None,
        "median_delay_of_alerted_s": round(alerted[len(alerted) // 2], 2) if alerted else None,
    }


def _share_with_alarm(genuine: Sequence[Recording], thresholds: Thresholds) -> float:
    alarmed = sum(recording.alarms(thresholds, AlertSettings()) > 0 for recording in genuine)
    return round(alarmed / len(genuine), 3)


def _found(measured: Measured, names: Sequence[str]) -> float:
    return sum(math.isfinite(measured.delays[name]) for name in names) / len(names)


def _seconds(recording: Recording) -> float:
    track = recording.tracks[TrackId(1)]
    return track[-1][0] - track[0][0]


def _prob(logit: float) -> float:
    return 1 / (1 + math.exp(-logit))


def main() -> None:
    """Measure all rules and record the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scores", type=Path, required=True, help="NPZ with held-out `logits`")
    parser.add_argument("--store", type=Path, required=True, help="the crop store they are of")
    args = parser.parse_args()
    card = read_card(models_directory() / f"{DEFAULT_CLASSIFIER}.toml")
    assert card.thresholds is not None  # noqa: S101 - the shipped classifier has some
    result = figures(load(args.scores, args.store, card), card.thresholds)
    print(json.dumps({k: v for k, v in result.items() if k != "rules"}, indent=1))  # noqa: T201
    record("false_alarms", COMMAND, result | {"model": card.fingerprint})


if __name__ == "__main__":
    main()
