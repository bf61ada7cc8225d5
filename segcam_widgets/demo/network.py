"""The network of the demos and its training: a small U-Net that ends like the question this project began with.

The last five layers are a 3x3 convolution with 8 channels, a 2x2 transposed convolution with 2, a 3x3 convolution with
2, a 1x1 convolution with one output per class, and a softmax. TensorFlow is imported inside the functions that need it.
"""

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segcam_widgets.demo.measure import BLANK_LAYER, SIGNED_LAYER, LayerView

MakeImages = Callable[[int, int, np.random.Generator], tuple[NDArray[np.float32], NDArray[np.uint8]]]
"""(count, size, generator) -> images (count, size, size, 1) and truth (count, size, size)."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """What the networks of two demos differ in.

    Attributes
    ----------
    name : str
        Of the model.
    outputs : int
        Of the 1x1 convolution.
    logits : str
        Name of the 1x1 convolution.
    make : callable
        Draws images for training.
    size, images_per_epoch, batch : int
        Each epoch has fresh images of size x size pixels.
    peak_rate : float
        Highest learning rate.
    base, depth : int
        Channels of the first encoder level (each level has twice those of the one above), and how many levels there
        are. The decoder stops at half resolution, for the transposed convolution of the tail to double.
    up_relu : bool
        Whether a ReLU follows the transposed convolution. With one, the two channels of this tail often die or become
        copies of each other.
    """

    name: str
    outputs: int
    logits: str
    make: MakeImages
    size: int
    images_per_epoch: int
    batch: int
    peak_rate: float
    base: int = 8
    depth: int = 3
    up_relu: bool = False


def build_network(recipe: Recipe) -> Any:
    """Build the untrained network, for images of any size divisible by 2**depth.

    Returns
    -------
    keras.Model
        (None, None, 1) -> (None, None, outputs) probabilities.
    """
    import keras
    from keras import layers

    def block(x: Any, name: str, channels: int) -> Any:
        x = layers.Conv2D(channels, 3, padding="same", use_bias=False, name=f"{name}_conv")(x)
        x = layers.BatchNormalization(name=f"{name}_bn")(x)
        return layers.Activation("relu", name=f"{name}_relu")(x)

    base, depth = recipe.base, recipe.depth
    x = image = layers.Input((None, None, 1), name="image")
    skips = []
    for level in range(depth):
        x = block(x, f"enc{level}", base * 2**level)
        skips.append(x)
        x = layers.MaxPooling2D(2, name=f"enc{level}_pool")(x)
    x = layers.Conv2D(base * 2**depth, 3, padding="same", activation="relu", name="bottleneck")(x)
    for level in reversed(range(1, depth)):
        x = layers.UpSampling2D(2, name=f"dec{level}_up")(x)
        x = layers.Concatenate(name=f"dec{level}_cat")([x, skips[level]])
        x = block(x, f"dec{level}", base * 2**level)
    x = layers.Conv2D(8, 3, padding="same", activation="relu", name="tail_conv8")(x)
    alive: dict[str, Any] = {
        "activation": "relu",
        "kernel_initializer": "he_normal",
        "bias_initializer": keras.initializers.Constant(0.1),  # both channels start alive
    }
    rectified = alive if recipe.up_relu else {}
    x = layers.Conv2DTranspose(2, 2, strides=2, padding="same", name=SIGNED_LAYER, **rectified)(x)
    x = layers.Conv2D(2, 3, padding="same", name=BLANK_LAYER, **alive)(x)
    x = layers.Conv2D(recipe.outputs, 1, name=recipe.logits)(x)
    return keras.Model(image, layers.Activation("softmax", name="softmax")(x), name=recipe.name)


def train(recipe: Recipe, seed: int, epochs: int, *, say: Callable[[str], None] = lambda line: None) -> Any:
    """Train from scratch; the same seed on the same machine gives the same weights, bit for bit.

    One thread on the CPU and TensorFlow's deterministic kernels (see `one_thread`): sums are always taken in the same
    order. Other processors may use other kernels and end elsewhere.

    Parameters
    ----------
    recipe : Recipe
    seed : int
        Of the weights and of the training images.
    epochs : int
        Each on freshly made images; the learning rate warms up and then falls along a cosine.
    say : callable
        Gets a line about the loss now and then.

    Returns
    -------
    keras.Model
        A copy that was never compiled, so that it is saved without the optimizer's state.
    """
    import keras

    keras.utils.set_random_seed(seed)
    rng = np.random.default_rng(seed)
    steps = epochs * (recipe.images_per_epoch // recipe.batch)
    model = build_network(recipe)
    peak, warm_up = recipe.peak_rate, steps // 12
    rate = keras.optimizers.schedules.CosineDecay(
        peak / 100, steps - warm_up, alpha=0.02, warmup_target=peak, warmup_steps=max(1, warm_up)
    )
    model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy")
    for epoch in range(epochs):
        images, truth = recipe.make(recipe.images_per_epoch, recipe.size, rng)
        history = model.fit(images, truth, batch_size=recipe.batch, shuffle=False, verbose=0)
        if epoch % 10 == 0 or epoch == epochs - 1:
            say(f"epoch {epoch + 1} of {epochs}: loss {history.history['loss'][0]:.3f}")
    bare = build_network(recipe)
    bare.set_weights(model.get_weights())
    return bare


def one_thread() -> None:
    """Set TensorFlow up so that a run can be repeated: see `train`. Has to come before its first computation."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import tensorflow as tf

    tf.config.set_visible_devices([], "GPU")
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    tf.config.experimental.enable_op_determinism()


def weights_digest(model: Any) -> str:
    """SHA-256 over the bytes of all weights in order: equal for two files exactly when the networks are equal."""
    digest = hashlib.sha256()
    for array in model.get_weights():
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def view_logits(model: Any, logits: str, images: NDArray[np.float32]) -> NDArray[np.float32]:
    """(N, H, W, C) what the layer `logits` answers."""
    import keras

    return keras.Model(model.input, model.get_layer(logits).output)(images, training=False).numpy()


def view_layer(model: Any, layer: str, images: NDArray[np.float32], *, logits: str) -> LayerView:
    """Open a layer of the tail for measuring, with nothing but `tf.GradientTape`.

    Parameters
    ----------
    model : keras.Model
        From `build_network`: after the layer there is a plain chain of layers up to the logits.
    layer : str
    images : ndarray, (N, H, W, 1) float32
    logits : str
        Name of the 1x1 convolution.

    Returns
    -------
    LayerView
    """
    import keras
    import tensorflow as tf

    activations = keras.Model(model.input, model.get_layer(layer).output)(images, training=False)
    names = [step.name for step in model.layers]
    chain = model.layers[names.index(layer) + 1 : names.index(logits) + 1]

    def replay(x: Any) -> Any:
        for step in chain:
            x = step(x)
        return x

    def pullback(cotangent: NDArray[np.float32]) -> NDArray[np.float32]:
        with tf.GradientTape() as tape:
            tape.watch(activations)
            answers = replay(activations)
        return tape.gradient(answers, activations, output_gradients=tf.constant(cotangent)).numpy()

    return LayerView(activations.numpy(), pullback, lambda changed: replay(tf.constant(changed)).numpy())
