"""SFace's network (Zhong et al. 2021): a face recogniser as a start that has seen faces only."""

from pathlib import Path
from typing import cast

import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from export.crop_net import CropNet

STEPS = (
    *((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2)),
    *((512, 1),) * 5,
    *((1024, 2), (1024, 1)),
)
"""(channels, stride) of each pair of a depthwise and a pointwise convolution."""


def _layer(inputs: int, outputs: int, kernel: int, stride: int, groups: int) -> list[nn.Module]:
    return [
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs, eps=1e-3),
        nn.PReLU(outputs),
    ]


class SFace(CropNet):
    """Its 27 convolutions up to the last map; the 6.4 million weights that name people are left."""

    def __init__(self) -> None:
        super().__init__(1024, (127.5,) * 3, (128.0,) * 3)
        layers = _layer(3, 32, 3, 1, 1)
        inputs = 32
        for outputs, stride in STEPS:
            layers += _layer(inputs, inputs, 3, stride, inputs)
            layers += _layer(inputs, outputs, 1, 1, 1)
            inputs = outputs
        self.body = nn.Sequential(*layers, nn.BatchNorm2d(1024, eps=2e-5))

    def maps(self, pixels: Tensor) -> Tensor:
        """(N, 3, H, W) to (N, 1024, H/16, W/16)."""
        return cast("Tensor", self.body(pixels))


def load_sface(net: CropNet, path: Path) -> None:
    """Take the weights of OpenCV Zoo's `face_recognition_sface_2021dec.onnx`.

    Raises:
        ValueError: the file holds another network.
    """
    graph = onnx.load(str(path)).graph
    weights = {entry.name: numpy_helper.to_array(entry) for entry in graph.initializer}
    values = [
        torch.from_numpy(weights[name].copy())
        for node in graph.node
        if node.op_type in ("Conv", "BatchNormalization", "PRelu") and node.output[0] != "fc1"
        for name in node.input[1:]
    ]
    target = net.state_dict()
    names = [name for name in target if name.startswith("body.")]
    names = [name for name in names if not name.endswith("num_batches_tracked")]
    if len(names) != len(values) or any(
        target[name].numel() != value.numel() for name, value in zip(names, values, strict=True)
    ):
        raise ValueError(f"{path} does not hold SFace's network.")
    for name, value in zip(names, values, strict=True):
        target[name] = value.reshape(target[name].shape)
    net.load_state_dict(target)
