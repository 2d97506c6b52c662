"""The question where a crop is forged: what it asks, and that training keeps what it learns."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs the `train` extra")

from export.augment import Look  # noqa: E402
from export.crops import Crop  # noqa: E402
from export.forgery.masks import OVAL  # noqa: E402
from export.nets import Lite0  # noqa: E402
from export.onnx import load_checkpoint  # noqa: E402
from export.train import train  # noqa: E402
from export.where import Where, cells_of, same_cells, swapped_cells, where_loss  # noqa: E402
from tests.unit.test_export_train import OPTIMISER, a_run, write_store  # noqa: E402

SIDE = 160
BOX = np.array([20, 20, 140, 140], np.float32)
PLAIN = dataclasses.replace(
    Look.draw(np.random.default_rng(0), strength=0.0), margin=SIDE / 120, offset=(0.0, 0.0),
    flip=False,
)  # fmt: skip


def test_a_cell_says_which_share_of_it_is_forged():
    region = np.zeros((SIDE, SIDE), np.float32)
    region[32:64, 48:72] = 1.0  # two cells high, one and a half wide
    cells = cells_of(region, BOX, PLAIN, SIDE)
    assert cells.shape == (10, 10)
    assert cells[2:4, 3] == pytest.approx(1.0, abs=0.02)
    assert cells[2:4, 4] == pytest.approx(0.5, abs=0.1)
    assert cells.sum() == pytest.approx(3.0, abs=0.2)


def test_a_mirrored_crop_has_mirrored_cells():
    region = np.zeros((SIDE, SIDE), np.float32)
    region[:, :80] = 1.0
    mirrored = cells_of(region, BOX, dataclasses.replace(PLAIN, flip=True), SIDE)
    assert mirrored[:, ::-1] == pytest.approx(cells_of(region, BOX, PLAIN, SIDE), abs=0.02)


def test_a_labelled_swap_is_forged_within_the_oval_and_unknown_without_points():
    points = np.full((478, 2), 80, np.float32)
    angles = np.linspace(0, 2 * np.pi, len(OVAL), endpoint=False)
    points[list(OVAL)] = 80 + 40 * np.stack([np.cos(angles), np.sin(angles)], 1)
    crop = Crop(np.zeros((SIDE, SIDE, 3), np.uint8), BOX, points, {"label": 1})
    cells = swapped_cells(crop, PLAIN, SIDE)
    assert cells[5, 5] == 1
    assert cells[0].max() == 0
    blind = dataclasses.replace(crop, landmarks=np.full((478, 2), np.nan, np.float32))
    assert np.isnan(swapped_cells(blind, PLAIN, SIDE)).all()


def test_unknown_cells_teach_nothing():
    answers = torch.zeros(2, 10, 10, requires_grad=True)
    loss = where_loss(answers, np.stack([same_cells(np.nan, SIDE), same_cells(1.0, SIDE)]))
    loss.backward()
    assert float(loss.detach()) == pytest.approx(np.log(2))
    assert not answers.grad[0].any()
    assert answers.grad[1].all()
    assert float(where_loss(answers, np.stack([same_cells(np.nan, SIDE)] * 2)).detach()) == 0


def test_the_logit_is_the_same_whether_the_question_is_asked_or_not():
    net, crops = Lite0().eval(), torch.randint(0, 256, (2, 64, 64, 3), dtype=torch.uint8)
    logits, cells = Where()(net, crops)
    assert torch.equal(logits, net(crops))
    assert cells.shape == (2, 4, 4)


def test_a_run_that_asks_keeps_the_answer_and_ships_none_of_it(tmp_path: Path):
    store = write_store(tmp_path / "store")
    run = a_run(
        store, architecture="efficientnet-lite0", size_px=64, steps=2,
        optimiser=dataclasses.replace(OPTIMISER, where_weight=0.5),
    )  # fmt: skip
    train(run, tmp_path)
    checkpoint = tmp_path / "toy" / "last.pt"
    known = torch.load(checkpoint, weights_only=True)["where"]
    assert not any("where" in name for name in load_checkpoint(checkpoint).state_dict())
    on = dataclasses.replace(run, name="on", start=checkpoint, steps=1)
    still = dataclasses.replace(on.optimiser, lr=0.0)
    train(dataclasses.replace(on, optimiser=still), tmp_path)
    taken_over = torch.load(tmp_path / "on" / "last.pt", weights_only=True)["where"]
    assert all(torch.equal(known[name], taken_over[name]) for name in known)


def test_only_the_default_network_can_be_asked(tmp_path: Path):
    asked = dataclasses.replace(OPTIMISER, where_weight=0.5)
    with pytest.raises(ValueError, match="efficientnet-lite0"):
        train(a_run(write_store(tmp_path / "store"), optimiser=asked), tmp_path)
