"""What a calibration found, and what its material can and cannot show, in figures and sentences."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

from pipeline.alert import AlertSettings
from pipeline.model_card import ModelCard, Thresholds
from stream_server.calibration.recordings import CUES, Recording
from stream_server.calibration.reference import summarise
from stream_server.calibration.solve import (
    Solved,
    Spread,
    held_out_alarms,
    solve,
    spread_of,
    upper_per_h,
)
from stream_server.calibration.table import CalibrationTable, ReferenceTable


@dataclass(frozen=True, slots=True)
class Findings:
    """Thresholds with their evidence."""

    solved: Solved
    spread: Spread
    every_h: float
    hours: float
    alarms: tuple[int, ...]
    """Of each recording."""
    names: tuple[str, ...]
    held_out: bool
    """Each recording was judged by thresholds that did not know it."""
    before: int
    """Alarms at the thresholds that were in force."""

    @property
    def upper_per_h(self) -> float:
        """Exact one-sided 95 % upper bound of the rate."""
        return upper_per_h(sum(self.alarms), self.hours)

    @property
    def is_shown(self) -> bool:
        """The material is enough to claim the asked rate."""
        return self.solved.reached and self.upper_per_h <= 1 / self.every_h


def find(
    recordings: Sequence[Recording],
    every_h: float,
    present: Thresholds,
    settings: AlertSettings,
    *,
    with_cusum: bool = False,
    progress: Callable[[float], None] = lambda _share: None,
) -> Findings:
    """Solve, and judge each recording at thresholds that do not know it where there are enough."""
    solved = solve(recordings, every_h, settings, with_cusum=with_cusum)
    progress(0.5)
    counts = held_out_alarms(
        recordings,
        every_h,
        settings,
        with_cusum=with_cusum,
        progress=lambda share: progress(0.5 + share / 2),
    )
    inside = [recording.alarms(solved.thresholds, settings) for recording in recordings]
    return Findings(
        solved=solved,
        spread=spread_of(recordings),
        every_h=every_h,
        hours=sum(recording.hours for recording in recordings),
        alarms=tuple(inside if counts is None else counts),
        names=tuple(recording.name for recording in recordings),
        held_out=counts is not None,
        before=sum(recording.alarms(present, settings) for recording in recordings),
    )


def table_of(
    found: Findings, recordings: Sequence[Recording], card: ModelCard, today: date
) -> CalibrationTable:
    """What the settings keep of it."""
    thresholds, reference = found.solved.thresholds, summarise(recordings)
    edges = dict(zip(CUES, reference.edges, strict=True))
    return CalibrationTable(
        model=card.fingerprint,
        made_on=today,
        false_alarms_every_h=found.every_h,
        raise_at=thresholds.raise_at,
        clear_at=thresholds.clear_at,
        cusum_allowance=thresholds.cusum.allowance if thresholds.cusum else None,
        cusum_limit=thresholds.cusum.limit if thresholds.cusum else None,
        hours=round(found.hours, 4),
        streams=len(recordings),
        alarms=sum(found.alarms),
        held_out=found.held_out,
        upper_per_h=round(found.upper_per_h, 4),
        reference=ReferenceTable(samples=reference.samples, **edges),
    )


def sentences(found: Findings) -> list[str]:
    """The findings for a person, one sentence a line."""
    return [_material(found), _thresholds(found), _alarms(found), *_claims(found)]


def _material(found: Findings) -> str:
    spread = found.spread
    return (
        f"{_hours(found.hours)} of judged faces in {_count(len(found.names), 'recording')};"
        f" log-odds {spread.mean:+.2f} ± {spread.within_sd:.2f} within and"
        f" ± {spread.between_sd:.2f} between recordings."
    )


def _thresholds(found: Findings) -> str:
    solved = found.solved
    said = f"Raise at {solved.thresholds.raise_at:.3f}, clear at {solved.thresholds.clear_at:.3f}"
    if solved.thresholds.cusum:
        cusum = solved.thresholds.cusum
        said += f", or at {cusum.limit:g} log-odds seconds above {cusum.allowance:+.2f}"
    return (
        f"{said}: the bootstrap gives {solved.per_h:.3g} false alarms an hour"
        f" (95 %: {solved.low_per_h:.3g} to {solved.high_per_h:.3g})."
    )


def _alarms(found: Findings) -> str:
    total, streams = sum(found.alarms), sum(count > 0 for count in found.alarms)
    how = (
        "at thresholds that did not know the recording"
        if found.held_out
        else "on the recordings that the thresholds were chosen by, which flatters them"
    )
    said = (
        f"{_count(total, 'false alarm')} {how} ({found.before} at the present thresholds); exact"
        f" 95 % upper bound {found.upper_per_h:.3g} an hour; {streams / len(found.alarms):.0%} of"
        " recordings with an alarm"
    )
    if total:
        worst = max(range(len(found.alarms)), key=found.alarms.__getitem__)
        said += f"; worst: {found.names[worst]} ({found.alarms[worst]})"
    return said + "."


def _claims(found: Findings) -> list[str]:
    asked = f"at most one false alarm in {_hours(found.every_h)}"
    if not found.solved.reached:
        return [f"No threshold keeps to {asked} on these recordings: look at the worst of them."]
    if found.is_shown:
        return [f"The material shows {asked} at 95 %, for streams like these."]
    most_h = 1 / found.upper_per_h
    needed_h = math.ceil(found.upper_per_h * found.hours * found.every_h)
    return [
        f"{_hours(found.hours)} of genuine video with {_count(sum(found.alarms), 'false alarm')}"
        f" cannot show fewer than one in {_hours(found.every_h)} at 95 %: it shows fewer than one"
        f" in {_hours(most_h)}; {needed_h} h with as few would be needed."
    ]


def _hours(hours: float) -> str:
    if hours >= 0.95:
        return f"{hours:.1f} h"
    return f"{hours * 60:.0f} min" if hours >= 0.05 else f"{hours * 3600:.0f} s"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")
