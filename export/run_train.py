"""Trains a run as a person at a terminal wants it: checked before, watched, stopped by Ctrl+C."""

import argparse
import json
import os
import shutil
import signal
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from export.crops import CropStore
from export.live_curve import LiveCurve
from export.run_config import RunConfig, read_run
from export.train import train
from export.warm_start import start_file
from pipeline.errors import SettingsError

TEMPLATE = Path(__file__).parent / "runs/own.toml"
STOPPED = 130


def run_train(args: argparse.Namespace) -> int:
    """Train as the command line asks.

    Raises:
        SettingsError: the run cannot be used; the sentence says why.
    """
    if (args.config is None) == (args.store is None):
        raise SettingsError("Give a run's TOML, or --store STORE to have one written.")
    path = args.config or write_own(args.store, args.name, args.minutes, args.out)
    config = checked(path)
    folder: Path = args.out / config.name
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(path, folder / "run.toml")
    config = replace(config, start=start_file(config.start, folder))
    try:
        with _stopped_gently(folder), LiveCurve(folder, config.minutes):
            train(config, args.out)
    except ValueError as error:
        raise SettingsError(str(error)) from error
    if (folder / "stop").exists():
        sys.stderr.write("Stopped and saved; the same command goes on.\n")
        return STOPPED
    sys.stdout.write(f"Trained. Next: fakewatch export {folder}\n")
    return 0


def checked(path: Path) -> RunConfig:
    """The run, after a look at all that would otherwise fail in the middle.

    Raises:
        SettingsError: a key is missing or unknown, or the store lacks what is asked for.
    """
    try:
        config = read_run(path)
    except FileNotFoundError as error:
        raise SettingsError(f"There is no run {path}.") from error
    except (tomllib.TOMLDecodeError, KeyError, TypeError) as error:
        raise SettingsError(f"The run {path} cannot be used: {error}.") from error
    labels = labels_by_source(CropStore(config.data.store))
    both = [name for name in config.data.weights if len(labels.get(name, ())) == 2]
    if not both:
        raise SettingsError(
            "No source of [data.weights] has genuine and manipulated crops to train on: "
            "prepare both in one SOURCE folder, as real/ and fake/."
        )
    return config


def labels_by_source(store: CropStore) -> dict[str, set[int]]:
    """Which labels each source has among the crops that may be trained on."""
    found: dict[str, set[int]] = {}
    for row in store.rows("train"):
        found.setdefault(store.facts[row]["source"], set()).add(store.facts[row]["label"])
    return found


def write_own(folder: Path, name: str, minutes: float, out: Path) -> Path:
    """Write `OUT/NAME.toml` for a store from the template, unless it is there; returns its path.

    Raises:
        SettingsError: there is no such store, or a number makes no sense.
    """
    path = out / f"{name}.toml"
    if path.exists():
        return path
    if not 0 < minutes <= 100_000 or Path(name).name != name:
        raise SettingsError("--minutes is above 0, --name a plain word.")
    store = CropStore(folder)
    labels = labels_by_source(store)
    counts = Counter(store.facts[row]["source"] for row in store.rows("train"))
    chosen = {source: counts[source] for source, seen in labels.items() if len(seen) == 2}
    text = TEMPLATE.read_text(encoding="utf-8")
    text = text.replace("minutes = 20.0", f"minutes = {minutes}", 1)
    text = text.replace("workers = 2 ", f"workers = {min(4, os.cpu_count() or 1)} ", 1)
    text = text.replace('store = "store"', f"store = {json.dumps(str(folder.resolve()))}", 1)
    text = text[: text.index("clips = 1.0")]
    total = sum(counts[source] for source in chosen)
    rows = (f"{json.dumps(source)} = {n / total:.3f}" for source, n in sorted(chosen.items()))
    text += "\n".join(rows) + "\n"
    out.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


@contextmanager
def _stopped_gently(folder: Path) -> Iterator[None]:
    """Ctrl+C or SIGTERM leaves the file `stop`, upon which all workers save and end."""

    def stop(*_: object) -> None:
        (folder / "stop").touch()
        sys.stderr.write("\nStopping: the weights are being saved ...\n")

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
