"""MesoNet's two networks in Keras (Afchar et al. 2018, WIFS), for the weights of their authors.

256 x 256 RGB in [0, 1] in, P(genuine) out; the layers stand in the order of the weight files.
"""

from typing import Any

SIZE_PX = 256


def meso4(keras: Any) -> Any:
    """Four convolutions with batch norms and pools, then 16 units."""
    layers = keras.layers
    entry = keras.Input((SIZE_PX, SIZE_PX, 3))
    x = _block(layers, entry, 8, 3, 2)
    x = _block(layers, x, 8, 5, 2)
    x = _block(layers, x, 16, 5, 2)
    x = _block(layers, x, 16, 5, 4)
    return keras.Model(entry, _end(layers, x))


def mesoinception4(keras: Any) -> Any:
    """Two stages of parallel, dilated convolutions, then two of Meso4's."""
    layers = keras.layers
    entry = keras.Input((SIZE_PX, SIZE_PX, 3))
    x = entry
    for widths in ((1, 4, 4, 2), (2, 4, 4, 2)):
        x = _parallel(layers, x, widths)
        x = layers.BatchNormalization()(x)
        x = layers.MaxPooling2D(2, padding="same")(x)
    x = _block(layers, x, 16, 5, 2)
    x = _block(layers, x, 16, 5, 4)
    return keras.Model(entry, _end(layers, x))


NETWORKS = {"meso4": meso4, "mesoinception4": mesoinception4}


def _conv(layers: Any, x: Any, width: int, kernel: int, dilation: int = 1) -> Any:
    options = {"padding": "same", "activation": "relu", "dilation_rate": dilation}
    return layers.Conv2D(width, kernel, **options)(x)


def _block(layers: Any, x: Any, width: int, kernel: int, pool: int) -> Any:
    x = layers.BatchNormalization()(_conv(layers, x, width, kernel))
    return layers.MaxPooling2D(pool, padding="same")(x)


def _parallel(layers: Any, x: Any, widths: tuple[int, int, int, int]) -> Any:
    """A 1 x 1 convolution beside three that look 1, 2 and 3 pixels far."""
    branches = [_conv(layers, x, widths[0], 1)]
    for reach, width in enumerate(widths[1:], 1):
        branches.append(_conv(layers, _conv(layers, x, width, 1), width, 3, reach))
    return layers.Concatenate()(branches)


def _end(layers: Any, x: Any) -> Any:
    x = layers.Dropout(0.5)(layers.Flatten()(x))
    x = layers.LeakyReLU(negative_slope=0.1)(layers.Dense(16)(x))
    return layers.Dense(1, activation="sigmoid")(layers.Dropout(0.5)(x))
