"""Convert MediaPipe's FaceLandmarker v2 to one ONNX file: `python -m export.convert_mesh478`.

Source: face_landmarker.task (Apache-2.0, Google), as published by MediaPipe and carried by several
packages. Its landmark and blendshape nets become one graph that takes a (1, 256, 256, 3) uint8 BGR
region and gives `points` (478, 2) in region px, `presence_logit` (1) and `eye_blink` (2): right
and left, 1 = closed. Needs `pip install tf2onnx tensorflow-cpu`.
tf2onnx places the blendshape net's transpositions by chance: hashes of conversions may differ,
their answers may not, which is checked.
"""

import argparse
import zipfile
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
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

SOURCE_SHA256 = "64184e229b263107bc2b804c6625db1341ff2bb731874b0bcc2fe6544e0bc9ff"
SIDE_PX = 256
EYE_BLINK_RIGHT, EYE_BLINK_LEFT = 10, 9

# Which of the 478 points the blendshape net reads, in order, as (first, last) runs: an interface
# fact of the published model (MediaPipe, face_blendshapes_graph.cc).
BLENDSHAPE_RUNS = (
    "0-1 4-8 10 13-14 17 21 33 37 39-40 46 52-55 58 61 63 65-67 70 78 80-82 84 87-88 91 93 95 103 "
    "105 107 109 127 132-133 136 144-146 148-150 152-155 157-163 168 172-173 176 178 181 185 191 "
    "195 197 234 246 249 251 263 267 269-270 276 282-285 288 291 293 295-297 300 308 310-312 314 "
    "317-318 321 323-324 332 334 336 338 356 361-362 365 373-375 377-382 384-390 397-398 400 402 "
    "405 409 415 454 466 468-477"
)


def blendshape_points() -> list[int]:
    """Indices of the points that the blendshape net reads (146 of them)."""
    indices: list[int] = []
    for run in BLENDSHAPE_RUNS.split():
        first, _, last = run.partition("-")
        indices += range(int(first), int(last or first) + 1)
    return indices


def convert(source: Path, target: Path) -> str:
    """Join both nets, prove the result equal to them, and return its SHA-256."""
    require_hash(source, SOURCE_SHA256)
    with zipfile.ZipFile(source) as archive:
        mesh = from_tflite(archive.read("face_landmarks_detector.tflite"))
        shapes = from_tflite(archive.read("face_blendshapes.tflite"))
    expected = _reference(mesh, shapes)
    rewrite_prelu(mesh)
    canonize(mesh, "m")
    canonize(shapes, "b")
    take_uint8_bgr(mesh, SIDE_PX)
    joined = _join(mesh, shapes)
    digest = save_checked(joined, target)
    found = run_model(joined, {"image": _test_image()})
    for name, ours, theirs in zip(("points", "presence", "blink"), found, expected, strict=True):
        difference = float(np.abs(ours.ravel() - theirs.ravel()).max())
        print(f"greatest difference of {name}: {difference:.2g}")  # noqa: T201
        if difference > 0.02:
            raise ValueError(f"{name} of the converted model differ by {difference:.2g}")
    return digest


def _join(mesh: onnx.ModelProto, shapes: onnx.ModelProto) -> onnx.ModelProto:
    """Feed the blendshape net from the mesh, in region px: it centres and scales by itself."""
    flat, presence = mesh.graph.output[0].name, mesh.graph.output[1].name
    add_constant(mesh, "mesh_shape", np.array([478, 3], np.int64))
    add_constant(mesh, "xy", np.array([0, 1], np.int64))
    add_constant(mesh, "subset", np.array(blendshape_points(), np.int64))
    add_constant(mesh, "one", np.array([1], np.int64))
    add_constant(mesh, "first", np.array([0], np.int64))
    add_constant(mesh, "blinks", np.array([EYE_BLINK_RIGHT, EYE_BLINK_LEFT], np.int64))
    mesh.graph.initializer.extend(shapes.graph.initializer)
    nodes = [
        *mesh.graph.node,
        helper.make_node("Reshape", [flat, "mesh_shape"], ["mesh"]),
        helper.make_node("Gather", ["mesh", "xy"], ["points"], axis=1),
        helper.make_node("Reshape", [presence, "one"], ["presence_logit"]),
        helper.make_node("Gather", ["points", "subset"], ["chosen"], axis=0),
        helper.make_node("Unsqueeze", ["chosen", "first"], [shapes.graph.input[0].name]),
        *shapes.graph.node,
        helper.make_node("Gather", [shapes.graph.output[0].name, "blinks"], ["eye_blink"], axis=0),
    ]
    replace_nodes(mesh, [node for node in nodes if node.output[0] != mesh.graph.output[2].name])
    set_outputs(mesh, {"points": [478, 2], "presence_logit": [1], "eye_blink": [2]})
    drop_unused_constants(mesh)
    return mesh


def _test_image() -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (1, SIDE_PX, SIDE_PX, 3), np.uint8)


def _reference(mesh: onnx.ModelProto, shapes: onnx.ModelProto) -> list[NDArray[np.float32]]:
    """What the nets say one after the other, as they were published."""
    rgb = _test_image()[..., ::-1].astype(np.float32) / 255
    flat, presence, _ = run_model(mesh, {mesh.graph.input[0].name: rgb})
    points = flat.reshape(478, 3)[:, :2]
    (blend,) = run_model(
        shapes, {shapes.graph.input[0].name: points[None, blendshape_points()].copy()}
    )
    return [points, presence, blend[[EYE_BLINK_RIGHT, EYE_BLINK_LEFT]]]


def main() -> None:
    """Convert the files named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    args = parser.parse_args()
    print(f'sha256 = "{convert(args.source, args.target)}"')  # noqa: T201


if __name__ == "__main__":
    main()
