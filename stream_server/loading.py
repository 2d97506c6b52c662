"""The models that the settings name."""

import cv2

from pipeline.load import Models, load_models
from pipeline.onnx_session import Device
from stream_server.settings import ModelsSettings


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
