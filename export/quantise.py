"""An int8 variant, kept only if it is as right: `python -m export.quantise MODEL.onnx`.

Static, calibrated on genuine and fake training crops; the weights per channel and rounded together
(export/rounding.py), the activations in ranges of the least squared error. The first three
convolutions (where a step of 1/255 matters, and turning a large map to int8 takes as long as it
saves) and the head stay in fp32.
"""

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)

from export.crops import CropStore
from export.evaluate import size_of
from export.evaluation.scorer import served_crops
from export.rounding import round_weights, tensors
from export.variant import asked, settle, training_rows

KINDS = ("Conv", "Add", "Clip")
IN_FP32 = 3
"""Convolutions at the start that stay as they are, with all that stands before them."""
RANGE_CROPS = 128
SAMPLED = 1500
"""Values of a tensor that are looked at, a crop."""
SHARES = np.linspace(0.3, 1.0, 15)
"""Of an end of a range, tried in turn."""
LEVELS = 255
Floats = NDArray[np.float32]
Range = tuple[float, float]


class Crops(CalibrationDataReader):  # type: ignore[misc]
    """Hands calibration crops, or clips of them, to the quantiser, some sixteen crops at a time."""

    def __init__(self, crops: NDArray[np.uint8]) -> None:
        size = 16 if crops.ndim == 4 else max(1, 16 // crops.shape[1])
        self._parts = iter([crops[start : start + size] for start in range(0, len(crops), size)])

    def get_next(self) -> dict[str, NDArray[np.uint8]] | None:
        """The next batch, or None at the end."""
        part = next(self._parts, None)
        return None if part is None else {"crops": part}


def quantise(model: Path, target: Path, crops: NDArray[np.uint8]) -> None:
    """Write the int8 variant of `model`."""
    graph = onnx.load(str(model))
    chosen = _quantised(graph)
    steps: dict[str, list[dict[str, Any]]] = round_weights(
        graph, [node for node in chosen if node.op_type == "Conv"], crops
    )
    for name, (low, high) in _ranges(graph, chosen, crops[:RANGE_CROPS]).items():
        steps[name] = [{"rmin": np.float32(low), "rmax": np.float32(high)}]
    names = {node.name for node in chosen}
    with tempfile.TemporaryDirectory() as folder:
        rounded = Path(folder) / "rounded.onnx"
        onnx.save(graph, str(rounded))
        quantize_static(
            str(rounded), str(target), Crops(crops[:16]),  # its ranges are not used
            quant_format=QuantFormat.QDQ, per_channel=True, reduce_range=True,
            activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8,
            op_types_to_quantize=list(KINDS), calibrate_method=CalibrationMethod.MinMax,
            nodes_to_exclude=[node.name for node in graph.graph.node if node.name not in names],
            extra_options={"TensorQuantOverrides": steps},
        )  # fmt: skip


def _quantised(model: onnx.ModelProto) -> list[onnx.NodeProto]:
    """The nodes that turn to int8: after the first convolutions, and sums of such nodes only."""
    nodes = list(model.graph.node)
    convolutions = [place for place, node in enumerate(nodes) if node.op_type == "Conv"]
    first = convolutions[IN_FP32] if len(convolutions) > IN_FP32 else len(nodes)
    made = {name for node in nodes if node.op_type in KINDS for name in node.output}
    return [
        node
        for node in nodes[first:]
        if node.op_type in KINDS and (node.op_type != "Add" or made.issuperset(node.input))
    ]


def _ranges(
    model: onnx.ModelProto, nodes: Sequence[onnx.NodeProto], crops: NDArray[np.uint8]
) -> dict[str, Range]:
    """The range of every tensor that turns to int8: what lies outside is cut off."""
    made = {name for node in model.graph.node for name in node.output}
    names = dict.fromkeys(name for node in nodes for name in _between(node) if name in made)
    parts: dict[str, list[Floats]] = {name: [] for name in names}
    ends: dict[str, Range] = dict.fromkeys(names, (0.0, 0.0))
    rng = np.random.default_rng(0)
    for values in tensors(model, list(names), crops):
        for name, tensor in zip(names, values, strict=True):
            low, high = ends[name]
            ends[name] = min(low, float(tensor.min())), max(high, float(tensor.max()))
            count = SAMPLED * tensor.shape[0]
            parts[name].append(tensor.ravel()[rng.integers(tensor.size, size=count)])
    return {name: best_range(np.concatenate(parts[name]), *ends[name]) for name in names}


def _between(node: onnx.NodeProto) -> Iterator[str]:
    yield from node.input if node.op_type == "Add" else node.input[:1]
    yield from node.output


def best_range(values: Floats, low: float, high: float) -> Range:
    """Where to cut off so that the squared error of cutting and rounding together is the least."""
    if high <= low:
        return low, high
    for _ in range(2):
        high = min((high * share for share in SHARES), key=lambda end: _error(values, low, end))
        low = min((low * share for share in SHARES), key=lambda end: _error(values, end, high))
    return low, high


def _error(values: Floats, low: float, high: float) -> float:
    step = (high - low) / LEVELS
    if step <= 0:
        return float("inf")
    nought = round(-low / step)
    levels = np.clip(np.round(values / step) + nought, 0, LEVELS)
    return float((((levels - nought) * step - values) ** 2).mean())


def main() -> None:
    """Quantise, compare, keep or delete."""
    options = asked(__doc__)
    train = CropStore(options.crops / "train")
    samples = served_crops(train, training_rows(train)[0], size_of(options.model))
    quantise(options.model, options.out, samples)
    settle(options, "int8")


if __name__ == "__main__":
    main()
