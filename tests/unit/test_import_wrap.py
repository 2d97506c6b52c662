"""A foreign graph, whatever it wants and says, becomes uint8 BGR in and one logit out."""

import math
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from export.card import CardTexts
from export.importing.contract import SCALES, Contract
from export.importing.foreign import Foreign, form_of
from export.importing.importer import (
    Imported,
    guess_probability,
    import_model,
    probe_crops,
    run_wrapped,
)
from export.importing.readers import read_foreign
from pipeline.errors import ModelError, ModelLoadError
from pipeline.load import adapter
from pipeline.onnx_session import Device
from tests.toy_models import write_card

SIZE_PX = 16
ENDS = {"logit": None, "sigmoid": "Sigmoid", "softmax": "Softmax"}


def foreign_graph(
    path: Path,
    *,
    end: str = "logit",
    outputs: int = 1,
    layout: str = "nhwc",
    batch: int | str = "n",
    opset: int = 17,
) -> Path:
    """Channel means times weights, then the named end."""
    space, shape = ([1, 2], [SIZE_PX, SIZE_PX, 3]) if layout == "nhwc" else ([2, 3], None)
    shape = shape or [3, SIZE_PX, SIZE_PX]
    weights = np.random.default_rng(5).normal(0, 2, (3, outputs)).astype(np.float32)
    reduce = (
        helper.make_node("ReduceMean", ["x"], ["means"], axes=space, keepdims=0)
        if opset < 18
        else helper.make_node("ReduceMean", ["x", "space"], ["means"], keepdims=0)
    )
    nodes = [reduce, helper.make_node("MatMul", ["means", "weights"], ["said"])]
    kind = ENDS[end]
    if kind is not None:
        nodes.append(helper.make_node(kind, ["said"], ["end"]))
    graph = helper.make_graph(
        nodes,
        "foreign",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [batch, *shape])],
        [
            helper.make_tensor_value_info(
                "end" if kind else "said", TensorProto.FLOAT, [batch, outputs]
            )
        ],
        [
            numpy_helper.from_array(weights, "weights"),
            numpy_helper.from_array(np.array(space, np.int64), "space"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    path.write_bytes(model.SerializeToString())
    return path


def imported(path: Path, contract: Contract, name: str = "mine") -> Imported:
    foreign = read_foreign(path, None, None)
    form = form_of(foreign.model, None)
    texts = CardTexts(name, "1", "a test", "a test", "nothing", "all")
    return import_model(foreign, contract, texts, form, 1.3, path.parent / "models")


@pytest.mark.parametrize("color", ["rgb", "bgr"])
@pytest.mark.parametrize("scale", sorted(SCALES))
@pytest.mark.parametrize("layout", ["nchw", "nhwc"])
def test_colour_scale_and_layout_become_part_of_the_graph(tmp_path, color, scale, layout):
    path = foreign_graph(tmp_path / "foreign.onnx", layout=layout)
    contract = Contract(color, SCALES[scale], ("genuine", "fake"), probability=False)
    done = imported(path, contract)
    crop = np.zeros((1, SIZE_PX, SIZE_PX, 3), np.uint8)
    crop[..., 2] = 200  # red
    weights = numpy_helper.to_array(onnx.load(str(path)).graph.initializer[0])[:, 0]
    values = np.array([200.0, 0, 0] if color == "rgb" else [0, 0, 200.0])
    expected = (values - SCALES[scale].mean) / SCALES[scale].std @ weights
    found = run_wrapped(onnx.load(str(done.card.path)), crop)[0]
    assert found == pytest.approx(expected, rel=1e-4, abs=1e-3)


@pytest.mark.parametrize("opset", [11, 17, 18])
@pytest.mark.parametrize(
    ("end", "outputs", "labels"),
    [
        ("logit", 1, "genuine fake"),
        ("logit", 1, "fake genuine"),
        ("logit", 2, "fake genuine"),
        ("sigmoid", 1, "genuine fake"),
        ("sigmoid", 1, "fake genuine"),
        ("sigmoid", 2, "genuine fake"),
        ("softmax", 2, "genuine fake"),
        ("softmax", 2, "fake genuine"),
        ("softmax", 4, "fake genuine fake fake"),
    ],
)
def test_every_kind_of_head_becomes_log_odds_of_fake(tmp_path, opset, end, outputs, labels):
    path = foreign_graph(tmp_path / "foreign.onnx", end=end, outputs=outputs, opset=opset)
    sides = tuple(labels.split())
    contract = Contract("rgb", SCALES["unit"], sides, probability=end != "logit")
    model = onnx.load(str(imported(path, contract).card.path))
    crops = probe_crops(SIZE_PX)
    means = (crops[..., ::-1] / 255).mean(axis=(1, 2))
    said = means @ numpy_helper.to_array(onnx.load(str(path)).graph.initializer[0])
    if outputs == 1:
        expected = said[:, 0] if sides[-1] == "fake" else -said[:, 0]
    else:
        mass = 1 / (1 + np.exp(-said)) if end == "sigmoid" else np.exp(said)
        fake = np.array(sides) == "fake"
        expected = np.log(mass[:, fake].sum(1) / mass[:, ~fake].sum(1))
    np.testing.assert_allclose(run_wrapped(model, crops), expected, atol=1e-3)
    assert not {"Sigmoid", "Softmax"} & {n.op_type for n in model.graph.node} or (
        end == "sigmoid" and outputs == 2
    )


def test_a_probability_of_exactly_0_or_1_stays_a_number():
    contract = Contract("rgb", SCALES["unit"], ("fake", "genuine"), probability=True)
    found = contract.logits(np.array([[0.0], [1.0], [0.5]]))
    assert found[0] == pytest.approx(math.log(1e6), rel=0.01)
    assert found[1] == pytest.approx(-math.log(1e6), rel=0.01)
    assert found[2] == pytest.approx(0)


def test_a_batch_of_one_stays_one(tmp_path):
    path = foreign_graph(tmp_path / "foreign.onnx", batch=1)
    contract = Contract("bgr", SCALES["raw"], ("genuine", "fake"), probability=False)
    done = imported(path, contract)
    assert any("one crop at a time" in remark for remark in done.remarks)
    classify = adapter(done.card)(done.card, Device.CPU)
    assert len(classify(list(probe_crops(SIZE_PX)))) == 8


def test_labels_that_do_not_fit_the_outputs_are_refused(tmp_path):
    path = foreign_graph(tmp_path / "foreign.onnx", end="softmax", outputs=4)
    contract = Contract("rgb", SCALES["unit"], ("genuine", "fake"), probability=True)
    with pytest.raises(ModelError, match="4 values"):
        imported(path, contract)
    assert not (tmp_path / "models").exists()


@pytest.mark.parametrize("labels", [("fake", "fake"), ("genuine",), ()])
def test_labels_that_name_one_side_only_are_refused(labels):
    with pytest.raises(ModelError, match="both sides"):
        Contract("rgb", SCALES["unit"], labels, probability=True)


def test_probabilities_are_recognised_and_doubt_is_said(tmp_path):
    for end, certain in (("sigmoid", True), ("logit", False)):
        foreign = read_foreign(foreign_graph(tmp_path / "f.onnx", end=end), None, None)
        assert guess_probability(foreign, form_of(foreign.model, None)) is certain
    half = Foreign(foreign.model, lambda pixels: np.full((len(pixels), 1), 0.5), "a test")
    with pytest.raises(ModelError, match="--output"):
        guess_probability(half, form_of(half.model, None))


def test_a_framework_that_says_otherwise_refuses_the_import(tmp_path):
    honest = read_foreign(foreign_graph(tmp_path / "foreign.onnx"), None, None)
    other = Foreign(honest.model, lambda pixels: honest.predict(pixels) + 0.01, "another")
    contract = Contract("rgb", SCALES["unit"], ("genuine", "fake"), probability=False)
    texts = CardTexts("mine", "1", "a test", "a test", "nothing", "all")
    with pytest.raises(ModelError, match="nothing is written"):
        import_model(other, contract, texts, form_of(other.model, None), 1.3, tmp_path / "models")
    assert not (tmp_path / "models").exists()


def test_a_model_that_answers_otherwise_than_its_card_is_not_loaded(tmp_path):
    contract = Contract("rgb", SCALES["unit"], ("genuine", "fake"), probability=False)
    card = imported(foreign_graph(tmp_path / "foreign.onnx"), contract).card
    adapter(card)(card, Device.CPU)
    facts = {
        "name": card.name, "version": "1", "task": card.task, "adapter": card.adapter,
        "file": card.path.name, "sha256": card.sha256, "licence": "", "source": "",
        "trained_on": "", "limits": "", "color": "rgb",
        "crop": {"size_px": SIZE_PX, "margin": 1.3},
        "thresholds": {"raise_at": 0.8, "clear_at": 0.5},
        "golden": {
            "crops_sha256": card.golden.crops_sha256,
            "logits": list(card.golden.logits),
            "framework": "a test",
        },
    }  # fmt: skip
    swapped = write_card(card.path.parent, facts)
    with pytest.raises(ModelLoadError, match="what a test gave for its test pictures"):
        adapter(swapped)(swapped, Device.CPU)


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("no.onnx", None, "There is no model"),
        ("text.onnx", b"text", "no ONNX model"),
        ("model.xyz", b"", "no kind"),
        ("model.pt", b"text", "--size-px"),
    ],
)
def test_what_is_no_model_is_refused_in_a_sentence(tmp_path, name, content, sentence):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(ModelError, match=sentence):
        read_foreign(tmp_path / name, None, None)
