"""The models that the settings name, and the options by which every verb names them."""

import argparse
import sys
from pathlib import Path

import cv2

from pipeline.load import Models, load_models, read_cards
from pipeline.model_card import ModelCard
from pipeline.onnx_session import Device
from stream_server.calibration.table import CalibrationTable
from stream_server.settings import ModelsSettings, Settings
from stream_server.settings_file import load_settings


def load_models_for(
    settings: ModelsSettings, calibration: CalibrationTable | None = None
) -> Models:
    """Load the models that the settings name, with the thresholds of a calibration that fits.

    Raises:
        ModelError: one is missing, altered, or does not run on the asked device.
    """
    # Streams share the cores between them; a pool of threads inside each resize only costs.
    cv2.setNumThreads(1)
    return load_models(
        settings.directory,
        detector=settings.detector,
        landmarker=settings.landmarker,
        classifier=settings.classifier,
        device=Device(settings.device),
        adjust=calibration.applied if calibration else _as_it_is,
    )


def cards_for(
    settings: ModelsSettings, calibration: CalibrationTable | None = None
) -> tuple[ModelCard, ...]:
    """Read the cards of what `load_models_for` would load, as they are on the disk now.

    Raises:
        ModelCardError: one is missing or malformed.
    """
    return read_cards(
        settings.directory,
        settings.detector,
        settings.landmarker,
        settings.classifier,
        calibration.applied if calibration else _as_it_is,
    )


def _as_it_is(card: ModelCard) -> ModelCard:
    return card


def add_model_options(parser: argparse.ArgumentParser) -> None:
    """Declare --config, --device and --classifier; without the latter two the settings decide."""
    parser.add_argument("--config", type=Path, metavar="FILE", help="settings, as TOML")
    parser.add_argument("--classifier", metavar="NAME", help="model that judges")
    parser.add_argument(
        "--device",
        choices=[device.value for device in Device],
        help="where the classifier runs (default: as the settings say, else auto)",
    )


def _asked(args: argparse.Namespace) -> dict[str, dict[str, str]] | None:
    """The settings that the options of `add_model_options` stand for."""
    given = {name: getattr(args, name) for name in ("device", "classifier")}
    flags = {name: value for name, value in given.items() if value}
    return {"models": flags} if flags else None


def load_as_asked(args: argparse.Namespace) -> tuple[Settings, Models]:
    """Read the settings and load their models, as `add_model_options` lets the user ask.

    Raises:
        SettingsError: the settings cannot be used.
        ModelError: a model is missing, altered, or does not run on the asked device.
    """
    settings = load_settings(args.config, _asked(args))
    models = load_models_for(settings.models, settings.calibration)
    if settings.calibration and (reason := settings.calibration.void(models.classifier.card)):
        sys.stderr.write(f"fakewatch: {reason}\n")
    return settings, models
