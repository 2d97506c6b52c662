"""What every architecture costs: `python -m export.architecture_costs` prints docs' table.

Milliseconds are of processor time, so that a busy machine changes them little.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import onnxruntime as ort
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from export import architectures
from export.onnx import write_onnx

RUNS = 5


def macs_of(name: str, size_px: int) -> float:
    """Multiplications (each with its addition) of one crop, in thousands of millions.

    Counted by shapes alone: nothing is computed, and no memory is needed.
    """
    counter = FlopCounterMode(display=False)
    with torch.device("meta"), torch.no_grad(), counter:
        net = architectures.build(name, size_px).eval()
        net(torch.zeros(1, size_px, size_px, 3, dtype=torch.uint8))
    return counter.get_total_flops() / 2e9


def milliseconds_of(net: nn.Module, size_px: int) -> float:
    """Median of a few single crops on one thread of ONNX Runtime."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "net.onnx")
        write_onnx(net, size_px, path)
        session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    crop = np.zeros((1, size_px, size_px, 3), np.uint8)
    session.run(["logit"], {"crops": crop})
    times = []
    for _ in range(RUNS):
        started_s = time.process_time()
        session.run(["logit"], {"crops": crop})
        times.append(time.process_time() - started_s)
    return statistics.median(times) * 1000


def main() -> None:
    """One row an architecture of single crops."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=list(architectures.TABLE))
    options = parser.parse_args()
    torch.set_num_threads(1)
    for name in options.names:
        size_px = architectures.TABLE[name].size_px
        net = architectures.build(name, size_px).eval()
        millions = sum(tensor.numel() for tensor in net.parameters()) / 1e6
        nn.init.zeros_(net.get_parameter("head.weight"))  # untrained maps may be of any size
        macs, ms = macs_of(name, size_px), milliseconds_of(net, size_px)
        row = f"| `{name}` | {millions:.2f} | {size_px} | {macs:.2f} | {ms:.0f} |"
        print(row, flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
