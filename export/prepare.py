"""From labelled files to a crop store: decode, detect, judge, cut, each as the service does."""

import argparse
import math
import os
import re
import signal
import sys
from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from dataclasses import asdict, dataclass
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from tqdm import tqdm

from export.crops import SERVE_MARGIN, SERVE_SIZE_PX, Crop, cut
from export.faces import FaceFinder
from export.layouts import items_of
from export.layouts.item import FRAMES_FPS, Item, Wishes, kind_of
from export.splits import APART, SHARES
from export.store_writer import FileCrops, StoreWriter
from pipeline.errors import FakewatchError, SettingsError
from pipeline.media_file import open_media
from pipeline.preprocess import crop_face
from pipeline.types import Frame, Image

LISTED = 8
"""So many left-out files are named on the terminal; all are in left_out.txt."""
NO_FACE = "No face was found in it."


@dataclass(frozen=True, slots=True)
class Rules:
    """How crops are taken; a store keeps to one set of rules."""

    fps: float
    most: int
    resize: str
    min_confidence: float


def run_prepare(args: argparse.Namespace) -> int:
    """Prepare as the command line asks, and say what came out.

    Raises:
        SettingsError: an option or a source cannot be used, or nothing came out.
    """
    rules = Rules(args.fps, args.most, args.resize, args.min_confidence)
    if not (0 < rules.fps <= 60 and rules.most > 0 and 0 <= rules.min_confidence < 1):
        raise SettingsError("--fps is 0 to 60, --most at least 1, --min-confidence 0 to 1.")
    label = None if args.label is None else int(args.label == "fake")
    items = items_of(args.sources, Wishes(label, _expression(args.identity)))
    if args.official:
        items = [item for item in items if item.official == args.official]
    jobs = args.jobs or len(os.sched_getaffinity(0))
    with StoreWriter(args.out, asdict(rules)) as writer:
        build(items, writer, rules, jobs)
        facts = writer.finish()
    if not facts:
        raise SettingsError(f"No face was found in any file; see {args.out / 'left_out.txt'}.")
    sys.stdout.write(_summary(args.out, facts))
    return 0


def build(items: Sequence[Item], writer: StoreWriter, rules: Rules, jobs: int) -> None:
    """Append every item that the store does not have yet."""
    todo = [item for item in items if item.name not in writer.done]
    total = Counter[str]()
    with tqdm(total=len(items), initial=len(items) - len(todo), unit="file") as bar:
        for item, found in zip(todo, results(todo, rules, jobs), strict=True):
            writer.add(item.name, item.keys, found)
            total.update(crops=len(found.crops), left_out=int(found.problem is not None))
            bar.set_postfix(total, refresh=False)
            bar.update()


def results(items: Sequence[Item], rules: Rules, jobs: int) -> Iterator[FileCrops]:
    """What comes out of each item, in order; a file that kills its process costs only itself."""
    if jobs == 1:
        yield from (crops_of(item, rules) for item in items)
        return
    done = 0
    while done < len(items):
        pool = _pool(jobs)
        try:
            waiting = [pool.submit(crops_of, item, rules) for item in items[done:]]
            for found in _in_order(waiting):
                yield found
                done += 1
        except BrokenProcessPool:
            yield _alone(items[done], rules)
            done += 1
        finally:
            pool.shutdown(cancel_futures=True)


def _in_order(waiting: list["Future[FileCrops]"]) -> Iterator[FileCrops]:
    for place, future in enumerate(waiting):
        yield future.result()
        waiting[place] = Future()  # its pictures are large


def _alone(item: Item, rules: Rules) -> FileCrops:
    """Try the file that a process died on, or beside, by itself."""
    with _pool(1) as pool:
        try:
            return pool.submit(crops_of, item, rules).result()
        except BrokenProcessPool:
            return FileCrops((), "Reading it crashed the process.")


def _pool(jobs: int) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(jobs, get_context("spawn"), _start_worker)


def _start_worker() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is the parent's to answer
    cv2.setNumThreads(1)


def crops_of(item: Item, rules: Rules) -> FileCrops:
    """The largest face of every sampled picture; what cannot be read is a sentence, no error."""
    finder = _finder(rules.min_confidence)
    found: list[tuple[Crop, Image]] = []
    try:
        facts = {
            "path": item.name, "label": item.label, "method": item.method, "kind": item.kind,
            "source": item.source, "official": item.official, "bytes": _size(item.path),
        }  # fmt: skip
        with closing(frames_of(item, rules)) as frames:
            for frame in frames:
                crop = _crop(frame, finder, rules, facts)
                if crop is not None:
                    found.append(crop)
    except (FakewatchError, OSError, MemoryError, cv2.error) as error:
        if not found:
            return FileCrops((), str(error) or "There is too little memory for it.")
    return FileCrops(found, None if found else NO_FACE)


@lru_cache(maxsize=1)
def _finder(min_confidence: float) -> FaceFinder:
    return FaceFinder(min_confidence)


def _crop(
    frame: Frame, finder: FaceFinder, rules: Rules, facts: dict[str, Any]
) -> tuple[Crop, Image] | None:
    height, width = frame.image.shape[:2]
    if rules.resize == "by-width":
        frame = _by_width(frame)
    face = finder.largest(frame)
    if face is None:
        return None
    quality = {
        name: round(value, 3) if isinstance(value, float) else value
        for name, value in asdict(face.quality).items()
    }
    own = {
        "time_s": round(frame.time_s, 3), "width": width, "height": height,
        "score_prob": round(face.score_prob, 3), "usable": face.quality.usable, "quality": quality,
    }  # fmt: skip
    served = crop_face(frame.image, face.box, SERVE_SIZE_PX, SERVE_MARGIN)
    return cut(frame.image, face, {**facts, **own}), served


def _by_width(frame: Frame) -> Frame:
    """The known rule: above 1900 px to a third, from 1000 to a half, under 300 doubled."""
    width = frame.image.shape[1]
    factor = 1 / 3 if width > 1900 else 1 / 2 if width >= 1000 else 2.0 if width < 300 else 1.0
    if factor == 1.0:
        return frame
    way = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
    image = cv2.resize(frame.image, None, fx=factor, fy=factor, interpolation=way)
    return Frame(
        frame.stream_id, frame.index, frame.time_s, frame.epoch, np.asarray(image, np.uint8),
        frame.damaged,
    )  # fmt: skip


def frames_of(item: Item, rules: Rules) -> Generator[Frame, None, None]:
    """The sampled pictures of an item, spread over it where there are too many."""
    if item.kind == "frames":
        yield from _numbered(item.path, rules)
        return
    with open_media(item.path, analyse_fps=rules.fps) as media:
        every = max(1, math.ceil((media.duration_s or 0.0) * rules.fps / rules.most))
        for count, frame in enumerate(media.frames()):
            if count >= rules.most * every:
                return
            if count % every == 0:
                yield frame


def _numbered(folder: Path, rules: Rules) -> Iterator[Frame]:
    paths = sorted((p for p in folder.iterdir() if kind_of(p) == "image"), key=_number)
    step = max(1.0, FRAMES_FPS / rules.fps, len(paths) / rules.most)
    for index in np.arange(0, len(paths), step).astype(int):
        with open_media(paths[index]) as media:
            for frame in media.frames():
                time_s = index / FRAMES_FPS
                yield Frame(frame.stream_id, int(index), time_s, 0, frame.image)


def _number(path: Path) -> tuple[int, str]:
    digits = re.sub(r"\D", "", path.stem)
    return int(digits or 0), path.name


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _expression(text: str | None) -> str | None:
    if text is None:
        return None
    try:
        groups = re.compile(text).groups
    except re.error as error:
        raise SettingsError(f"--identity is no regular expression: {error}.") from error
    if groups != 1:
        raise SettingsError("--identity needs exactly one group in parentheses: the person.")
    return text


def _summary(out: Path, facts: list[dict[str, Any]]) -> str:
    files = {fact["path"]: fact for fact in facts}
    lines = [f"{len(facts)} crops of {len(files)} files are in {out}."]
    for side in (*SHARES, APART):
        chosen = [fact["label"] for fact in files.values() if fact["split"] == side]
        if chosen or side != APART:
            genuine, fake = chosen.count(0), chosen.count(1)
            lines.append(f"  {side:5}  {genuine} genuine and {fake} manipulated files")
    unusable = sum(not fact["usable"] for fact in facts)
    if unusable:
        lines.append(f"{unusable} crops are too poor to be judged live; they are not trained on.")
    left_out = (out / "left_out.txt").read_text(encoding="utf-8").splitlines()
    if left_out:
        lines.append(f"{len(left_out)} files were left out (all in {out / 'left_out.txt'}):")
        lines += [f"  {line}" for line in left_out[:LISTED]]
    if len({fact["label"] for fact in files.values()}) == 2:
        lines.append(f"Next: fakewatch train --store {out}")
    return "\n".join(lines) + "\n"
