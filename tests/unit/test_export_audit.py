"""The leak audit sees a leak when there is one, and none when there is none."""

import numpy as np

from export.audit import audit
from export.pairs import Pair
from export.probes import probe
from pipeline.types import Image

SIDE = 120
BOX = np.array([30, 30, 90, 90], np.float32)


def pairs(count: int, leak: bool) -> list[Pair]:
    """Noise whose middle is smoothed in the fake; with a leak the whole fake loses some grain."""
    made = []
    for seed in range(count):
        rng = np.random.default_rng(seed)
        real = np.asarray(rng.normal(128, 25, (SIDE, SIDE, 3)).clip(0, 255), np.uint8)
        fake: Image = real.copy()
        fake[40:80, 40:80] = 128
        if leak:
            fake = np.asarray((fake.astype(int) - 128) * 0.7 + 128, np.uint8)
        mask = np.zeros((SIDE, SIDE), np.float32)
        mask[40:80, 40:80] = 1.0
        made.append(Pair(real, fake, BOX, "test", mask))
    return made


def seen(count: int, leak: bool) -> dict[str, float]:
    found = audit(pairs(count, leak), np.random.default_rng(0))
    return {finding.probe: finding.auc.value for finding in found}


def test_pairs_that_differ_only_inside_the_region_pass() -> None:
    found = seen(80, leak=False)
    assert found["control"] > 0.9
    assert found["resolution"] == 0.5
    for name in ("periphery", "metadata", "shuffled"):
        assert 0.35 < found[name] < 0.65, name


def test_a_fake_that_lost_grain_everywhere_is_caught() -> None:
    found = seen(80, leak=True)
    assert found["periphery"] > 0.8
    assert found["metadata"] > 0.8


def test_the_probe_finds_nothing_in_pure_noise() -> None:
    rng = np.random.default_rng(2)
    labels = np.tile(np.array([0, 1], np.int64), 300)
    found = probe("noise", rng.normal(size=(600, 8)), labels, np.repeat(np.arange(300), 2))
    assert 0.4 < found.auc.value < 0.6
    assert not found.leaks
