"""One worker's training state: network, optimiser, moving average, checkpoints."""

import math
import os
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from export import architectures
from export.architectures.sequence import SequenceNet
from export.batches import Batch
from export.feed import Lot
from export.mix_style import MixStyle
from export.nets import Lite0, fold_norms
from export.run_config import OptimiserConfig, RunConfig
from export.validation import Judged
from export.where import Where, where_loss

FLOOR = 0.01
"""The cosine ends at this share of the peak."""
LARGEST_GRADIENT = 5.0
"""Norm over all weights: untrained deep networks would otherwise throw themselves away."""
SCRATCH = Path("scratch")


@dataclass(slots=True)
class Progress:
    """Where a run stands."""

    step: int = 0
    elapsed_s: float = 0.0
    images: int = 0


def loss_of(logits: Tensor, batch: Batch, config: OptimiserConfig) -> Tensor:
    """Binary cross-entropy, and a margin between the two pictures of each pair."""
    labels = torch.from_numpy(batch.labels).to(logits.device)
    soft = labels * (1 - 2 * config.smoothing) + config.smoothing
    loss = nn.functional.binary_cross_entropy_with_logits(logits, soft)
    if batch.pairs == 0:
        return loss
    paired = logits[: 2 * batch.pairs].reshape(-1, 2)
    gap = config.pair_margin - (paired[:, 1] - paired[:, 0])
    return loss + config.pair_weight * nn.functional.softplus(gap).mean()


def optimiser_of(net: nn.Module, where: Where | None, config: OptimiserConfig) -> torch.optim.AdamW:
    """AdamW that decays weights and leaves biases alone; the heads learn faster."""
    trained = [(name, tensor) for name, tensor in net.named_parameters() if tensor.requires_grad]
    head = [tensor for name, tensor in trained if name.startswith(("head.", "over_time."))]
    head += list(where.parameters()) if where else []
    body = [tensor for name, tensor in trained if not name.startswith(("head.", "over_time."))]
    groups = [
        {"params": head, "scale": config.head_scale, "weight_decay": config.weight_decay},
        {
            "params": [tensor for tensor in body if tensor.ndim > 1],
            "scale": 1.0,
            "weight_decay": config.weight_decay,
        },
        {
            "params": [tensor for tensor in body if tensor.ndim <= 1],
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


def network(config: RunConfig, saved: dict[str, Any] | None) -> nn.Module:
    """The run's network: gone on with, started from another run's, or from free weights.

    Raises:
        ValueError: there is no such architecture, or it cannot be trained as the run asks.
    """
    net = architectures.build(config.architecture, config.size_px)
    if config.fold and not isinstance(net, Lite0):
        raise ValueError(f"fold = true is for {architectures.DEFAULT} only.")
    asked = {"where_weight": config.optimiser.where_weight, "mix_style": config.mix_style}
    for key, value in asked.items():
        if value and not isinstance(net, Lite0):
            raise ValueError(f"{key} is for {architectures.DEFAULT} only.")
    if isinstance(net, SequenceNet) != (config.frames > 1):
        usual = architectures.usual_frames(config.architecture)
        raise ValueError(f"{config.architecture} needs `frames`; it is meant for {usual}.")
    if saved is None and config.start is None:
        architectures.start(net, config.architecture)
    elif saved is None and config.start is not None and config.start != SCRATCH:
        start = torch.load(config.start, map_location="cpu", weights_only=True)["ema"]
        architectures.load_state(net, start)
    if config.fold:
        fold_norms(net)
    if saved is not None:
        architectures.load_state(net, saved["net"])
    if config.freeze_backbone and isinstance(net, SequenceNet):
        net.backbone.requires_grad_(requires_grad=False)
    return net


class Trainer:
    """Takes steps, agrees with the other workers, and writes down where it stands."""

    def __init__(
        self, config: RunConfig, folder: Path, rank: int, device: torch.device, processes: int
    ) -> None:
        self.config, self.folder, self.rank = config, folder, rank
        self.device, self.processes = device, processes
        self._parent = os.getppid() if processes > 1 else None
        torch.manual_seed(config.seed)
        self.progress = Progress()
        self.best: float | None = None
        saved = folder / "last.pt"
        state: dict[str, Any] | None = (
            torch.load(saved, map_location="cpu", weights_only=True) if saved.exists() else None
        )
        self.net = network(config, state).to(device)
        for tensor in self.net.parameters():
            if tensor.ndim == 4:
                tensor.data = tensor.data.contiguous(memory_format=torch.channels_last)
        self.where = self._asked().to(device) if config.optimiser.where_weight else None
        share = config.mix_style
        self.mix = MixStyle(self.net, share) if share and isinstance(self.net, Lite0) else None
        self.optimiser = optimiser_of(self.net, self.where, config.optimiser)
        self.ema = _copy(self.net)
        if state is not None:
            self._go_on(state)
        self._set_modes()
        self.lot = Lot(config.seed, rank, self.progress.step)
        torch.manual_seed(int(self.lot.generator().integers(2**62)))
        half = torch.bfloat16 if device.type == "cuda" and torch.cuda.is_bf16_supported() else None
        self._mixed = config.mixed_precision and device.type == "cuda"
        self._kind = half or torch.float16
        self._scaler = torch.amp.GradScaler(device.type, enabled=self._mixed and half is None)

    def _asked(self) -> Where:
        """The second question; what a run that this one starts from knows of it is kept."""
        where, start = Where(), self.config.start
        if start is not None and start != SCRATCH:
            known = torch.load(start, map_location="cpu", weights_only=True).get("where")
            where.load_state_dict(known or where.state_dict())
        return where

    def _go_on(self, state: dict[str, Any]) -> None:
        self.progress = Progress(**state["progress"])
        self.best = state.get("best")
        self.optimiser.load_state_dict(state["optimiser"])
        self.ema = {name: value.to(self.device) for name, value in state["ema"].items()}
        if self.where is not None:
            self.where.load_state_dict(state["where"])

    def _set_modes(self) -> None:
        self.net.train()
        if self.config.freeze_backbone and isinstance(self.net, SequenceNet):
            self.net.backbone.eval()  # else its batch norms would learn

    @property
    def clock_s(self) -> float:
        """Where the schedule stands: by the clock, or by steps where the run counts those."""
        if not self.config.steps:
            return self.progress.elapsed_s
        return self.config.minutes * 60 * self.progress.step / self.config.steps

    @property
    def over(self) -> bool:
        """The schedule has come to its end."""
        if self.config.steps:
            return self.progress.step >= self.config.steps
        return self.progress.elapsed_s >= self.config.minutes * 60

    def step(self, batches: Iterator[Batch]) -> tuple[float, float]:
        """One batch; the loss and the share judged rightly."""
        share = pace(self.clock_s, self.config)
        for group in self.optimiser.param_groups:
            group["lr"] = self.config.optimiser.lr * share * group["scale"]
        batch = next(batches)
        crops = torch.from_numpy(batch.crops).to(self.device)
        mixing = self.mix(len(crops)) if self.mix else nullcontext()
        with mixing, torch.autocast(self.device.type, self._kind, enabled=self._mixed):
            logits, cells = self._answers(crops)
        loss = loss_of(logits.float(), batch, self.config.optimiser)
        if cells is not None and batch.cells is not None:
            loss = loss + self.config.optimiser.where_weight * where_loss(
                cells.float(), batch.cells
            )
        self.optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(self._scaler.scale(loss))
        self._scaler.unscale_(self.optimiser)
        nn.utils.clip_grad_norm_(self.net.parameters(), LARGEST_GRADIENT)
        self._scaler.step(self.optimiser)
        self._scaler.update()
        self.progress.step += 1
        self.progress.images += len(batch.labels) * self.processes
        right = ((logits.detach() > 0).cpu().numpy() == (batch.labels > 0.5)).mean()
        return float(loss.detach()), float(right)

    def _answers(self, crops: Tensor) -> tuple[Tensor, Tensor | None]:
        if self.where is None or not isinstance(self.net, Lite0):
            return self.net(crops), None
        logits, cells = self.where(self.net, crops)
        return logits, cells

    def agree(self) -> bool:
        """Average the workers' weights, follow them in the moving average; True to go on."""
        if self.processes > 1:
            self._average()
        keep = self.config.optimiser.ema**self.config.average_every
        with torch.no_grad():
            for name, value in self.net.state_dict().items():
                if value.is_floating_point():
                    self.ema[name].lerp_(value, 1 - keep)
        # Killed hard, the parent leaves no file; its workers must not write on beside a second run.
        orphan = self._parent is not None and os.getppid() != self._parent
        flag = torch.tensor(float(self.over or orphan or (self.folder / "stop").exists()))
        if self.processes > 1:
            dist.all_reduce(flag)
        return float(flag) == 0.0

    def _average(self) -> None:
        """All workers' weights and batch statistics become their mean."""
        with torch.no_grad():
            states = [module.state_dict() for module in (self.net, self.where) if module]
            tensors = [t for state in states for t in state.values() if t.is_floating_point()]
            flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
            dist.all_reduce(flat)
            flat /= self.processes
            for tensor, part in zip(
                tensors, torch.split(flat, [t.numel() for t in tensors]), strict=True
            ):
                tensor.copy_(part.reshape(tensor.shape))

    def keep_if_best(self, judged: Judged) -> bool:
        """Write `best.pt` when the held-out part says so."""
        metric = self.config.validation.metric
        if not judged.better_than(self.best, metric):
            return False
        self.best = judged.value(metric)
        self._write("best.pt", {"validation": asdict(judged)})
        return True

    def save(self) -> None:
        """Write `last.pt`, from which the run can go on."""
        more: dict[str, Any] = {"net": self.net.state_dict(), "best": self.best}
        if self.where is not None:
            more["where"] = self.where.state_dict()
        self._write("last.pt", {**more, "optimiser": self.optimiser.state_dict()})

    def _write(self, name: str, more: dict[str, Any]) -> None:
        """In one move, so that a crash leaves the file before it."""
        state = {
            "ema": self.ema,
            "architecture": self.config.architecture,
            "size_px": self.config.size_px,
            "frames": self.config.frames,
            "progress": asdict(self.progress),
            **more,
        }
        part = self.folder / f"{name}.part"
        torch.save(state, part)
        part.replace(self.folder / name)


def _copy(net: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in net.state_dict().items()}
