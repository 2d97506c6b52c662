"""An fp16 variant, kept only if it is as right: `python -m export.half MODEL.onnx --out OUT`.

Half the size, and meant for GPUs; a CPU has no such arithmetic and turns every number back and
forth. What goes in and comes out stays as it is.
"""

import warnings
from pathlib import Path

import onnx

from export.variant import asked, settle


def halve(model: Path, target: Path) -> None:
    """Write the fp16 variant of `model`; what goes in and comes out keeps its kind."""
    from onnxruntime.transformers.float16 import convert_float_to_float16
    from onnxruntime.transformers.onnx_model import OnnxModel

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # constants too small for half become its smallest number
        small = convert_float_to_float16(onnx.load(str(model)), keep_io_types=True)
    OnnxModel(small).topological_sort()
    onnx.checker.check_model(small)
    onnx.save(small, str(target))


def main() -> None:
    """Convert, compare, keep or delete."""
    options = asked(__doc__)
    halve(options.model, options.out)
    settle(options, "fp16")


if __name__ == "__main__":
    main()
