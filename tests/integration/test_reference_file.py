"""Files held against a genuine recording of the same person: what it adds, when it is refused."""

import pytest

from pipeline.analyzer import AnalyzerSettings
from pipeline.load import load_models
from pipeline.media_file import open_media
from stream_server.reports.file_analysis import Watchers, analyze_media
from stream_server.reports.reference_file import ReferenceRefused, enrol_file
from tests.media import blinking_person, plain_wall, write_clip
from tests.toy_models import green_classifier, tint_green, toy_directory

FPS = 8


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    directory = toy_directory(folder, green_classifier(folder))
    return load_models(directory, classifier="toy-green")


@pytest.fixture(scope="module")
def person():
    return list(blinking_person(8, FPS, blinks_s=(2, 4), width=320, height=240))


def enrol(path, models):
    return enrol_file(path, models, AnalyzerSettings(), FPS)


def reasons(path, models, reference):
    with open_media(path, analyse_fps=FPS) as media:
        report = analyze_media("clip", media, models, AnalyzerSettings(), Watchers(), reference)
    return {reason.cue: reason.llr for reason in report.faces[0].reasons}


def test_a_genuine_recording_is_enrolled_and_adds_its_term(models, person, tmp_path):
    clip = write_clip(tmp_path / "genuine.mp4", person, FPS)
    reference = enrol(clip, models)
    assert (reference.width, reference.height) == (320, 240)
    assert reference.observed_s > 5
    # Grey is -3 to this classifier, far below its average: the same score counts more.
    assert reasons(clip, models, reference)["reference"] == pytest.approx(0.7)
    assert "reference" not in reasons(clip, models, None)


def test_a_recording_that_shows_signs_itself_or_nobody_is_refused(models, person, tmp_path):
    green = write_clip(tmp_path / "green.mp4", [tint_green(image) for image in person], FPS)
    with pytest.raises(ReferenceRefused, match="signs of manipulation itself"):
        enrol(green, models)
    empty = write_clip(tmp_path / "empty.mp4", [plain_wall(320, 240)] * FPS, FPS)
    with pytest.raises(ReferenceRefused, match="too little of a face"):
        enrol(empty, models)


def test_a_recording_of_another_size_is_refused(models, person, tmp_path):
    reference = enrol(write_clip(tmp_path / "genuine.mp4", person, FPS), models)
    wide = blinking_person(1, FPS, blinks_s=(), width=480, height=240)
    with pytest.raises(ReferenceRefused, match="480 x 240"):
        reasons(write_clip(tmp_path / "wide.mp4", wide, FPS), models, reference)
