"""What training does to a picture on its way to the network, and who shares it."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs the `train` extra")

from export.augment import Look, seen  # noqa: E402
from export.batches import Couples  # noqa: E402
from export.crops import Crop  # noqa: E402
from tests.unit.stores import write_store  # noqa: E402

SIDE = 160
BOX = np.array([20, 20, 140, 140], np.float32)
PLAIN = dataclasses.replace(
    Look.draw(np.random.default_rng(0), strength=0.0), margin=SIDE / 120, offset=(0.0, 0.0),
    ways=(0, 1), flip=False,
)  # fmt: skip


def a_picture(seed: int = 0) -> np.ndarray:
    """(160, 160, 3): two halves of different grey, with grain."""
    halves = np.where(np.arange(SIDE) < SIDE // 2, 80, 170)[None, :, None]
    grain = np.random.default_rng(seed).normal(0, 4, (SIDE, SIDE, 3))
    return np.clip(halves + grain, 0, 255).astype(np.uint8)


def grain_of(image: np.ndarray) -> float:
    """The deviation within a flat part."""
    return float(image[40:120, 20:60].astype(np.float32).std())


def step_of(image: np.ndarray) -> float:
    """How far apart both halves are."""
    return float(image[:, 100:140].mean() - image[:, 20:60].mean())


def test_a_look_without_anything_leaves_the_picture_alone():
    assert np.array_equal(seen(a_picture(), BOX, PLAIN, SIDE), a_picture())


def test_a_cameras_noise_filter_takes_the_grain_and_keeps_the_edge():
    filtered = seen(a_picture(), BOX, dataclasses.replace(PLAIN, denoise=40.0), SIDE)
    assert grain_of(filtered) < 0.6 * grain_of(a_picture())
    assert abs(np.diff(filtered.mean((0, 2)))).max() > 0.9 * 90


def test_sharpening_overshoots_at_the_edge():
    sharp = seen(a_picture(), BOX, dataclasses.replace(PLAIN, sharpen=1.5), SIDE).mean((0, 2))
    assert sharp[SIDE // 2] > 170 + 10
    assert sharp[SIDE // 2 - 1] < 80 - 10


def test_a_washed_out_camera_has_less_contrast_around_the_middle_grey():
    faded = seen(a_picture(), BOX, dataclasses.replace(PLAIN, fade=0.5), SIDE)
    assert step_of(faded) == pytest.approx(0.5 * step_of(a_picture()), rel=0.02)
    assert faded.mean() == pytest.approx((125 + 128) / 2, abs=1)


def test_both_pictures_of_a_clip_are_seen_the_same_way(tmp_path: Path):
    facts = [
        {"label": label, "source": "clips", "group": "one", "path": str(label)} for label in (0, 1)
    ]
    points = np.full((478, 2), np.nan, np.float32)
    store = write_store(tmp_path, [Crop(a_picture(), BOX, points, fact) for fact in facts])
    couples, random = Couples(store, [0, 1]), np.random.default_rng(5)
    drawn = [[one.crop for one in couples.draw(64, random)] for _ in range(4)]
    assert all(np.array_equal(genuine, fake) for genuine, fake in drawn)
    assert not np.array_equal(drawn[0][0], drawn[1][0])
