"""The settings' `[calibration]` table: what `fakewatch calibrate` found, and for which model."""

import json
import re
import tomllib
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

from pipeline.errors import SettingsError
from pipeline.model_card import Cusum, ModelCard, Thresholds
from stream_server.calibration.recordings import CUES
from stream_server.calibration.reference import BINS, Reference

Prob = Annotated[float, Field(gt=0, lt=1)]
Positive = Annotated[float, Field(gt=0, lt=1e9)]
Edges = Annotated[tuple[float, ...], Field(min_length=BINS - 1, max_length=BINS - 1)]


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class ReferenceTable(_Table):
    """Inner edges of bins that held equal shares of the genuine recordings."""

    samples: Positive
    logit: Edges
    side_px: Edges
    blur: Edges
    exposure: Edges

    def as_reference(self) -> Reference:
        """Give the drift monitor its own type."""
        return Reference(tuple(getattr(self, cue) for cue in CUES), self.samples)


class CalibrationTable(_Table):
    """Thresholds that hold for one model and for streams like the calibration's."""

    model: Annotated[str, Field(min_length=1, max_length=200)]
    """Fingerprint; with another model the table does not count."""
    made_on: date
    false_alarms_every_h: Positive
    raise_at: Prob
    clear_at: Prob
    cusum_allowance: float | None = None
    cusum_limit: Positive | None = None
    hours: Positive
    streams: Annotated[int, Field(ge=1)]
    alarms: Annotated[int, Field(ge=0)]
    """Seen in these hours; each recording judged by thresholds that did not know it, where said."""
    held_out: bool = False
    upper_per_h: Positive
    """Exact one-sided 95 % upper bound of the rate."""
    reference: ReferenceTable

    @model_validator(mode="after")
    def _in_order(self) -> "CalibrationTable":
        if self.clear_at >= self.raise_at:
            raise ValueError("calibration: clear_at must lie below raise_at")
        if (self.cusum_allowance is None) != (self.cusum_limit is None):
            raise ValueError("calibration: cusum_allowance and cusum_limit belong together")
        return self

    @property
    def thresholds(self) -> Thresholds:
        """What the alert logic works with."""
        cusum = None
        if self.cusum_allowance is not None and self.cusum_limit is not None:
            cusum = Cusum(self.cusum_allowance, self.cusum_limit)
        return Thresholds(self.raise_at, self.clear_at, cusum)

    def void(self, card: ModelCard) -> str | None:
        """One sentence on why the table does not count for a model; None where it does."""
        if card.fingerprint == self.model:
            return None
        return (
            f"The [calibration] of the settings was made with {self.model} and does not hold for"
            f" {card.fingerprint}: its card's own thresholds are used; run fakewatch calibrate"
            " again."
        )

    def applied(self, card: ModelCard) -> ModelCard:
        """The card with these thresholds, where it is the model that they were made with."""
        return card if self.void(card) else replace(card, thresholds=self.thresholds)


_HEAD = (
    "# Written by fakewatch calibrate; it holds for this model and for streams like these only.\n"
)


def to_toml(table: CalibrationTable) -> str:
    """The table as TOML text."""
    facts = table.model_dump(exclude_none=True)
    reference = facts.pop("reference")
    lines = [f"{key} = {_value(value)}" for key, value in facts.items()]
    lines += ["", "[calibration.reference]"]
    lines += [f"{key} = {_value(value)}" for key, value in reference.items()]
    return _HEAD + "[calibration]\n" + "\n".join(lines) + "\n"


def write_into(path: Path, table: CalibrationTable) -> None:
    """Put the table into a settings file, in the place of an older one; the rest stays.

    Raises:
        SettingsError: the file is no TOML, or cannot be written.
    """
    try:
        before = path.read_text(encoding="utf-8") if path.exists() else ""
        tomllib.loads(before)
        text = _without_table(before)
        after = f"{text.rstrip()}\n\n{to_toml(table)}" if text.strip() else to_toml(table)
        tomllib.loads(after)
        fresh = path.with_name(path.name + ".new")
        fresh.write_text(after, encoding="utf-8")
        if path.exists():
            fresh.chmod(path.stat().st_mode)
        fresh.replace(path)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"{path} is not valid TOML, so nothing was written: {error}."
        ) from error
    except OSError as error:
        raise SettingsError(f"{path} cannot be written: {error.strerror}.") from error


def _without_table(text: str) -> str:
    kept, inside = [], False
    for line in text.replace(_HEAD, "").splitlines(keepends=True):
        head = re.match(r"\s*\[+\s*([\w.-]+)", line)
        if head:
            inside = head[1].partition(".")[0] == "calibration"
        if not inside:
            kept.append(line)
    return "".join(kept)


def _value(value: object) -> str:
    if isinstance(value, date):
        return value.isoformat()
    return json.dumps(list(value) if isinstance(value, tuple) else value)
