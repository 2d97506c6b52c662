"""From a model card to a running ONNX session on the asked device, warmed up, or a refusal."""

import hashlib
import os
from collections.abc import Mapping
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, version
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import DeviceError, ModelError, ModelLoadError
from pipeline.model_card import ModelCard

WARM_UP_PX = 64
"""Stands for every open side of an input; a multiple of 32, as detectors want."""


class Device(StrEnum):
    """Where models run."""

    CPU = "cpu"
    CUDA = "cuda"
    AUTO = "auto"
    """CUDA where it really works, else the CPU."""


class OnnxSession:
    """A loaded model. Stateless: one is shared by all streams and threads."""

    def __init__(self, session: Any, provider: str, card: ModelCard) -> None:
        self._session = session
        self._card = card
        self._errors, self._refusals = _errors(), _refusals()
        self.provider = provider
        """ "cpu" or "cuda": what really runs, not what was asked for."""
        self.inputs: dict[str, tuple[int | str | None, ...]] = {
            entry.name: tuple(entry.shape) for entry in session.get_inputs()
        }
        """Shape of each input by name; an open side is a name or None."""
        self.outputs: tuple[str, ...] = tuple(entry.name for entry in session.get_outputs())

    def run(self, feeds: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[np.float32]]:
        """Arrays in by input name, arrays out by output name.

        Raises:
            DeviceError: the graphics card fails, whatever the input.
            ModelError: the graph cannot run on this input.
        """
        try:
            return dict(zip(self.outputs, self._session.run(None, dict(feeds)), strict=True))
        except self._errors as error:
            # The same graph has run on zeros there: what it does not refuse is the card's fault.
            is_card = self.provider == "cuda" and not isinstance(error, self._refusals)
            kind, what = (
                (DeviceError, "the graphics card") if is_card else (ModelError, "its input")
            )
            # CUDA's own sentence goes on with the host's name and lines of source.
            reason = _first_line(error).split(" ;")[0]
            raise kind(f"The model {self._card.name} failed on {what}: {reason}") from error

    def warm_up(self) -> None:
        """Run once on zeros, so that the first frame does not pay for allocation and tuning.

        Raises:
            ModelError: the graph loads but does not run.
        """
        self.run({entry.name: _zeros(entry) for entry in self._session.get_inputs()})


def open_session(card: ModelCard, device: Device, threads: int = 1) -> OnnxSession:
    """Verify the model file against its card and open it on the device.

    Raises:
        ModelLoadError: no or two ONNX Runtimes, file missing or altered, not a model, or the asked
            device does not work. It never falls back in silence when CUDA was asked for.
        DeviceError: CUDA was asked for, and fails at the first run.
    """
    runtime = _import_runtime()
    content = _verified(card)
    if device is Device.CPU:
        session = _open(runtime, content, card, _cpu_only(), threads)
    else:
        session = _open_on_gpu(runtime, content, card, device, threads)
    provider = "cuda" if session.get_providers()[0] == "CUDAExecutionProvider" else "cpu"
    opened = OnnxSession(session, provider, card)
    try:
        opened.warm_up()
    except DeviceError:
        if device is Device.CUDA:
            raise
        return open_session(card, Device.CPU, threads)
    return opened


def _import_runtime() -> ModuleType:
    """Import ONNX Runtime with its telemetry off.

    Two rival packages provide it; both at once overwrite each other's files.
    """
    installed = [name for name in ("onnxruntime", "onnxruntime-gpu") if _is_installed(name)]
    if len(installed) == 2:
        raise ModelLoadError(
            "Both onnxruntime and onnxruntime-gpu are installed and overwrite each other: "
            "uninstall both, then install fakewatch[cpu] or fakewatch[gpu]."
        )
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    try:
        import onnxruntime
    except ImportError as error:
        raise ModelLoadError(
            "ONNX Runtime is missing or broken: install fakewatch[cpu], or fakewatch[gpu] for an "
            "NVIDIA card."
        ) from error
    # Warnings such as "GPU device discovery failed" would be printed on every start.
    onnxruntime.set_default_logger_severity(3)
    runtime: ModuleType = onnxruntime
    return runtime


def _is_installed(distribution: str) -> bool:
    try:
        version(distribution)
    except PackageNotFoundError:
        return False
    return True


def _verified(card: ModelCard) -> bytes:
    """Return the bytes of the model file, which are exactly those that the card speaks of."""
    if card.path is None:
        raise ModelLoadError(f"The card of {card.name} names no ONNX file.")
    try:
        content = card.path.read_bytes()
    except OSError as error:
        raise ModelLoadError(f"Cannot read the model {card.path}: {error.strerror}.") from error
    digest = hashlib.sha256(content).hexdigest()
    if digest != card.sha256:
        raise ModelLoadError(
            f"The model {card.path} is not the one of its card: its SHA-256 is {digest}, the card "
            f"says {card.sha256}. Restore the file, or correct the card if the change was meant."
        )
    return content


def _open_on_gpu(
    runtime: ModuleType, content: bytes, card: ModelCard, device: Device, threads: int
) -> Any:
    """Open on CUDA; under AUTO settle for the CPU, under CUDA refuse it."""
    if "CUDAExecutionProvider" not in runtime.get_available_providers():
        if device is Device.AUTO:
            return _open(runtime, content, card, _cpu_only(), threads)
        raise ModelLoadError(
            "CUDA was asked for but this ONNX Runtime has none: install fakewatch[gpu] in place of "
            "fakewatch[cpu], or set the device to cpu or auto."
        )
    if hasattr(runtime, "preload_dlls"):
        runtime.preload_dlls()  # CUDA and cuDNN from NVIDIA's own packages, if installed
    cuda = ("CUDAExecutionProvider", {"cudnn_conv_algo_search": "HEURISTIC"})
    try:
        session = _open(runtime, content, card, [cuda, *_cpu_only()], threads)
    except ModelLoadError:
        if device is Device.AUTO:
            return _open(runtime, content, card, _cpu_only(), threads)
        raise
    if device is Device.CUDA and session.get_providers()[0] != "CUDAExecutionProvider":
        raise ModelLoadError(
            f"CUDA was asked for but {card.name} could only be opened on the CPU: check the NVIDIA "
            "driver, CUDA and cuDNN, or set the device to cpu or auto."
        )
    return session


def _cpu_only() -> list[Any]:
    return ["CPUExecutionProvider"]


def _open(
    runtime: ModuleType, content: bytes, card: ModelCard, providers: list[Any], threads: int
) -> Any:
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Streams share the cores: a thread that waits by spinning steals from another stream.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return runtime.InferenceSession(content, options, providers=providers)
    except _errors() as error:
        raise ModelLoadError(
            f"ONNX Runtime cannot open the model {card.path}: {_first_line(error)}"
        ) from error


def _errors() -> tuple[type[Exception], ...]:
    """Return the exceptions of ONNX Runtime: siblings without a parent of their own."""
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    kinds = [kind for kind in vars(state).values() if isinstance(kind, type)]
    return (RuntimeError, ValueError, *(kind for kind in kinds if issubclass(kind, Exception)))


def _refusals() -> tuple[type[Exception], ...]:
    """Return what says that the input is wrong: its names, its types or its shapes."""
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    return (ValueError, state.InvalidArgument)


def _zeros(entry: Any) -> NDArray[Any]:
    """Zeros in the shape of a graph input; an open batch becomes 1, another open side 64."""
    shape = [
        size if isinstance(size, int) else (1 if axis == 0 else WARM_UP_PX)
        for axis, size in enumerate(entry.shape)
    ]
    kinds = {"tensor(uint8)": np.uint8, "tensor(float)": np.float32, "tensor(int64)": np.int64}
    return np.zeros(shape, kinds.get(entry.type, np.float32))


def _first_line(error: Exception) -> str:
    """Return the first line of ONNX Runtime's message, which names the trouble."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
