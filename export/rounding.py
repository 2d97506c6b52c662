"""Rounds a graph's convolutions to whole steps so that what they give changes the least.

Rounding each weight for itself moves the logit of a deep network: errors add up over channels. Here
the error of a weight is made good by the weights that are still to be rounded (GPTQ, Frantar et al.
2023), as far as the inputs of calibration crops tell, and the mean of what is left goes into the
bias (Nagel et al. 2019).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from numpy.typing import NDArray
from onnx import helper, numpy_helper
from onnxruntime.quantization import QuantType

DENSE_STEPS = 64
"""Either side of nought. A processor without VNNI adds two products in 16 bits, 255 times a weight
each: above 64 steps they may not fit, and ONNX Runtime cuts them off without a word."""
DEPTHWISE_STEPS = 127
"""Depthwise convolutions are added up in 32 bits everywhere."""
LONGEST = 2304
"""Inputs of one output; longer convolutions (none of ours) are left to the quantiser."""
POSITIONS = 16
"""Places of a layer's map that are looked at in every crop."""
DAMPING = 0.01
NOISE = 1e-5
"""Of the squared mean: what single precision makes of the spread of inputs that never change."""
LEAST_SCALE = 1e-4
"""Of a layer's largest step, for channels whose weights are all but nought."""
BATCH = 8

Floats = NDArray[np.float64]
Crops = NDArray[np.uint8]
Steps = dict[str, list[dict[str, Any]]]
"""Of each weight, what ONNX Runtime calls TensorQuantOverrides."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What the convolutions of one group of channels see on calibration crops."""

    spread: Floats
    """(groups, K, K) covariance of their inputs, a kernel's patch flattened."""
    mean: Floats
    """(groups, K)"""


def round_weights(model: onnx.ModelProto, nodes: Sequence[onnx.NodeProto], crops: Crops) -> Steps:
    """Round the weights of these convolutions in place, and move their biases; returns the steps.

    A convolution that is not plain (1-D, dilated, padded by itself, too long) stays as it is.
    """
    held = {entry.name: entry for entry in model.graph.initializer}
    chosen = [node for node in nodes if _is_plain(node, held)]
    if not chosen:
        return {}
    steps: Steps = {}
    for node, seen in zip(chosen, _look(model, chosen, held, crops), strict=True):
        weights = numpy_helper.to_array(held[node.input[1]])
        groups = len(seen.mean)
        exact = weights.reshape(groups, len(weights) // groups, -1).astype(np.float64)
        most = DEPTHWISE_STEPS if groups > 1 else DENSE_STEPS
        largest = np.abs(exact).max(2)
        least = LEAST_SCALE * largest.max() or 1.0  # of a layer that begins as nought
        scale = np.maximum(largest, least) / most
        rounded = _round(exact, seen, scale, most)
        _store(held[node.input[1]], rounded.reshape(weights.shape))
        if len(node.input) > 2:
            lost = np.einsum("grk,gk->gr", exact - rounded, seen.mean).ravel()
            bias = held[node.input[2]]
            _store(bias, numpy_helper.to_array(bias) + lost)
        steps[node.input[1]] = _as_overrides(scale.ravel())
    return steps


def _is_plain(node: onnx.NodeProto, held: dict[str, onnx.TensorProto]) -> bool:
    facts = _facts(node)
    shape = held[node.input[1]].dims if node.input[1] in held else ()
    return (
        len(shape) == 4
        and int(np.prod(shape[1:])) <= LONGEST
        and all(name in held for name in node.input[1:])
        and all(step == 1 for step in facts.get("dilations", ()))
        and facts.get("auto_pad", b"NOTSET") == b"NOTSET"
    )


def _facts(node: onnx.NodeProto) -> dict[str, Any]:
    return {entry.name: helper.get_attribute_value(entry) for entry in node.attribute}


def _look(
    model: onnx.ModelProto,
    nodes: Sequence[onnx.NodeProto],
    held: dict[str, onnx.TensorProto],
    crops: Crops,
) -> list[Seen]:
    """What each convolution sees, of some places of every crop."""
    rng = np.random.default_rng(0)
    sums: list[list[Any]] = [[0.0, 0.0, 0] for _ in nodes]
    for inputs in tensors(model, [node.input[0] for node in nodes], crops):
        for total, node, values in zip(sums, nodes, inputs, strict=True):
            patches = _patches(values, node, held[node.input[1]].dims, rng)
            total[0] += np.matmul(patches.transpose(0, 2, 1), patches).astype(np.float64)
            total[1] += patches.sum(1, dtype=np.float64)
            total[2] += patches.shape[1]
    found = []
    for product, one, count in sums:
        mean = one / count
        found.append(Seen(product / count - mean[:, :, None] * mean[:, None, :], mean))
    return found


def tensors(
    model: onnx.ModelProto, names: Sequence[str], crops: Crops
) -> Iterator[list[NDArray[np.float32]]]:
    """The values of inner tensors by name, a few crops at a time."""
    shown = onnx.ModelProto.FromString(model.SerializeToString())
    known = {entry.name for entry in shown.graph.output}
    shown.graph.output.extend(
        helper.make_empty_tensor_value_info(name)
        for name in dict.fromkeys(names)
        if name not in known
    )
    session = ort.InferenceSession(shown.SerializeToString(), providers=["CPUExecutionProvider"])
    size = BATCH if crops.ndim == 4 else 1
    for start in range(0, len(crops), size):
        yield session.run(list(names), {"crops": crops[start : start + size]})


def _patches(
    values: NDArray[np.float32],
    node: onnx.NodeProto,
    shape: Sequence[int],
    rng: np.random.Generator,
) -> NDArray[np.float32]:
    """(groups, N * positions, K): what the kernel sees at some places of (N, C, H, W)."""
    facts = _facts(node)
    top, left, bottom, right = facts.get("pads", (0, 0, 0, 0))
    padded = np.pad(values, ((0, 0), (0, 0), (top, bottom), (left, right)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, tuple(shape[2:]), (2, 3))
    down, across = facts.get("strides", (1, 1))
    windows = windows[:, :, ::down, ::across]
    rows = rng.integers(windows.shape[2], size=POSITIONS)
    columns = rng.integers(windows.shape[3], size=POSITIONS)
    count, channels = values.shape[:2]
    groups = facts.get("group", 1)
    chosen = windows[:, :, rows, columns].reshape(count, groups, channels // groups, POSITIONS, -1)
    return chosen.transpose(1, 0, 3, 2, 4).reshape(groups, count * POSITIONS, -1)


def _round(exact: Floats, seen: Seen, scale: Floats, most: int) -> Floats:
    """Weights (groups, rows, K) on the grid of `scale` (groups, rows), the busiest input first."""
    length = exact.shape[2]
    power = np.trace(seen.spread, axis1=1, axis2=2) / length
    noise = NOISE * (seen.mean**2).mean(1)
    spread = seen.spread + np.eye(length) * (DAMPING * power + noise + 1e-12)[:, None, None]
    order = np.argsort(-np.diagonal(spread, axis1=1, axis2=2), axis=1)
    spread = np.take_along_axis(spread, order[:, :, None], 1)
    spread = np.take_along_axis(spread, order[:, None, :], 2)
    left = np.take_along_axis(exact, order[:, None, :], 2)
    inverse = np.linalg.inv(spread)
    upper = np.linalg.cholesky((inverse + inverse.transpose(0, 2, 1)) / 2).transpose(0, 2, 1)
    rounded = np.empty_like(left)
    for k in range(length):
        rounded[:, :, k] = np.clip(np.round(left[:, :, k] / scale), -most, most) * scale
        error = (left[:, :, k] - rounded[:, :, k]) / upper[:, k, k][:, None]
        left[:, :, k + 1 :] -= error[:, :, None] * upper[:, None, k, k + 1 :]
    return np.take_along_axis(rounded, np.argsort(order, axis=1)[:, None, :], 2)


def _store(entry: onnx.TensorProto, values: Floats) -> None:
    entry.CopyFrom(numpy_helper.from_array(values.astype(np.float32), entry.name))


def _as_overrides(scales: Floats) -> list[dict[str, Any]]:
    rows = [
        {"quant_type": QuantType.QInt8, "scale": np.float32(scale), "zero_point": np.int8(0)}
        for scale in scales
    ]
    rows[0]["axis"] = 0
    return rows
