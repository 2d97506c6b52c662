"""The network that is exported is the network that was trained."""

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs the `train` extra")
onnxruntime = pytest.importorskip("onnxruntime", reason="parity needs ONNX Runtime")

from export.crop_net import EMBEDDING_SIZE  # noqa: E402
from export.nets import Lite0, fold_norms  # noqa: E402
from export.onnx import write_onnx  # noqa: E402


def a_net() -> Lite0:
    torch.manual_seed(0)
    net = Lite0()
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.running_mean, -0.1, 0.1)
            torch.nn.init.uniform_(module.running_var, 0.5, 1.5)
    return net.eval()


def crops(count: int, size_px: int = 64) -> torch.Tensor:
    rng = np.random.default_rng(1)
    return torch.from_numpy(rng.integers(0, 256, (count, size_px, size_px, 3), dtype=np.uint8))


def test_folding_the_norms_changes_no_answer() -> None:
    net, batch = a_net(), crops(2)
    with torch.no_grad():
        before = net(batch)
        fold_norms(net)
        fold_norms(net)
        after = net(batch)
    assert torch.allclose(before, after, atol=1e-4)
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in net.modules())


@pytest.mark.filterwarnings("ignore:Constant folding:UserWarning")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_exported_graph_gives_four_agreeing_outputs_for_any_batch(tmp_path: Path) -> None:
    net = a_net()
    fold_norms(net)
    path = tmp_path / "net.onnx"
    assert write_onnx(net, 64, path) < 1e-3
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    for count in (1, 3):
        logit, embedding, featmap, cam = session.run(None, {"crops": crops(count).numpy()})
        assert logit.shape == (count, 1)
        assert embedding.shape == (count, EMBEDDING_SIZE)
        assert featmap.shape[:2] == (count, 1280)
        weight, bias = net.head.weight.detach().numpy(), net.head.bias.detach().numpy()
        assert np.allclose(featmap.mean((2, 3)) @ weight.T + bias, logit, atol=1e-3)
        assert np.allclose(cam.mean((1, 2)) + bias, logit[:, 0], atol=1e-4)
        assert np.allclose(np.linalg.norm(embedding, axis=1), 1, atol=1e-3)
