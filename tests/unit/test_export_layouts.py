"""Each official layout, as a tree of empty files: labels, people and official splits are read."""

import json

import pytest

from export.layouts import items_of, layout_of
from export.layouts.item import Wishes
from pipeline.errors import SettingsError


def tree(root, *paths):
    for name in paths:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return root


def read(root, **wishes):
    found = items_of([root], Wishes(**wishes))
    prefix = f"{root.name}/"
    return {item.name.removeprefix(prefix): item for item in found}


def test_any_folder_is_read_by_the_names_of_its_folders(tmp_path):
    root = tree(
        tmp_path / "clips",
        "real/anna/one.mp4", "real/anna/two.MOV", "genuine/b.png", "0/c.jpg", "Original/d.webm",
        "fake/anna.mp4", "manipulated/e.avi", "1/f.jpeg", "real/notes.txt", "elsewhere/g.mp4",
        "real/.hidden/h.mp4",
    )  # fmt: skip
    found = read(root)
    assert len(found) == 8
    assert {name: item.label for name, item in found.items() if "anna" in name} == {
        "real/anna/one.mp4": 0, "real/anna/two.MOV": 0, "fake/anna.mp4": 1,
    }  # fmt: skip
    assert {item.keys for name, item in found.items() if "anna" in name} == {("clips:anna",)}
    assert found["genuine/b.png"].kind == "image"
    assert found["manipulated/e.avi"].method == "unknown"


def test_the_user_may_say_the_label_and_who_it_is(tmp_path):
    root = tree(tmp_path / "friends", "anna_1.mp4", "anna_2.mp4", "ben_1.mp4")
    found = read(root, label=1, identity="^([a-z]+)_")
    assert [item.label for item in found.values()] == [1, 1, 1]
    assert {item.keys[0] for item in found.values()} == {"friends:anna", "friends:ben"}


def test_a_folder_without_labels_says_what_to_do(tmp_path):
    with pytest.raises(SettingsError, match="real and fake"):
        read(tree(tmp_path / "clips", "a.mp4"))
    with pytest.raises(SettingsError, match="no folder"):
        read(tmp_path / "nowhere")


def test_faceforensics_ties_a_fake_to_both_of_its_clips(tmp_path):
    root = tree(
        tmp_path / "ff",
        "original_sequences/youtube/c23/videos/033.mp4",
        "original_sequences/actors/c23/videos/01__exit_phone_room.mp4",
        "manipulated_sequences/Deepfakes/c23/videos/033_097.mp4",
        "manipulated_sequences/Deepfakes/masks/videos/033_097.mp4",
        "manipulated_sequences/DeepFakeDetection/c23/videos/02_01__exit_phone_room__YVGY8LOK.mp4",
    )
    assert layout_of(root) == "faceforensics"
    found = {item.path.stem: item for item in read(root).values()}
    assert set(found["033_097"].keys) == {"ffpp:033", "ffpp:097"}
    assert (found["033_097"].label, found["033_097"].method) == (1, "Deepfakes")
    assert found["033"].source == found["033_097"].source == "ffpp_c23"
    assert set(found["02_01__exit_phone_room__YVGY8LOK"].keys) == {"dfd:02", "dfd:01"}
    assert len(found) == 4


def test_dfd_is_known_by_its_names(tmp_path):
    root = tree(
        tmp_path / "dfd",
        "DFD_original sequences/01__hugging_happy.mp4",
        "DFD_manipulated_sequences/01_02__hugging_happy__YVGY8LOK.mp4",
    )
    assert layout_of(root) == "dfd"
    assert sorted((item.label, len(item.keys)) for item in read(root).values()) == [(0, 1), (1, 2)]


def test_celebdf_has_its_labels_from_folders_and_its_tests_from_the_list(tmp_path):
    root = tree(
        tmp_path / "celeb",
        "Celeb-real/id0_0001.mp4", "Celeb-real/id1_0001.mp4", "YouTube-real/00170.mp4",
        "Celeb-synthesis/id0_id16_0001.mp4",
    )  # fmt: skip
    lines = "1 YouTube-real/00170.mp4\n0 Celeb-synthesis/id0_id16_0001.mp4\n"
    (root / "List_of_testing_videos.txt").write_text(lines)
    assert layout_of(root) == "celebdf"
    found = read(root)
    assert [found[name].label for name in sorted(found)] == [0, 0, 1, 0]
    assert found["Celeb-synthesis/id0_id16_0001.mp4"].keys == ("celebdf:id0", "celebdf:id16")
    assert found["YouTube-real/00170.mp4"].official == "test"
    assert found["Celeb-real/id0_0001.mp4"].official == "train"


def test_dfdc_ties_a_fake_to_its_original_and_skips_what_is_not_there(tmp_path):
    root = tree(tmp_path / "dfdc", "part_0/a.mp4", "part_0/b.mp4")
    facts = {
        "a.mp4": {"label": "FAKE", "split": "train", "original": "b.mp4"},
        "b.mp4": {"label": "REAL", "split": "train"},
        "lost.mp4": {"label": "FAKE", "split": "train", "original": "b.mp4"},
    }
    (root / "part_0/metadata.json").write_text(json.dumps(facts))
    assert layout_of(root) == "dfdc"
    found = read(root)
    assert {name: item.label for name, item in found.items()} == {
        "part_0/a.mp4": 1, "part_0/b.mp4": 0,
    }  # fmt: skip
    assert {item.keys for item in found.values()} == {("dfdc:b.mp4",)}
    (root / "part_0/metadata.json").write_text("[1]")
    with pytest.raises(SettingsError, match="DFDC"):
        read(root)


def test_wilddeepfake_takes_a_face_sequence_as_one_video(tmp_path):
    root = tree(
        tmp_path / "wild",
        "fake_train/12/fake/345/1.png", "fake_train/12/fake/345/2.png",
        "fake_train/12/fake/346/1.png", "real_test/3/real/9/1.png",
    )  # fmt: skip
    assert layout_of(root) == "wilddeepfake"
    found = read(root)
    assert {(item.kind, item.label, item.official) for item in found.values()} == {
        ("frames", 1, "train"), ("frames", 0, "test"),
    }  # fmt: skip
    assert found["fake_train/12/fake/345"].keys == found["fake_train/12/fake/346"].keys


def test_a_manifest_names_what_folders_cannot(tmp_path):
    root = tree(tmp_path / "own", "a.mp4", "b.jpg")
    rows = "path,label,method,source,group\na.mp4,fake,swap,web,p1\nb.jpg,real,,web,p1\n"
    (root / "manifest.csv").write_text(rows)
    found = read(root)
    assert found["a.mp4"].method == "swap"
    assert found["a.mp4"].keys == found["b.jpg"].keys == ("web:p1",)
    (root / "manifest.csv").write_text("path,label\na.mp4,perhaps\n")
    with pytest.raises(SettingsError, match="perhaps"):
        read(root)
