"""A classifier on a graphics card that fails when told to. CI has no GPU: the session is a real one
of ONNX Runtime on the CPU that passes for one of CUDA, and raises what ONNX Runtime raises there.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as ort

from pipeline.classifiers.logit import LogitClassifier
from pipeline.load import Models
from pipeline.model_card import ModelCard
from pipeline.onnx_session import Device, OnnxSession

LOST = ort.RuntimeException(
    "CUDA failure 700: an illegal memory access was encountered ; GPU=0 ; hostname=inner-name ; "
    "file=/onnxruntime_src/onnxruntime/core/providers/cuda/gpu_data_transfer.cc ; line=67 ; "
    "expr=cudaMemcpyAsync(...)"
)
FULL = ort.RuntimeException(
    "Non-zero status code returned while running Conv node. Name:'conv' Status Message: "
    "bfc_arena.cc:376 Failed to allocate memory for requested buffer of size 1073741824"
)


class FailingSession:
    """What `onnxruntime.InferenceSession` offers, with a graphics card that can be broken."""

    def __init__(self, card: ModelCard) -> None:
        self._real = onnxruntime.InferenceSession(
            str(card.path), providers=["CPUExecutionProvider"]
        )
        self.error: Exception | None = None
        self.calls = 0

    def get_inputs(self) -> Any:
        return self._real.get_inputs()

    def get_outputs(self) -> Any:
        return self._real.get_outputs()

    def get_providers(self) -> list[str]:
        return ["CUDAExecutionProvider", "CPUExecutionProvider"]

    def run(self, outputs: None, feeds: Mapping[str, Any]) -> Any:
        self.calls += 1
        if self.error is not None:
            raise self.error
        return self._real.run(outputs, feeds)


def on_a_card(models: Models, device: Device) -> tuple[Models, FailingSession]:
    """The models with their classifier on such a card."""
    card = models.classifier.card
    session = FailingSession(card)
    classifier = LogitClassifier(OnnxSession(session, "cuda", card), card)
    return replace(models, classifier=classifier, opened_on="cuda", device=device), session
