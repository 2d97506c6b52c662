"""Which reader opens a foreign model."""

from pathlib import Path

from export.importing.foreign import Foreign
from pipeline.errors import ModelError


def read_foreign(source: Path, size_px: int | None, architecture: str | None) -> Foreign:
    """Open a foreign model by what it is; only its own framework is imported.

    Raises:
        ModelError: there is no such file, it is of no known kind, or its framework is missing.
    """
    if not source.exists():
        raise ModelError(f"There is no model {source}.")
    kind = source.suffix.lower()
    if source.is_dir() and (source / "saved_model.pb").is_file():
        from export.importing.saved_model import read_saved_model

        return read_saved_model(source)
    if kind in (".h5", ".hdf5", ".keras"):
        from export.importing.keras_model import read_keras

        return read_keras(source, architecture)
    if kind in (".pt", ".pth", ".pt2", ".ckpt", ".bin", ".tar", ".safetensors"):
        from export.importing.torch_model import read_torch

        return read_torch(source, size_px, architecture)
    if kind == ".onnx":
        from export.importing.onnx_model import read_onnx

        return read_onnx(source)
    raise ModelError(
        f"{source} is of no kind that can be imported: .h5, .keras, a SavedModel folder, .pt, "
        ".pth, .pt2, .ckpt or .onnx."
    )
