"""Plain automatic differentiation on the user's own model: what every answer of a probe is compared with."""

import re
import threading

import numpy as np
import tensorflow as tf


def find_layer(model, path):
    """The layer that a path like "backbone/late" or "block#2/inside" names, and which of its calls."""
    calls = [int(number) for number in re.findall(r"#(\d+)", path)]
    layer = model
    for name in re.sub(r"#\d+", "", path).split("/"):
        inner = {each.name: each for each in getattr(layer, "operations", layer.layers)}
        # Keras numbers unnamed containers in the process, the probe in the model: the tests have one of a kind
        layer = inner.get(name) or next(each for each in inner.values() if each.name.split("_")[0] == name[:-2])
    return layer, max(calls, default=1)


def undo(head, output):
    """Logits from what the model gives; exact but for a constant per pixel after a softmax."""
    if head == "softmax":
        return tf.math.log(output)
    return tf.math.log(output) - tf.math.log1p(-output) if head == "sigmoid" else output


def tape_gradient(model, layer, call, x, *, field, ends_with):
    """Gradient of <field, logits> with respect to what a layer answers at its n-th call. One eager pass, nothing compiled."""
    answers, original, here = [], layer.call, threading.get_ident()

    def tapped(*args, **kwargs):
        answer = original(*args, **kwargs)
        if threading.get_ident() != here:  # a probe compiles in the background, and calls the same layer
            return answer
        tape.watch(answer)
        answers.append(answer)
        return answer

    object.__setattr__(layer, "call", tapped)
    try:
        with tf.GradientTape(persistent=False) as tape:
            output = model(x, training=False)
            logits = undo(ends_with, output)
            target = tf.reduce_sum(tf.reshape(logits, [-1]) * tf.cast(field.reshape(-1), logits.dtype))
        return tape.gradient(target, answers[call - 1]).numpy()[0]
    finally:
        object.__delattr__(layer, "call")


def relative(ours, theirs):
    """Largest difference, relative to the largest value."""
    return np.abs(ours - theirs).max() / np.abs(theirs).max()
