"""Tiny detectors in foreign formats: `python -m tests.foreign_models KIND PATH [KIND PATH ...]`."""

import os
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

SIZE_PX = 32


def keras_file(path: Path) -> None:
    """`.h5` or `.keras`: convolution, batch norm, pool, sigmoid P(genuine)."""
    os.environ["KERAS_BACKEND"] = "torch"
    _keras_model("sigmoid", 1).save(path)


def keras_weights(path: Path) -> None:
    """Weights without their network."""
    os.environ["KERAS_BACKEND"] = "torch"
    _keras_model("sigmoid", 1).save_weights(path)


def saved_model(path: Path) -> None:
    """A TensorFlow SavedModel: softmax over two labels."""
    os.environ["KERAS_BACKEND"] = "tensorflow"
    _keras_model("softmax", 2).export(str(path), verbose=False)


def _keras_model(activation: str, outputs: int):
    import keras
    import numpy as np

    layers = keras.layers
    keras.utils.set_random_seed(1)
    model = keras.Sequential(
        [
            layers.Input((SIZE_PX, SIZE_PX, 3)),
            layers.Conv2D(6, 3, strides=2, padding="same", activation="relu"),
            layers.BatchNormalization(),
            layers.MaxPooling2D(4, padding="same"),
            layers.Flatten(),
            layers.Dropout(0.5),
            layers.Dense(outputs, activation=activation),
        ]
    )
    norm = model.layers[1]
    rng = np.random.default_rng(0)
    norm.set_weights([rng.uniform(0.5, 1.5, values.shape) for values in norm.get_weights()])
    return model


def _torch_model():
    import torch

    torch.manual_seed(1)
    nn = torch.nn
    layers = (nn.Conv2d(3, 6, 3, 2), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    return nn.Sequential(*layers, nn.Linear(6, 2)).eval()


def torch_script(path: Path) -> None:
    """TorchScript: two logits."""
    import torch

    torch.jit.trace(_torch_model(), torch.zeros(1, 3, SIZE_PX, SIZE_PX)).save(str(path))


def torch_program(path: Path) -> None:
    """torch.export with a batch of one: two logits."""
    import torch

    program = torch.export.export(_torch_model(), (torch.zeros(1, 3, SIZE_PX, SIZE_PX),))
    torch.export.save(program, path)


def torch_checkpoint(path: Path) -> None:
    """A training script's checkpoint: weights of a timm network under the usual wrappers."""
    import torch

    from export.architectures.timm_nets import timm_library

    torch.manual_seed(1)
    net = timm_library().create_model("mobilenetv3_small_050", num_classes=2)
    weights = {f"module.{name}": value for name, value in net.state_dict().items()}
    torch.save({"epoch": 3, "state_dict": weights}, path)


def torch_pickle(path: Path) -> None:
    """A whole pickled module, which would run code when opened."""
    import torch

    torch.save(_torch_model(), path)


KINDS: dict[str, Callable[[Path], None]] = {
    made.__name__: made
    for made in (
        keras_file, keras_weights, saved_model, torch_script, torch_program, torch_checkpoint,
        torch_pickle,
    )
}  # fmt: skip

if __name__ == "__main__":
    warnings.simplefilter("ignore")
    for kind, path in zip(sys.argv[1::2], sys.argv[2::2], strict=True):
        KINDS[kind](Path(path))
