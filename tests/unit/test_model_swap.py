"""Other models are tried before they are taken, and nothing of two models is ever mixed."""

import asyncio
import gc
import threading
import weakref
from dataclasses import replace

import pytest

from pipeline.alert import AlertSettings
from pipeline.analyzer_settings import AnalyzerSettings
from pipeline.errors import ModelError, SettingsError
from pipeline.model_card import Thresholds
from pipeline.types import Frame, FrameScore, State
from stream_server import reloading
from stream_server.app import wire
from stream_server.configuration import Configuration
from stream_server.evidence.settings import EvidenceSettings, Mode
from stream_server.evidence.witness import Witness
from stream_server.live import EventHub, LiveAnalysis
from stream_server.loading import load_models_for
from stream_server.metrics import Metrics
from stream_server.model_swap import ModelsInUse, change_of, fresh_models, try_out
from stream_server.settings import ModelsSettings, Settings
from stream_server.settings_file import SettingsReader
from stream_server.streams.chain import Chain, Company
from stream_server.streams.challenger import Audience, Challenger, ChallengeState
from stream_server.streams.enroller import Enroller, EnrolmentState
from stream_server.streams.preview import Preview
from stream_server.streams.recording import Recorder
from stream_server.streams.tuning import Tuning
from tests.alert_desk import CAM, Desk
from tests.media import DrawnFace, scene
from tests.toy_models import constant_classifier, toy_directory
from tests.unit.test_calibration_table import TABLE

QUICK = AnalyzerSettings(window_min_samples=2, alert=AlertSettings(tau_s=0.1, hold_s=0.0))


@pytest.fixture
def directory(tmp_path):
    """ "toy" finds signs in every face, "calm" in none."""
    directory = toy_directory(tmp_path / "models", constant_classifier(tmp_path / "models", 4.0))
    constant_classifier(directory, -4.0, "calm")
    return directory


def settings_of(directory, classifier="toy", **more):
    return Settings(models=ModelsSettings(directory=directory, classifier=classifier), **more)


def loaded(directory, classifier="toy"):
    return load_models_for(settings_of(directory, classifier).models)


class Answers:
    """A classifier that gives, to so many crops, what it is told."""

    def __init__(self, card, answer):
        self.card, self.answer = card, answer

    def __call__(self, crops):
        return self.answer(crops)


def numberless(crops):
    return [FrameScore(0.0, 0.5)] * (len(crops) - 1) + [None]


def torn(crops):
    raise ValueError(f"all the input arrays of {len(crops)} must have the same shape")


@pytest.mark.fault("F20")
@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (numberless, "no finite number"),
        (lambda crops: [FrameScore(float("inf"), 1.0)] * len(crops), "no finite number"),
        (lambda crops: [FrameScore(0.0, 0.5)] * 2 * len(crops), "one answer to one crop"),
        (torn, "toy failed on a drawn picture: all the input arrays of 4"),
    ],
)
def test_whoever_answers_drawn_pictures_badly_is_refused(directory, answer, reason):
    models = loaded(directory)
    try_out(models)
    with pytest.raises(ModelError, match=reason):
        try_out(replace(models, classifier=Answers(models.classifier.card, answer)))


@pytest.mark.fault("F20")
def test_models_are_loaded_anew_only_where_they_are_others_on_the_disk(directory):
    settings = settings_of(directory)
    running = load_models_for(settings.models)
    assert fresh_models(running, settings, settings) is None
    other = fresh_models(running, settings, settings_of(directory, "calm"))
    assert other.classifier.card.name == "calm"

    card = directory / "toy.toml"
    card.write_text(card.read_text().replace("raise_at = 0.8", "raise_at = 0.9"))
    again = fresh_models(running, settings, settings)
    assert again.classifier.card.thresholds == Thresholds(0.9, 0.55)

    (directory / "toy.onnx").write_bytes(b"cut short")
    with pytest.raises(SettingsError, match=r"models: The model .*toy\.onnx is not the one of its"):
        fresh_models(again, settings, settings)


def test_a_calibration_that_fits_the_model_is_taken_with_it_and_another_ones_is_not(directory):
    settings = settings_of(directory)
    running = load_models_for(settings.models)
    foreign = fresh_models(running, settings, settings_of(directory, calibration=TABLE))
    assert foreign is None, "the card's own thresholds stay"
    own = TABLE.model_copy(update={"model": running.classifier.card.fingerprint})
    taken = fresh_models(running, settings, settings_of(directory, calibration=own))
    assert taken.classifier.card.thresholds == TABLE.thresholds


def test_a_change_is_told_by_what_became_of_each_model(directory):
    toy, calm = (loaded(directory, name).cards for name in ("toy", "calm"))
    assert change_of(toy, calm) == (
        f"The models were changed: {toy[2].fingerprint} became {calm[2].fingerprint}."
    )
    stricter = (*toy[:2], replace(toy[2], thresholds=Thresholds(0.9, 0.5)))
    said = f"The models were changed: the card of {toy[2].fingerprint} is another."
    assert change_of(toy, stricter) == said
    assert change_of(toy, toy) == "The models were loaded anew."


class Watched:
    """One stream as the service puts it together, frame by frame."""

    def __init__(self, directory, folder):
        self.desk, self.cases = Desk(folder), []
        self.in_use = ModelsInUse(loaded(directory), Metrics())
        cards = self.in_use.now.cards
        parts = (EventHub(), self.desk.book, Metrics(), lambda _: None)
        self.recorder = Recorder(CAM, "Camera", self.in_use.now, lambda: "cpu", *parts)
        self.enroller, self.challenger = Enroller(CAM, cards[2], None), Challenger(CAM)
        witness = Witness(CAM, EvidenceSettings(mode=Mode.SNAPSHOT), self)
        around = (Preview(), self.enroller, self.challenger, Tuning(QUICK))
        self.company = Company(cards, *around, witness, self.recorder, None)
        self.chain = Chain(CAM, self.in_use, self.company)
        self.index = 0

    def show(self, seconds):
        """Analyse five frames a second of one drawn face; the last analysis."""
        for _ in range(int(5 * seconds)):
            self.index += 1
            image = scene([DrawnFace(160, 120, 160, blink=self.index % 2)], 320, 240)
            analysis = self.chain(Frame(CAM, self.index, self.index / 5, 1, image))
            self.recorder.publish(LiveAnalysis(CAM, analysis, 1.0, 0.0))
        return analysis

    def open_case(self, _witness, case):
        self.cases.append(case)

    def offer_picture(self, *_):
        """Nothing is kept."""

    def hurry(self, _stream_id):
        """Nothing is written."""


@pytest.fixture
def watched(directory, tmp_path):
    watched = Watched(directory, tmp_path)
    yield watched
    watched.desk.store.close()


@pytest.mark.fault("F20")
def test_a_stream_begins_anew_with_the_first_frame_after_a_swap(watched, directory):
    assert watched.show(4).readings[0].state is State.ALERT
    (alert,) = watched.desk.book.open_alerts()
    toy, calm = alert.model, loaded(directory, "calm")
    watched.in_use.take(calm)

    reading = watched.show(0.2).readings[0]
    assert reading.state is State.INSUFFICIENT, "the other model's scores count no more"
    assert watched.desk.book.open_alerts() == []
    closed = watched.desk.book.get(alert.alert_id)
    assert closed.model == toy
    assert closed.reasons[-1].text == change_of(loaded(directory).cards, calm.cards)
    assert watched.show(4).readings[0].state is State.CLEAR

    watched.in_use.take(loaded(directory))
    assert watched.show(4).readings[0].state is State.ALERT
    assert [case.memory.models[2] for case in watched.cases] == [toy, toy]
    first, second = watched.cases
    assert not {s.at_s for s in first.memory.samples} & {s.at_s for s in second.memory.samples}


@pytest.mark.fault("F20")
def test_what_was_being_measured_with_the_model_before_is_broken_off(watched, directory):
    watched.show(1)
    watched.enroller.begin()
    watched.challenger.begin(Audience.SELF, colours=False)
    watched.show(1)
    assert watched.enroller.view().state is EnrolmentState.RUNNING
    watched.in_use.take(loaded(directory, "calm"))
    watched.show(0.2)
    assert watched.enroller.view().state is EnrolmentState.REFUSED
    assert "model changed" in watched.enroller.view().text
    assert watched.challenger.view().state is ChallengeState.STOPPED
    assert "model changed" in watched.challenger.view().text


@pytest.mark.fault("F20")
def test_the_model_before_goes_with_the_last_frame_that_it_judged(watched, directory):
    watched.show(2)
    watched.cases.clear()  # one that is still to be written keeps the model for its heat-maps
    before = weakref.ref(watched.in_use.now.classifier)
    watched.in_use.take(loaded(directory, "calm"))
    gc.collect()
    assert before() is not None, "the stream may still be judging a frame"
    watched.show(0.2)
    gc.collect()
    assert before() is None


def service_of(directory, tmp_path):
    """The parts of a service that was started from a file, and that file."""
    file = tmp_path / "fakewatch.toml"
    text = f'[models]\ndirectory = "{directory}"\nclassifier = "toy"\n'
    file.write_text(f'{text}[storage]\npath = "{tmp_path / "data"}"\n')
    reader = SettingsReader(file)
    configuration = Configuration(reader.read().settings, {}, reader)
    return wire(configuration, loaded(directory)), file


@pytest.mark.fault("F20")
def test_a_model_that_never_answers_is_given_up_and_the_next_one_is_taken(
    directory, tmp_path, monkeypatch
):
    let_go, tries = threading.Event(), []
    trying = reloading.fresh_models

    def hangs_once(*given):
        tries.append(given)
        return let_go.wait(60) if len(tries) == 1 else trying(*given)

    monkeypatch.setattr(reloading, "fresh_models", hangs_once)
    monkeypatch.setattr(reloading, "_PATIENCE_S", 0.2)

    async def reload_twice():
        with pytest.raises(SettingsError, match=r"models: they did not load and answer within"):
            await wiring.reloader.reload()
        assert wiring.models.classifier.card.name == "toy"
        monkeypatch.setattr(reloading, "_PATIENCE_S", 60.0)
        return await wiring.reloader.reload()

    wiring, file = service_of(directory, tmp_path)
    file.write_text(file.read_text().replace('"toy"', '"calm"'))
    try:
        outcome = asyncio.run(reload_twice())
    finally:
        let_go.set()
        wiring.store.close()
    assert outcome.models[2].startswith("calm@")
    assert wiring.models.classifier.card.name == "calm"
    assert wiring.configuration.error is None
    assert wiring.canary.check().ok, "it was asked at once"
