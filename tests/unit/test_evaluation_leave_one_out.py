"""Families are left out one at a time, and the evaluated clips are never trained on."""

import json
from pathlib import Path

import numpy as np
import pytest

from export.evaluation import leave_one_out as subject
from tests.drawn_store import write_store

CONFIG = Path("export/runs/fast.toml")


@pytest.fixture
def trained(monkeypatch):
    """Training replaced by a note of what would be trained; a network that sees brightness."""
    runs = []
    monkeypatch.setattr(subject, "train", lambda run, _folder: runs.append(run))
    monkeypatch.setattr(subject, "load_checkpoint", lambda _path: None)
    monkeypatch.setattr(
        subject, "logits_of", lambda _net, crops: np.array([crop.mean() for crop in crops])
    )
    crops = np.zeros((2 * subject.PAIRS, 4, 4, 3), np.uint8)
    crops[1::2] = 9
    monkeypatch.setattr(subject, "_pairs", lambda *_: (crops, np.tile([0, 1], subject.PAIRS)))
    return runs


def test_each_family_is_left_out_once_and_its_own_pairs_are_measured(tmp_path, trained):
    out = tmp_path / "families.json"
    subject.leave_one_out(CONFIG, write_store(tmp_path / "store"), 3.0, 5, out)
    found = json.loads(out.read_text())
    names = set(found["families"])
    assert len(trained) == len(names) + 1
    assert set(trained[0].data.families) >= names
    for run in trained[1:]:
        (missing,) = names - set(run.data.families)
        assert run.name.endswith(f"no-{missing}")
    assert {(run.minutes, run.seed, run.data.extra) for run in trained} == {(3.0, 5, None)}
    assert all(
        row == {"trained": [1.0] * 3, "left_out": [1.0] * 3} for row in found["families"].values()
    )
    assert set(found["video_auc"]) == {"all", *names}
