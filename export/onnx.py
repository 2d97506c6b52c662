"""Turns a checkpoint into ONNX: `python -m export.onnx runs/fast --out runs/fast/fast.onnx`.

The graph takes uint8 (N, size, size, 3) BGR crops and gives `logit` (N, 1), `embedding` (N, 128)
and `featmap`; it is refused when ONNX Runtime and torch differ by 1e-3 or more.
"""

import argparse
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import torch
from numpy.typing import NDArray

from export.nets import Lite0, Served, fold_norms, restore

PARITY = 1e-3
OPSET = 17


def load_checkpoint(path: Path) -> Lite0:
    """The moving average of a run's weights, ready to serve."""
    state = torch.load(path, map_location="cpu", weights_only=True)
    net = Lite0()
    restore(net, state["ema"])
    fold_norms(net)
    return net.eval()


def write_onnx(net: Lite0, size_px: int, path: Path) -> float:
    """Write the graph; returns the largest difference in logit to torch.

    Raises:
        ValueError: the difference is 1e-3 or more.
    """
    served = Served(net).eval()
    probe = torch.from_numpy(_probe(size_px))
    names = ("logit", "embedding", "featmap")
    torch.onnx.export(
        served, (probe,), str(path), input_names=["crops"], output_names=list(names),
        dynamic_axes={name: {0: "batch"} for name in ("crops", *names)},
        opset_version=OPSET, dynamo=False,
    )  # fmt: skip
    onnx.checker.check_model(onnx.load(str(path)))
    gap = parity(served, path, probe.numpy())
    if gap >= PARITY:
        path.unlink()
        raise ValueError(f"ONNX and torch differ by {gap:.1e} in logit; the export is refused.")
    return gap


def parity(served: Served, path: Path, crops: NDArray[np.uint8]) -> float:
    """Largest difference in logit between torch and ONNX Runtime."""
    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    ours = np.asarray(session.run(["logit"], {"crops": crops})[0])
    with torch.no_grad():
        theirs = served(torch.from_numpy(crops))[0].numpy()
    return float(np.abs(ours - theirs).max())


def _probe(size_px: int) -> NDArray[np.uint8]:
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (4, size_px, size_px, 3))
    ramp = np.linspace(0, 255, size_px)[None, :, None, None] * np.ones((4, size_px, size_px, 3))
    share = np.linspace(0, 1, 4)[:, None, None, None]
    return np.asarray(noise * share + ramp * (1 - share), dtype=np.uint8)


def main() -> None:
    """Export the newest checkpoint of a run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("--size-px", type=int, default=160)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    gap = write_onnx(load_checkpoint(options.run / "last.pt"), options.size_px, options.out)
    print(f"{options.out}: largest difference to torch {gap:.1e}")  # noqa: T201


if __name__ == "__main__":
    main()
