"""Trains a network: `python -m export.train export/runs/fast.toml`.

Each worker is a process of one thread with its own batches; their weights are averaged every few
steps (local SGD, Stich 2019), which on a CPU is faster than one process of several threads. The
schedule follows the clock, so a busy machine gives fewer steps and not a later end. Stop with
Ctrl-C or an empty file `stop` in the run's folder; start again with the same command to go on.
"""

import argparse
import ctypes
import json
import math
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.multiprocessing.spawn import spawn
from tqdm import tqdm

from export.batches import AnyMaker, Batch, Batches, Couples, Either, Labelled, PairPool
from export.crops import CropStore
from export.folds import folds
from export.forgery import families
from export.nets import Lite0, fold_norms, imagenet_file, load_imagenet, restore
from export.pairs import PairMaker
from export.run_config import OptimiserConfig, RunConfig, read_run

SAVE_EVERY_S = 90.0
WORKER_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    # Activations are freed and asked for again at every step: given back to the system, each page
    # costs a fault, which was half of all time on a small virtual machine.
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": str(1 << 40),
    "MALLOC_TOP_PAD_": str(64 << 20),
}
FLOOR = 0.01
"""The cosine ends at this share of the peak."""


@dataclass(slots=True)
class Progress:
    """Where a run stands."""

    step: int = 0
    elapsed_s: float = 0.0
    images: int = 0


def batches_of(config: RunConfig) -> Batches:
    """The data of a run: genuine faces for pairs, and labelled pictures."""
    data = config.data
    store = CropStore(data.store)
    barred = set(json.loads(data.exclude.read_text())) if data.exclude else set()
    allowed = [index for index in range(len(store)) if index not in barred]
    makers = [_maker(store, allowed, config)]
    labelled: list[Labelled | Couples] = [Labelled(store, allowed, data.weights)]
    extra = data.extra
    if extra is None:
        return Batches(PairPool(makers[0], data.pool, data.uses), labelled[0], config.size_px)
    clips = CropStore(extra.store)
    kept = [index for index, fold in enumerate(folds(clips.facts)) if fold != extra.hold_out]
    makers.append(_maker(clips, kept, config))
    sources = np.array(clips.column("source"))
    labelled += [Couples(clips, [i for i in kept if sources[i] == name]) for name in extra.weights]
    shares = [1 - extra.labelled_share]
    shares += [extra.labelled_share * weight for weight in extra.weights.values()]
    maker = AnyMaker(makers, [1 - extra.pair_share, extra.pair_share])
    return Batches(PairPool(maker, data.pool, data.uses), Either(labelled, shares), config.size_px)


def _maker(store: CropStore, indices: list[int], config: RunConfig) -> PairMaker:
    genuine = [index for index in indices if store.facts[index]["label"] == 0]
    data = config.data
    return PairMaker(store, genuine, families(data.components), data.families)


def loss_of(logits: Tensor, batch: Batch, config: OptimiserConfig) -> Tensor:
    """Binary cross-entropy, and a margin between the two pictures of each pair."""
    labels = torch.from_numpy(batch.labels)
    soft = labels * (1 - 2 * config.smoothing) + config.smoothing
    loss = nn.functional.binary_cross_entropy_with_logits(logits, soft)
    paired = logits[: 2 * batch.pairs].reshape(-1, 2)
    gap = config.pair_margin - (paired[:, 1] - paired[:, 0])
    return loss + config.pair_weight * nn.functional.softplus(gap).mean()


def optimiser_of(net: nn.Module, config: OptimiserConfig) -> torch.optim.AdamW:
    """AdamW that decays weights and leaves biases alone; the head learns faster."""
    head = [tensor for name, tensor in net.named_parameters() if name.startswith("head.")]
    body = [tensor for name, tensor in net.named_parameters() if not name.startswith("head.")]
    groups = [
        {"params": head, "scale": config.head_scale, "weight_decay": config.weight_decay},
        {
            "params": [tensor for tensor in body if tensor.ndim > 1],
            "scale": 1.0,
            "weight_decay": config.weight_decay,
        },
        {
            "params": [tensor for tensor in body if tensor.ndim == 1],
            "scale": 1.0,
            "weight_decay": 0.0,
        },
    ]
    return torch.optim.AdamW(groups, lr=config.lr, betas=(0.9, 0.99))


def pace(elapsed_s: float, config: RunConfig) -> float:
    """The share of the peak rate at this time: linear warm-up, then a cosine to the end."""
    whole_s = config.minutes * 60
    warm = min(1.0, elapsed_s / config.optimiser.warmup_s)
    done = min(1.0, elapsed_s / whole_s)
    return warm * (FLOOR + (1 - FLOOR) * 0.5 * (1 + math.cos(math.pi * done)))


def network(config: RunConfig, saved: dict[str, Any] | None) -> Lite0:
    """The run's network: gone on with, started from another run's, or from ImageNet."""
    net = Lite0()
    if saved is None and config.start is None:
        load_imagenet(net, imagenet_file())
        return net
    if saved is None:
        if config.start is None:
            raise ValueError("A run starts from ImageNet or from a checkpoint.")
        restore(net, torch.load(config.start, map_location="cpu", weights_only=True)["ema"])
    if config.fold:
        fold_norms(net)
    if saved is not None:
        restore(net, saved["net"])
    return net


class Trainer:
    """One worker's training state."""

    def __init__(self, config: RunConfig, folder: Path, rank: int) -> None:
        self.config, self.folder, self.rank = config, folder, rank
        self.rng = np.random.default_rng([config.seed, rank, int(time.time())])
        self.batches = batches_of(config)
        torch.manual_seed(config.seed)
        self.progress = Progress()
        saved = folder / "last.pt"
        state: dict[str, Any] | None = (
            torch.load(saved, map_location="cpu", weights_only=True) if saved.exists() else None
        )
        self.net = network(config, state)
        if state is not None:
            self.progress = Progress(**state["progress"])
        for tensor in self.net.parameters():
            if tensor.ndim == 4:
                tensor.data = tensor.data.contiguous(memory_format=torch.channels_last)
        self.net.train()
        self.optimiser = optimiser_of(self.net, config.optimiser)
        if state is not None:
            self.optimiser.load_state_dict(state["optimiser"])
        self.ema = state["ema"] if state is not None else _copy(self.net)

    def step(self) -> tuple[float, float]:
        """One batch; the loss and the share judged rightly."""
        share = pace(self.progress.elapsed_s, self.config)
        for group in self.optimiser.param_groups:
            group["lr"] = self.config.optimiser.lr * share * group["scale"]
        batch = self.batches.draw(self.config.data.pairs, self.config.data.labelled, self.rng)
        logits = self.net(torch.from_numpy(batch.crops))
        loss = loss_of(logits, batch, self.config.optimiser)
        self.optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(self.net.parameters(), 5.0)
        self.optimiser.step()
        self.progress.step += 1
        self.progress.images += len(batch.labels) * self.config.workers
        right = ((logits.detach() > 0).numpy() == (batch.labels > 0.5)).mean()
        return float(loss.detach()), float(right)

    def agree(self) -> bool:
        """Average the workers' weights, follow them in the moving average; True to go on."""
        if self.config.workers > 1:
            self._average()
        keep = self.config.optimiser.ema**self.config.average_every
        with torch.no_grad():
            for name, value in self.net.state_dict().items():
                if value.is_floating_point():
                    self.ema[name].lerp_(value, 1 - keep)
        over = self.progress.elapsed_s >= self.config.minutes * 60
        flag = torch.tensor(float(over or (self.folder / "stop").exists()))
        if self.config.workers > 1:
            dist.all_reduce(flag)
        return float(flag) == 0.0

    def _average(self) -> None:
        """All workers' weights and batch statistics become their mean."""
        with torch.no_grad():
            tensors = [t for t in self.net.state_dict().values() if t.is_floating_point()]
            flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
            dist.all_reduce(flat)
            flat /= self.config.workers
            for tensor, part in zip(
                tensors, torch.split(flat, [t.numel() for t in tensors]), strict=True
            ):
                tensor.copy_(part.reshape(tensor.shape))

    def save(self) -> None:
        """Write `last.pt` in one move."""
        state = {
            "net": self.net.state_dict(),
            "ema": self.ema,
            "optimiser": self.optimiser.state_dict(),
            "progress": {
                "step": self.progress.step,
                "elapsed_s": self.progress.elapsed_s,
                "images": self.progress.images,
            },
        }
        part = self.folder / "last.part"
        torch.save(state, part)
        part.replace(self.folder / "last.pt")


def _copy(net: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in net.state_dict().items()}


def stay_in_memory() -> None:
    """Ask that what is mapped now (code and crops) is not dropped; refusal is no error."""
    current = 1
    ctypes.CDLL(None).mlockall(current)


def work(rank: int, config: RunConfig, folder: Path) -> None:
    """The life of one worker."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    if config.workers > 1:
        meeting = f"file://{folder.resolve()}/meeting"
        dist.init_process_group("gloo", meeting, rank=rank, world_size=config.workers)
    trainer = Trainer(config, folder, rank)
    stay_in_memory()
    bar = tqdm(total=round(config.minutes * 60), unit="s", disable=rank > 0, mininterval=5)
    started, before_s, saved_s = time.monotonic(), trainer.progress.elapsed_s, time.monotonic()
    losses: list[tuple[float, float]] = []
    going = trainer.progress.elapsed_s < config.minutes * 60
    while going:
        losses.append(trainer.step())
        trainer.progress.elapsed_s = before_s + time.monotonic() - started
        if trainer.progress.step % config.average_every:
            continue
        going = trainer.agree()
        if rank == 0:
            _report(bar, folder, trainer.progress, losses)
            if not going or time.monotonic() - saved_s > SAVE_EVERY_S:
                trainer.save()
                saved_s = time.monotonic()
        losses = []
    if config.workers > 1:
        dist.destroy_process_group()


def _report(bar: Any, folder: Path, progress: Progress, losses: list[tuple[float, float]]) -> None:
    loss, right = np.mean([pair[0] for pair in losses]), np.mean([pair[1] for pair in losses])
    row = {
        "step": progress.step, "elapsed_s": round(progress.elapsed_s, 1),
        "images": progress.images, "loss": round(float(loss), 4), "right": round(float(right), 4),
    }  # fmt: skip
    with (folder / "curve.jsonl").open("a") as file:
        file.write(json.dumps(row) + "\n")
    bar.update(round(progress.elapsed_s) - bar.n)
    bar.set_postfix(loss=row["loss"], right=row["right"], images=row["images"])


def train(config: RunConfig, out: Path) -> None:
    """Train a run to its end in `out/NAME`; a run that ended stays as it is."""
    folder = out / config.name
    folder.mkdir(parents=True, exist_ok=True)
    for stale in ("meeting", "stop"):
        (folder / stale).unlink(missing_ok=True)
    os.environ.update(WORKER_ENVIRONMENT)
    if config.workers == 1:
        work(0, config, folder)
    else:
        spawn(work, args=(config, folder), nprocs=config.workers)  # type: ignore[no-untyped-call]


def main() -> None:
    """Train one run to its end."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config", type=Path)
    parser.add_argument("--out", type=Path, default=Path("runs"))
    options = parser.parse_args()
    train(read_run(options.config), options.out)


if __name__ == "__main__":
    main()
