"""A file goes through the same rules as a stream: settings, states and pictures agree."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from pipeline.draw import draw_analysis
from pipeline.load import Models
from pipeline.media_file import open_media
from pipeline.report import FileReport
from pipeline.types import Analysis, Image, State
from stream_server.loading import load_models_for
from stream_server.reports.file_analysis import Watchers, analyze_media
from stream_server.settings import AnalyzerSection, ModelsSettings
from tests.media import blinking_person, crowd, scene, write_clip
from tests.toy_models import green_classifier, tint_green, toy_directory


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Models:
    folder = tmp_path_factory.mktemp("models")
    directory = toy_directory(folder, green_classifier(folder))
    return load_models_for(ModelsSettings(directory=directory, classifier="toy-green"))


@pytest.fixture(scope="module")
def picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two people in front of one camera, both with the toy model's sign of manipulation."""
    path = tmp_path_factory.mktemp("media") / "two.png"
    cv2.imwrite(str(path), tint_green(scene(crowd(2, 800, 450), 800, 450)))
    return path


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("media") / "one.mp4"
    return write_clip(path, map(tint_green, blinking_person(4, 15, width=320, height=240)), 15)


def judged(
    path: Path, models: Models, **settings: float
) -> tuple[FileReport, list[tuple[Image, Analysis]]]:
    seen: list[tuple[Image, Analysis]] = []
    watchers = Watchers(frame=lambda frame, analysis: seen.append((frame.image, analysis)))
    asked = AnalyzerSection(**settings).as_analyzer_settings()
    with open_media(path) as media:
        return analyze_media(path.name, media, models, asked, watchers), seen


def test_a_pictures_faces_are_drawn_in_the_state_that_its_report_gives(
    models: Models, picture: Path
) -> None:
    report, seen = judged(picture, models)
    assert [face.state for face in report.faces] == [State.ALERT, State.ALERT]
    ((_, analysis),) = seen
    assert [reading.state for reading in analysis.readings] == [State.ALERT, State.ALERT]


def test_one_look_is_not_called_one_of_one_looks(models: Models, picture: Path) -> None:
    report, _ = judged(picture, models)
    (reason,) = report.verdict.reasons
    assert reason.text.endswith("look manipulated in the only look at it.")


def test_where_there_are_several_faces_each_is_drawn_with_its_number(
    models: Models, picture: Path
) -> None:
    _, ((image, both),) = judged(picture, models)
    first, second = both.readings
    apart = [draw_analysis(image, replace(both, readings=(one,))) for one in (first, second)]
    together = draw_analysis(image, both)
    for one, drawn in zip((first, second), apart, strict=True):
        middle = round((one.box.left + one.box.right) / 2)
        side = np.s_[:, : image.shape[1] // 2] if middle < 400 else np.s_[:, image.shape[1] // 2 :]
        assert not np.array_equal(drawn[side], together[side])


@pytest.mark.parametrize("kind", ["picture", "clip"])
def test_the_prior_of_the_settings_counts_in_the_verdict(
    models: Models, kind: str, request: pytest.FixtureRequest
) -> None:
    path = request.getfixturevalue(kind)
    usual, _ = judged(path, models)
    rare, _ = judged(path, models, prior_prob=0.01)
    assert [reason.cue for reason in rare.verdict.reasons] == ["classifier", "prior"]
    assert rare.verdict.fake_prob is not None
    assert usual.verdict.fake_prob is not None
    assert rare.verdict.fake_prob < usual.verdict.fake_prob
