"""An int8 variant, kept only if it is as right: `python -m export.quantise MODEL.onnx`.

Static, per channel, calibrated on genuine and fake training crops. The first convolution (where a
step of 1/255 matters) and the head stay in fp32.
"""

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
from export.variant import asked, settle, training_rows


class Crops(CalibrationDataReader):  # type: ignore[misc]
    """Hands calibration crops, or clips of them, to the quantiser, some sixteen crops at a time."""

    def __init__(self, crops: NDArray[np.uint8]) -> None:
        size = 16 if crops.ndim == 4 else max(1, 16 // crops.shape[1])
        self._parts = iter([crops[start : start + size] for start in range(0, len(crops), size)])

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


def main() -> None:
    """Quantise, compare, keep or delete."""
    options = asked(__doc__)
    train = CropStore(options.crops / "train")
    quantise(options.model, options.out, train.serve[training_rows(train)[0]])
    settle(options, "int8")


if __name__ == "__main__":
    main()
