"""Readiness: a classifier that answers as ever, a database that keeps, and not on the way down."""

from pathlib import Path

import pytest

from pipeline.errors import ModelError
from pipeline.model_card import CropRule, ModelCard
from pipeline.types import FrameScore
from stream_server.metrics import Metrics
from stream_server.readiness import Canary, Health
from stream_server.store import Store


class Judge:
    """A classifier whose next answer the test sets."""

    card = ModelCard(
        "judge", "1", "deepfake", "x", Path("x"), "0" * 64, "", "", "", "", crop=CropRule(48, 1.3)
    )

    def __init__(self) -> None:
        self.answer: FrameScore | ModelError | None = FrameScore(0.0, 0.5)
        self.shapes: list[tuple[int, ...]] = []

    def __call__(self, crops):
        self.shapes += [crop.shape for crop in crops]
        if isinstance(self.answer, ModelError):
            raise self.answer
        return [self.answer for _ in crops]


@pytest.fixture
def judge():
    return Judge()


@pytest.fixture
def metrics():
    return Metrics()


@pytest.fixture
def canary(judge, metrics):
    return Canary(lambda: judge, metrics, every_s=30)


@pytest.fixture
def health(canary, metrics, tmp_path):
    store = Store(tmp_path / "data")
    yield Health(canary, store, metrics, tmp_path / "data")
    store.close()


def ready(metrics):
    return metrics.registry.get_sample_value("fakewatch_ready")


def test_it_is_not_ready_before_the_first_good_answer(health, canary, metrics):
    assert not health.report().ready
    canary.ask()
    assert health.report().ready
    assert ready(metrics) == 1


def test_the_canary_is_asked_with_a_crop_of_the_cards_size(judge, canary):
    canary.ask()
    assert judge.shapes == [(48, 48, 3)]


@pytest.mark.fault("F21")
@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (None, "no finite number"),
        (ModelError("The model failed."), "The model failed."),
        (FrameScore(1.0, 0.73), "otherwise than at the start"),
    ],
)
def test_a_bad_answer_is_named_once_the_last_good_one_is_old(
    judge, canary, health, metrics, monkeypatch, answer, reason
):
    """F21: NaN, failure, or another answer to the same picture."""
    canary.ask()
    judge.answer = answer
    canary.ask()
    assert health.report().ready, "one miss is no catastrophe"
    passed_s = canary._passed_s
    monkeypatch.setattr("time.monotonic", lambda: passed_s + 4 * 30 + 1)
    (failed,) = [check for check in health.report().checks if not check.ok]
    assert failed.name == "canary"
    assert reason in failed.detail
    assert ready(metrics) == 0


def test_rounding_is_no_change_of_mind(judge, canary, health):
    canary.ask()
    judge.answer = FrameScore(0.01, 0.505)
    canary.ask()
    assert canary._trouble == "it has not been asked yet"


@pytest.mark.fault("F20")
def test_another_classifier_is_held_against_its_own_first_answer(judge, metrics):
    using = [judge]
    canary = Canary(lambda: using[0], metrics, every_s=30)
    canary.ask()
    using[0] = Judge()
    using[0].answer = FrameScore(2.0, 0.88)
    canary.ask()
    assert canary._trouble == "it has not been asked yet", "nothing was wrong so far"
    using[0].answer = FrameScore(0.0, 0.5)
    canary.ask()
    assert canary._trouble == "it answers otherwise than at the start"


@pytest.mark.fault("F20")
def test_an_answer_that_comes_after_the_swap_says_nothing_of_the_other(judge, metrics):
    using = [judge]
    canary = Canary(lambda: using[0], metrics, every_s=30)

    class Late(Judge):
        def __call__(self, crops):
            using[0] = judge
            return [None]

    using[0] = Late()
    canary.ask()
    assert canary._trouble == "it has not been asked yet"
    assert not canary.check().ok


def test_on_the_way_down_it_is_not_ready(health, canary):
    canary.ask()
    health.draining = True
    assert [check.name for check in health.report().checks if not check.ok] == ["accepting"]


def test_a_database_that_keeps_nothing_makes_it_unready(canary, metrics, tmp_path):
    (tmp_path / "file").write_text("in the way")
    store = Store(tmp_path / "file")
    canary.ask()
    report = Health(canary, store, metrics, tmp_path).report()
    store.close()
    assert [check.name for check in report.checks if not check.ok] == ["database"]


@pytest.mark.fault("F32")
def test_a_full_disk_degrades_but_leaves_it_ready(health, canary):
    """F32."""
    canary.ask()
    health._store.error = "database or disk is full"
    report = health.report()
    assert report.ready
    assert "disk is full" in report.degraded[0]


def test_free_space_is_measured_even_before_the_directory_is_made(health, metrics):
    health._directory = health._directory / "not/yet/made"
    health.measure_disk()
    assert metrics.registry.get_sample_value("fakewatch_disk_free_bytes") > 0
