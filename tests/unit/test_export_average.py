"""Averaging the weights of two runs."""

import pytest

torch = pytest.importorskip("torch")

from export.average import average, averaged  # noqa: E402 - needs torch
from export.nets import Lite0  # noqa: E402
from export.onnx import load_checkpoint  # noqa: E402


def test_the_share_says_how_much_the_first_counts():
    first = {"w": torch.tensor([4.0]), "n": torch.tensor(3)}
    second = {"w": torch.tensor([0.0]), "n": torch.tensor(9)}
    mixed = averaged(first, second, 0.75)
    assert float(mixed["w"]) == 3.0
    assert int(mixed["n"]) == 3


def test_runs_of_different_networks_are_refused():
    with pytest.raises(ValueError, match="architecture"):
        averaged({"a": torch.zeros(1)}, {"b": torch.zeros(1)}, 0.5)


def test_a_network_averaged_with_itself_answers_as_before(tmp_path):
    net = Lite0().eval()
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        torch.save({"ema": net.state_dict()}, tmp_path / name / "last.pt")
    average(tmp_path / "one", tmp_path / "other", tmp_path / "mean", 0.3)
    crops = torch.randint(0, 256, (2, 64, 64, 3), dtype=torch.uint8)
    with torch.no_grad():
        assert torch.allclose(load_checkpoint(tmp_path / "mean" / "last.pt")(crops), net(crops))
