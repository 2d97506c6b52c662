"""Every forgery family changes a face and nothing else, and a pair shares all that follows."""

from pathlib import Path

import numpy as np
import pytest

from export.augment import Look, seen
from export.codec import CodecSettings, encoded
from export.fit_autoencoder import fit
from export.forgery import FaceCrop, families
from export.forgery.autoencoder import SIZE_PX
from export.forgery.masks import EYES, LIPS, OVAL

SIDE = 200


def a_face(seed: int) -> FaceCrop:
    """478 points on a face-like layout over smooth noise; no real person."""
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 256, (SIDE // 8, SIDE // 8, 3), dtype=np.uint8)
    image = np.asarray(image.repeat(8, 0).repeat(8, 1), np.uint8)
    points = rng.uniform(75, 125, (478, 2)).astype(np.float32)
    angles = np.linspace(0, 2 * np.pi, len(OVAL), endpoint=False) - np.pi / 2
    points[list(OVAL)] = 100 + np.stack([45 * np.cos(angles), 58 * np.sin(angles)], 1)
    for indices, middle, size in ((EYES[:16], (82, 88), 8), (EYES[16:], (118, 88), 8)):
        points[list(indices)] = np.array(middle) + rng.uniform(-size, size, (16, 2)) * (1, 0.4)
    points[list(LIPS)] = (100, 130) + rng.uniform(-1, 1, (len(LIPS), 2)) * (16, 5)
    points[[33, 133, 362, 263]] = [[74, 88], [90, 88], [110, 88], [126, 88]]
    points[[4, 61, 291]] = [[100, 110], [86, 130], [114, 130]]
    box = np.array([55, 42, 145, 158], np.float32)
    return FaceCrop(image, points.astype(np.float32), box)


@pytest.fixture(scope="module")
def generator(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("generator") / "autoencoder.pt"
    faces = np.random.default_rng(0).integers(0, 256, (30, SIZE_PX, SIZE_PX, 3), dtype=np.uint8)
    fit(faces, 0.01, path)
    return path


@pytest.mark.parametrize("name", list(families(None)))
def test_a_family_leaves_all_outside_its_mask_bit_identical(name: str, generator: Path) -> None:
    family = families(generator)[name]
    for seed in range(4):
        forged = family(a_face(seed), a_face(seed + 50), np.random.default_rng(seed))
        outside = forged.mask == 0
        assert outside.mean() > 0.1
        assert np.array_equal(forged.fake[outside], forged.target[outside])
        assert float(forged.mask.min()) >= 0
        assert float(forged.mask.max()) <= 1


@pytest.mark.parametrize("name", list(families(None)))
def test_a_family_changes_the_face(name: str, generator: Path) -> None:
    family = families(generator)[name]
    changed = [
        np.any(forged.fake != forged.target)
        for seed in range(6)
        if (forged := family(a_face(seed), a_face(seed + 50), np.random.default_rng(seed)))
    ]
    assert sum(changed) >= 5


@pytest.mark.parametrize("name", list(families(None)))
def test_the_same_seed_forges_the_same_face(name: str, generator: Path) -> None:
    family = families(generator)[name]
    first, second = (family(a_face(3), a_face(9), np.random.default_rng(5)).fake for _ in range(2))
    assert np.array_equal(first, second)


def test_both_pictures_of_a_pair_are_augmented_alike() -> None:
    face = a_face(1)
    fake = face.image.copy()
    fake[95:105, 95:105] = 255 - fake[95:105, 95:105]
    for seed in range(20):
        look = Look.draw(np.random.default_rng(seed))
        shown = [seen(image, face.box, look, 64) for image in (face.image, face.image, fake)]
        assert np.array_equal(shown[0], shown[1])
        corner = np.abs(shown[0][:8, :8].astype(int) - shown[2][:8, :8])
        assert np.median(corner) <= 2


def test_the_video_encoder_keeps_the_size_and_shows_its_traces() -> None:
    face = a_face(2)
    odd = face.image[:151, :133]
    out = encoded(np.ascontiguousarray(odd), CodecSettings(30, "veryfast", 1, 3))
    assert out.shape == odd.shape
    difference = np.abs(out.astype(int) - odd).mean()
    assert 0.5 < difference < 60


def test_the_video_encoder_gives_the_same_picture_twice() -> None:
    settings = CodecSettings(28, "superfast", 2, 2)
    first, second = (encoded(a_face(2).image, settings) for _ in range(2))
    assert np.array_equal(first, second)
