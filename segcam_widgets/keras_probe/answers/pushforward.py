"""Forward mode by two reverse passes: the exact first-order change of the logits for a change of a layer's activations.

The gradient J'u of a network is linear in u, so the gradient of <J'u, t> with respect to u is J t (J. Townsend, "A new
trick for calculating Jacobian vector products", 2017). `tf.autodiff.ForwardAccumulator` is no substitute: it knows no
rule for a resize, and inside a composite layer the path through one is lost without a word (up to 40 % of the answer).

Some gradients of TensorFlow cannot be differentiated again, or not safely. Inside these functions, and nowhere else,
they are replaced under names of our own through `gradient_override_map`:

- resizes (nearest, bilinear, bicubic, scale-and-translate): their gradient ops have no gradient, or are registered as
  having none. A resize is separable: its transpose is written as two small matrix products;
- concatenation: its gradient slices, the gradient of a slice pads, and TensorFlow 2.21 on the CPU fuses a padding of
  channels into the next convolution as if it padded space. Splitting has no such sequel.
"""

import contextlib
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from segcam_widgets.errors import UnsupportedModelError
from segcam_widgets.keras_probe.answers.given import around, common_batch, of_shape
from segcam_widgets.keras_probe.cut.cut import Cut
from segcam_widgets.keras_probe.cut.gradient import Head, tiled
from segcam_widgets.keras_probe.engine.activations import Activations
from segcam_widgets.keras_probe.engine.engine import Engine
from segcam_widgets.keras_probe.record.subgraph import overridden
from segcam_widgets.keras_probe.record.targets import Target

LOST = frozenset({"ResizeBilinearGrad"})
"""Ops that TensorFlow registered as having no gradient: where one stands in the graph, a path was dropped."""


def _axis_matrix(op: tf.Operation, length: int, out: int, axis: int) -> tf.Tensor:
    """The (out, length) float32 matrix that a resize applies along one axis: the op itself, on an identity."""
    eye = tf.reshape(tf.eye(length), (1, length, 1, length) if axis == 0 else (1, 1, length, length))
    size = [out, 1] if axis == 0 else [1, out]
    if op.type == "ScaleAndTranslate":  # antialias=True, lanczos3, lanczos5, gaussian, mitchellcubic
        along = tf.one_hot(axis, 2, True, False)
        resized = tf.raw_ops.ScaleAndTranslate(
            images=eye,
            size=size,
            scale=tf.where(along, op.inputs[2], 1.0),
            translation=tf.where(along, op.inputs[3], 0.0),
            kernel_type=op.get_attr("kernel_type").decode(),
            antialias=op.get_attr("antialias"),
        )
        return tf.reshape(resized, (out, length))
    flags = {name: op.get_attr(name) for name in ("align_corners", "half_pixel_centers")}
    resized = getattr(tf.raw_ops, op.type)(images=eye, size=size, **flags)
    return tf.reshape(tf.cast(resized, tf.float32), (out, length))


def _resize_gradient(op: tf.Operation, grad: tf.Tensor) -> list[Any]:
    (height_in, width_in), (height, width) = op.inputs[0].shape[1:3], grad.shape[1:3]
    rows, cols = _axis_matrix(op, height_in, height, 0), _axis_matrix(op, width_in, width, 1)
    back = tf.einsum("Hh,bHWc->bhWc", rows, tf.cast(grad, tf.float32))
    back = tf.einsum("Ww,bhWc->bhwc", cols, back)
    return [tf.cast(back, op.inputs[0].dtype)] + [None] * (len(op.inputs) - 1)


def _concat_gradient(op: tf.Operation, grad: tf.Tensor) -> list[Any]:
    axis = int(tf.get_static_value(op.inputs[-1]))
    return [*tf.split(grad, [part.shape[axis] for part in op.inputs[:-1]], axis), None]


for _name, _function in (("SegcamResize", _resize_gradient), ("SegcamConcat", _concat_gradient)):
    with contextlib.suppress(KeyError):  # this module was loaded before, and replaced: the registry keeps the first
        tf.RegisterGradient(_name)(_function)

OVERRIDES = {
    "ResizeNearestNeighbor": "SegcamResize",
    "ResizeBilinear": "SegcamResize",
    "ResizeBicubic": "SegcamResize",
    "ScaleAndTranslate": "SegcamResize",
    "ConcatV2": "SegcamConcat",
}


def pushforward(cut: Cut, head: Head, batch: int, moving: Sequence[int]) -> Callable[..., tf.Tensor]:
    """A function (activations (1, h, w, K), bypass, tangents) -> J tangents, (B, H, W, C) float32.

    `tangents` are (B, ...): of the activations, then of the bypass tensors whose positions are in `moving`. To be
    compiled: `gradient_override_map` belongs to a graph.

    A batch repeats the network. `tf.vectorized_map` over the tangents alone would be 1.3 to 1.9 times faster, and
    is not safe: with oneDNN on, TensorFlow 2.21 answers wrongly, or writes past its memory, where attention or an
    EinsumDense follows the layer.
    """

    def function(activations: tf.Tensor, bypass: Sequence[tf.Tensor], tangents: Sequence[tf.Tensor]) -> tf.Tensor:
        graph = tf.compat.v1.get_default_graph()
        with graph.gradient_override_map(OVERRIDES), overridden(OVERRIDES):
            activations, bypass = tiled(activations, batch), [tiled(tensor, batch) for tensor in bypass]
            sources = [activations, *(bypass[index] for index in moving)]
            logits = head(cut.forward(activations, bypass))
            through = pushed(logits, sources, tangents)
        check_complete(graph.as_graph_def())
        return through

    return function


def pushed(logits: tf.Tensor, sources: Sequence[tf.Tensor], tangents: Sequence[tf.Tensor]) -> tf.Tensor:
    """The change of the logits, float32, for changes of tensors of one graph; each is followed by itself."""
    along = tf.zeros_like(logits)
    back = tf.gradients(logits, list(sources), along)
    pairs = [(b, tf.cast(t, b.dtype)) for b, t in zip(back, tangents, strict=True) if b is not None]
    change = tf.gradients([b for b, _ in pairs], along, [t for _, t in pairs])[0] if pairs else None
    return tf.cast(along if change is None else change, tf.float32)


def shapes_around(cut: Cut, tensors: Activations) -> dict[str, tuple[int, ...]]:
    """Shapes of the tensors that bypass a layer, without the batch axis, by name."""
    return {name: tuple(tensors.shapes[slot][1:]) for name, slot in zip(cut.bypass_names, cut.bypass, strict=True)}


def push(
    engine: Engine, head: Head, tensors: Activations, target: Target, *, tangent: Any, bypass: Mapping[str, Any]
) -> Any:
    """Check the tangents, and push them: (H, W, C), or (B, H, W, C) where one of them has a batch axis.

    Raises
    ------
    SegCamError
        An unknown name, a wrong shape, or batches of different lengths.
    UnsupportedModelError
        TensorFlow cannot differentiate an op of the tail twice.
    """
    cut = engine.cut(target.slot, target.name)
    source, *held = tensors.get([target.slot, *cut.bypass])
    named = around(bypass, shapes_around(cut, tensors))
    own = of_shape("tangent", tangent, (*target.grid, int(source.shape[-1])))
    tangents, batched = common_batch("`tangent` and `bypass`", [own, *named.values()])
    tangents[0] = tangents[0].reshape(-1, *source.shape[1:])  # tokens lie in a row
    moving = tuple(cut.bypass_names.index(name) for name in named)
    batch = len(tangents[0])
    arguments = [source, held, [tf.constant(t) for t in tangents]]
    key = ("pushforward", target.slot, tuple(tensors.shapes[engine.plan.inputs[0]]), batch, moving)
    function = in_graph(engine, key, pushforward(cut, head, batch, moving), arguments, target.name)
    change = np.asarray(function(*arguments))
    return change if batched else change[0]


def in_graph(engine: Engine, key: Hashable, function: Callable[..., Any], arguments: Sequence[Any], layer: str) -> Any:
    """The compiled function of a key. Raises UnsupportedModelError where the tail cannot be differentiated twice."""
    try:
        return engine.in_graph(key, function, arguments)
    except LookupError as error:  # "gradient registry has no entry for: ..."
        raise UnsupportedModelError(
            f"`layer` {layer!r} is followed by an op that TensorFlow cannot differentiate twice: {error}"
        ) from error
    except UnsupportedModelError:
        raise
    except Exception as error:  # code of the user's own that runs eagerly alone
        raise UnsupportedModelError(
            f"`layer` {layer!r} is followed by code that cannot be traced ({type(error).__name__}), so that changes "
            "cannot be pushed through it."
        ) from error


def check_complete(graph: Any) -> None:
    """Raise UnsupportedModelError where a graph (GraphDef) holds an op through which TensorFlow drops tangents.

    It can only come from code that a layer compiled for itself (`tf.function` inside `call`): overrides stop there.
    """
    nodes = [*graph.node, *(node for inner in graph.library.function for node in inner.node_def)]
    if {node.op for node in nodes} & LOST:
        raise UnsupportedModelError(
            "`layer` is followed by a layer that compiles its own code (tf.function) around a resize, through which "
            "TensorFlow cannot push a change forward. Remove the decorator from that layer's call()."
        )
