"""What is trained, for seconds and with seeds: texture against ground, and three classes that are left to themselves.

The first is trained under last weights that are fixed and all for the texture. So the texture is coded by presence of what
the layer shows, and the ground by its absence.
"""

from functools import lru_cache

import keras
import numpy as np
from keras import layers

from . import claims, engine
from .blocks import HEADS, SIZE, Policy, closed, conv, generator, logits_of, shape_of
from .prove import BrokenProof, Built, claim_at_least

SEEDS = range(8)
TEXTURE, GROUND = 0, 1
BODIES = ("plain", "bn", "depthwise", "gelu", "coarse", "residual", "unet", "dilated")


def scene(rng, mask=None):
    """Bright dots on grey in the inside, grey clutter elsewhere: (SIZE, SIZE, 2) and the inside's mask."""
    mask = shape_of(rng) if mask is None else mask
    clutter = rng.uniform(0.2, 0.5, (SIZE, SIZE, 2))
    grid = np.add.outer(np.arange(SIZE), np.arange(SIZE)) % 2 == rng.integers(2)
    clutter[..., 0] += 0.8 * (grid & mask) * rng.uniform(0.7, 1.3, (SIZE, SIZE))
    clutter[..., 1] += 0.2 * mask
    return clutter.astype("float32"), mask


def body(image, seed):
    """Picture to a layer "feat" with a ReLU, of one of eight kinds."""
    kind, channels = BODIES[seed % len(BODIES)], (2, 4, 8, 3)[seed % 4]
    x = layers.Conv2D(8, 3, padding="same", activation="gelu" if kind == "gelu" else "relu", name="early")(image)
    if kind == "bn":
        x = layers.BatchNormalization(momentum=0.8, name="norm")(x)
    elif kind == "depthwise":
        x = layers.ReLU(6, name="six")(layers.DepthwiseConv2D(3, padding="same", name="depthwise")(x))
    elif kind == "coarse":
        x = layers.UpSampling2D(2, interpolation="bilinear", name="finer")(layers.MaxPooling2D(2, name="coarser")(x))
    elif kind == "residual":
        x = layers.Add(name="sum")([x, layers.Conv2D(8, 3, padding="same", activation="relu", name="more")(x)])
    elif kind == "unet":
        deep = layers.Conv2D(8, 3, padding="same", activation="relu", name="deep")(
            layers.MaxPooling2D(2, name="down")(x)
        )
        x = layers.Concatenate(name="join_deep")([x, layers.UpSampling2D(2, name="up")(deep)])
    rate = 2 if kind == "dilated" else 1
    return layers.Conv2D(
        channels, 3, padding="same", dilation_rate=rate, activation="relu", bias_initializer="ones", name="feat"
    )(x)


def taught(model, x, y, seed, loss, **weights):
    """Train for a moment, and anew with the next seed where it did not learn; says how well it then does."""
    model.compile(keras.optimizers.Adam(0.005), loss)
    start = model.get_weights()
    for attempt in range(5):
        keras.utils.set_random_seed(seed + 100 * attempt)
        rng = np.random.default_rng(seed + 100 * attempt)
        model.set_weights(
            [np.where(w == 0, w, rng.permutation(w.ravel()).reshape(w.shape)) if attempt else w for w in start]
        )
        model.fit(x, y, batch_size=16, epochs=30, verbose=0, **weights)
        out = np.asarray(model(x))
        right = (out[..., 0] > 0) == y[..., 0] if out.shape[-1] == 1 else out.argmax(-1) == y
        if right.mean() > 0.9:
            return float(right.mean())
    raise BrokenProof(f"seed {seed} learned nothing: {right.mean():.2f} of the pixels are right")


@lru_cache
def learned(seed):
    """The body's weights, and those of the last layer: (list of arrays, (K,) all positive, bias). Trained once."""
    keras.utils.set_random_seed(seed)
    rng = np.random.default_rng(seed)
    image = keras.Input((SIZE, SIZE, 2))
    feat = body(image, seed)
    w = rng.uniform(0.5, 1.5, feat.shape[-1])
    model = keras.Model(image, conv(feat, w[:, None], [-1.0], "last"))
    model.get_layer("last").trainable = False  # every weight stays for the texture
    scenes = [scene(rng) for _ in range(96)]
    x, y = np.stack([s[0] for s in scenes]), np.stack([s[1] for s in scenes])[..., None].astype("float32")
    taught(model, x, y, seed, keras.losses.BinaryCrossentropy(from_logits=True), sample_weight=1 + 3 * y)
    return keras.Model(image, feat).get_weights(), w, -1.0


def three_classes(name, seed):
    """Dots, stripes and ground, two channels and three outputs, all of it trained: whatever comes out."""
    rng = np.random.default_rng(900 + seed)

    def striped():
        x, mask = scene(rng)
        other = shape_of(rng) & ~mask
        x[..., 0] += 0.8 * (np.arange(SIZE) // 2 % 2)[:, None] * other
        x[..., 1] -= 0.2 * other
        return x, np.where(mask, 0, np.where(other, 1, 2))

    keras.utils.set_random_seed(900 + seed)
    image = keras.Input((SIZE, SIZE, 2))
    h = layers.Conv2D(8, 3, padding="same", activation="relu", name="early")(image)
    h = layers.Conv2D(8, 3, padding="same", activation="relu", name="middle")(h)
    h = layers.Conv2D(2, 3, padding="same", activation="relu", bias_initializer="ones", name="feat")(h)
    y = layers.Conv2D(3, 1, name="logits")(h)
    scenes = [striped() for _ in range(96)]
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    x, truth = np.stack([s[0] for s in scenes]), np.stack([s[1] for s in scenes])
    right = taught(keras.Model(image, y), x, truth, 900 + seed, loss)

    def proof(bench):
        return [
            claim_at_least("pixels of the training that are right", right, 0.9),
            *claims.predicted(bench),
        ]

    return Built(closed(image, y), striped()[0], proof, target=(0, 2, 1, 2)[seed % 4])


def grown(seed, policy="float32"):
    """(input, the trained layer "feat", its weights for the texture (K,), bias)."""
    arrays, w, b = learned(seed)
    with Policy(policy):
        image = keras.Input((SIZE, SIZE, 2))
        feat = body(image, seed)
    keras.Model(image, feat).set_weights(arrays)
    return image, feat, w, b


def looked_at(name):
    return scene(generator(name))


def pair(w, b):
    """Weights and biases of [texture, ground]."""
    return np.stack([w, np.zeros_like(w)], -1), np.array([b, 0.0])


def built(name, seed, change, prove, x=None, **options):
    """The trained body of a seed, and on it what `change(image, feat, w, b, rng)` makes: (logits, kind of tail)."""
    x = looked_at(name)[0] if x is None else x
    image, feat, w, b = grown(seed)
    y, kind = change(image=image, feat=feat, w=w, b=b, rng=generator(name))
    return Built(closed(image, y, kind), x, prove, head=HEADS.get(kind, "softmax"), **options)


def plain(tail, *, image, feat, w, b, rng):
    return logits_of(tail, feat, *pair(w, b), rng), tail


def learned_well(bench, mask):
    """The trained network does its task on a picture it has not seen."""
    texture = bench.cut.logits.argmax(-1) == TEXTURE
    mask = engine.covered(mask, texture.shape) > 0.5
    return claim_at_least("IoU of the texture", (texture & mask).sum() / (texture | mask).sum(), 0.6)
