"""The edits by which published models are converted change no answer."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from export.convert_mesh478 import blendshape_points
from export.onnx_graph import (
    add_constant,
    canonize,
    drop_identities,
    drop_unused_constants,
    fold_pads,
    require_hash,
    rewrite_prelu,
    run_model,
    save_checked,
    take_uint8_bgr,
)

SIDE_PX = 8


@pytest.fixture
def model() -> onnx.ModelProto:
    """A transposition, a convolution and a PReLU whose slopes are negative, small and above 1."""
    graph = helper.make_graph(
        [
            helper.make_node("Transpose", ["in"], ["turned"], perm=[0, 3, 1, 2], name="a/b"),
            helper.make_node("Conv", ["turned", "kernel", "shift"], ["sum"], kernel_shape=[3, 3]),
            helper.make_node("PRelu", ["sum", "slope"], ["out"]),
        ],
        "small",
        [helper.make_tensor_value_info("in", TensorProto.FLOAT, [1, SIDE_PX, SIDE_PX, 3])],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, [1, 4, 6, 6])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 16)], ir_version=8)
    random = np.random.default_rng(0)
    add_constant(model, "kernel", random.normal(size=(4, 3, 3, 3)).astype(np.float32))
    add_constant(model, "shift", random.normal(size=4).astype(np.float32))
    add_constant(model, "slope", np.array([-0.5, 0, 0.3, 1.7], np.float32).reshape(1, 4, 1, 1))
    return model


def rgb(image: np.ndarray) -> np.ndarray:
    return image[..., ::-1].astype(np.float32) / 255


@pytest.fixture
def image() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (1, SIDE_PX, SIDE_PX, 3), np.uint8)


def test_prelu_rewritten_is_prelu(model: onnx.ModelProto, image: np.ndarray) -> None:
    (expected,) = run_model(model, {"in": rgb(image)})
    rewrite_prelu(model)
    assert "PRelu" not in {node.op_type for node in model.graph.node}
    assert "slope" not in {entry.name for entry in model.graph.initializer}
    (found,) = run_model(model, {"in": rgb(image)})
    assert np.abs(found - expected).max() < 1e-5


def test_a_uint8_bgr_input_gives_what_scaled_rgb_gave(
    model: onnx.ModelProto, image: np.ndarray
) -> None:
    (expected,) = run_model(model, {"in": rgb(image)})
    take_uint8_bgr(model, SIDE_PX)
    (found,) = run_model(model, {"image": image})
    assert np.abs(found - expected).max() < 1e-5


def test_a_graph_that_begins_otherwise_is_refused(model: onnx.ModelProto) -> None:
    del model.graph.node[0]
    with pytest.raises(ValueError, match="does not begin"):
        take_uint8_bgr(model, SIDE_PX)


def test_short_names_leave_the_answer_alone(model: onnx.ModelProto, image: np.ndarray) -> None:
    (expected,) = run_model(model, {"in": rgb(image)})
    canonize(model, "m")
    assert max(len(name) for node in model.graph.node for name in node.output) <= 4
    (found,) = run_model(model, {model.graph.input[0].name: rgb(image)})
    assert np.array_equal(found, expected)


def test_saving_twice_gives_the_same_file(model: onnx.ModelProto, tmp_path: Path) -> None:
    first = save_checked(model, tmp_path / "one.onnx")
    assert save_checked(model, tmp_path / "two.onnx") == first


def test_constants_that_nobody_reads_are_dropped(model: onnx.ModelProto) -> None:
    add_constant(model, "spare", np.zeros(3, np.float32))
    drop_unused_constants(model)
    assert "spare" not in {entry.name for entry in model.graph.initializer}


def test_only_the_published_file_is_converted(tmp_path: Path) -> None:
    (tmp_path / "model").write_bytes(b"another")
    with pytest.raises(ValueError, match="expected 00"):
        require_hash(tmp_path / "model", "00")


def test_the_blendshape_net_reads_146_points_in_order() -> None:
    points = blendshape_points()
    assert len(points) == 146
    assert points == sorted(set(points))
    assert points[-1] == 477


def test_a_weight_behind_an_identity_is_read_directly() -> None:
    graph = helper.make_graph(
        [
            helper.make_node("Identity", ["weight"], ["again"]),
            helper.make_node("Identity", ["again"], ["thrice"]),
            helper.make_node("Mul", ["x", "thrice"], ["product"]),
            helper.make_node("Identity", ["product"], ["y"]),
        ],
        "toy",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [2])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [2])],
        [numpy_helper.from_array(np.array([2, 3], np.float32), "weight")],
    )
    opset = [helper.make_opsetid("", 17)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=8)
    drop_identities(model)
    assert [node.op_type for node in model.graph.node] == ["Mul", "Identity"]
    assert model.graph.node[0].input[:] == ["x", "weight"]
    (found,) = run_model(model, {"x": np.array([1, 1], np.float32)})
    assert found.tolist() == [2, 3]


def padded(value: float | None = None, *, read_twice: bool = False) -> onnx.ModelProto:
    """A Pad of one row and column at the end, whose widths are worked out, and a convolution."""
    rest = ["value"] if value is not None else []
    nodes = [
        helper.make_node("Concat", ["none", "some"], ["widths"], axis=0),
        helper.make_node("Pad", ["in", "widths", *rest], ["padded"]),
        helper.make_node(
            "Conv", ["padded", "kernel"], ["out"], kernel_shape=[3, 3], strides=[2, 2]
        ),
    ]
    if read_twice:
        nodes.append(helper.make_node("Relu", ["padded"], ["again"]))
    outputs = [("out", [1, 4, 4, 4]), ("again", [1, 2, 9, 9])][: 1 + read_twice]
    graph = helper.make_graph(
        nodes, "padded",
        [helper.make_tensor_value_info("in", TensorProto.FLOAT, [1, 2, SIDE_PX, SIDE_PX])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in outputs],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 16)], ir_version=8)
    random = np.random.default_rng(2)
    add_constant(model, "none", np.zeros(6, np.int64))
    add_constant(model, "some", np.ones(2, np.int64))
    add_constant(model, "kernel", random.normal(size=(4, 2, 3, 3)).astype(np.float32))
    if value is not None:
        add_constant(model, "value", np.float32(value))
    return model


def test_a_convolution_that_pads_by_itself_gives_the_same() -> None:
    model = padded()
    feeds = {"in": np.random.default_rng(3).normal(size=(1, 2, 8, 8)).astype(np.float32)}
    (expected,) = run_model(model, feeds)
    fold_pads(model, feeds)
    assert [node.op_type for node in model.graph.node] == ["Conv"]
    assert {entry.name for entry in model.graph.initializer} == {"kernel"}
    assert np.array_equal(run_model(model, feeds)[0], expected)


@pytest.mark.parametrize("model", [padded(1.0), padded(read_twice=True)], ids=["ones", "shared"])
def test_a_pad_that_a_convolution_cannot_do_stays(model: onnx.ModelProto) -> None:
    feeds = {"in": np.random.default_rng(3).normal(size=(1, 2, 8, 8)).astype(np.float32)}
    expected = run_model(model, feeds)
    fold_pads(model, feeds)
    assert "Pad" in {node.op_type for node in model.graph.node}
    assert np.array_equal(run_model(model, feeds)[0], expected[0])
