"""Mixing the looks of recordings: what it changes, what it must not, and what stays of it."""

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs the `train` extra")

from export.mix_style import FURTHEST, MixStyle, mixed  # noqa: E402
from export.nets import Lite0, fold_norms  # noqa: E402
from export.onnx import load_checkpoint  # noqa: E402
from export.train import train  # noqa: E402
from tests.unit.test_export_train import a_run, write_store  # noqa: E402

COUPLES = 3


def maps_of_couples(seed: int = 0):
    """(6, 4, 8, 8): genuine, fake, ... of recordings that look different."""
    random = torch.Generator().manual_seed(seed)
    looks = torch.tensor([1.0, 1.4, 1.8])[:, None, None, None, None]
    maps = torch.randn(COUPLES, 2, 4, 8, 8, generator=random) * looks + looks
    return maps.reshape(2 * COUPLES, 4, 8, 8)


def test_a_genuine_picture_takes_its_partners_mean_and_deviation():
    maps, partners = maps_of_couples(), torch.tensor([1, 2, 0])
    out = mixed(maps, partners, torch.zeros(COUPLES))
    wanted = maps[0::2][partners]
    assert torch.allclose(out[0::2].mean((2, 3)), wanted.mean((2, 3)), atol=1e-3)
    assert torch.allclose(out[0::2].std((2, 3)), wanted.std((2, 3)), rtol=1e-2)


def test_what_sets_a_fake_apart_is_stretched_like_its_genuine_and_never_more():
    maps = maps_of_couples()
    out = mixed(maps, torch.tensor([1, 2, 0]), torch.zeros(COUPLES))
    before, after = maps[1::2] - maps[0::2], out[1::2] - out[0::2]
    stretch = (after / before).flatten(2)
    assert torch.allclose(stretch, stretch[:, :, :1].expand_as(stretch), rtol=1e-3)
    maps[:2] = maps[:2] / 100  # a recording that is nearly silent
    before = maps[1] - maps[0]
    out = mixed(maps, torch.tensor([1, 2, 0]), torch.zeros(COUPLES))
    assert torch.allclose(out[1] - out[0], FURTHEST * before, rtol=1e-3, atol=1e-5)


def test_the_own_style_changes_nothing():
    maps = maps_of_couples()
    assert torch.allclose(mixed(maps, torch.tensor([1, 2, 0]), torch.ones(COUPLES)), maps)
    assert torch.allclose(mixed(maps, torch.arange(COUPLES), torch.zeros(COUPLES)), maps, atol=1e-5)


def test_the_network_is_itself_again_afterwards():
    net = Lite0().eval()
    crops = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (6, 64, 64, 3), np.uint8))
    crops[2:] //= 4  # other recordings are darker and flatter

    def early():
        with torch.no_grad():
            return net.blocks[:3](net.stem(net.normalised(crops)))

    torch.manual_seed(0)
    plain = early()
    with MixStyle(net, 1.0)(len(crops)):
        changed = early()
    with MixStyle(net, 0.0)(len(crops)):
        assert torch.equal(early(), plain)
    assert not torch.allclose(changed, plain, rtol=1e-2, atol=0)
    assert torch.equal(early(), plain)


def test_only_the_default_network_can_be_asked(tmp_path: Path):
    store = write_store(tmp_path / "store")
    with pytest.raises(ValueError, match="mix_style is for efficientnet-lite0 only"):
        train(a_run(store, mix_style=0.5), tmp_path)


def test_a_run_that_mixes_trains_and_ships_the_plain_network(tmp_path: Path):
    store = write_store(tmp_path / "store")
    run = a_run(store, architecture="efficientnet-lite0", size_px=64, steps=2, mix_style=1.0)
    train(run, tmp_path)
    net = load_checkpoint(tmp_path / "toy" / "last.pt")
    assert net.state_dict().keys() == _folded().state_dict().keys()


def _folded() -> Lite0:
    net = Lite0()
    fold_norms(net)
    return net
