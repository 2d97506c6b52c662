"""Weights are rounded together, on steps that no processor overflows, and ranges are cut well."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from export.onnx_graph import run_model
from export.quantise import best_range, quantise
from export.rounding import DENSE_STEPS, DEPTHWISE_STEPS, round_weights
from pipeline.load import models_directory

SIDE_PX = 16


@pytest.fixture(scope="module")
def crops() -> np.ndarray:
    """Smooth pictures of a colour each: neighbours are much alike."""
    rng = np.random.default_rng(0)
    shades = rng.integers(0, 200, (32, 1, 1, 3)) + 40 * rng.random((32, 4, 4, 3))
    return np.asarray(shades.repeat(4, 1).repeat(4, 2), np.uint8)


@pytest.fixture
def model() -> onnx.ModelProto:
    """Five convolutions, one of them depthwise, and a sum, from crops to a logit."""
    rng = np.random.default_rng(1)
    kernels = {"a": (8, 3, 1, 1), "b": (8, 8, 1, 1), "c": (8, 8, 1, 1), "d": (8, 1, 3, 3)}
    kernels |= {"e": (8, 8, 1, 1)}
    nodes = [
        helper.make_node("Cast", ["crops"], ["float"], to=TensorProto.FLOAT, name="cast"),
        helper.make_node("Mul", ["float", "share"], ["small"], name="mul"),
        helper.make_node("Transpose", ["small"], ["x"], perm=[0, 3, 1, 2], name="turn"),
    ]
    held = [numpy_helper.from_array(np.float32(1 / 255), "share")]
    before = "x"
    for name, shape in kernels.items():
        held.append(numpy_helper.from_array(rng.normal(size=shape).astype(np.float32), f"w{name}"))
        held.append(numpy_helper.from_array(rng.normal(size=8).astype(np.float32), f"b{name}"))
        facts = {"group": 8, "pads": [1, 1, 1, 1]} if name == "d" else {}
        nodes.append(
            helper.make_node("Conv", [before, f"w{name}", f"b{name}"], [name], name=name, **facts)
        )
        before = name
    nodes += [
        helper.make_node("Add", ["c", "e"], ["sum"], name="sum"),
        helper.make_node("ReduceMean", ["sum"], ["logit"], axes=[1, 2, 3], keepdims=0),
    ]
    graph = helper.make_graph(
        nodes, "toy",
        [helper.make_tensor_value_info("crops", TensorProto.UINT8, ["n", SIDE_PX, SIDE_PX, 3])],
        [helper.make_tensor_value_info("logit", TensorProto.FLOAT, ["n"])], held,
    )  # fmt: skip
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def weights(model: onnx.ModelProto) -> dict[str, np.ndarray]:
    return {entry.name: numpy_helper.to_array(entry) for entry in model.graph.initializer}


def convolutions(model: onnx.ModelProto) -> list[onnx.NodeProto]:
    return [node for node in model.graph.node if node.op_type == "Conv"]


def test_rounded_weights_are_whole_steps_and_no_more_than_a_processor_adds_up(model, crops):
    steps = round_weights(model, convolutions(model), crops)
    assert set(steps) == {"wa", "wb", "wc", "wd", "we"}
    for name, rows in steps.items():
        scales = np.array([row["scale"] for row in rows]).reshape(-1, 1, 1, 1)
        levels = weights(model)[name] / scales
        assert np.abs(levels - levels.round()).max() < 1e-3
        assert np.abs(levels).max() <= (DEPTHWISE_STEPS if name == "wd" else DENSE_STEPS) + 1e-3


def test_weights_that_are_rounded_together_move_the_logit_less_than_one_by_one(model, crops):
    (exact,) = run_model(model, {"crops": crops})
    alone = onnx.ModelProto.FromString(model.SerializeToString())
    for entry in alone.graph.initializer:
        if entry.name.startswith("w"):
            values = numpy_helper.to_array(entry)
            most = DEPTHWISE_STEPS if entry.name == "wd" else DENSE_STEPS
            scale = np.abs(values).reshape(8, -1).max(1).reshape(-1, 1, 1, 1) / most
            rounded = (np.round(values / scale) * scale).astype(np.float32)
            entry.CopyFrom(numpy_helper.from_array(rounded, entry.name))
    (one_by_one,) = run_model(alone, {"crops": crops})
    round_weights(model, convolutions(model), crops)
    (together,) = run_model(model, {"crops": crops})
    assert np.abs(together - exact).mean() < np.abs(one_by_one - exact).mean() / 2


def test_a_layer_whose_weights_are_all_nought_stays_so(model, crops):
    (entry,) = (entry for entry in model.graph.initializer if entry.name == "wb")
    entry.CopyFrom(numpy_helper.from_array(np.zeros((8, 8, 1, 1), np.float32), "wb"))
    steps = round_weights(model, convolutions(model), crops)
    assert not weights(model)["wb"].any()
    assert all(row["scale"] > 0 for row in steps["wb"])
    assert np.isfinite(run_model(model, {"crops": crops})[0]).all()


def test_a_dilated_convolution_is_left_to_the_quantiser(model, crops):
    (node,) = (node for node in model.graph.node if node.name == "d")
    node.attribute.append(helper.make_attribute("dilations", [2, 2]))
    before = weights(model)["wd"]
    assert "wd" not in round_weights(model, [node], crops)
    assert np.array_equal(weights(model)["wd"], before)


def test_the_int8_graph_says_nearly_the_same_and_begins_in_fp32(model, crops, tmp_path):
    (exact,) = run_model(model, {"crops": crops})
    onnx.save(model, tmp_path / "fp32.onnx")
    quantise(tmp_path / "fp32.onnx", tmp_path / "int8.onnx", crops)
    small = onnx.load(tmp_path / "int8.onnx")
    (found,) = run_model(small, {"crops": crops})
    assert np.abs(found - exact).max() < 0.1 * exact.std()
    kinds = {entry.name: entry.data_type for entry in small.graph.initializer}
    floats = {name[1] for name, kind in kinds.items() if name in {"wa", "wb", "wc", "wd", "we"}}
    assert floats == set("abc")
    assert kinds["wd_quantized"] == kinds["we_quantized"] == TensorProto.INT8


def test_the_shipped_int8_model_is_the_same_on_processors_that_add_up_in_16_bits():
    path = models_directory() / "fakewatch-fast-int8.onnx"
    graph = onnx.load(str(path)).graph
    held = {entry.name: numpy_helper.to_array(entry) for entry in graph.initializer}
    made = {name: node for node in graph.node for name in node.output}
    looked_at = 0
    for node in graph.node:
        source = made.get(node.input[1]) if node.op_type == "Conv" else None
        groups = [entry.i for entry in node.attribute if entry.name == "group"]
        if source is not None and groups in ([], [1]):
            looked_at += 1
            assert np.abs(held[source.input[0]].astype(int)).max() <= DENSE_STEPS
    assert looked_at > 20


def test_a_range_leaves_out_one_value_that_is_far_away_and_keeps_nought():
    values = np.append(np.random.default_rng(0).normal(size=400_000), 12.0).astype(np.float32)
    low, high = best_range(values, float(values.min()), 12.0)
    assert low < -3
    assert 3 < high < 8
    assert best_range(np.abs(values), 0.0, 12.0)[0] == 0
    assert best_range(np.zeros(9, np.float32), 0.0, 0.0) == (0.0, 0.0)
