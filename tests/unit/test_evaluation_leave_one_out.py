"""Families are left out one at a time, and the evaluated clips are never trained on."""

import json

import numpy as np
import pytest

pytest.importorskip("torch", reason="training needs the `train` extra")

from export.crops import cut
from export.evaluation import leave_one_out as subject
from export.faces import FaceFinder
from export.run_config import read_run
from pipeline.errors import SettingsError
from pipeline.types import Frame, StreamId
from tests.media import draw_face
from tests.small_run import write_run
from tests.unit.stores import write_store

FAMILIES = ("self_blend", "smooth")


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Of six people a genuine and a "manipulated" (darker) picture each; two are the test part."""
    finder, crops = FaceFinder(), []
    for person in range(6):
        for label in (0, 1):
            image = np.asarray(draw_face(220, seed=person) * (0.7 if label else 1.0), np.uint8)
            face = finder.largest(Frame(StreamId("drawn"), 0, 0.0, 0, image))
            facts = {
                "path": f"{person}_{label}.png", "label": label, "source": "drawn",
                "group": f"person{person}", "method": "dark" if label else "none", "time_s": 0.0,
                "set": "train", "usable": True, "split": "test" if person > 3 else "train",
            }  # fmt: skip
            crops.append(cut(image, face, facts))
    return write_store(tmp_path_factory.mktemp("drawn"), crops)


def test_each_family_is_left_out_once_and_every_run_is_measured_on_all(
    store, tmp_path, monkeypatch
):
    monkeypatch.setattr(subject, "PAIRS", 4)
    monkeypatch.setattr(subject, "DRAWS", 50)
    made = []
    real_train = subject.train
    monkeypatch.setattr(
        subject, "train", lambda run, folder: (made.append(run), real_train(run, folder))
    )
    out = tmp_path / "report/families.json"
    subject.leave_one_out(
        write_run(tmp_path / "toy.toml", store.folder, "drawn"), store.folder, 3.0, 5, out
    )
    trained = {run.name: {k for k, share in run.data.families.items() if share} for run in made}
    assert trained == {
        "toy-all": set(FAMILIES), "toy-no-self_blend": {"smooth"}, "toy-no-smooth": {"self_blend"},
    }  # fmt: skip
    assert {(run.minutes, run.seed, run.data.extra) for run in made} == {(3.0, 5, None)}
    found = json.loads(out.read_text())
    assert set(found["families"]) == set(FAMILIES)
    assert set(found["video_auc"]) == set(found["images"]) == {"all", *FAMILIES}
    assert all(images > 0 for images in found["images"].values())
    assert found["videos"]["drawn"] == {"genuine": 2, "manipulated": 2, "groups": 2}
    assert {name: set(row) for name, row in found["worth"].items()} == {
        name: {"drawn", "pooled"} for name in FAMILIES
    }
    for name, row in found["families"].items():
        assert row["loss"][0] == pytest.approx(row["trained"][0] - row["left_out"][0], abs=2e-3)
        gap = found["video_auc"]["all"][0] - found["video_auc"][name][0]
        assert found["worth"][name]["pooled"][0] == pytest.approx(gap, abs=2e-3)
    rows = [*found["video_auc"].values()]
    rows += [row[kind] for row in found["families"].values() for kind in ("trained", "left_out")]
    for value, low, high in rows:
        assert 0 <= low <= value <= high <= 1


def test_only_the_measured_part_of_a_split_store_is_forged(store, tmp_path):
    run = subject._plain(read_run(write_run(tmp_path / "toy.toml", store.folder, "drawn")), 1.0, 0)
    part = subject.MeasuredPart(store.folder)
    assert {fact["group"] for fact in part.facts} == {"person4", "person5"}
    crops, labels = subject._pairs(run, part, "smooth", 0)
    assert crops.shape == (2 * subject.PAIRS, 48, 48, 3)
    assert labels.sum() == subject.PAIRS
    assert not np.array_equal(crops[0], crops[1])


def test_a_run_without_pairs_has_no_family_to_leave_out(store, tmp_path):
    with pytest.raises(SettingsError, match="two or more families"):
        subject.leave_one_out(
            write_run(tmp_path / "toy.toml", store.folder, "drawn", pairs="0"),
            store.folder,
            1.0,
            0,
            tmp_path / "x",
        )
