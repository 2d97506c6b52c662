"""Folders of drawn faces become a crop store: whole, the same after an interruption, and split."""

import subprocess
import sys

import cv2
import numpy as np
import pytest

from export.crops import CropStore
from export.layouts import items_of
from export.layouts.item import Wishes
from export.prepare import Rules, build
from export.store_writer import StoreWriter
from pipeline.errors import SettingsError
from tests.media import draw_face, plain_wall, write_clip

RULES = Rules(fps=4.0, most=400, resize="never", min_confidence=0.6)
PEOPLE = 4


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    root = tmp_path_factory.mktemp("data") / "clips"
    for label in ("real", "fake"):
        (root / label).mkdir(parents=True)
    for seed in range(PEOPLE):
        face = draw_face(240, seed=seed)
        cv2.imwrite(str(root / f"real/p{seed}.png"), face)
        fake = face.copy()
        fake[80:160, 80:160] = cv2.GaussianBlur(fake, (0, 0), 6)[80:160, 80:160]
        cv2.imwrite(str(root / f"fake/p{seed}.png"), fake)
    write_clip(root / "real/film.mp4", [draw_face(240, seed=9)] * 20, 10.0)
    cv2.imwrite(str(root / "real/wall.png"), plain_wall(240, 240))
    (root / "fake/broken.mp4").write_bytes(b"no video" * 50)
    return root


def prepare(sources, out, rules=RULES):
    items = items_of(sources, Wishes())
    with StoreWriter(out, {"fps": rules.fps, "resize": rules.resize}) as writer:
        build(items, writer, rules, jobs=1)
        writer.finish()
    return CropStore(out)


@pytest.fixture(scope="module")
def store(clips, tmp_path_factory):
    return prepare([clips], tmp_path_factory.mktemp("store"))


def test_every_face_is_stored_with_what_is_known_of_it(store):
    assert len(store) == 2 * PEOPLE + 8
    fact = store.facts[0]
    for name in ("path", "label", "identity", "group", "source", "split", "quality", "usable"):
        assert name in fact
    assert np.isfinite(store.landmarks).all()
    assert store.serve.shape == (len(store), 160, 160, 3)
    film = [fact["time_s"] for fact in store.facts if fact["path"] == "clips/real/film.mp4"]
    assert np.allclose(np.diff(film), 0.25, atol=0.11)


def test_the_same_person_is_on_one_side_and_all_sides_have_files(store):
    sides = {}
    for fact in store.facts:
        assert sides.setdefault(fact["identity"], fact["split"]) == fact["split"]
    assert set(sides.values()) == {"train", "val", "test"}


def test_what_cannot_be_read_is_listed_and_costs_only_itself(store, clips, tmp_path):
    out = tmp_path / "again"
    prepare([clips], out)
    listed = (out / "left_out.txt").read_text()
    assert "clips/fake/broken.mp4: It is neither a picture nor a video" in listed
    assert "clips/real/wall.png: No face" in listed
    assert listed.count("\n") == 2


def test_an_interrupted_store_goes_on_and_ends_up_the_same(store, clips, tmp_path):
    items, out = items_of([clips], Wishes()), tmp_path / "half"
    with StoreWriter(out, {"fps": 4.0, "resize": "never"}) as writer:
        build(items[:5], writer, RULES, jobs=1)
    with (out / "journal.jsonl").open("a") as file:
        file.write('{"name": "clips/re')  # the crash came while a line was written
    with (out / "pixels.bin").open("ab") as file:
        file.write(b"half a picture")
    again = prepare([clips], out)
    assert again.facts == store.facts
    assert np.array_equal(again.serve, store.serve)
    assert all(np.array_equal(again[i].image, store[i].image) for i in range(len(store)))
    assert np.array_equal(again.landmarks, store.landmarks)


def test_other_rules_need_another_store(clips, store, tmp_path):
    with StoreWriter(tmp_path / "s", {"fps": 4.0}):
        pass
    with pytest.raises(SettingsError, match="another fps"):
        StoreWriter(tmp_path / "s", {"fps": 2.0})


def test_small_pictures_are_doubled_by_the_known_rule(clips, tmp_path):
    by_width = Rules(fps=4.0, most=400, resize="by-width", min_confidence=0.6)
    plain = prepare([clips], tmp_path / "a")
    doubled = prepare([clips], tmp_path / "b", by_width)
    assert doubled.facts[0]["width"] == 240
    ratio = doubled.facts[0]["quality"]["side_px"] / plain.facts[0]["quality"]["side_px"]
    assert 1.8 < ratio < 2.2


def test_the_verb_says_what_came_out(clips, tmp_path):
    command = [sys.executable, "-m", "stream_server.cli", "data", "prepare", str(clips)]
    done = subprocess.run(
        [*command, "--out", str(tmp_path / "store"), "--jobs", "2"],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "16 crops of 9 files" in done.stdout
    assert "2 files were left out" in done.stdout
    assert "Traceback" not in done.stderr
