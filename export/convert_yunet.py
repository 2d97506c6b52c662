"""Convert the published YuNet face detector to any input size: `python -m export.convert_yunet`.

Source: face_detection_yunet_2023mar.onnx of the OpenCV Zoo (MIT; Wu, Peng and Yu 2023, YuNet: A
Tiny Millisecond-level Face Detector). The weights stay as they are; the fixed 640x640 input
becomes (1, height, width, 3) uint8 BGR with sides that are multiples of 32.
"""

import argparse
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper

from export.onnx_graph import (
    add_constant,
    drop_unused_constants,
    replace_nodes,
    require_hash,
    run_model,
    save_checked,
    set_outputs,
)

SOURCE_SHA256 = "8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4"
CHANNELS = {"cls": 1, "obj": 1, "bbox": 4, "kps": 10}


def convert(source: Path, target: Path) -> str:
    """Rewrite the graph, prove it equal to the source at 640x640, and return its SHA-256."""
    require_hash(source, SOURCE_SHA256)
    original = onnx.load(source)
    model = onnx.load(source)
    graph = model.graph
    # Files of old exporters list constants among the inputs too; a card's reader should not.
    del graph.input[:]
    shape: list[int | str | None] = [1, "height", "width", 3]
    graph.input.append(helper.make_tensor_value_info("image", TensorProto.UINT8, shape))
    nodes = [
        helper.make_node("Cast", ["image"], ["image_float"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["image_float"], ["input"], perm=[0, 3, 1, 2]),
        *graph.node,
    ]
    for channels in set(CHANNELS.values()):
        add_constant(model, f"cells_{channels}", np.array([1, -1, channels], np.int64))
    produced = {name: node for node in graph.node for name in node.output}
    for name in _outputs():
        reshape = produced[name]
        while reshape.op_type != "Reshape":
            reshape = produced[reshape.input[0]]
        reshape.input[1] = f"cells_{CHANNELS[name.split('_')[0]]}"
    replace_nodes(model, nodes)
    set_outputs(model, {name: [1, "cells", CHANNELS[name.split("_")[0]]] for name in _outputs()})
    del graph.value_info[:]
    drop_unused_constants(model)
    digest = save_checked(model, target)
    print(f"greatest difference at 640x640: {_difference(original, model):.2g}")  # noqa: T201
    return digest


def _outputs() -> list[str]:
    return [f"{kind}_{stride}" for kind in CHANNELS for stride in (8, 16, 32)]


def _difference(original: onnx.ModelProto, model: onnx.ModelProto) -> float:
    image = np.random.default_rng(0).integers(0, 256, (1, 640, 640, 3), np.uint8)
    before = run_model(original, {"input": image.transpose(0, 3, 1, 2).astype(np.float32)})
    after = run_model(model, {"image": image})
    difference = max(float(np.abs(a - b).max()) for a, b in zip(before, after, strict=True))
    if difference > 1e-4:
        raise ValueError(f"the converted model differs by {difference:.2g}")
    return difference


def main() -> None:
    """Convert the files named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    args = parser.parse_args()
    print(f'sha256 = "{convert(args.source, args.target)}"')  # noqa: T201


if __name__ == "__main__":
    main()
