"""A graphics card that fails in mid-run: the processor takes over, or the service is not ready."""

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from structlog.testing import capture_logs

from pipeline.errors import DeviceError, ModelError
from pipeline.load import Models, load_models
from pipeline.model_card import ModelCard
from pipeline.onnx_session import Device, OnnxSession, open_session
from stream_server.device_loss import GuardedClassifier
from stream_server.metrics import Metrics
from stream_server.model_swap import ModelsInUse
from stream_server.readiness import Canary, Health
from stream_server.store import Store
from tests.lost_card import FULL, LOST, FailingSession, on_a_card
from tests.toy_models import toy_directory, write_classifier

pytestmark = pytest.mark.fault("F22")
WHITE = np.full((32, 32, 3), 255, np.uint8)


@pytest.fixture
def card(tmp_path: Path) -> ModelCard:
    return write_classifier(tmp_path)


@pytest.fixture
def loaded(tmp_path: Path, card: ModelCard) -> Models:
    return load_models(toy_directory(tmp_path, card), classifier=card.name, device=Device.CPU)


def provider_of(metrics: Metrics) -> dict[str, float | None]:
    return {
        place: metrics.registry.get_sample_value(
            "fakewatch_execution_provider_info", {"model": "toy", "provider": place}
        )
        for place in ("cuda", "cpu")
    }


@pytest.mark.parametrize("error", [LOST, FULL])
def test_an_error_on_the_card_is_told_from_one_of_the_input(
    card: ModelCard, error: Exception
) -> None:
    failing = FailingSession(card)
    on_card, on_cpu = (OnnxSession(failing, place, card) for place in ("cuda", "cpu"))
    with pytest.raises(ModelError) as refused:
        on_card.run({"image": np.zeros((1, 5, 5, 3), np.uint8)})
    assert not isinstance(refused.value, DeviceError)
    failing.error = error
    with pytest.raises(DeviceError, match="toy failed on the graphics card") as lost:
        on_card.run({"image": WHITE[None]})
    assert "inner-name" not in str(lost.value)
    with pytest.raises(ModelError) as failed:
        on_cpu.run({"image": WHITE[None]})
    assert not isinstance(failed.value, DeviceError)


def test_a_card_that_fails_at_its_first_run_is_refused_or_left(
    card: ModelCard, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = onnxruntime.InferenceSession

    def open_it(content: bytes, options: Any, providers: list[Any]) -> Any:
        if providers == ["CPUExecutionProvider"]:
            return real(content, options, providers=providers)
        failing.error = FULL
        return failing

    failing = FailingSession(card)
    monkeypatch.setattr(onnxruntime, "InferenceSession", open_it)
    monkeypatch.setattr(onnxruntime, "get_available_providers", failing.get_providers)
    monkeypatch.setattr(onnxruntime, "preload_dlls", lambda: None, raising=False)
    with pytest.raises(DeviceError, match="Failed to allocate memory"):
        open_session(card, Device.CUDA)
    assert open_session(card, Device.AUTO).provider == "cpu"


def test_a_single_failure_is_answered_by_the_processor_and_the_card_is_asked_again(
    loaded: Models,
) -> None:
    models, session = on_a_card(loaded, Device.AUTO)
    guard = GuardedClassifier(models, Metrics())
    good = guard([WHITE])
    for _ in range(5):
        session.error = FULL
        assert guard([WHITE]) == guard([WHITE]) == good
        session.error = None
        assert guard([WHITE]) == good
    assert (guard.provider, guard.trouble, session.calls) == ("cuda", None, 16)


def test_under_auto_a_lost_card_costs_nobody_an_answer_and_everything_says_so(
    loaded: Models,
) -> None:
    models, session = on_a_card(loaded, Device.AUTO)
    metrics = Metrics()
    use = ModelsInUse(models, metrics)
    before = use.now
    good = before.classifier([WHITE])
    assert (provider_of(metrics), use.now.provider) == ({"cuda": 1.0, "cpu": None}, "cuda")
    session.error = LOST
    with capture_logs() as logs:
        assert [before.classifier([WHITE]) for _ in range(5)] == [good] * 5
    assert session.calls == 4  # three failures, and it is left alone
    assert use.now is before  # no stream begins anew
    assert (provider_of(metrics), use.now.provider) == ({"cuda": None, "cpu": 1.0}, "cpu")
    told = [(log["event"], log["log_level"]) for log in logs]
    assert told == [("inference_failed", "warning"), ("device_lost", "error")]
    assert use.guard.trouble is not None
    assert "illegal memory access" in use.guard.trouble
    assert "the processor has taken over" in use.guard.trouble
    assert use.guard.unfit is None


def test_a_question_that_nobody_can_answer_is_not_the_card_s_fault(loaded: Models) -> None:
    models, session = on_a_card(loaded, Device.AUTO)
    guard = GuardedClassifier(models, Metrics())
    session.error = LOST
    for _ in range(5):
        with pytest.raises(ModelError, match="failed on its input"):
            guard([WHITE[:5, :5]])
    assert (guard.provider, guard.trouble) == ("cuda", None)


def test_a_model_whose_file_is_gone_by_then_is_no_spare(loaded: Models) -> None:
    models, session = on_a_card(loaded, Device.AUTO)
    guard = GuardedClassifier(models, Metrics())
    assert guard.card.path is not None
    guard.card.path.unlink()
    session.error = LOST
    with pytest.raises(ModelError, match="No such file"):
        guard([WHITE])


def test_under_cuda_a_lost_card_makes_the_service_unready_until_it_answers_again(
    loaded: Models, tmp_path: Path
) -> None:
    models, session = on_a_card(loaded, Device.CUDA)
    metrics = Metrics()
    use, store = ModelsInUse(models, metrics), Store(tmp_path / "data")
    canary = Canary(lambda: use.now.classifier, metrics, every_s=30)
    health = Health(canary, store, metrics, tmp_path)
    health.unfit = lambda: use.guard.unfit
    canary.ask()
    session.error = LOST
    for failures in range(1, 5):
        with pytest.raises(DeviceError):
            use.now.classifier([WHITE])
        assert health.report().ready == (failures < 3)
    (check,) = (check for check in health.report().checks if check.name == "models")
    assert "illegal memory access" in check.detail
    assert provider_of(metrics) == {"cuda": 1.0, "cpu": None}  # it never went elsewhere in silence
    session.error = None
    use.now.classifier([WHITE])
    assert health.report().ready
    store.close()
