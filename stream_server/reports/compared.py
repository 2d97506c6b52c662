"""One file by the rules of known systems and by fakewatch, side by side, from one analysis."""

import time
from dataclasses import dataclass

from pipeline.comparison import Circumstances, SeenFile, ask, presets
from pipeline.model_card import ModelCard
from pipeline.report import FileReport
from pipeline.series import FileRecord

SHARED = (
    "All rules judge the same measurements of one analysis: fakewatch's faces, classifier and "
    "landmarks in place of their own. A rule's time comes on top of that analysis."
)


@dataclass(frozen=True, slots=True)
class Row:
    """What one rule, or fakewatch, says of the file."""

    rule: str
    answer: str
    fake_prob: float | None
    reason: str
    weakness: str
    time_s: float
    """Of a preset: beyond the analysis that all share. Of fakewatch: that analysis."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """All answers to one file."""

    input: str
    kind: str
    duration_s: float | None
    rows: tuple[Row, ...]
    note: str


def compared(
    report: FileReport,
    record: FileRecord,
    card: ModelCard,
    about: Circumstances,
    judged_by: str = "fakewatch",
) -> Comparison:
    """Ask every preset; `record` is of a `full_recorder`, `card` is the classifier's.

    `judged_by` names the row of the report itself: with a preset its verdict is that rule's.

    Raises:
        SettingsError: the table of blinks cannot be used.
    """
    still = report.kind == "image"
    seen = SeenFile(
        duration_s=0.0 if still else report.duration_s or record.observed_s,
        faces=record.faces,
        circumstances=about,
        frames=card.frames,
    )
    rows = (
        _own_row(report, card.limits, judged_by),
        *(_preset_row(preset, seen) for preset in presets()),
    )
    return Comparison(report.input, report.kind, report.duration_s, rows, SHARED)


def _own_row(report: FileReport, limits: str, judged_by: str) -> Row:
    """What the report says, with the terms that its probability is the sum of."""
    verdict = report.verdict
    terms = " ".join(f"{reason.llr:+.2f}: {reason.text}" for reason in verdict.reasons)
    return Row(
        rule=judged_by,
        answer=verdict.state.value,
        fake_prob=verdict.fake_prob,
        reason=f"{verdict.text} {terms}".strip(),
        weakness=limits,
        time_s=report.timing.wall_s,
    )


def _preset_row(preset: str, seen: SeenFile) -> Row:
    """What one preset says, timed."""
    started_s = time.perf_counter()
    found = ask(preset, seen)
    took_s = time.perf_counter() - started_s
    return Row(found.preset, found.text, found.fake_prob, found.reason, found.weakness, took_s)
