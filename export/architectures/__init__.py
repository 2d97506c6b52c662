"""The table of architectures: a run's TOML names one, `architecture = "efficientnet-b4"`.

`NAME+gru`, `NAME+lstm` and `NAME+light` put a head over time on the backbone NAME. Sizes, costs,
start weights and what each is for: docs/architectures.md.
"""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor, nn

from export.architectures.meso import Meso4, MesoInception4
from export.architectures.sequence import HEADS, SequenceNet, ServedSequence
from export.architectures.sface import SFace, load_sface
from export.architectures.start import (
    LITE0_IMAGENET,
    MOBILENETV2_IMAGENET,
    SFACE_FACES,
    StartWeights,
)
from export.architectures.timm_nets import TimmNet, load_mobilenetv2
from export.crop_net import CropNet, Served
from export.nets import Lite0, fold_norms, load_imagenet, restore

DEFAULT = "efficientnet-lite0"


@dataclass(frozen=True, slots=True)
class Architecture:
    """One row of the table."""

    build: Callable[[int], CropNet]
    """By crop side in pixels, which only some networks need to know."""
    size_px: int
    """The side of the pictures it was published for."""
    start: StartWeights | None = None
    """None: from scratch, or from weights of your own."""


def _timm(name: str, size_px: int, **options: bool) -> Architecture:
    return Architecture(lambda _size_px: TimmNet(name, **options), size_px)


TABLE = {
    DEFAULT: Architecture(lambda _: Lite0(), 224, StartWeights(LITE0_IMAGENET, load_imagenet)),
    "mobilenetv2": Architecture(
        lambda _: TimmNet("mobilenetv2_100"),
        224,
        StartWeights(MOBILENETV2_IMAGENET, load_mobilenetv2),
    ),
    "sface": Architecture(lambda _: SFace(), 112, StartWeights(SFACE_FACES, load_sface)),
    "mobilenetv3": _timm("mobilenetv3_large_100", 224),
    "efficientnet-b0": _timm("efficientnet_b0", 224),
    "efficientnet-b2": _timm("efficientnet_b2", 260),
    "efficientnet-b4": _timm("efficientnet_b4", 380),
    "efficientnet-b7": _timm("efficientnet_b7", 600),
    "efficientnetv2-b0": _timm("tf_efficientnetv2_b0", 224),
    "resnet50": _timm("resnet50", 224),
    "resnext50": _timm("resnext50_32x4d", 224),
    "inceptionv3": _timm("inception_v3", 299, half=True, aux_logits=False),
    "xception": _timm("legacy_xception", 299, half=True),
    "meso4": Architecture(Meso4, 256),
    "mesoinception4": Architecture(MesoInception4, 256),
}
KNOWN_PAIRS = ("inceptionv3+gru", "efficientnet-b2+gru", "resnext50+lstm")
"""Sequence models of published systems."""


def parts_of(name: str) -> tuple[str, str | None]:
    """(backbone, head over time or None).

    Raises:
        ValueError: there is no such architecture.
    """
    backbone, _, head = name.partition("+")
    if backbone not in TABLE or (head or None) not in (None, *HEADS) or name.endswith("+"):
        raise ValueError(
            f"There is no architecture {name!r}; there are {', '.join(TABLE)}, "
            f"and each of them with {', '.join('+' + head for head in HEADS)}."
        )
    return backbone, head or None


def build(name: str, size_px: int) -> nn.Module:
    """A network with fresh weights: (N, S, S, 3) uint8 to logits (N,), or (N, T, S, S, 3)."""
    backbone, head = parts_of(name)
    net = TABLE[backbone].build(size_px)
    return net if head is None else SequenceNet(net, head)


def usual_frames(name: str) -> int:
    """How many crops the network is meant to judge at once; 1 for a network of single crops."""
    _, head = parts_of(name)
    return 1 if head is None else HEADS[head].frames


def start(net: nn.Module, name: str) -> bool:
    """Load the free weights that an installed package has; False where there are none to be had.

    Raises:
        ValueError: there are some, and their package is not installed.
    """
    backbone = net.backbone if isinstance(net, SequenceNet) else net
    weights = TABLE[parts_of(name)[0]].start
    if weights is None:
        return False
    weights.load(backbone, weights.package.file())
    return True


def load_state(net: nn.Module, state: dict[str, Tensor]) -> None:
    """Load a checkpoint's weights into a network of its architecture."""
    if isinstance(net, Lite0):
        restore(net, state)
    elif isinstance(net, SequenceNet) and not any(name.startswith("over_time.") for name in state):
        load_state(net.backbone, state)
    elif isinstance(net, SequenceNet) and isinstance(net.backbone, Lite0):
        _load_folded_backbone(net, state)
    else:
        net.load_state_dict(state)


def _load_folded_backbone(net: SequenceNet, state: dict[str, Tensor]) -> None:
    if not any(name.endswith("running_mean") for name in state):
        fold_norms(net.backbone)
    net.load_state_dict(state)


def served(net: nn.Module) -> Served | ServedSequence:
    """The network as it is exported."""
    if isinstance(net, SequenceNet):
        return ServedSequence(net)
    if isinstance(net, CropNet):
        return Served(net)
    raise TypeError(f"{type(net).__name__} is no network of the table.")
