"""The models that the settings name, and the options by which every verb names them."""

import argparse
from pathlib import Path

import cv2

from pipeline.load import Models, load_models
from pipeline.onnx_session import Device
from stream_server.settings import ModelsSettings, Settings
from stream_server.settings_file import load_settings


def load_models_for(settings: ModelsSettings) -> Models:
    """Load the models that the settings name.

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
    )


def add_model_options(parser: argparse.ArgumentParser) -> None:
    """Declare --config and --device; without the latter the settings decide."""
    parser.add_argument("--config", type=Path, metavar="FILE", help="settings, as TOML")
    parser.add_argument(
        "--device",
        choices=[device.value for device in Device],
        help="where the classifier runs (default: as the settings say, else auto)",
    )


def load_as_asked(args: argparse.Namespace) -> tuple[Settings, Models]:
    """Read the settings and load their models, as `add_model_options` lets the user ask.

    Raises:
        SettingsError: the settings cannot be used.
        ModelError: a model is missing, altered, or does not run on the asked device.
    """
    flags = {"models": {"device": args.device}} if args.device else None
    settings = load_settings(args.config, flags)
    return settings, load_models_for(settings.models)
