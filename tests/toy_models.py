"""Tiny ONNX models with known answers, made by code and run through the real session."""

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from pipeline.load import models_directory
from pipeline.model_card import ModelCard, read_card, sha256_of
from pipeline.types import Image

BRIGHTNESS = (10 / 3, 10 / 3, 10 / 3)
"""Weights (with offset -5): black is logit -5, mid-grey 0, white +5."""


def write_classifier(
    directory: Path,
    name: str = "toy",
    *,
    weights: Sequence[float] = BRIGHTNESS,
    offset: float = -5.0,
    size_px: int = 32,
    margin: float = 1.3,
    color: str = "bgr",
    temperature: float = 1.0,
    bias: float = 0.0,
    raise_at: float = 0.8,
    clear_at: float = 0.55,
    batch: int | str = "batch",
    cells: int | None = None,
) -> ModelCard:
    """Write name.onnx and name.toml: logit = offset + sum of weights x mean of channel / 255.

    The channels are in the card's colour order. An offset of nan makes every answer nan;
    weights of 0 make the offset the answer. With `cells` there is an output `cam` of so many
    cells a side, whose mean plus the offset is the logit.
    """
    graph = _mean_graph(weights, offset, size_px, batch)
    if cells:
        _add_cam(graph, size_px // cells, [batch, cells, cells])
    return write_model(
        directory,
        name,
        graph,
        task="deepfake",
        adapter="logit",
        color=color,
        labels=["clear", "manipulated"],
        temperature=temperature,
        bias=bias,
        crop={"size_px": size_px, "margin": margin},
        thresholds={"raise_at": raise_at, "clear_at": clear_at},
        reference={"logit_mean": -0.5, "logit_sd": 1.0, "distance": 0.1},
    )


def _mean_graph(
    weights: Sequence[float], offset: float, size_px: int, batch: int | str
) -> onnx.GraphProto:
    return helper.make_graph(
        [
            helper.make_node("Cast", ["image"], ["float"], to=TensorProto.FLOAT),
            helper.make_node("ReduceMean", ["float"], ["means"], axes=[1, 2], keepdims=0),
            helper.make_node("MatMul", ["means", "weights"], ["sum"]),
            helper.make_node("Add", ["sum", "offset"], ["logit"]),
        ],
        "toy",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, [batch, size_px, size_px, 3])],
        [helper.make_tensor_value_info("logit", TensorProto.FLOAT, [batch, 1])],
        [
            numpy_helper.from_array(np.array(weights, np.float32)[:, None] / 255, "weights"),
            numpy_helper.from_array(np.array([offset], np.float32), "offset"),
        ],
    )


def _add_cam(graph: onnx.GraphProto, side_px: int, shape: Sequence[int | str]) -> None:
    make = helper.make_node
    square = [side_px, side_px]
    axis = numpy_helper.from_array(np.array([3], np.int64), "last axis")
    graph.initializer.append(axis)
    graph.node.extend(
        [
            make("Transpose", ["float"], ["planes"], perm=[0, 3, 1, 2]),
            make("AveragePool", ["planes"], ["pooled"], kernel_shape=square, strides=square),
            make("Transpose", ["pooled"], ["cells"], perm=[0, 2, 3, 1]),
            make("MatMul", ["cells", "weights"], ["weighed"]),
            make("Squeeze", ["weighed", "last axis"], ["cam"]),
        ]
    )
    graph.output.append(helper.make_tensor_value_info("cam", TensorProto.FLOAT, shape))


def constant_classifier(directory: Path, logit: float, name: str = "toy") -> ModelCard:
    """Write a classifier that says the same of every crop."""
    return write_classifier(directory, name, weights=(0.0, 0.0, 0.0), offset=logit)


def green_classifier(directory: Path, name: str = "toy-green") -> ModelCard:
    """Write a classifier that calls green crops fake: grey -3, pure green about +9.

    A test turns a drawn face "fake" by `tint_green`. Its heat-map shows where the green is.
    """
    return write_classifier(directory, name, weights=(-24.0, 48.0, -24.0), offset=-3.0, cells=8)


def tint_green(image: Image) -> Image:
    """Return the picture with its green raised and the rest halved."""
    tinted = image.astype(np.float32) * (0.5, 1.3, 0.5)
    return np.asarray(np.clip(tinted, 0, 255), np.uint8)


def toy_directory(directory: Path, card: ModelCard | None = None) -> Path:
    """Put the real detector and landmarkers beside the toy classifier (default: brightness).

    `load_models(toy_directory(tmp_path), classifier="toy")` then gives models that need no
    trained classifier.
    """
    directory.mkdir(parents=True, exist_ok=True)
    for path in models_directory().iterdir():
        known = path.with_suffix(".toml")
        if known.is_file() and read_card(known).task != "deepfake":
            shutil.copy(path, directory / path.name)
    if card is None:
        write_classifier(directory)
    return directory


def green_environment(directory: Path) -> dict[str, str]:
    """Return the environment of a command whose classifier calls green faces fake."""
    card = green_classifier(directory)
    toy_directory(directory, card)
    return {
        **os.environ,
        "FAKEWATCH_MODELS__DIRECTORY": str(directory),
        "FAKEWATCH_MODELS__CLASSIFIER": card.name,
    }


def write_model(directory: Path, name: str, graph: onnx.GraphProto, **facts: object) -> ModelCard:
    """Write a graph and its card; `facts` go into the card as they are."""
    directory.mkdir(parents=True, exist_ok=True)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 16)], ir_version=8)
    onnx.checker.check_model(model)
    path = directory / f"{name}.onnx"
    path.write_bytes(model.SerializeToString())
    card = {
        "name": name,
        "version": "1",
        "file": path.name,
        "sha256": sha256_of(path),
        "licence": "Apache-2.0",
        "source": "made by a test",
        "trained_on": "nothing",
        "limits": "knows nothing of faces",
        **facts,
    }
    return write_card(directory, card)


def write_card(directory: Path, facts: Mapping[str, object]) -> ModelCard:
    """Write a card from plain facts and read it back."""
    lines = [f"{key} = {json.dumps(fact)}" for key, fact in facts.items() if not _is_table(fact)]
    for key, fact in facts.items():
        if isinstance(fact, Mapping):
            lines += [f"[{key}]", *(f"{name} = {json.dumps(part)}" for name, part in fact.items())]
    path = directory / f"{facts['name']}.toml"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return read_card(path)


def _is_table(fact: object) -> bool:
    return isinstance(fact, Mapping)
