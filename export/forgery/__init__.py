"""Pseudo-fakes: one file a family, one table of them."""

from pathlib import Path

import numpy as np

from export.forgery import cross_swap, partial, self_blend, smooth
from export.forgery.face import FaceCrop, Family, Forgery
from export.forgery.live_swap import LiveSwap

__all__ = ["FaceCrop", "Family", "Forgery", "families", "forge"]


def families(generator: Path | None) -> dict[str, Family]:
    """Every family by name; `generator` is what `python -m export.fit_autoencoder` writes."""
    return {
        "self_blend": self_blend.forge,
        "live_swap": LiveSwap(generator),
        "cross_swap": cross_swap.forge,
        "partial": partial.forge,
        "smooth": smooth.forge,
        "blurred": self_blend.forge_blurred,
        "upsampled": smooth.forge_upsampled,
    }


def forge(
    table: dict[str, Family],
    shares: dict[str, float],
    target: FaceCrop,
    donor: FaceCrop,
    rng: np.random.Generator,
) -> tuple[str, Forgery]:
    """A forgery of a family drawn by its share, with the family's name."""
    names = list(shares)
    weights = np.array([shares[name] for name in names])
    name = str(rng.choice(names, p=weights / weights.sum()))
    return name, table[name](target, donor, rng)
