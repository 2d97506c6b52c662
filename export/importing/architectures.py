"""The networks of weights that come without one, by the name given with --architecture."""

from typing import Any

from torch import Tensor, nn

from pipeline.errors import ModelError

TIMM = "timm/"


class Bare(nn.Module):
    """A network of ours without its normalisation, which an importer states himself."""

    def __init__(self, net: Any) -> None:
        super().__init__()
        self.net = net

    def forward(self, pixels: Tensor) -> Tensor:
        """(N, 3, H, W) as the weights were trained with; raw logits (N, 1)."""
        found: Tensor = self.net.head(self.net.pool(self.net.maps(pixels)))
        return found

    def load_state_dict(self, state_dict: Any, *_: Any, **__: Any) -> Any:
        """Ours are saved under the network's own names."""
        return self.net.load_state_dict(state_dict)


def torch_network(name: str, outputs: int, size_px: int) -> nn.Module:
    """An untrained network: `timm/NAME` of the timm library, or one of export's own table.

    Raises:
        ModelError: there is no such architecture, or its library is missing.
    """
    try:
        if name.startswith(TIMM):
            return _timm(name.removeprefix(TIMM), outputs)
        return Bare(_ours(name, size_px))
    except (ValueError, RuntimeError, KeyError) as error:
        raise ModelError(f"There is no architecture {name!r}: {error}") from error


def _timm(name: str, outputs: int) -> nn.Module:
    from export.architectures.timm_nets import timm_library

    network: nn.Module = timm_library().create_model(name, pretrained=False, num_classes=outputs)
    return network


def _ours(name: str, size_px: int) -> nn.Module:
    from export.architectures import build

    return build(name, size_px)
