"""Simulates alert rules on correlated scores: false alarms an hour against seconds to an alert."""

import argparse
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.record import record
from pipeline.alert import AlertSettings, AlertTrigger
from pipeline.blink_evidence import poisson_interval
from pipeline.fuse import fuse
from pipeline.model_card import Thresholds
from pipeline.types import AlertPhase, FrameScore, Quality
from pipeline.window import ScoreWindow

EVERY_S = 0.25
CALM_S = 30.0
"""Genuine seconds before a simulated attack starts."""
ATTACK_S = 60.0
GOOD = Quality(150.0, 100.0, 0.5, 0.0, damaged=False, usable=True, reason=None)


@dataclass(frozen=True, slots=True)
class Noise:
    """Genuine frame scores in units of their own spread: AR(1) round a stream's own offset."""

    correlation_half_s: float = 0.8
    """Correlation of scores 0.5 s apart."""
    stream_sd: float = 0.5

    def draw(self, rng: np.random.Generator, count: int) -> NDArray[np.float64]:
        """One stream's scores, `EVERY_S` apart."""
        phi = self.correlation_half_s ** (EVERY_S / 0.5)
        steps = rng.normal(size=count) * math.sqrt(1 - phi * phi)
        scores = np.empty(count)
        value = rng.normal()
        for index in range(count):
            value = phi * value + steps[index]
            scores[index] = value
        return scores + rng.normal() * self.stream_sd


@dataclass(frozen=True, slots=True)
class Rule:
    """A window and a trigger; thresholds in standard deviations above the genuine mean."""

    window_s: float = 4.0
    raise_z: float = 2.5
    clear_z: float = 1.25
    tau_s: float = AlertSettings().tau_s
    hold_s: float = AlertSettings().hold_s

    def settings(self) -> AlertSettings:
        """The trigger's settings."""
        return replace(AlertSettings(), tau_s=self.tau_s, hold_s=self.hold_s)


def fused(scores: Iterable[float], window_s: float) -> Iterator[float | None]:
    """Window and fusion of the pipeline over scores (one standard deviation is one log-odd)."""
    window = ScoreWindow(window_s=window_s, every_s=EVERY_S)
    for index, logit in enumerate(scores):
        time_s = index * EVERY_S
        window.add(FrameScore(logit, 0.5), time_s)
        yield fuse(window.score(time_s), None, GOOD).fake_prob


def openings(probs: Sequence[float | None], rule: Rule) -> list[float]:
    """When alerts open, in seconds."""
    at = Thresholds(_prob(rule.raise_z), _prob(rule.clear_z))
    trigger = AlertTrigger(at, rule.settings())
    times = ((index * EVERY_S, prob) for index, prob in enumerate(probs))
    return [t for t, prob in times if trigger.update(prob, t).phase is AlertPhase.OPENED]


def false_alarms(
    rules: Sequence[Rule], noise: Noise, streams: int, hours: float, seed: int
) -> dict[Rule, list[int]]:
    """Alerts a genuine stream, for each rule."""
    rng = np.random.default_rng(seed)
    counts: dict[Rule, list[int]] = {rule: [] for rule in rules}
    for _ in range(streams):
        scores = noise.draw(rng, int(hours * 3600 / EVERY_S)).tolist()
        probs = {w: list(fused(scores, w)) for w in {rule.window_s for rule in rules}}
        for rule in rules:
            counts[rule].append(len(openings(probs[rule.window_s], rule)))
    return counts


def delays(
    rules: Sequence[Rule], noise: Noise, shift: float, attacks: int, seed: int
) -> dict[Rule, list[float]]:
    """Seconds from the first forged frame to the alert; infinite where none came.

    Streams that had raised a false alarm before the attack are left out.
    """
    rng = np.random.default_rng(seed)
    found: dict[Rule, list[float]] = {rule: [] for rule in rules}
    start = int(CALM_S / EVERY_S)
    for _ in range(attacks):
        scores = noise.draw(rng, start + int(ATTACK_S / EVERY_S))
        scores[start:] += shift
        probs = {w: list(fused(scores.tolist(), w)) for w in {rule.window_s for rule in rules}}
        for rule in rules:
            times = openings(probs[rule.window_s], rule)
            if not times or times[0] >= CALM_S:
                found[rule].append(times[0] - CALM_S if times else math.inf)
    return found


def rules() -> list[Rule]:
    """Thresholds against smoothing: the shipped timers first, then one change at a time."""
    thresholds = [Rule(raise_z=z, clear_z=z / 2) for z in (1.6, 2.0, 2.5, 3.0, 3.5)]
    timers = [
        Rule(tau_s=tau, hold_s=hold) for tau, hold in product((0.5, 1.0, 2.0), (0.5, 1.0, 2.0))
    ]
    windows = [Rule(window_s=window) for window in (2.0, 3.0, 6.0, 8.0)]
    return list(dict.fromkeys([*thresholds, *timers, *windows]))


def figures(streams: int, hours: float, attacks: int) -> dict[str, Any]:
    """False alarms with their exact interval, and delays of three strengths of attack, by rule."""
    noise, chosen = Noise(), rules()
    alarms = false_alarms(chosen, noise, streams, hours, seed=1)
    waits = {s: delays(chosen, noise, s, attacks, seed=int(10 * s)) for s in (2.0, 3.0, 4.0)}
    rows = []
    for rule in chosen:
        total, low_high = sum(alarms[rule]), poisson_interval(sum(alarms[rule]))
        rows.append(
            asdict(rule)
            | {
                "false_alarms_per_hour": round(total / (streams * hours), 2),
                "interval_95": [round(edge / (streams * hours), 2) for edge in low_high],
                "streams_with_an_alarm": round(sum(n > 0 for n in alarms[rule]) / streams, 2),
                "delay_s": {f"+{s:g} sigma": _summary(waits[s][rule]) for s in waits},
            }
        )
    return {
        "simulated": "AR(1) scores 4 a second through window, fusion and trigger; no real video",
        "noise": asdict(noise),
        "streams": streams,
        "hours_each": hours,
        "attacks": attacks,
        "rules": rows,
    }


def _summary(found: Sequence[float]) -> dict[str, float | None]:
    """Median and 90th percentile (None: never within the minute) and the share that was found."""
    ordered = sorted(found)

    def at(share: float) -> float | None:
        value = ordered[min(len(ordered) - 1, int(share * len(ordered)))]
        return value if math.isfinite(value) else None

    within = sum(value <= 4.0 for value in ordered) / len(ordered)
    return {"median": at(0.5), "p90": at(0.9), "share_within_4_s": round(within, 2)}


def main() -> None:
    """Simulate all rules and record the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--streams", type=int, default=60)
    parser.add_argument("--hours", type=float, default=1.0)
    parser.add_argument("--attacks", type=int, default=200)
    asked = parser.parse_args()
    result = figures(asked.streams, asked.hours, asked.attacks)
    for row in result["rules"]:
        print(row)  # noqa: T201
    record("alert_rules", "python -m benchmarks.alert_rules", result)


def _prob(logit: float) -> float:
    return 1 / (1 + math.exp(-logit))


if __name__ == "__main__":
    main()
