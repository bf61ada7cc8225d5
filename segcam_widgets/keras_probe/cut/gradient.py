"""Pullback and replay of a cut, as functions to compile. All take and return tensors with a batch axis."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import tensorflow as tf

from segcam_widgets.keras_probe.cut.cut import Cut
from segcam_widgets.keras_probe.record.logits import wide as wide
from segcam_widgets.keras_probe.record.plan import Env, Step
from segcam_widgets.keras_probe.record.subgraph import Part


@dataclass(frozen=True, slots=True)
class Head:
    """From what leaves the network to the logits as shown.

    Attributes
    ----------
    size : (H, W)
    binary : bool
        One sigmoid channel z, shown as two classes with logits (-z/2, z/2).
    """

    size: tuple[int, int]
    binary: bool

    def __call__(self, y: tf.Tensor) -> tf.Tensor:
        """(B, H, W, C) logits from (B, H, W, C) or (B, H*W, C)."""
        y = tf.reshape(y, [-1, *self.size, y.shape[-1]])
        return tf.concat([-y / 2, y / 2], -1) if self.binary else y


def tiled(tensor: tf.Tensor, batch: int) -> tf.Tensor:
    """A tensor of batch 1 repeated; one of the right batch as it is."""
    return tensor if batch == 1 or tensor.shape[0] == batch else tf.repeat(tensor, batch, 0)


def copied(steps: Iterable[Step]) -> bool:
    """Whether steps put copies of operations into the graph that is being traced: a tape does not see these."""
    return not tf.executing_eagerly() and any(isinstance(step.run, Part) for step in steps)


def pullback(
    cut: Cut, head: Head, batch: int, between: Callable[[Env], None] = lambda env: None
) -> Callable[..., tuple[tf.Tensor, tf.Tensor]]:
    """The gradient of <field, logits>, the field given whole, as an outer product, or as one against rivals.

    Returns
    -------
    callable
        (activations, bypass, *factors), the factors those of :func:`whole_field` ->
        (gradients (B, h, w, K) float32, shares (n_bypass, B)): shares are <gradient, tensor> of the bypass. Gradients
        there cost nothing measurable, so they always come along. `between` is called after the forward half.
    """

    def function(
        activations: tf.Tensor, bypass: Sequence[tf.Tensor], *factors: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        activations = tiled(activations, batch)
        bypass = [tiled(tensor, batch) for tensor in bypass]
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(activations)
            tape.watch(bypass)
            env = cut.run(activations, bypass)
            logits = head(wide(env[cut.end]))
        between(env)
        field = tf.cast(whole_field(factors), logits.dtype)
        zero = tf.UnconnectedGradients.ZERO
        sources = [activations, *bypass]
        if copied(cut.tail):
            gradients = tf.gradients(logits, sources, field, unconnected_gradients=zero)
        else:
            gradients = tape.gradient(logits, sources, field, unconnected_gradients=zero)
        shares = [
            tf.reduce_sum(tf.reshape(tf.cast(g, tf.float32) * tf.cast(t, tf.float32), [batch, -1]), 1)
            for g, t in zip(gradients[1:], bypass, strict=True)
        ]
        return tf.cast(gradients[0], tf.float32), tf.stack(shares) if shares else tf.zeros([0, batch])

    return function


def whole_field(factors: Sequence[tf.Tensor]) -> tf.Tensor:
    """A field (B, H, W, C) of what stands for it (:class:`~segcam_widgets.core.answers.Cotangent` has the formulas).

    (field,), (mask (B, H, W), contrast (B, C)), or (mask, rivals (B, H, W) whole numbers, contrast).
    """
    if len(factors) == 1:
        return factors[0]
    mask, contrast = factors[0][..., None], factors[-1]
    if len(factors) == 2:
        return mask * contrast[:, None, None, :]
    # one row for each class that may be the rival: looking a row up is quicker than adding a one-hot field
    rows = contrast[:, None, :] - tf.reduce_sum(contrast, -1)[:, None, None] * tf.eye(contrast.shape[-1])
    rivals = tf.cast(factors[1], tf.int32)
    return mask * (tf.gather(rows[0], rivals) if rows.shape[0] == 1 else tf.gather(rows, rivals, batch_dims=1))


def replay(cut: Cut, head: Head, batch: int) -> Callable[..., tf.Tensor]:
    """(activations (B, h, w, K), bypass) -> logits (B, H, W, C) float32."""

    def function(activations: tf.Tensor, bypass: Sequence[tf.Tensor]) -> tf.Tensor:
        return tf.cast(head(cut.forward(activations, [tiled(tensor, batch) for tensor in bypass])), tf.float32)

    return function
