"""Turns a checkpoint into ONNX: `python -m export.onnx runs/fast --out runs/fast/fast.onnx`.

The graph takes uint8 (N, size, size, 3) BGR crops and gives `logit` (N, 1), `embedding` (N, 128),
`featmap` and `cam`; it is refused when ONNX Runtime and torch differ by 1e-3 or more.
"""

import argparse
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import torch
from numpy.typing import NDArray
from torch import nn

from export import architectures
from export.architectures.sequence import SequenceNet, ServedSequence
from export.crop_net import Served
from export.crops import SERVE_SIZE_PX
from export.nets import Lite0, fold_norms
from export.onnx_graph import drop_identities, fold_pads, rewrite_prelu

PARITY = 1e-3
OPSET = 17


def load_checkpoint(path: Path, weights: str = "ema") -> nn.Module:
    """The moving average of a run's weights, or by "net" the last ones, ready to serve."""
    state = torch.load(path, map_location="cpu", weights_only=True)
    name = state.get("architecture", architectures.DEFAULT)
    net = architectures.build(name, _size_px(state))
    architectures.load_state(net, state[weights])
    backbone = net.backbone if isinstance(net, SequenceNet) else net
    if isinstance(backbone, Lite0):
        fold_norms(backbone)
    return net.eval()


def size_of_checkpoint(path: Path) -> int:
    """The side of the crops that a run was trained on, px."""
    state = torch.load(path, map_location="cpu", weights_only=True)
    return _size_px(state)


def _size_px(state: dict[str, Any]) -> int:
    return int(state.get("size_px", SERVE_SIZE_PX))  # older ones do not say


def write_onnx(net: nn.Module, size_px: int, path: Path, frames: int = 1) -> float:
    """Write the graph; returns the largest difference in logit to torch.

    A sequence network takes (N, frames, size, size, 3).

    Raises:
        ValueError: the difference is 1e-3 or more.
    """
    served = architectures.served(net).eval()
    probe = probe_crops(size_px, frames if isinstance(net, SequenceNet) else None)
    with warnings.catch_warnings():
        # The exporter on constants it leaves alone and on open sides, both checked by parity.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            served, (torch.from_numpy(probe),), str(path),
            input_names=["crops"], output_names=list(served.outputs),
            dynamic_axes={name: {0: "batch"} for name in ("crops", *served.outputs)},
            opset_version=OPSET, dynamo=False,
        )  # fmt: skip
    graph = onnx.load(str(path))
    drop_identities(graph)
    rewrite_prelu(graph)
    fold_pads(graph, {"crops": probe})
    onnx.save(graph, str(path))
    onnx.checker.check_model(graph)
    gap = parity(served, path, probe)
    if not gap < PARITY:
        path.unlink()
        raise ValueError(f"ONNX and torch differ by {gap:.1e} in logit; the export is refused.")
    return gap


def parity(served: Served | ServedSequence, path: Path, crops: NDArray[np.uint8]) -> float:
    """Largest difference in logit between torch and ONNX Runtime, in batches of two sizes."""
    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    gaps = []
    for part in (crops, crops[:1]):
        ours = np.asarray(session.run(["logit"], {"crops": part})[0])
        with torch.no_grad():
            theirs = served(torch.from_numpy(part))[0].numpy()
        gaps.append(np.abs(ours - theirs).max())
    return float(np.max(gaps))


def probe_crops(size_px: int, frames: int | None) -> NDArray[np.uint8]:
    """(4, S, S, 3) from a smooth ramp to noise, or (2, frames, S, S, 3) that moves between them."""
    count = 4 if frames is None else 2 * frames
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (count, size_px, size_px, 3))
    ramp = np.broadcast_to(np.linspace(0, 255, size_px)[None, :, None, None], noise.shape)
    share = np.linspace(0, 1, count)[:, None, None, None]
    pictures = np.asarray(noise * share + ramp * (1 - share), dtype=np.uint8)
    return pictures if frames is None else pictures.reshape(2, frames, *pictures.shape[1:])


def main() -> None:
    """Export the newest checkpoint of a run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("--size-px", type=int, help="of a crop; default: as it was trained")
    parser.add_argument("--frames", type=int, default=1, help="of a sequence network")
    parser.add_argument("--checkpoint", default="last.pt", help="last.pt, or best.pt by validation")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    checkpoint = options.run / options.checkpoint
    size_px = options.size_px or size_of_checkpoint(checkpoint)
    gap = write_onnx(load_checkpoint(checkpoint), size_px, options.out, options.frames)
    print(f"{options.out}: largest difference to torch {gap:.1e}")  # noqa: T201


if __name__ == "__main__":
    main()
