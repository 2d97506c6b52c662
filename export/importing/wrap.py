"""Puts a contract into the graph: uint8 BGR crops in, one logit out, 1 = fake."""

import dataclasses
from collections.abc import Sequence

import numpy as np
import onnx
from onnx import TensorProto, compose, helper, version_converter

from export.importing.contract import LEAST_PROB, Contract, Scale
from export.importing.foreign import Form, single_input
from export.onnx_graph import add_constant, drop_unused_constants, replace_nodes, set_outputs
from pipeline.errors import ModelError

LEAST_OPSET = 13
MEAN, FACTOR = "import/mean", "import/factor"
"""Constants by which `variants` finds the scale again."""
PASSING = ("Identity", "Cast", "Squeeze", "Reshape", "Flatten")
"""Nodes that leave a last activation's values as they are."""


def last_activation(model: onnx.ModelProto) -> onnx.NodeProto | None:
    """The Sigmoid or Softmax that makes the first output, if one does."""
    makers = {name: node for node in model.graph.node for name in node.output}
    node = makers.get(model.graph.output[0].name)
    while node is not None and node.op_type in PASSING:
        node = makers.get(node.input[0])
    return node if node is not None and node.op_type in ("Sigmoid", "Softmax") else None


def wrap(foreign: onnx.ModelProto, contract: Contract, form: Form, outputs: int) -> onnx.ModelProto:
    """A graph from `crops` (N, S, S, 3) to `logit` (N, 1) round a model of `outputs` values.

    Where a sigmoid or softmax ends the model, its input is taken instead: the same log-odds,
    without the rounding and ties of probabilities near 0 and 1.

    Raises:
        ModelError: the graph is too old to be brought up to date.
    """
    model = compose.add_prefix(_up_to_date(foreign), "model/")
    graph = model.graph
    entry = single_input(model)
    end = graph.output[0].name
    activation = last_activation(model)
    fits = activation is not None and (activation.op_type == "Softmax") == (outputs > 1)
    if contract.probability and activation is not None and fits:
        end = activation.input[0]
        contract = dataclasses.replace(contract, probability=False)
    before = _before(model, contract, form, entry)
    after = _after(model, contract, outputs, end)
    replace_nodes(model, [*before, *graph.node, *after])
    del graph.input[:]
    del graph.value_info[:]
    shape = [form.batch or "batch", form.size_px, form.size_px, 3]
    graph.input.append(helper.make_tensor_value_info("crops", TensorProto.UINT8, shape))
    set_outputs(model, {"logit": [form.batch or "batch", 1]})
    _drop_unused_nodes(model)
    drop_unused_constants(model)
    return model


def set_scale(model: onnx.ModelProto, scale: Scale) -> None:
    """Write other normalisation constants into a wrapped graph."""
    kept = [entry for entry in model.graph.initializer if entry.name not in (MEAN, FACTOR)]
    kept = [onnx.TensorProto.FromString(entry.SerializeToString()) for entry in kept]
    del model.graph.initializer[:]
    model.graph.initializer.extend(kept)
    add_constant(model, MEAN, np.array(scale.mean, np.float32))
    add_constant(model, FACTOR, (1 / np.array(scale.std)).astype(np.float32))


def _up_to_date(foreign: onnx.ModelProto) -> onnx.ModelProto:
    opset = opset_of(foreign)
    if opset >= LEAST_OPSET:
        return foreign
    try:
        return version_converter.convert_version(foreign, LEAST_OPSET)
    except RuntimeError as error:
        raise ModelError(
            f"The model's ONNX operators are of version {opset} and cannot be converted to "
            f"{LEAST_OPSET}: export it again with a newer opset."
        ) from error


def opset_of(model: onnx.ModelProto) -> int:
    """The version of ONNX's own operators."""
    return max((o.version for o in model.opset_import if o.domain in ("", "ai.onnx")), default=1)


def _before(
    model: onnx.ModelProto, contract: Contract, form: Form, entry: onnx.ValueInfoProto
) -> list[onnx.NodeProto]:
    """Colour order, scale and layout."""
    nodes = []
    picture = "crops"
    if contract.color == "rgb":
        add_constant(model, "import/order", np.array([2, 1, 0], np.int64))
        nodes.append(helper.make_node("Gather", [picture, "import/order"], ["import/rgb"], axis=3))
        picture = "import/rgb"
    set_scale(model, contract.scale)
    nodes += [
        helper.make_node("Cast", [picture], ["import/float"], to=TensorProto.FLOAT),
        helper.make_node("Sub", ["import/float", MEAN], ["import/centred"]),
        helper.make_node("Mul", ["import/centred", FACTOR], ["import/scaled"]),
    ]
    picture = "import/scaled"
    if form.layout == "nchw":
        turned = ["import/turned"]
        nodes.append(helper.make_node("Transpose", [picture], turned, perm=[0, 3, 1, 2]))
        picture = "import/turned"
    kind = entry.type.tensor_type.elem_type
    return [*nodes, helper.make_node("Cast", [picture], [entry.name], to=kind)]


def _after(
    model: onnx.ModelProto,
    contract: Contract,
    outputs: int,
    end: str,
) -> list[onnx.NodeProto]:
    """Label order and kind of head."""
    add_constant(model, "import/rows", np.array([-1, outputs], np.int64))
    nodes = [
        helper.make_node("Cast", [end], ["import/answers"], to=TensorProto.FLOAT),
        helper.make_node("Reshape", ["import/answers", "import/rows"], ["import/said"]),
    ]
    said = "import/said"
    if contract.probability:
        add_constant(model, "import/least", np.array(LEAST_PROB, np.float32))
        add_constant(model, "import/most", np.array(1 - LEAST_PROB, np.float32))
        bounds = ["import/least", "import/most"]
        nodes += [
            helper.make_node("Clip", [said, *bounds], ["import/prob"]),
            helper.make_node("Log", ["import/prob"], ["import/log"]),
        ]
        said = "import/log"
    if outputs > 1:
        return [*nodes, *_between(model, contract, said)]
    if contract.probability:
        add_constant(model, "import/one", np.array(1, np.float32))
        nodes += [
            helper.make_node("Sub", ["import/one", "import/prob"], ["import/other"]),
            helper.make_node("Log", ["import/other"], ["import/log_other"]),
            helper.make_node("Sub", [said, "import/log_other"], ["import/odds"]),
        ]
        said = "import/odds"
    turn = "Identity" if contract.labels[-1] == "fake" else "Neg"
    return [*nodes, helper.make_node(turn, [said], ["logit"])]


def _between(model: onnx.ModelProto, contract: Contract, said: str) -> list[onnx.NodeProto]:
    """Log-odds of all fake columns against all genuine ones."""
    nodes = []
    for side in ("fake", "genuine"):
        columns = [index for index, label in enumerate(contract.labels) if label == side]
        chosen = f"import/{side}"
        add_constant(model, f"{chosen}_columns", np.array(columns, np.int64))
        nodes.append(helper.make_node("Gather", [said, f"{chosen}_columns"], [chosen], axis=1))
        nodes.append(_summed(model, chosen, columns))
    return [*nodes, helper.make_node("Sub", ["import/fake_sum", "import/genuine_sum"], ["logit"])]


def _summed(model: onnx.ModelProto, chosen: str, columns: Sequence[int]) -> onnx.NodeProto:
    total = [f"{chosen}_sum"]
    if len(columns) == 1:
        return helper.make_node("Identity", [chosen], total)
    if opset_of(model) < 18:
        return helper.make_node("ReduceLogSumExp", [chosen], total, axes=[1], keepdims=1)
    if not any(entry.name == "import/axis" for entry in model.graph.initializer):
        add_constant(model, "import/axis", np.array([1], np.int64))
    return helper.make_node("ReduceLogSumExp", [chosen, "import/axis"], total, keepdims=1)


def _drop_unused_nodes(model: onnx.ModelProto) -> None:
    """Remove what no output needs: a last activation and outputs that nobody reads."""
    kept: list[onnx.NodeProto] = []
    wanted = {"logit"}
    for node in reversed(model.graph.node):
        if wanted & set(node.output):
            kept.append(node)
            wanted |= {*node.input, *_read_inside(node)}
    replace_nodes(model, kept[::-1])


def _read_inside(node: onnx.NodeProto) -> set[str]:
    """What the branches of an If or the body of a Loop read from outside."""
    graphs = [attribute.g for attribute in node.attribute if attribute.HasField("g")]
    inner = {name for graph in graphs for child in graph.node for name in child.input}
    deeper = {name for graph in graphs for child in graph.node for name in _read_inside(child)}
    return inner | deeper
