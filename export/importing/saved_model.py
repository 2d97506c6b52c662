"""TensorFlow's SavedModel: converted by tf2onnx, answered by TensorFlow itself."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from export.importing.foreign import OPSET, Foreign
from pipeline.errors import ModelError

SIGNATURE = "serving_default"


def read_saved_model(folder: Path) -> Foreign:
    """Open a SavedModel folder by its serving signature.

    Raises:
        ModelError: TensorFlow or tf2onnx is missing, or the model cannot be converted.
    """
    tensorflow = _library()
    try:
        loaded = tensorflow.saved_model.load(str(folder))
        serve = loaded.signatures[SIGNATURE]
    except (OSError, KeyError, ValueError) as error:
        raise ModelError(f"{folder} is no SavedModel with a {SIGNATURE!r} signature.") from error
    (name,) = serve.structured_input_signature[1] or (None,)
    if name is None:
        raise ModelError(f"{folder} must have one input, the picture.")

    def predict(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        _ = loaded  # the signature does not keep its own variables
        answers = serve(**{name: tensorflow.constant(pixels)})
        return np.asarray(next(iter(answers.values())), np.float32)

    return Foreign(_converted(folder), predict, f"tensorflow {tensorflow.__version__}")


def _library() -> Any:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        import tensorflow
        import tf2onnx  # noqa: F401
    except ImportError as error:
        raise ModelError(
            "TensorFlow is missing: pip install 'fakewatch[train,savedmodel]' to import a "
            "SavedModel."
        ) from error
    return tensorflow


def _converted(folder: Path) -> onnx.ModelProto:
    """By a process of its own: the converter switches TensorFlow's eager mode off."""
    with tempfile.TemporaryDirectory() as place:
        target = Path(place, "model.onnx")
        command = [sys.executable, "-m", "tf2onnx.convert", "--opset", str(OPSET)]
        done = subprocess.run(  # noqa: S603 - our own interpreter
            [*command, "--saved-model", str(folder), "--output", str(target)],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0 or not target.is_file():
            reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
            raise ModelError(f"tf2onnx cannot convert {folder}: {reason}")
        return onnx.load(str(target))
