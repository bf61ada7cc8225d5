"""The literal network of the question this project began with: ten outputs, of which training ever uses two.

    conv 8 3x3, transposed conv 2 2x2, conv 2 3x3, conv 10 1x1, softmax

behind a small body. The toy task is a bright disc on a dark ground, so that a few seconds of training predict it well.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

OUTPUTS = 10
USED_CLASSES = (0, 1)
TAIL_LAYERS = ("tail_conv8", "tail_convT2", "tail_conv2", "tail_logits", "softmax")


def disc_images(count: int, size: int = 32, *, seed: int) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Draw one bright disc (class 1) on a dark noisy ground (class 0) in each image.

    Returns
    -------
    images : ndarray, (count, size, size, 1) float32
    truth : ndarray, (count, size, size) uint8
    """
    rng = np.random.default_rng(seed)
    rows, cols = np.mgrid[:size, :size]
    centres = rng.uniform(0.3 * size, 0.7 * size, (count, 2))
    radii = rng.uniform(0.15 * size, 0.3 * size, count)
    distance = np.hypot(rows - centres[:, 0, None, None], cols - centres[:, 1, None, None])
    truth = (distance < radii[:, None, None]).astype(np.uint8)
    images = 0.25 + 0.5 * truth + rng.normal(0, 0.1, truth.shape)
    return images[..., None].astype(np.float32), truth


def build_question_network(size: int | None = 32, *, seed: int = 0) -> Any:
    """Build the untrained network; its weights come from `seed` alone, the global random state is left as it is.

    Returns
    -------
    keras.Model
        (size, size, 1) -> (size, size, 10) probabilities; size even, or None for any.
    """
    import keras
    from keras import layers

    seeds = iter(range(1000 * seed, 1000 * seed + 100))

    def convolution(kind: type, filters: int, kernel: int, **options: Any) -> Any:
        start = keras.initializers.HeNormal(seed=next(seeds))
        return kind(filters, kernel, padding="same", kernel_initializer=start, **options)

    x = image = layers.Input((size, size, 1), name="image")
    x = convolution(layers.Conv2D, 8, 3, activation="relu", name="body_conv_a")(x)
    x = layers.MaxPooling2D(2, name="body_pool")(x)
    x = convolution(layers.Conv2D, 8, 3, activation="relu", name="body_conv_b")(x)
    x = convolution(layers.Conv2D, 8, 3, activation="relu", name="tail_conv8")(x)
    x = convolution(layers.Conv2DTranspose, 2, 2, strides=2, name="tail_convT2")(x)
    x = convolution(layers.Conv2D, 2, 3, activation="relu", bias_initializer="ones", name="tail_conv2")(x)
    x = convolution(layers.Conv2D, OUTPUTS, 1, name="tail_logits")(x)
    return keras.Model(image, layers.Softmax(name="softmax")(x), name="question")


def fitted_question_network(size: int = 32, *, seed: int = 0, epochs: int = 30) -> Any:
    """Build and fit the network on discs: some seconds, and the same weights again on the same machine.

    Returns
    -------
    keras.Model
        Never compiled; outputs 2 to 9 have only ever been pushed down.
    """
    import keras

    images, truth = disc_images(64, size, seed=seed)
    trained = build_question_network(size, seed=seed)
    trained.compile(keras.optimizers.Adam(0.02), "sparse_categorical_crossentropy")
    trained.fit(images, truth, batch_size=16, epochs=epochs, shuffle=False, verbose=0)
    model = build_question_network(size, seed=seed)
    model.set_weights(trained.get_weights())
    return model
