"""Backbones of the timm library (Apache-2.0), each with our head and our normalisation."""

import sys
import warnings
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import torch
from torch import Tensor

from export.crop_net import CropNet

IMAGENET_MEAN = (123.675, 116.28, 103.53)
IMAGENET_SCALE = (58.395, 57.12, 57.375)
HALF = (127.5, 127.5, 127.5)


@lru_cache(maxsize=1)
def timm_library() -> ModuleType:
    """Import timm, which imports torchvision, beside any build of torch.

    torchvision's wheel for CUDA has operators that a CPU build of torch cannot load, and its
    import ends in an error over their shapes. No network here uses them: that one file is left
    out.

    Raises:
        ValueError: timm is not installed.
    """
    sys.modules.setdefault(
        "torchvision._meta_registrations", ModuleType("torchvision._meta_registrations")
    )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import timm
    except ImportError as error:
        raise ValueError("This architecture needs timm: pip install 'fakewatch[train]'.") from error
    library: ModuleType = timm
    return library


class TimmNet(CropNet):
    """A network of the library without its classifier: what it makes before the mean is taken."""

    def __init__(self, name: str, *, half: bool = False, **options: Any) -> None:
        # Never pretrained: the library would fetch weights over the network.
        body = timm_library().create_model(
            name, pretrained=False, num_classes=0, global_pool="", **options
        )
        mean, scale = (HALF, HALF) if half else (IMAGENET_MEAN, IMAGENET_SCALE)
        super().__init__(body.head_hidden_size, mean, scale)
        self.body = body

    def maps(self, pixels: Tensor) -> Tensor:
        """(N, 3, H, W) to the library's last map."""
        return cast("Tensor", self.body(pixels))


def load_mobilenetv2(net: CropNet, path: Path) -> None:
    """Take torchvision's ImageNet weights, which list the same tensors in the same order.

    Raises:
        ValueError: the file holds another network.
    """
    source: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    values = [value for name, value in source.items() if name.startswith("features.")]
    target = net.state_dict()
    # Files of torch before 0.4.1 do not count batches.
    names = [name for name in target if name.startswith("body.")]
    if not any(name.endswith("num_batches_tracked") for name in source):
        names = [name for name in names if not name.endswith("num_batches_tracked")]
    if [target[name].shape for name in names] != [value.shape for value in values]:
        raise ValueError(f"{path} does not hold a MobileNetV2 of torchvision.")
    target.update(zip(names, values, strict=True))
    net.load_state_dict(target)
