"""Fresh memory for a face that was not there before, as the settings ask for it."""

from collections.abc import Callable

from pipeline.alert import AlertTrigger
from pipeline.analyzer_settings import AnalyzerSettings
from pipeline.blink import BlinkMeter
from pipeline.clip import Clip
from pipeline.cues import HeadWatch
from pipeline.memory import PersonMemory
from pipeline.model_card import ModelCard, Thresholds
from pipeline.person import Person
from pipeline.preset_meter import THRESHOLDS as PRESET_THRESHOLDS
from pipeline.preset_meter import PresetMeter
from pipeline.reference import Likeness
from pipeline.types import AlertId
from pipeline.window import ScoreWindow


def newcomer(
    settings: AnalyzerSettings,
    card: ModelCard,
    thresholds: Thresholds,
    new_alert_id: Callable[[], AlertId],
    known: PersonMemory | None,
) -> Person:
    """Only what is `known` of it is remembered: None of most."""
    rule = PresetMeter(settings.preset, frames=card.frames).update if settings.preset else None
    thresholds = PRESET_THRESHOLDS if rule else thresholds
    window = ScoreWindow(
        window_s=settings.window_s,
        every_s=settings.classify_every_s,
        min_samples=settings.window_min_samples,
        samples=known.samples if known else (),
    )
    return Person(
        BlinkMeter(settings.blink),
        HeadWatch(settings.cues),
        window,
        Likeness(settings.window_s),
        AlertTrigger(thresholds, settings.alert, known.trigger if known else None),
        thresholds.raise_at,
        new_alert_id,
        Clip(card.frames, settings.window_s),
        rule,
        known.alert if known else None,
    )
