"""The pure core: frames in, readings and alerts out."""

import os

# ONNX Runtime reads this when it is imported, and sends usage data unless it is set.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
