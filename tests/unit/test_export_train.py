"""A run trains, goes on, picks its best checkpoint, and repeats itself by its seed."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs the `train` extra")

from export.batches import Batch  # noqa: E402
from export.crops import CropStore  # noqa: E402
from export.feed import Lot, drawn_elsewhere, drawn_here  # noqa: E402
from export.onnx import load_checkpoint, write_onnx  # noqa: E402
from export.run_config import (  # noqa: E402
    DataConfig,
    OptimiserConfig,
    RunConfig,
    ValidationConfig,
    read_run,
)
from export.train import device_of, train  # noqa: E402
from export.validation import held_out  # noqa: E402

SIDE = 48
KNOWN = {"set": "train", "method": "toy", "source": "toy"}
OPTIMISER = OptimiserConfig(1e-3, 2.0, 1e-4, 1.0, 0.02, 0.1, 2.0, 0.9)


def write_store(folder: Path, videos: int = 12, crops: int = 3) -> Path:
    """Videos of one crop a third of a second; the fake ones are darker."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    facts, pictures = [], []
    for video in range(videos):
        label = video % 2
        for index in range(crops):
            facts.append({**KNOWN, "path": f"{video}.mp4", "group": f"person {video // 2}"})
            facts[-1] |= {"label": label, "time_s": index / 3}
            level = 90 if label else 160
            pictures.append(rng.integers(level - 40, level + 40, (SIDE, SIDE, 3), dtype=np.uint8))
    count = len(facts)
    np.stack(pictures).tofile(folder / "pixels.bin")
    np.savez(
        folder / "geometry.npz",
        offsets=np.arange(count) * SIDE * SIDE * 3,
        sides=np.full(count, SIDE, np.int32),
        boxes=np.tile(np.array([8, 8, 40, 40], np.float32), (count, 1)),
        landmarks=np.full((count, 478, 2), np.nan, np.float32),
    )
    np.save(folder / "serve.npy", np.stack(pictures))
    (folder / "facts.json").write_text(json.dumps(facts))
    return folder


def a_run(store: Path, **changes: object) -> RunConfig:
    data = DataConfig(store, None, None, 0, 2, 4, 2.0, {"toy": 1.0}, {}, None, None)
    run = RunConfig(
        name="toy", seed=3, size_px=SIDE, minutes=1.0, workers=1, average_every=2, fold=False,
        start=Path("scratch"), data=data, optimiser=OPTIMISER, architecture="sface", steps=4,
        device="cpu",
    )  # fmt: skip
    return dataclasses.replace(run, **changes)


def weights(folder: Path, name: str = "last.pt") -> dict[str, torch.Tensor]:
    return torch.load(folder / name, map_location="cpu", weights_only=True)["ema"]


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines()


def equal(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(one[name], other[name]) for name in one)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_store(tmp_path_factory.mktemp("data") / "train")


@pytest.mark.parametrize(("architecture", "frames"), [("sface", 1), ("sface+light", 2)])
def test_the_same_seed_gives_the_same_weights_and_another_seed_others(
    store: Path, tmp_path: Path, architecture: str, frames: int
) -> None:
    run = a_run(store, architecture=architecture, frames=frames)
    for name, seed in (("one", 3), ("two", 3), ("other", 4)):
        train(dataclasses.replace(run, name=name, seed=seed), tmp_path)
    found = {name: weights(tmp_path / name) for name in ("one", "two", "other")}
    assert equal(found["one"], found["two"])
    assert not equal(found["one"], found["other"])


def test_a_run_goes_on_where_it_stopped_and_then_stays_as_it_is(
    store: Path, tmp_path: Path
) -> None:
    run = a_run(store)
    train(dataclasses.replace(run, steps=2), tmp_path)
    train(run, tmp_path)
    after = weights(tmp_path / "toy")
    steps = [json.loads(line)["step"] for line in lines(tmp_path / "toy/curve.jsonl")]
    assert steps == [2, 4]
    train(run, tmp_path)
    assert equal(after, weights(tmp_path / "toy"))


def test_the_best_checkpoint_is_picked_on_held_out_groups_and_can_be_exported(
    store: Path, tmp_path: Path
) -> None:
    run = a_run(store, validation=ValidationConfig(share=0.3, every_s=0.0, most=12))
    train(run, tmp_path)
    rows = [json.loads(line) for line in lines(tmp_path / "toy/validation.jsonl")]
    assert [row["step"] for row in rows] == [2, 4]
    assert rows[0]["best"]
    assert all(0 <= row["auc"] <= 1 and row["loss"] > 0 for row in rows)
    best = torch.load(tmp_path / "toy/best.pt", map_location="cpu", weights_only=True)
    assert best["validation"]["auc"] == pytest.approx(max(row["auc"] for row in rows), abs=1e-4)
    net = load_checkpoint(tmp_path / "toy/best.pt")
    assert write_onnx(net, SIDE, tmp_path / "best.onnx") < 1e-3


def test_whole_groups_are_held_out(store: Path) -> None:
    facts = CropStore(store).facts
    rows = held_out(facts, 0.3)
    inside = {facts[row]["group"] for row in rows}
    outside = {facts[row]["group"] for row in range(len(facts)) if row not in rows}
    assert inside
    assert not inside & outside
    assert rows == held_out(facts, 0.3)
    assert held_out([{**fact, "group": "all"} for fact in facts], 0.3) == set()


def test_batches_made_by_processes_are_the_same_in_every_run(store: Path) -> None:
    run = a_run(store, workers=2)

    def first(count: int) -> list[Batch]:
        batches = drawn_elsewhere(run, (), Lot(3, 0, 0))
        return [next(batches) for _ in range(count)]

    one, two = first(3), first(3)
    assert all(np.array_equal(a.crops, b.crops) for a, b in zip(one, two, strict=True))
    assert not np.array_equal(one[0].crops, one[1].crops)
    here = next(drawn_here(run, (), Lot(3, 0, 0)))
    assert here.crops.shape == one[0].crops.shape == (4, SIDE, SIDE, 3)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"architecture": "vgg16"}, "no architecture 'vgg16'"),
        ({"architecture": "sface+gru"}, "meant for 25"),
        ({"fold": True}, "efficientnet-lite0 only"),
        ({"device": "tpu"}, "auto"),
        ({"validation": ValidationConfig(share=0.01)}, "too few groups"),
    ],
)
def test_what_cannot_be_trained_is_refused_in_a_sentence(
    store: Path, tmp_path: Path, changes: dict[str, object], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        train(a_run(store, **changes), tmp_path)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_asking_for_a_gpu_that_is_not_there_is_refused(store: Path) -> None:
    with pytest.raises(ValueError, match="torch finds none"):
        device_of(a_run(store, device="cuda"))


@pytest.mark.parametrize("name", ["fast", "fast2", "tune"])
def test_the_committed_runs_can_be_read(name: str) -> None:
    run = read_run(Path(f"export/runs/{name}.toml"))
    assert run.architecture == "efficientnet-lite0"
    assert run.frames == 1
