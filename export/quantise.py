"""An int8 variant, kept only if it is as right: `python -m export.quantise MODEL.onnx`.

Static, per channel, calibrated on genuine and fake training crops. The first convolution (where a
step of 1/255 matters) and the head stay in fp32.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)

from export.crops import CropStore
from export.evaluate import by_video, onnx_logits
from export.metrics import auc

LARGEST_LOSS = 0.005


class Crops(CalibrationDataReader):  # type: ignore[misc]
    """Hands calibration crops to the quantiser in batches."""

    def __init__(self, crops: NDArray[np.uint8]) -> None:
        self._parts = iter([crops[start : start + 16] for start in range(0, len(crops), 16)])

    def get_next(self) -> dict[str, NDArray[np.uint8]] | None:
        """The next batch, or None at the end."""
        part = next(self._parts, None)
        return None if part is None else {"crops": part}


def quantise(model: Path, target: Path, crops: NDArray[np.uint8]) -> None:
    """Write the int8 variant of `model`."""
    graph = onnx.load(str(model)).graph
    convolutions = [node.name for node in graph.node if node.op_type == "Conv"]
    quantize_static(
        str(model), str(target), Crops(crops),
        quant_format=QuantFormat.QDQ, per_channel=True,
        activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8,
        op_types_to_quantize=["Conv", "Add", "Clip"], nodes_to_exclude=convolutions[:1],
        calibrate_method=CalibrationMethod.MinMax,
    )  # fmt: skip


def losses(store: CropStore, model: Path, small: Path, most: int) -> dict[str, list[float]]:
    """Video AUC of both on at most `most` crops a video: set to [fp32, int8]."""
    seen: dict[str, int] = {}
    rows = []
    for index, fact in enumerate(store.facts):
        seen[fact["path"]] = seen.get(fact["path"], 0) + 1
        if seen[fact["path"]] <= most and fact["source"] in ("deepfacelive", "ffpp_c23"):
            rows.append(index)
    facts = [store.facts[index] for index in rows]
    table: dict[str, list[float]] = {}
    for path in (model, small):
        videos = by_video(facts, onnx_logits(path, store.serve[rows]))
        for source in sorted(set(videos.sources)):
            chosen = videos.only(np.array(videos.sources) == source)
            table.setdefault(source, []).append(auc(chosen.scores, chosen.labels))
    return table


def main() -> None:
    """Quantise, compare, keep or delete."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--crops", type=Path, default=Path("data/crops"))
    parser.add_argument("--frames", type=int, default=8, help="crops a video for the comparison")
    options = parser.parse_args()
    train = CropStore(options.crops / "train")
    picked = np.sort(np.random.default_rng(0).permutation(len(train))[:256])
    quantise(options.model, options.out, train.serve[picked])
    table = losses(CropStore(options.crops / "dev"), options.model, options.out, options.frames)
    worst = max(before - after for before, after in table.values())
    if worst > LARGEST_LOSS:
        options.out.unlink()
    verdict = "kept" if worst <= LARGEST_LOSS else "refused"
    print(json.dumps({"auc_fp32_int8": table, "worst_loss": worst, "verdict": verdict}))  # noqa: T201


if __name__ == "__main__":
    main()
