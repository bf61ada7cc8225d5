"""Networks that the benchmarks time, built with random weights: time does not depend on what they learned."""

from typing import Any

import keras
from keras import layers


def unet(size: int | None = 256, *, base: int = 16, classes: int = 10, seed: int = 0) -> Any:
    """The classic U-Net, four levels deep: 1.94 million parameters with `base` 16.

    Two 3x3 convolutions a level, transposed convolutions up, softmax as a layer of its own. The layers worth naming:
    "bottleneck_b" (16 * base channels at size / 16), "dec2_b", "dec1_b" (two and one levels below the output),
    "dec0_b" (the last decoder convolution, `base` channels at full size).
    """
    seeds = iter(range(1000 * seed, 1000 * seed + 1000))

    def double(x: Any, filters: int, name: str) -> Any:
        for part in "ab":
            start = keras.initializers.HeNormal(seed=next(seeds))
            conv = layers.Conv2D(
                filters, 3, padding="same", activation="relu", kernel_initializer=start, name=f"{name}_{part}"
            )
            x = conv(x)
        return x

    x = image = keras.Input((size, size, 3), name="image")
    skips = []
    for level in range(4):
        skips.append(double(x, base * 2**level, f"enc{level}"))
        x = layers.MaxPooling2D(2, name=f"pool{level}")(skips[-1])
    x = double(x, base * 16, "bottleneck")
    for level in reversed(range(4)):
        start = keras.initializers.HeNormal(seed=next(seeds))
        up = layers.Conv2DTranspose(
            base * 2**level, 2, strides=2, padding="same", kernel_initializer=start, name=f"up{level}"
        )
        joined = layers.Concatenate(name=f"join{level}")([up(x), skips[level]])
        x = double(joined, base * 2**level, f"dec{level}")
    start = keras.initializers.HeNormal(seed=next(seeds))
    logits = layers.Conv2D(classes, 1, kernel_initializer=start, name="logits")(x)
    return keras.Model(image, layers.Softmax(name="softmax")(logits), name="unet")
