"""Keras models, `.h5` of any age and `.keras`, read by Keras 3 on torch and traced from there."""

import os
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from export.importing.foreign import Foreign
from pipeline.errors import ModelError

os.environ.setdefault("KERAS_BACKEND", "torch")


def read_keras(path: Path, architecture: str | None) -> Foreign:
    """Open a whole model, or the weights of `architecture` ("meso4", "mesoinception4").

    Custom code in a file is never run.

    Raises:
        ModelError: Keras is missing or cannot read the file, or it holds weights alone.
    """
    keras = _library()
    model = _model(keras, path) if architecture is None else _weights(keras, path, architecture)
    from export.importing.torch_model import traced

    shape = model.input_shape
    if isinstance(shape, list) or len(shape) != 4:
        raise ModelError(f"{path} does not take single pictures: its input is {shape}.")
    model.trainable = False

    def predict(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(model.predict_on_batch(pixels), np.float32)

    framework = f"keras {keras.__version__} on {keras.backend.backend()}"
    graph = traced(lambda pixels: model(pixels, training=False), tuple(shape), framework)
    return Foreign(graph.model, predict, framework)


def _library() -> Any:
    try:
        import keras
    except ImportError as error:
        raise ModelError(
            "Keras is missing: pip install 'fakewatch[train,import]' to import Keras models."
        ) from error
    if keras.backend.backend() != "torch":
        raise ModelError("Keras runs on another backend here: set KERAS_BACKEND=torch.")
    return keras


def _model(keras: Any, path: Path) -> Any:
    if path.suffix.lower() != ".keras" and not _describes_itself(path):
        raise ModelError(
            f"{path} holds weights without their network: name it with --architecture (meso4, "
            "mesoinception4), or save the whole model by model.save('it.keras')."
        )
    try:
        return keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:
        reason = str(error).strip().split("\n")[0]
        raise ModelError(f"Keras cannot read {path}: {reason}") from error


def _describes_itself(path: Path) -> bool:
    try:
        with h5py.File(path) as file:
            return "model_config" in file.attrs
    except OSError as error:
        raise ModelError(f"{path} is no HDF5 file.") from error


def _weights(keras: Any, path: Path, architecture: str) -> Any:
    from export.importing.mesonet import NETWORKS

    if architecture not in NETWORKS:
        raise ModelError(
            f"There is no Keras architecture {architecture!r}; there are {', '.join(NETWORKS)}."
        )
    model = NETWORKS[architecture](keras)
    try:
        model.load_weights(path)
    except (ValueError, OSError, KeyError) as error:
        reason = str(error).strip().split("\n")[0]
        raise ModelError(f"{path} does not hold {architecture}: {reason}") from error
    return model
