"""Trains a network: what `fakewatch train` runs.

Each worker is a process of one thread with its own batches; their weights are averaged every few
steps (local SGD, Stich 2019), which on a CPU is faster than one process of several threads; on CUDA
one process trains in mixed precision and the workers make its batches. The schedule follows the
clock, so a busy machine gives fewer steps and not a later end; with `steps` it follows those, and
the same seed gives the same weights. Stop with Ctrl-C or an empty file `stop` in the run's folder;
start again with the same command to go on.
"""

import copy
import ctypes
import json
import os
import signal
import time
from collections.abc import Callable
from dataclasses import asdict
from datetime import timedelta
from multiprocessing import resource_tracker
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
import torch.distributed as dist
from torch.multiprocessing.spawn import spawn
from tqdm import tqdm

from export.feed import drawn_elsewhere, drawn_here
from export.run_config import RunConfig
from export.trainer import Progress, Trainer
from export.validation import Validation

SAVE_EVERY_S = 90.0
HEARD_WITHIN_S = 0.5
WRITTEN_WITHIN = timedelta(minutes=30)
"""A last validation on a busy machine takes minutes; a first worker that dies ends all anyway."""
WORKER_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    # Activations are freed and asked for again at every step: given back to the system, each page
    # costs a fault, which was half of all time on a small virtual machine.
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": str(1 << 40),
    "MALLOC_TOP_PAD_": str(64 << 20),
    # cuBLAS adds up in the same order every time only with a work space of its own.
    "CUBLAS_WORKSPACE_CONFIG": ":4096:8",
}


def stay_in_memory() -> None:
    """Ask that what is mapped now (code and crops) is not dropped; refusal is no error."""
    current = 1
    ctypes.CDLL(None).mlockall(current)


def device_of(config: RunConfig) -> torch.device:
    """Where the run trains.

    Raises:
        ValueError: CUDA is asked for and torch finds none.
    """
    found = torch.cuda.is_available()
    if config.device == "cuda" and not found:
        raise ValueError('The run asks for CUDA and torch finds none; set device = "cpu".')
    if config.device not in ("auto", "cpu", "cuda"):
        raise ValueError(f'device is "auto", "cpu" or "cuda", not {config.device!r}.')
    return torch.device("cuda" if found and config.device != "cpu" else "cpu")


def work(rank: int, config: RunConfig, folder: Path) -> None:
    """The life of one worker."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    device = device_of(config)
    processes = config.workers if device.type == "cpu" else 1
    if device.type == "cuda":  # one thread of a CPU adds up in the same order anyway
        torch.use_deterministic_algorithms(mode=True, warn_only=True)
        torch.backends.cudnn.benchmark = False
    if processes > 1:
        path = f"{folder.resolve()}/meeting"
        meeting = dist.FileStore(path, processes)  # type: ignore[attr-defined]
        dist.init_process_group("gloo", store=meeting, rank=rank, world_size=processes)
    trainer = Trainer(config, folder, rank, device, processes)
    validation = Validation(config) if config.validation.share > 0 else None
    _run(trainer, validation)
    if processes > 1:
        _leave(meeting, rank)


def _leave(meeting: Any, rank: int) -> None:
    """End the group once the first worker has written everything down.

    A peer that closes its socket sooner may break off the sum that the first one still reads.
    """
    if rank == 0:
        meeting.set("written", "")
    else:
        meeting.wait(["written"], WRITTEN_WITHIN)
    dist.destroy_process_group()


def _run(trainer: Trainer, validation: Validation | None) -> None:
    """Step until the schedule, or a stop file, ends it; the first worker writes everything down."""
    config, first = trainer.config, trainer.rank == 0
    draw = drawn_here if trainer.device.type == "cpu" else drawn_elsewhere
    batches = draw(config, validation.rows if validation else (), trainer.lot)
    stay_in_memory()
    bar = tqdm(total=round(config.minutes * 60), unit="s", disable=not first, mininterval=5)
    saving = _Beat(SAVE_EVERY_S)
    judging = _Beat(config.validation.every_s)
    started, before_s = time.monotonic(), trainer.progress.elapsed_s
    losses: list[tuple[float, float]] = []
    going = not trainer.over
    while going:
        losses.append(trainer.step(batches))
        trainer.progress.elapsed_s = before_s + time.monotonic() - started
        if trainer.progress.step % config.average_every and not (config.steps and trainer.over):
            continue
        going = trainer.agree()
        if first:
            _report(bar, trainer, losses)
            if validation is not None:
                judging.do(lambda: _judge(trainer, validation), last=not going)
            saving.do(trainer.save, last=not going)
        losses = []


class _Beat:
    """Something that is done every so many seconds, and once more at the end."""

    def __init__(self, every_s: float) -> None:
        self._every_s, self._done_s = every_s, time.monotonic()

    def do(self, what: Callable[[], Any], *, last: bool) -> None:
        """Do it if it is time."""
        if last or time.monotonic() - self._done_s > self._every_s:
            what()
            self._done_s = time.monotonic()


def _judge(trainer: Trainer, validation: Validation) -> None:
    """Judge the moving average on the held-out part; keep it if it is the best so far."""
    net = copy.deepcopy(trainer.net)
    net.load_state_dict(trainer.ema)
    judged = validation(net.eval(), trainer.device)
    row = {
        "step": trainer.progress.step, "elapsed_s": round(trainer.progress.elapsed_s, 1),
        **{name: round(value, 4) for name, value in asdict(judged).items()},
        "best": trainer.keep_if_best(judged),
    }  # fmt: skip
    with (trainer.folder / "validation.jsonl").open("a") as file:
        file.write(json.dumps(row) + "\n")


def _report(bar: Any, trainer: Trainer, losses: list[tuple[float, float]]) -> None:
    progress: Progress = trainer.progress
    loss, right = np.mean([pair[0] for pair in losses]), np.mean([pair[1] for pair in losses])
    row = {
        "step": progress.step, "elapsed_s": round(progress.elapsed_s, 1),
        "images": progress.images, "loss": round(float(loss), 4), "right": round(float(right), 4),
    }  # fmt: skip
    with (trainer.folder / "curve.jsonl").open("a") as file:
        file.write(json.dumps(row) + "\n")
    bar.update(round(trainer.clock_s) - bar.n)
    bar.set_postfix(loss=row["loss"], right=row["right"], images=row["images"])


def train(config: RunConfig, out: Path) -> None:
    """Train a run to its end in `out/NAME`; a run that ended stays as it is.

    Raises:
        ValueError: the run asks for something that cannot be had.
    """
    folder = out / config.name
    folder.mkdir(parents=True, exist_ok=True)
    for stale in ("meeting", "stop"):
        (folder / stale).unlink(missing_ok=True)
    os.environ.update(WORKER_ENVIRONMENT)
    if config.workers == 1 or device_of(config).type == "cuda":
        work(0, config, folder)
    else:
        _work_apart(config, folder)


def _work_apart(config: RunConfig, folder: Path) -> None:
    """Run the workers as processes and wait for them.

    A Ctrl+C at the terminal must not reach them, not even while they start: the parent asks them to
    end. It wakes now and then, since a signal may be given to any of its threads.
    """
    resource_tracker.ensure_running()  # else its start, on the way, would unblock the signal
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    workers = spawn(  # type: ignore[no-untyped-call]
        _work_deaf, args=(config, folder), nprocs=config.workers, join=False
    )
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    while not workers.join(timeout=HEARD_WITHIN_S):
        pass


def _work_deaf(rank: int, config: RunConfig, folder: Path) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # torch sends it too, when the parent is killed
    work(rank, config, folder)
