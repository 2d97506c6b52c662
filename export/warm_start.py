"""Training goes on from a shipped model: its ONNX graph still holds the weights by their names."""

from pathlib import Path

import onnx
import torch
from onnx import numpy_helper
from torch import Tensor

from export.nets import Lite0, fold_norms
from pipeline.errors import SettingsError
from pipeline.load import models_directory


def start_file(start: Path | None, folder: Path) -> Path | None:
    """A checkpoint to start from; an ONNX file or a model's name becomes one in the run's folder.

    Raises:
        SettingsError: there is no such file or model, or it is no EfficientNet-Lite0 of ours.
    """
    if start is None or start.suffix == ".pt" or str(start) == "scratch":
        return start
    model = start if start.suffix == ".onnx" else models_directory() / f"{start}.onnx"
    if not model.is_file():
        raise SettingsError(f"There is no model {start} to start from.")
    path = folder / "start.pt"
    torch.save({"ema": weights_of(model)}, path)
    return path


def weights_of(model: Path) -> dict[str, Tensor]:
    """The state of a folded Lite0.

    Raises:
        SettingsError: a weight is missing, as in int8 variants and other architectures.
    """
    stored = {
        entry.name.removeprefix("net."): numpy_helper.to_array(entry)
        for entry in onnx.load(str(model)).graph.initializer
    }
    net = Lite0()
    fold_norms(net)
    state = net.state_dict()
    for name, _ in net.named_parameters():
        if name not in stored or stored[name].shape != tuple(state[name].shape):
            raise SettingsError(f"{model} is no EfficientNet-Lite0 in fp32 to start from.")
        state[name] = torch.from_numpy(stored[name].copy())
    return state
