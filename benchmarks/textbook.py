"""The textbook recipe for Grad-CAM, as good as it gets: the whole network forwards and backwards in one compiled function."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf


def textbook(model: Any, layer: str, logits: str) -> Callable[..., tuple[np.ndarray, float]]:
    """Seg-Grad-CAM by a model of two outputs in a ``tf.function`` with a GradientTape.

    Nothing is left out in its favour and nothing added against it: traced once, region and class are arguments, the map
    and the score come back as numpy.

    Returns
    -------
    callable
        (x (1, H, W, C), mask (H, W) bool, class_index) -> (map (h, w) signed, score)
    """
    two = keras.Model(model.inputs, [model.get_layer(layer).output, model.get_layer(logits).output])

    @tf.function
    def run(x: tf.Tensor, mask: tf.Tensor, class_index: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        with tf.GradientTape() as tape:
            activations, y = two(x, training=False)
            score = tf.reduce_sum(tf.gather(y[0], class_index, axis=-1) * mask) / tf.reduce_sum(mask)
        gradients = tape.gradient(score, activations)
        weights = tf.reduce_mean(gradients, (0, 1, 2))
        return tf.reduce_sum(weights * activations[0], -1), score

    def recipe(x: tf.Tensor, mask: np.ndarray, class_index: int) -> tuple[np.ndarray, float]:
        cam, score = run(x, tf.constant(mask, tf.float32), tf.constant(class_index))
        return cam.numpy(), float(score)

    return recipe
