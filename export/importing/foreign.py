"""A foreign model, whatever wrote it: a float ONNX graph and the framework's own answers."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import onnx
from numpy.typing import NDArray

from pipeline.errors import ModelError

Predict = Callable[[NDArray[np.float32]], NDArray[np.float32]]
OPSET = 17


@dataclass(frozen=True, slots=True)
class Foreign:
    """What a reader makes of a file."""

    model: onnx.ModelProto
    """One input: pictures as the model wants them; the output to judge by is its first."""
    predict: Predict
    """The answers of the framework that the model comes from, in the same layout."""
    framework: str


@dataclass(frozen=True, slots=True)
class Form:
    """The shape of a model's input."""

    layout: str
    """"nhwc" or "nchw"."""
    size_px: int
    batch: int | None
    """None: any."""


def form_of(model: onnx.ModelProto, size_px: int | None) -> Form:
    """Read layout and size off the graph's input; `size_px` says what the graph leaves open.

    Raises:
        ModelError: it does not take pictures, not three channels, not a square, or another size.
    """
    entry = single_input(model)
    dims = [dim.dim_value or None for dim in entry.type.tensor_type.shape.dim]
    if len(dims) != 4 or 3 not in (dims[1], dims[3]):
        shape = " x ".join("?" if dim is None else str(dim) for dim in dims)
        raise ModelError(
            f"The model takes {shape or 'no pictures'}; only single pictures of three channels "
            "can be imported (4 dimensions, 3 of them channels)."
        )
    layout = "nhwc" if dims[3] == 3 else "nchw"
    sides = dims[1:3] if layout == "nhwc" else dims[2:4]
    known = {side for side in (*sides, size_px) if side is not None}
    if not known:
        raise ModelError("The model takes pictures of any size: say which with --size-px.")
    if len(known) > 1:
        given = f", and --size-px says {size_px}" if size_px else ""
        raise ModelError(f"The model takes pictures of {sides[0]} x {sides[1]} px{given}.")
    return Form(layout, known.pop(), dims[0])


def single_input(model: onnx.ModelProto) -> onnx.ValueInfoProto:
    """The graph's only true input.

    Raises:
        ModelError: there are more, or none.
    """
    constants = {entry.name for entry in model.graph.initializer}
    inputs = [entry for entry in model.graph.input if entry.name not in constants]
    if len(inputs) != 1:
        names = ", ".join(entry.name for entry in inputs) or "none"
        raise ModelError(f"The model must have one input, the picture; it has {names}.")
    return inputs[0]
