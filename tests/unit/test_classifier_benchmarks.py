"""What a classifier costs is measured on one core, and what a small variant costs on its clips."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from benchmarks import classifier_speed, table
from tests.toy_models import write_classifier


def test_every_model_is_timed_on_one_core_and_the_others_are_given_back(tmp_path):
    before = os.sched_getaffinity(0)
    cards = [write_classifier(tmp_path, name) for name in ("one", "two")]
    rows = classifier_speed.on_one_core(cards, rounds=2, calls=3)
    assert os.sched_getaffinity(0) == before
    assert [row["name"] for row in rows] == ["one", "two"]
    for row in rows:
        assert 0 < row["wall_ms"]["p50"] <= row["wall_ms"]["p95"]


def test_a_processor_says_whether_it_has_vnni():
    assert classifier_speed.has_vnni("model name: x\nflags\t\t: fpu avx2 avx512_vnni sse4a\n")
    assert not classifier_speed.has_vnni("model name: vnni\nflags\t\t: fpu avx2 sse4a\n")


def test_the_table_shows_what_was_asked_for_beside_what_was_measured():
    speed = {
        "budgets_ms": {"m-int8": 3.0},
        "vnni": False,
        "models": [{"name": "m-int8", "precision": "int8", "wall_ms": {"p50": 1.5, "p95": 2.0}}],
        "gpu": [{"name": "m", "crops_a_second": {"1": 900, "64": 20000}}],
    }
    assert table._classifier_speed(speed) == [
        (
            "m-int8: one crop, one thread of a core without VNNI",
            "1.5 ms (95 % within 2.0 ms; at most 3 asked)",
        ),
        ("m on the GPU: crops a second by batch", "1: 900, 64: 20000"),
    ]


def test_the_table_names_the_machine_of_a_row_that_is_not_the_usual_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, processor in (("one", "Usual"), ("two", "Rare"), ("three", "Usual")):
        machine = {"processor": processor, "cores": 2, "memory_gib": 8}
        document = {"machine": machine, "command": f"run {name}", "figures": {}}
        (tmp_path / f"{name}.json").write_text(json.dumps(document))
    monkeypatch.setattr(table, "RESULTS", tmp_path)
    rows = [(name, lambda _: [("what", "1"), ("more", "2")]) for name in ("one", "two", "three")]
    monkeypatch.setattr(table, "SECTIONS", (*rows, ("absent", lambda _: [])))
    text = table.table()
    assert text.startswith("On 2 cores of an Usual (8 GiB) unless another machine is named")
    assert text.count("| what | 1 | `run one` |\n| more | 2 |  |") == 1
    assert "| what | 1 | `run two`, on 2 cores of an Rare (8 GiB) |" in text


def test_a_variant_that_ranks_alike_costs_nothing_and_one_that_turns_a_set_round_costs_it():
    variants = pytest.importorskip("benchmarks.variants", reason="needs torch (make training)")
    facts = [
        {"path": f"{source}/{group}{label}", "label": label, "group": f"{source}{group}",
         "source": source, "method": "none", "time_s": 0.0}
        for source in ("ffpp_c23", "deepfacelive") for group in range(5) for label in (0, 1)
    ]  # fmt: skip
    logits = np.array([float(fact["label"]) for fact in facts])
    same = variants.costs(facts, [logits], [logits - 0.25])
    assert same["pooled"] == {"fp32": 1.0, "variant": 1.0, "difference": [0.0, 0.0, 0.0]}
    assert same["logit"] == {"largest_mean_gap": 0.25, "sd": 0.0, "sd_of_fp32": 0.5}
    turned = np.where([fact["source"] == "ffpp_c23" for fact in facts], -logits, logits)
    worse = variants.costs(facts, [logits], [turned])
    assert worse["ffpp_c23"]["difference"] == [-1.0, -1.0, -1.0]
    assert worse["deepfacelive"]["difference"] == [0.0, 0.0, 0.0]
    half = variants.costs(facts, [logits, logits], [logits, turned])
    assert half["ffpp_c23"]["difference"] == [-0.5, -0.5, -0.5]
