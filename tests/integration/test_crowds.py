"""Many faces at once, through the real models and the live runner: bounded work, nothing hidden."""

from itertools import count
from pathlib import Path

import pytest

from pipeline.analyzer import StreamAnalyzer
from pipeline.load import Models, load_models
from pipeline.types import AlertId, StreamId
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


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Models:
    folder = tmp_path_factory.mktemp("models")
    card = constant_classifier(folder, -2.0)
    return load_models(toy_directory(folder, card), classifier=card.name)


@pytest.mark.fault("F24")
@pytest.mark.parametrize("people", [20, 50])
def test_a_crowd_is_capped_counted_and_kept_fresh(
    people: int, models: Models, tmp_path: Path
) -> None:
    picture = scene(crowd(people, 1280, 720), 1280, 720)
    clip = write_clip(tmp_path / "hall.mp4", [picture] * 60, 15)
    config = av_url.Config.model_validate({"url": clip.as_uri()})
    analyses: list[LiveAnalysis] = []
    serial = count()

    def take(event: LiveEvent) -> None:
        if isinstance(event, LiveAnalysis):
            analyses.append(event)

    # A still picture would count as frozen; here it is the crowd that matters.
    settings = RunnerSettings(AnalystSettings(age_budget_s=BUDGET_S, frozen_after_s=3600))
    runner = StreamRunner(
        STREAM,
        lambda epoch: av_url.build(config, STREAM, epoch),
        lambda: StreamAnalyzer(STREAM, models, lambda: AlertId(f"a{next(serial)}")),
        take,
        settings,
    )
    runner.start()
    try:
        wait_until(lambda: len(analyses) >= 15, 40, "fifteen analyses")
    finally:
        runner.stop()
    found = [event.analysis for event in analyses]
    assert max(len(analysis.readings) for analysis in found) == 10
    seen = max(len(analysis.readings) + analysis.faces_skipped for analysis in found)
    assert seen >= 0.9 * people
    # No frame was older than the budget when its analysis began.
    assert all(event.age_ms <= (BUDGET_S + ONE_ANALYSIS_S) * 1000 for event in analyses)
    # The same ten are followed, not ten others each time.
    followed = {reading.track_id for analysis in found[5:] for reading in analysis.readings}
    assert len(followed) <= 15
