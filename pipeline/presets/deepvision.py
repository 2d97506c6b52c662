"""Fewer blinks than people of this kind should show, by a table: in the style of DeepVision.

Source: Jung, Kim and Kim, "DeepVision", IEEE Access 8 (2020): gender, age band, activity and time
of day give the expected blinks; too few of them and too long without one is an anomaly. The paper's
table is not published, so deepvision.csv holds values from the literature; its face and eye tracker
is not here either, so blinks are found by fakewatch's adaptive rule from the eye aspect ratio.
"""

import csv
from dataclasses import dataclass
from pathlib import Path

from pipeline.blink_events import BlinkSegmenter, SegmentSettings
from pipeline.comparison import Answer, Circumstances, PresetAnswer, SeenFile, counted
from pipeline.errors import SettingsError

TABLE = Path(__file__).with_suffix(".csv")
SPREADS_BELOW = 2.0
"""A rate this many standard deviations under the expected one is too low."""
ANY = "any"

WEAKNESS = (
    "Most manipulated faces keep their driver's blinks and pass, and so does every file that is "
    "shorter than the longest pause allowed; the paper judged 7 of 8 videos rightly, which leaves "
    "anything from 53 to 98 % possible, and its table is not public: this one is from literature."
)


@dataclass(frozen=True, slots=True)
class Expected:
    """A row of the table: how people in these circumstances blink."""

    wanted: tuple[str, str, str, str]
    """Gender, age band, activity, time of day."""
    per_min: float
    sd_per_min: float
    period_s: float
    longest_s: float
    source: str

    def fits(self, circumstances: Circumstances) -> bool:
        """A cell fits when it says "any" or what the user said."""
        said = (
            circumstances.gender,
            circumstances.age_band,
            circumstances.activity,
            circumstances.daytime,
        )
        return all(cell in (ANY, word) for cell, word in zip(self.wanted, said, strict=True))


@dataclass(frozen=True, slots=True)
class Watched:
    """What the eyes did while they could be followed."""

    observed_s: float
    blinks: int
    longest_s: float
    """The longest time without a blink; eyes that were not seen do not count as open."""


def judge(seen: SeenFile) -> PresetAnswer:
    """Answer by the shipped table."""
    return judge_by(expected_of(seen.circumstances, TABLE), watch(seen.eyes()))


def judge_by(expected: Expected, watched: Watched) -> PresetAnswer:
    """Answer "manipulated" where both the rate is too low and a pause too long."""
    if watched.observed_s <= 0:
        reason = "The eyes could not be followed closely enough to count blinks."
        return PresetAnswer("deepvision", Answer.NONE, None, reason, WEAKNESS)
    per_min = watched.blinks / watched.observed_s * 60
    least = expected.per_min - SPREADS_BELOW * expected.sd_per_min
    rare, long = per_min < least, watched.longest_s > expected.longest_s
    reason = (
        f"{counted(watched.blinks, 'blink')} in {watched.observed_s:.0f} s are {per_min:.1f} a "
        f"minute where {expected.per_min:.1f} (one in {expected.period_s:.1f} s) are expected and "
        f"{least:.1f} are enough, and {watched.longest_s:.0f} s without one where "
        f"{expected.longest_s:.0f} s are allowed."
    )
    answer = Answer.MANIPULATED if rare and long else Answer.NOT_MANIPULATED
    return PresetAnswer("deepvision", answer, None, reason, WEAKNESS)


def watch(eyes: list[tuple[float, float]]) -> Watched:
    """Find the blinks in (seconds, eye aspect ratio), in order of time."""
    settings = SegmentSettings()
    segmenter = BlinkSegmenter(settings)
    observed_s = longest_s = 0.0
    blinks = 0
    last_s: float | None = None
    open_since_s = 0.0
    for time_s, ear in eyes:
        step_s = 0.0 if last_s is None else time_s - last_s
        if last_s is None or step_s > settings.gap_s:
            segmenter.break_off()
            step_s, open_since_s = 0.0, time_s
        last_s = time_s
        observed_s += step_s
        blink = segmenter.add(ear, None, time_s, step_s)
        if blink is not None:
            blinks += 1
            open_since_s = time_s
        longest_s = max(longest_s, time_s - open_since_s)
    return Watched(observed_s, blinks, longest_s)


def expected_of(circumstances: Circumstances, table: Path) -> Expected:
    """The first row of the table that fits.

    Raises:
        SettingsError: the table was edited into something that cannot be used.
    """
    try:
        lines = table.read_text(encoding="utf-8").splitlines()
        rows = csv.DictReader(line for line in lines if not line.startswith("#"))
        known = [_row(row) for row in rows]
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise SettingsError(f"The blink table {table} cannot be read: {error}.") from error
    for row in known:
        if row.fits(circumstances):
            return row
    raise SettingsError(f"The blink table {table} has no row for everyone: add one with {ANY!r}.")


def _row(row: dict[str, str]) -> Expected:
    return Expected(
        wanted=(row["gender"], row["age_band"], row["activity"], row["daytime"]),
        per_min=float(row["per_min"]),
        sd_per_min=float(row["sd_per_min"]),
        period_s=float(row["period_s"]),
        longest_s=float(row["longest_s"]),
        source=row["source"],
    )
