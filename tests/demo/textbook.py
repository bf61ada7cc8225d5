"""The textbook recipe of Seg-Grad-CAM, apart from everything in the package."""

import numpy as np


def seg_grad_cam(model, image, layer, class_index, *, logits="tail_logits", rival=None):
    """Raw logit, or its lead over one other class; region: where the class is predicted; no ReLU.

    Returns the weights (K,), the map (h, w), and the region (H, W) bool.
    """
    import keras
    import tensorflow as tf

    both = keras.Model(model.input, [model.get_layer(layer).output, model.get_layer(logits).output])
    with tf.GradientTape() as tape:
        activations, answers = both(image[None], training=False)
        region = tf.cast(tf.argmax(answers, -1) == class_index, tf.float32)
        asked = answers[..., class_index] - (0 if rival is None else answers[..., rival])
        score = tf.reduce_sum(asked * region) / tf.reduce_sum(region)
    weights = tf.reduce_mean(tape.gradient(score, activations), (0, 1, 2))
    return weights.numpy(), tf.reduce_sum(weights * activations, -1)[0].numpy(), region[0].numpy() > 0


def gain(cam, region):
    """How much of the positive mass lies in the region, beyond what an even map would put there."""
    positive, share = np.maximum(cam, 0), region.mean()
    assert positive.any()
    return (positive[region].sum() / positive.sum() - share) / (1 - share)
