"""Foreign ONNX: read, checked, and answered by ONNX Runtime as it stands."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from numpy.typing import NDArray

from export.importing.foreign import Foreign, Predict, single_input
from pipeline.errors import ModelError

TYPES: dict[int, type[np.floating[Any]]] = {
    onnx.TensorProto.FLOAT: np.float32,
    onnx.TensorProto.FLOAT16: np.float16,
    onnx.TensorProto.DOUBLE: np.float64,
}


def read_onnx(path: Path) -> Foreign:
    """Open an ONNX file; weights beside it are taken along.

    Raises:
        ModelError: it is no valid ONNX, or its input is no picture of floats.
    """
    try:
        model = onnx.load(str(path))
        onnx.checker.check_model(model)
    except Exception as error:
        reason = str(error).strip().split("\n")[0]
        raise ModelError(f"{path} is no ONNX model that can be used: {reason}") from error
    return Foreign(model, answers(model), f"onnxruntime {ort.__version__}")


def answers(model: onnx.ModelProto) -> Predict:
    """What ONNX Runtime says of a graph's first output, for as many pictures as are given.

    Raises:
        ModelError: ONNX Runtime cannot open the graph.
    """
    entry = single_input(model)
    kind = entry.type.tensor_type.elem_type
    if kind not in TYPES:
        name = onnx.TensorProto.DataType.Name(kind).lower()
        raise ModelError(f"The model takes {name}, not pictures of floats.")
    session = session_of(model)
    output = model.graph.output[0].name
    alone = entry.type.tensor_type.shape.dim[0].dim_value == 1

    def predict(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        parts = np.split(pixels, len(pixels)) if alone else [pixels]
        found = [session.run([output], {entry.name: part.astype(TYPES[kind])})[0] for part in parts]
        return np.concatenate([np.asarray(part, np.float32) for part in found])

    return predict


def session_of(model: onnx.ModelProto) -> ort.InferenceSession:
    """A quiet session on one thread of the CPU.

    Raises:
        ModelError: ONNX Runtime cannot open the graph.
    """
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    try:
        return ort.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:
        reason = str(error).strip().split("\n")[0]
        raise ModelError(f"ONNX Runtime cannot open the model: {reason}") from error
