"""Many faces at once, through the real models and the live runner: bounded work, nothing hidden."""

from collections.abc import Callable, Sequence
from itertools import count
from math import hypot
from pathlib import Path

import pytest

from pipeline.analyzer import TURN_WINDOWS, AnalyzerSettings, StreamAnalyzer
from pipeline.geometry import center
from pipeline.load import Models, load_models
from pipeline.synthetic_face import DrawnFace
from pipeline.types import AlertId, Analysis, Reading, State, StreamId
from stream_server.live import LiveAnalysis, LiveEvent
from stream_server.sources import av_url
from stream_server.streams.analyst import AnalystSettings
from stream_server.streams.runner import RunnerSettings, StreamRunner
from tests.media import crowd, scene, write_clip
from tests.needs import wait_until
from tests.toy_models import constant_classifier, toy_directory

STREAM = StreamId("hall")
BUDGET_S = 0.4
ONE_ANALYSIS_S = 2.0
"""Longest analysis of ten faces on a busy machine."""
TURN_S = TURN_WINDOWS * AnalyzerSettings().window_s


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Models:
    folder = tmp_path_factory.mktemp("models")
    card = constant_classifier(folder, -2.0)
    return load_models(toy_directory(folder, card), classifier=card.name)


class Hall:
    """A live runner that watches a crowd standing still."""

    def __init__(
        self, models: Models, clip: Path, analyzer: AnalyzerSettings | None = None
    ) -> None:
        config = av_url.Config.model_validate({"url": clip.as_uri()})
        serial = count()
        # A still picture would count as frozen; here it is the crowd that matters.
        settings = RunnerSettings(AnalystSettings(age_budget_s=BUDGET_S, frozen_after_s=3600))
        self.events: list[LiveAnalysis] = []
        self.runner = StreamRunner(
            STREAM,
            lambda epoch: av_url.build(config, STREAM, epoch),
            lambda: StreamAnalyzer(STREAM, models, lambda: AlertId(f"a{next(serial)}"), analyzer),
            self._take,
            settings,
        )

    def _take(self, event: LiveEvent) -> None:
        if isinstance(event, LiveAnalysis):
            self.events.append(event)

    @property
    def is_fresh(self) -> bool:
        """No frame was older than the budget when its analysis began."""
        return all(e.age_ms <= (BUDGET_S + ONE_ANALYSIS_S) * 1000 for e in self.events)

    def watch(self, enough: Callable[[], bool], timeout_s: float, what: str) -> list[Analysis]:
        """Run until enough was seen."""
        self.runner.start()
        try:
            wait_until(enough, timeout_s, what)
        finally:
            self.runner.stop()
        return [event.analysis for event in self.events]


@pytest.mark.fault("F24")
@pytest.mark.parametrize("people", [20, 50])
def test_a_crowd_is_capped_counted_and_kept_fresh(
    people: int, models: Models, tmp_path: Path
) -> None:
    picture = scene(crowd(people, 1280, 720), 1280, 720)
    hall = Hall(models, write_clip(tmp_path / "hall.mp4", [picture] * 300, 15))
    found = hall.watch(lambda: len(hall.events) >= 15, 40, "fifteen analyses")
    assert max(len(analysis.readings) for analysis in found) == 10
    seen = max(len(analysis.readings) + analysis.faces_skipped for analysis in found)
    assert seen >= 0.9 * people
    assert hall.is_fresh
    # The same ten are followed, not ten others each time: two change when their turn is over.
    followed = {reading.track_id for analysis in found[5:] for reading in analysis.readings}
    assert len(followed) <= 10 + 2 * (1 + (found[-1].time_s - found[5].time_s) // TURN_S)


@pytest.mark.fault("F24")
def test_everybody_in_a_crowd_is_judged_in_turn(models: Models, tmp_path: Path) -> None:
    people = crowd(20, 1280, 720)
    picture = scene(people, 1280, 720)
    clip = write_clip(tmp_path / "hall.mp4", [picture] * 900, 5)
    # Short turns, and a window that is thick enough though a busy machine sheds the classifier.
    hall = Hall(models, clip, AnalyzerSettings(window_s=2.0, window_min_samples=2))

    def judged() -> set[int]:
        """Who has been called something, by their place in the picture."""
        return {
            nearest(reading, people)
            for event in list(hall.events)
            for reading in event.analysis.readings
            if reading.state is not State.INSUFFICIENT
        }

    found = hall.watch(lambda: len(judged()) == len(people), 170, "everybody to be judged")
    assert max(len(analysis.readings) for analysis in found) == 10
    assert hall.is_fresh


def nearest(reading: Reading, people: Sequence[DrawnFace]) -> int:
    """Which of them it is."""
    x, y = center(reading.box)
    return min(range(len(people)), key=lambda i: hypot(people[i].x_px - x, people[i].y_px - y))
