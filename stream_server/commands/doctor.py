"""`fakewatch doctor`: what is installed, which device really runs, which models load."""

import argparse
import os
import platform
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

from rich.console import Console
from rich.table import Table

from pipeline.errors import FakewatchError, ModelError
from pipeline.load import adapter, list_cards, models_directory
from pipeline.model_card import ModelCard
from pipeline.onnx_session import Device
from stream_server.redact import redact
from stream_server.settings import ModelsSettings, Settings
from stream_server.settings_file import load_settings

_EPILOG = """\
examples:
  fakewatch doctor                          look at everything
  fakewatch doctor --device cuda            insist on the GPU
  fakewatch doctor --config fakewatch.toml  with the settings of the service

exit codes:
  0  everything that the service needs works
  1  something that it needs does not
"""
_NEEDED = (
    "aiortc",
    "av",
    "fastapi",
    "httpx",
    "numpy",
    "opencv-python-headless",
    "prometheus-client",
    "pydantic-settings",
    "structlog",
    "uvicorn",
    "websockets",
)
_OPTIONAL = {
    "dlib-bin": "the models dlib-hog and dlib68",
    "ray": "several machines",
    "torch": "training",
}
_RUNTIMES = ("onnxruntime", "onnxruntime-gpu")
Mark = Literal["ok", "absent", "broken"]
_COLOURS = {"ok": "green", "absent": "yellow", "broken": "red"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the table; "absent" is no fault."""

    what: str
    mark: Mark
    detail: str


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the verb and its options."""
    parser = subparsers.add_parser(
        "doctor",
        help="what is installed, and does it work",
        description="Show what is installed, which device really runs and which models load.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--config", type=Path, metavar="FILE", help="settings, as TOML")
    parser.add_argument("--device", choices=[device.value for device in Device])
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Look at everything and print one table; nothing is changed."""
    findings = [*_machine(), *_packages(), *_runtime()]
    try:
        settings = load_settings(args.config)
    except FakewatchError as error:
        findings.append(Finding("settings", "broken", str(error)))
    else:
        findings += _settings(settings, args.config)
        findings += _models(settings.models, Device(args.device or settings.models.device))
    table = Table("what", "", "detail")
    for finding in findings:
        colour = _COLOURS[finding.mark]
        table.add_row(finding.what, f"[{colour}]{finding.mark}[/{colour}]", redact(finding.detail))
    console = Console(highlight=False, soft_wrap=True)
    console.print(table)
    broken = [finding for finding in findings if finding.mark == "broken"]
    for finding in broken:
        console.print(redact(f"{finding.what} does not work: {finding.detail}"), markup=False)
    if not broken:
        console.print("Everything needed works.")
    return 1 if broken else 0


def _machine() -> Iterator[Finding]:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    yield Finding("Python", "ok", f"{platform.python_version()} on {platform.platform()}")
    yield Finding("CPU cores", "ok", str(cores))


def _packages() -> Iterator[Finding]:
    for name in ("fakewatch", *_NEEDED):
        found = _version(name)
        yield Finding(name, "ok" if found else "broken", found or "not installed")
    for name, use in _OPTIONAL.items():
        found = _version(name)
        yield Finding(name, "ok" if found else "absent", found or f"only needed for {use}")


def _runtime() -> Iterator[Finding]:
    found = {name: _version(name) for name in _RUNTIMES if _version(name)}
    if len(found) == 1:
        name, installed = next(iter(found.items()))
        yield Finding(name, "ok", f"{installed}, telemetry off")
    elif found:
        detail = "both builds are installed and overwrite each other: uninstall both, install one"
        yield Finding("ONNX Runtime", "broken", detail)
    else:
        detail = "not installed: pip install 'fakewatch[cpu]' or 'fakewatch[gpu]'"
        yield Finding("ONNX Runtime", "broken", detail)


def _settings(settings: Settings, config: Path | None) -> Iterator[Finding]:
    where = f"http://{settings.server.host}:{settings.server.port}"
    yield Finding("settings", "ok", f"{config or 'defaults and environment'}; serves {where}")
    yield _storage(settings.storage.path)


def _storage(directory: Path) -> Finding:
    if not directory.exists():
        return Finding("storage", "ok", f"{directory} will be made at the first start")
    if not os.access(directory, os.W_OK | os.X_OK):
        return Finding("storage", "broken", f"{directory} cannot be written: alerts would be lost")
    free_gb = shutil.disk_usage(directory).free / 1e9
    return Finding("storage", "ok", f"{directory}, {free_gb:.1f} GB free")


def _models(settings: ModelsSettings, device: Device) -> Iterator[Finding]:
    try:
        cards = list_cards(settings.directory or models_directory())
    except ModelError as error:
        yield Finding("models", "broken", str(error))
        return
    chosen = (settings.detector, settings.landmarker, settings.classifier)
    for name in chosen:
        if name not in [card.name for card in cards]:
            yield Finding(f"model {name}", "broken", "chosen in the settings, but not there")
    for card in cards:
        wanted = device if card.task == "deepfake" else Device.CPU
        yield _load(card, wanted, chosen=card.name in chosen)


def _load(card: ModelCard, device: Device, *, chosen: bool) -> Finding:
    what, started_s = f"model {card.name}", time.perf_counter()
    try:
        model = adapter(card)(card, device)
    except (ModelError, ImportError) as error:
        optional = card.opt_in and not chosen
        return Finding(what, "absent" if optional else "broken", str(error))
    seconds = time.perf_counter() - started_s
    provider = getattr(model, "provider", "cpu")
    use = "in use" if chosen else "not in use"
    return Finding(what, "ok", f"{use}; runs on {provider}, loaded and warm in {seconds:.2f} s")


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
