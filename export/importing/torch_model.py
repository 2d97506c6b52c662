"""PyTorch models: TorchScript, torch.export, and checkpoints of an architecture that is named."""

import pickle
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from export.importing.foreign import OPSET, Foreign
from pipeline.errors import ModelError

WRAPPERS = ("state_dict", "model_state_dict", "model", "ema", "net", "weights")
"""Under which names training scripts keep the weights in a checkpoint."""
PREFIXES = ("module.", "model.", "net.", "_orig_mod.")
"""What wrappers put before every name."""


class Called(nn.Module):
    """Calls a model without owning it: a loaded `torch.export` program refuses to be switched."""

    def __init__(self, call: Callable[[Tensor], Any]) -> None:
        super().__init__()
        self._call = (call,)

    def forward(self, pixels: Tensor) -> Tensor:
        """The model's first output."""
        found = self._call[0](pixels)
        if isinstance(found, dict):
            found = next(iter(found.values()))
        return found[0] if isinstance(found, list | tuple) else found


def read_torch(path: Path, size_px: int | None, architecture: str | None) -> Foreign:
    """Open a `.pt2`, a TorchScript file, or a checkpoint of `architecture`.

    Pickled objects are never run: of a checkpoint only tensors are read.

    Raises:
        ModelError: it is none of them, or the weights are not the architecture's.
    """
    if path.suffix.lower() == ".pt2":
        return _from_program(path)
    if size_px is None:
        raise ModelError("A PyTorch file does not say how large its pictures are: give --size-px.")
    module = _script(path)
    if module is None:
        module = _from_checkpoint(path, size_px, architecture)
    return traced(_frozen(module), (None, 3, size_px, size_px), f"torch {torch.__version__}")


def traced(call: Callable[[Tensor], Any], shape: tuple[int | None, ...], framework: str) -> Foreign:
    """Write what a call does to pictures of this shape as ONNX; None is an open batch."""
    module = Called(call).eval()
    # TorchScript cannot be called from a trace: it is exported as it is.
    exported = call if isinstance(call, torch.jit.ScriptModule) else module
    probe = torch.zeros([2 if size is None else size for size in shape])
    axes = {"pictures": {0: "batch"}, "answers": {0: "batch"}} if shape[0] is None else {}
    with tempfile.TemporaryDirectory() as folder, _quiet(), torch.no_grad():
        target = Path(folder, "model.onnx")
        try:
            torch.onnx.export(
                exported, (probe,), str(target), input_names=["pictures"], output_names=["answers"],
                dynamic_axes=axes, opset_version=OPSET, dynamo=False,
            )  # fmt: skip
        except (RuntimeError, torch.onnx.errors.OnnxExporterError) as error:
            reason = str(error).strip().split("\n")[0]
            raise ModelError(f"The model cannot be written as ONNX: {reason}") from error
        model = onnx.load(str(target))

    def predict(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        parts = np.split(pixels, len(pixels)) if shape[0] == 1 else [pixels]
        with torch.no_grad():
            found = [module(torch.from_numpy(part)).numpy() for part in parts]
        return np.concatenate(found).astype(np.float32)

    return Foreign(model, predict, framework)


@contextmanager
def _quiet() -> Iterator[None]:
    """Tracing warns of every constant; parity is what proves the trace."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _frozen(module: nn.Module) -> nn.Module:
    """Tracing takes a called model's weights for constants, which may not want gradients."""
    for weights in (*module.parameters(), *module.buffers()):
        weights.requires_grad_(False)  # noqa: FBT003 - torch's own signature
    return module


def _from_program(path: Path) -> Foreign:
    try:
        with _quiet():
            program = torch.export.load(str(path))
    except Exception as error:
        raise ModelError(f"{path} is no program that torch.export has saved.") from error
    names = program.graph_signature.user_inputs
    places = [node for node in program.graph.nodes if node.name in names]
    if len(places) != 1:
        raise ModelError(f"{path} must have one input, the picture; it has {len(names)}.")
    shape = tuple(size if isinstance(size, int) else None for size in places[0].meta["val"].shape)
    return traced(_frozen(program.module()), shape, f"torch {torch.__version__}")


def _script(path: Path) -> nn.Module | None:
    """A TorchScript module, or None where the file is something else."""
    try:
        with _quiet():
            module = torch.jit.load(str(path), map_location="cpu")  # type: ignore[no-untyped-call]
    except RuntimeError:
        return None
    return module.eval()


def _from_checkpoint(path: Path, size_px: int, architecture: str | None) -> nn.Module:
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError) as error:
        raise ModelError(
            f"{path} holds more than tensors, or is no PyTorch file: save "
            "`model.state_dict()`, or the whole model by torch.export.save as .pt2."
        ) from error
    if architecture is None:
        raise ModelError(
            f"{path} holds weights without their network: name it with --architecture, such as "
            "timm/efficientnet_b0, or save the whole model by torch.export.save as .pt2."
        )
    weights = _weights(found)
    from export.importing.architectures import torch_network

    network = torch_network(architecture, _outputs(weights), size_px)
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        reason = str(error).strip().split("\n")[1:2]
        raise ModelError(
            f"The weights in {path} are not those of {architecture}:{''.join(reason).lower()}"
        ) from error
    return network.eval()


def _weights(found: Any) -> dict[str, Tensor]:
    """The tensors of a checkpoint by name, without what wrappers have put round them."""
    for name in WRAPPERS:
        if isinstance(found, dict) and isinstance(found.get(name), dict):
            found = found[name]
    if not isinstance(found, dict):
        raise ModelError("The checkpoint holds no named weights.")
    weights = {name: value for name, value in found.items() if isinstance(value, Tensor)}
    for prefix in PREFIXES:
        if weights and all(name.startswith(prefix) for name in weights):
            weights = {name.removeprefix(prefix): value for name, value in weights.items()}
    return weights


def _outputs(weights: dict[str, Tensor]) -> int:
    """How many values the last layer gives: the length of the last bias or matrix."""
    last = [value for value in weights.values() if value.ndim in (1, 2)]
    return len(last[-1]) if last else 1
