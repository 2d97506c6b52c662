"""What the benchmark keeps of an evaluation, and what is joined to it later."""

import json

import numpy as np
import pytest

from benchmarks.evaluation import _command, summary
from benchmarks.record import RESULTS
from export.crops import CropStore
from tests.drawn_store import write_store


def test_the_kept_figures_have_no_curves_and_the_command_no_folders_of_its_caller():
    kept = summary({"sets": {}, "curves": {"scores": {}}, "plots": {}, "created_at": "now"})
    assert kept == {"sets": {}}
    words = ["--logits", "runs/held.npz", "--baseline", "/somewhere/private/meso.toml"]
    command = _command("fakewatch-fast", "data/crops/dev", words)
    assert command.endswith("data/crops/dev --logits runs/held.npz --baseline meso.toml")


def test_models_that_are_joined_later_stand_once_in_the_table_and_count_as_beaten():
    later = pytest.importorskip("benchmarks.evaluation_joined", reason="needs make training")
    recorded = json.loads((RESULTS / "evaluation.json").read_text())["figures"]
    row = {**recorded["baselines"][-1], "name": "meso", "title": "meso", "gain": [0.2, 0.1, 0.3]}
    families = {
        "families": {"smooth": {"trained": [0.9, 0.8, 1.0], "left_out": [0.6, 0.5, 0.7]}},
    }
    before = {**recorded, "leave_one_out": None}
    once = later.joined(before, [row], families)
    twice = later.joined(once, [{**row, "gain": [0.0, -0.1, 0.1]}], None)
    assert [one["name"] for one in twice["baselines"]].count("meso") == 1
    assert twice["leave_one_out"] == families
    assert twice["sets"] == recorded["sets"]
    assert "not clearly better than: meso." in " ".join(twice["summary"])
    assert "not clearly better than: meso" not in " ".join(once["summary"])
    assert [plot.name for plot in later.drawn(twice)] == ["baselines", "leave_one_out"]


def test_a_model_whose_distance_was_not_measured_has_a_row_without_a_gain(tmp_path):
    baselines = pytest.importorskip("export.evaluation.baselines", reason="needs make training")
    facts = CropStore(write_store(tmp_path / "store")).facts
    scores = np.array([float(fact["label"]) for fact in facts])
    row = baselines.alone("peer", scores, facts, 50)
    assert row["video_auc"] == [1.0, 1.0, 1.0]
    assert "gain" not in row
