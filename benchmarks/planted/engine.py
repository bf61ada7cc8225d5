"""A model run tensor by tensor, any of them exchanged: the yardstick's own, it shares no code with the package."""

import numpy as np
import tensorflow as tf


class Cut:
    """A flat functional model at one image. `logits` names the last tensor before the softmax or the sigmoid."""

    def __init__(self, model, x, head="softmax", logits="logits"):
        self.model, self.head, self.name = model, head, logits
        self.x = np.asarray(x, np.float32)
        self.kept = self._run(self.x)
        self.logits = self._logits(self.kept)

    def _run(self, x, replace=None):
        kept, replace = {}, replace or {}

        def exchanged(operation):
            def call(*args, **kwargs):
                out = operation(*args, **kwargs)
                if operation.name in replace:
                    out = tf.cast(tf.reshape(tf.convert_to_tensor(replace[operation.name]), out.shape), out.dtype)
                kept[operation.name] = out
                return out

            return call

        self.model._run_through_graph(tf.convert_to_tensor(x[None]), operation_fn=exchanged)
        return kept

    def _logits(self, kept):
        y = np.asarray(kept[self.name], np.float64)[0]
        return np.concatenate([-y / 2, y / 2], -1) if self.head == "sigmoid" and y.shape[-1] == 1 else y

    def run(self, x=None, replace=None):
        """Logits (H, W, C) of another image, or with tensors (h, w, K) exchanged, by name."""
        return self._logits(self._run(self.x if x is None else np.asarray(x, np.float32), replace))

    def activations(self, layer):
        """What a layer gives, (h, w, K) float32."""
        return np.asarray(self.kept[layer], np.float32)[0]

    def gradient(self, layer, cotangent):
        """The pullback of a field over the logits (H, W, C) to a layer, (h, w, K)."""
        with tf.GradientTape() as tape:
            at = tf.convert_to_tensor(self.activations(layer)[None])
            tape.watch(at)
            y = tf.cast(self._run(self.x, {layer: at})[self.name], tf.float32)
            if self.head == "sigmoid" and y.shape[-1] == 1:
                y = tf.concat([-y / 2, y / 2], -1)
            score = tf.reduce_sum(y[0] * tf.constant(cotangent, tf.float32))
        gradient = tape.gradient(score, at)
        return np.zeros(at.shape[1:]) if gradient is None else np.asarray(gradient, np.float64)[0]


def carries(logits, c, head):
    """Where a class is said: its own sigmoid above a half, or the largest logit."""
    return logits[..., c] > 0 if head == "multi" else logits.argmax(-1) == c


def margin(logits, c, head):
    """The class's logit over that of its strongest rival; several sigmoids have none, and are judged by the logit."""
    return logits[..., c] if head == "multi" else logits[..., c] - np.delete(logits, c, -1).max(-1)


def cotangent(logits, c, score, head):
    """The slope of a score at each pixel, (H, W, C)."""
    one = np.eye(logits.shape[-1])[c]
    if score is None:
        score = "logit" if head == "multi" else "margin"
    if score == "logit":
        return np.broadcast_to(one, logits.shape)
    if score == "centered_logit":
        return np.broadcast_to(one - 1 / len(one), logits.shape)
    if score == "margin":
        others = np.where(one > 0, -np.inf, logits)
        return one - np.eye(len(one))[others.argmax(-1)]
    if head == "multi":
        p = 1 / (1 + np.exp(-np.clip(logits, -700, 700)))
        return (1 - p) * one * (p if score == "probability" else 1)
    p = np.exp(logits - logits.max(-1, keepdims=True))
    p /= p.sum(-1, keepdims=True)
    return (one - p) * (p[..., [c]] if score == "probability" else 1)


def covered(mask, shape):
    """A mask (H, W) on another grid: the share of each cell that it covers, (h, w)."""
    (height, width), (h, w) = mask.shape, shape
    field = mask.astype(float)
    if height % h == 0 and width % w == 0:
        return field.reshape(h, height // h, w, width // w).mean((1, 3))
    rows, cols = (np.arange(h) * height) // h, (np.arange(w) * width) // w
    return field[np.ix_(rows, cols)]


def upsampled(field, shape):
    """Bilinear, half-pixel centres, edges clamped: (h, w) to (H, W)."""
    out = np.asarray(field, float)
    for axis, size in enumerate(shape):
        n = out.shape[axis]
        at = np.clip((np.arange(size) + 0.5) * n / size - 0.5, 0, n - 1)
        low = np.floor(at).astype(int)
        high = np.minimum(low + 1, n - 1)
        part = np.expand_dims(at - low, 1 - axis)
        out = np.take(out, low, axis) * (1 - part) + np.take(out, high, axis) * part
    return out


def blank(field):
    """Whether nothing is left after the ReLU: the design's word."""
    return bool(field.max() <= 1e-6 * np.abs(field).max())


def gain(field, mask):
    """How much more of the positive mass lies in the region than its share of the image; nan for the whole image."""
    positive = np.maximum(upsampled(field, mask.shape), 0)
    share = mask.mean()
    focus = positive[mask].sum() / positive.sum() if positive.sum() else 0.0
    return float((focus - share) / (1 - share)) if share < 1 else float("nan")
