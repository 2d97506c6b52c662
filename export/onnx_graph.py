"""Edits of ONNX graphs that the conversions of published models share."""

import hashlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper


def require_hash(path: Path, sha256: str) -> None:
    """Refuse to convert anything but the published file.

    Raises:
        ValueError: the file differs from the one whose licence and origin the card states.
    """
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != sha256:
        raise ValueError(f"{path} has SHA-256 {found}, expected {sha256}")


def from_tflite(content: bytes) -> onnx.ModelProto:
    """Convert a TFLite model by tf2onnx (`pip install tf2onnx tensorflow-cpu`), opset 16."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "model.tflite"), Path(folder, "model.onnx")
        source.write_bytes(content)
        command = [sys.executable, "-m", "tf2onnx.convert", "--opset", "16"]
        subprocess.run(  # noqa: S603 - our own interpreter, our own file names
            [*command, "--tflite", str(source), "--output", str(target)],
            env=os.environ | {"PYTHONHASHSEED": "0"},  # else the order of nodes is left to chance
            check=True,
        )
        return onnx.load(target)


def canonize(model: onnx.ModelProto, prefix: str) -> None:
    """Order nodes and constants by the way from the outputs back, and give tensors short names.

    tf2onnx leaves both to chance; TFLite's own names are a tenth of the file.
    """
    graph = model.graph
    replace_nodes(model, _in_order(graph))
    drop_unused_constants(model)
    names: dict[str, str] = {"": ""}
    for name in (entry.name for entry in graph.input):
        names[name] = f"{prefix}{len(names)}"
    for node in graph.node:
        node.ClearField("name")
        node.ClearField("doc_string")
        for name in (*node.input, *node.output):
            names.setdefault(name, f"{prefix}{len(names)}")
        node.input[:] = [names[name] for name in node.input]
        node.output[:] = [names[name] for name in node.output]
    for holder in (*graph.input, *graph.output, *graph.initializer):
        holder.name = names[holder.name]
    constants = sorted(graph.initializer, key=lambda entry: int(entry.name[len(prefix) :]))
    kept = [onnx.TensorProto.FromString(entry.SerializeToString()) for entry in constants]
    del graph.initializer[:]
    graph.initializer.extend(kept)
    del graph.value_info[:]
    del model.metadata_props[:]
    graph.name, graph.doc_string = prefix, ""


def _in_order(graph: onnx.GraphProto) -> list[onnx.NodeProto]:
    """Every node that an output needs, after what it needs itself, in an order of our own."""
    produced = {name: node for node in graph.node for name in node.output}
    ordered: list[onnx.NodeProto] = []
    done: set[str] = set()
    waiting = [output.name for output in reversed(graph.output)]
    while waiting:
        node = produced.get(waiting[-1])
        if node is None or waiting[-1] in done:
            waiting.pop()
            continue
        missing = [name for name in node.input if name in produced and name not in done]
        if missing:
            waiting += reversed(missing)
            continue
        ordered.append(node)
        done |= set(node.output)
    return ordered


def drop_identities(model: onnx.ModelProto) -> None:
    """Let everyone read what an Identity reads; torch's exporter shares equal weights by them."""
    outputs = {entry.name for entry in model.graph.output}
    same: dict[str, str] = {}
    nodes = []
    for node in model.graph.node:
        node.input[:] = [same.get(name, name) for name in node.input]
        if node.op_type == "Identity" and node.output[0] not in outputs:
            same[node.output[0]] = node.input[0]
        else:
            nodes.append(node)
    replace_nodes(model, nodes)


def rewrite_prelu(model: onnx.ModelProto) -> None:
    """Write each PReLU(x) as conv(Relu(x), 1-a) + conv(x, a) with depthwise 1x1 convolutions.

    ONNX Runtime's PReLU leaves the blocked layout that its convolutions work in; the sum, which
    is exact, stays in it and makes a MediaPipe face net run more than twice as fast.
    """
    weights = {entry.name: numpy_helper.to_array(entry) for entry in model.graph.initializer}
    nodes = []
    for node in model.graph.node:
        if node.op_type != "PRelu":
            nodes.append(node)
            continue
        source, slope_name = node.input
        target = node.output[0]
        slope = weights[slope_name].reshape(-1, 1, 1, 1).astype(np.float32)
        for suffix, value in (("/scale_positive", 1 - slope), ("/scale_all", slope)):
            add_constant(model, target + suffix, value)
        nodes += [
            helper.make_node("Relu", [source], [target + "/relu"]),
            _scale_channels(
                target + "/relu", target + "/scale_positive", target + "/positive", len(slope)
            ),
            _scale_channels(source, target + "/scale_all", target + "/all", len(slope)),
            helper.make_node("Add", [target + "/all", target + "/positive"], [target]),
        ]
    replace_nodes(model, nodes)
    drop_unused_constants(model)


def fold_pads(model: onnx.ModelProto, feeds: Mapping[str, NDArray[np.generic]]) -> None:
    """Let convolutions pad by themselves what a Pad with zeros before them pads for them alone.

    ONNX Runtime leaves the layout, or the int8, that its convolutions work in for every Pad. The
    widths must not depend on what the graph is fed; any `feeds` will do to learn them.
    """
    graph = model.graph
    readers: dict[str, list[onnx.NodeProto]] = {}
    for node in graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    outputs = {entry.name for entry in graph.output}
    pads = [
        node
        for node in graph.node
        if node.op_type == "Pad" and _pads_with_zeros(node)
        and node.output[0] not in outputs
        and all(_pads_nothing(reader) for reader in readers.get(node.output[0], ()))
    ]  # fmt: skip
    widths = _values(model, {node.input[1] for node in pads}, feeds)
    for pad in pads:
        sides = widths[pad.input[1]].reshape(2, -1)
        if sides.min() < 0 or sides[:, :2].any():
            continue
        for reader in readers[pad.output[0]]:
            kept = [entry for entry in reader.attribute if entry.name != "pads"]
            del reader.attribute[:]
            reader.attribute.extend([*kept, helper.make_attribute("pads", sides[:, 2:].ravel())])
            reader.input[0] = pad.input[0]
    replace_nodes(model, _in_order(graph))
    drop_unused_constants(model)


def _pads_with_zeros(node: onnx.NodeProto) -> bool:
    """Its mode is "constant", and no other value than zero is given."""
    modes = [entry.s for entry in node.attribute if entry.name == "mode"]
    return all(mode == b"constant" for mode in modes) and not any(node.input[2:])


def _pads_nothing(node: onnx.NodeProto) -> bool:
    facts = {entry.name: helper.get_attribute_value(entry) for entry in node.attribute}
    own = facts.get("auto_pad", b"NOTSET") != b"NOTSET" or any(facts.get("pads", ()))
    return node.op_type == "Conv" and not own


def _values(
    model: onnx.ModelProto, names: Collection[str], feeds: Mapping[str, NDArray[np.generic]]
) -> dict[str, NDArray[np.generic]]:
    """Of inner tensors, when the graph is fed so."""
    shown = onnx.ModelProto.FromString(model.SerializeToString())
    shown.graph.output.extend(helper.make_empty_tensor_value_info(name) for name in names)
    found = run_model(shown, feeds)[len(model.graph.output) :] if names else []
    return dict(zip(names, found, strict=True))


def _scale_channels(source: str, scale: str, target: str, channels: int) -> onnx.NodeProto:
    """Multiply each channel by its own number, as a depthwise 1x1 convolution."""
    return helper.make_node("Conv", [source, scale], [target], group=channels, kernel_shape=[1, 1])


def take_uint8_bgr(model: onnx.ModelProto, side_px: int) -> None:
    """Let the graph take (1, side, side, 3) uint8 BGR instead of float32 RGB in [0, 1].

    The scale and the channel order go into the first convolution, so they cost nothing.
    """
    graph = model.graph
    weights = {entry.name: entry for entry in graph.initializer}
    turn, first = graph.node[0], graph.node[1]
    if (turn.op_type, first.op_type) != ("Transpose", "Conv"):
        raise ValueError("the graph does not begin with a transposition and a convolution")
    kernel = numpy_helper.to_array(weights[first.input[1]])
    add_constant(model, "first_kernel", kernel[:, ::-1] / np.float32(255))
    first.input[1] = "first_kernel"
    cast = helper.make_node("Cast", ["image"], ["image_float"], to=TensorProto.FLOAT)
    turn.input[0] = "image_float"
    replace_nodes(model, [cast, *graph.node])
    del graph.input[:]
    shape = [1, side_px, side_px, 3]
    graph.input.append(helper.make_tensor_value_info("image", TensorProto.UINT8, shape))
    drop_unused_constants(model)


def add_constant(model: onnx.ModelProto, name: str, value: NDArray[np.generic]) -> None:
    """Add an initializer."""
    entry = numpy_helper.from_array(np.ascontiguousarray(value), name)
    model.graph.initializer.append(entry)


def replace_nodes(model: onnx.ModelProto, nodes: Sequence[onnx.NodeProto]) -> None:
    """Put these nodes, already in order, in place of the graph's."""
    kept = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
    del model.graph.node[:]
    model.graph.node.extend(kept)


def set_outputs(model: onnx.ModelProto, shapes: Mapping[str, Sequence[int | str]]) -> None:
    """Declare the graph's float32 outputs."""
    del model.graph.output[:]
    for name, shape in shapes.items():
        info = helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape))
        model.graph.output.append(info)


def drop_unused_constants(model: onnx.ModelProto) -> None:
    """Remove initializers that no node reads any more."""
    used = {name for node in model.graph.node for name in node.input}
    kept = [entry for entry in model.graph.initializer if entry.name in used]
    del model.graph.initializer[:]
    model.graph.initializer.extend(kept)


def save_checked(model: onnx.ModelProto, path: Path) -> str:
    """Check, save, and return the SHA-256 for the card."""
    model.producer_name, model.producer_version, model.doc_string = "fakewatch", "", ""
    onnx.checker.check_model(model, full_check=True)
    path.write_bytes(model.SerializeToString(deterministic=True))
    return hashlib.sha256(path.read_bytes()).hexdigest()


def run_model(
    model: onnx.ModelProto, feeds: Mapping[str, NDArray[np.generic]]
) -> list[NDArray[np.float32]]:
    """Run a model once on the CPU, to compare it with another."""
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # heeded only before the import
    import onnxruntime

    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    return list(session.run(None, dict(feeds)))
