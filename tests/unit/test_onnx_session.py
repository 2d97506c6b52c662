"""A session opens exactly the model of its card, on the asked device, or says why not."""

import builtins
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import onnxruntime
import pytest

from pipeline import onnx_session
from pipeline.errors import ModelError, ModelLoadError
from pipeline.model_card import ModelCard
from pipeline.onnx_session import Device, open_session
from tests.toy_models import write_classifier


@pytest.fixture
def card(tmp_path: Path) -> ModelCard:
    return write_classifier(tmp_path)


def white() -> dict[str, np.ndarray[Any, Any]]:
    return {"image": np.full((1, 32, 32, 3), 255, np.uint8)}


@pytest.mark.parametrize("device", [Device.CPU, Device.AUTO])
def test_it_runs_and_names_its_outputs(card: ModelCard, device: Device) -> None:
    session = open_session(card, device)
    assert session.outputs == ("logit",)
    assert session.inputs == {"image": ("batch", 32, 32, 3)}
    assert session.run(white())["logit"] == pytest.approx(np.array([[5.0]]), abs=1e-4)


def test_without_a_gpu_auto_means_the_cpu(card: ModelCard) -> None:
    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        assert open_session(card, Device.AUTO).provider in ("cpu", "cuda")
    else:
        assert open_session(card, Device.AUTO).provider == "cpu"
    assert open_session(card, Device.CPU).provider == "cpu"


@pytest.mark.fault("F20")
def test_an_altered_file_is_refused_by_name_and_reason(card: ModelCard) -> None:
    assert card.path is not None
    content = bytearray(card.path.read_bytes())
    content[-5] ^= 1
    card.path.write_bytes(content)
    with pytest.raises(ModelLoadError, match=r"toy\.onnx.*SHA-256"):
        open_session(card, Device.CPU)


@pytest.mark.fault("F20")
def test_a_missing_file_is_refused_by_name(card: ModelCard) -> None:
    assert card.path is not None
    card.path.unlink()
    with pytest.raises(ModelLoadError, match=r"toy\.onnx.*No such file"):
        open_session(card, Device.CPU)


def test_a_card_without_a_file_has_no_session(card: ModelCard) -> None:
    with pytest.raises(ModelLoadError, match="names no ONNX file"):
        open_session(replace(card, path=None), Device.CPU)


@pytest.mark.fault("F20")
def test_a_file_that_is_no_model_is_refused(card: ModelCard, tmp_path: Path) -> None:
    import hashlib

    path = tmp_path / "noise.onnx"
    path.write_bytes(b"this is no model")
    noise = replace(card, path=path, sha256=hashlib.sha256(b"this is no model").hexdigest())
    with pytest.raises(ModelLoadError, match=r"cannot open the model .*noise\.onnx"):
        open_session(noise, Device.CPU)


def test_input_of_a_wrong_shape_is_one_sentence_with_the_model_s_name(card: ModelCard) -> None:
    session = open_session(card, Device.CPU)
    with pytest.raises(ModelError, match="toy failed on its input") as caught:
        session.run({"image": np.zeros((1, 5, 5, 3), np.uint8)})
    assert "\n" not in str(caught.value)


@pytest.mark.fault("F22")
def test_cuda_that_this_build_lacks_is_refused(
    card: ModelCard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    with pytest.raises(ModelLoadError, match=r"fakewatch\[gpu\]"):
        open_session(card, Device.CUDA)


@pytest.fixture
def silent_fallback(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make ONNX Runtime do what it does without a driver: list CUDA, and run on the CPU."""
    real = onnxruntime.InferenceSession

    def open_on_cpu(content: bytes, options: Any, providers: list[Any]) -> Any:
        return real(content, options, providers=["CPUExecutionProvider"])

    monkeypatch.setattr(
        onnxruntime,
        "get_available_providers",
        lambda: ["CUDAExecutionProvider", "CPUExecutionProvider"],
    )
    monkeypatch.setattr(onnxruntime, "preload_dlls", lambda: None, raising=False)
    monkeypatch.setattr(onnxruntime, "InferenceSession", open_on_cpu)


@pytest.mark.fault("F22")
@pytest.mark.usefixtures("silent_fallback")
def test_a_silent_fall_back_to_the_cpu_is_refused_when_cuda_was_asked_for(card: ModelCard) -> None:
    with pytest.raises(ModelLoadError, match="could only be opened on the CPU"):
        open_session(card, Device.CUDA)


@pytest.mark.fault("F22")
@pytest.mark.usefixtures("silent_fallback")
def test_auto_settles_for_the_cpu_and_says_so(card: ModelCard) -> None:
    assert open_session(card, Device.AUTO).provider == "cpu"


def test_cuda_is_asked_for_with_the_quick_search(
    card: ModelCard, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []
    real = onnxruntime.InferenceSession

    def remember(content: bytes, options: Any, providers: list[Any]) -> Any:
        asked.append((options, providers))
        return real(content, options, providers=["CPUExecutionProvider"])

    monkeypatch.setattr(onnxruntime, "InferenceSession", remember)
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CUDAExecutionProvider"])
    monkeypatch.setattr(onnxruntime, "preload_dlls", lambda: None, raising=False)
    open_session(card, Device.AUTO, threads=2)
    options, providers = asked[0]
    assert providers[0] == ("CUDAExecutionProvider", {"cudnn_conv_algo_search": "HEURISTIC"})
    assert (options.intra_op_num_threads, options.inter_op_num_threads) == (2, 1)
    assert options.get_session_config_entry("session.intra_op.allow_spinning") == "0"


def test_two_rival_runtimes_are_named_as_the_mistake(
    card: ModelCard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnx_session, "version", lambda _name: "1.31")
    with pytest.raises(ModelLoadError, match="Both onnxruntime and onnxruntime-gpu"):
        open_session(card, Device.CPU)


def test_no_runtime_at_all_names_the_extras(
    card: ModelCard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(builtins, "__import__", without_onnxruntime(builtins.__import__))
    monkeypatch.delitem(sys.modules, "onnxruntime")
    with pytest.raises(ModelLoadError, match=r"fakewatch\[cpu\].*fakewatch\[gpu\]"):
        open_session(card, Device.CPU)


def without_onnxruntime(real: Callable[..., ModuleType]) -> Callable[..., ModuleType]:
    def load(name: str, *args: Any, **kwargs: Any) -> ModuleType:
        if name.partition(".")[0] == "onnxruntime":
            raise ModuleNotFoundError(f"No module named {name!r}")
        return real(name, *args, **kwargs)

    return load
