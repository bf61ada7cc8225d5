"""Networks trained for a second each, with seeds, and never looked at when a threshold was chosen.

One network is trained for each seed: texture against ground, under last weights that are fixed and all for the texture. So the
texture is coded by presence of what the layer shows, and the ground by its absence. The causes are put in afterwards.
"""

from functools import lru_cache, partial

import keras
import numpy as np
from keras import layers, ops

from . import claims, engine, look_alikes
from .blocks import SIZE, HEADS, Policy, closed, conv, generator, logits_of, shape_of
from .net import free, look_alike, one, two
from .prove import Bench, BrokenProof, Built, Claim, claim_at_least, claim_at_most, is_blank
from .two_causes import each_alone

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
        deep = layers.Conv2D(8, 3, padding="same", activation="relu", name="deep")(layers.MaxPooling2D(2, name="down")(x))
        x = layers.Concatenate(name="join_deep")([x, layers.UpSampling2D(2, name="up")(deep)])
    rate = 2 if kind == "dilated" else 1
    return layers.Conv2D(channels, 3, padding="same", dilation_rate=rate, activation="relu", bias_initializer="ones", name="feat")(x)


def taught(model, x, y, seed, loss, **weights):
    """Train for a moment, and anew with the next seed where it did not learn; says how well it then does."""
    model.compile(keras.optimizers.Adam(0.005), loss)
    start = model.get_weights()
    for attempt in range(5):
        keras.utils.set_random_seed(seed + 100 * attempt)
        rng = np.random.default_rng(seed + 100 * attempt)
        model.set_weights([np.where(w == 0, w, rng.permutation(w.ravel()).reshape(w.shape)) if attempt else w for w in start])
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
    proof = lambda bench: [claim_at_least("pixels of the training that are right", right, 0.9), *claims.predicted(bench)]  # noqa: E731
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
    y, kind = change(image, feat, w, b, generator(name))
    return Built(closed(image, y, kind), x, prove, head=HEADS.get(kind, "softmax"), **options)


def plain(tail, image, feat, w, b, rng):
    return logits_of(tail, feat, *pair(w, b), rng), tail


def learned_well(bench, mask):
    """The trained network does its task on a picture it has not seen."""
    texture = bench.cut.logits.argmax(-1) == TEXTURE
    mask = engine.covered(mask, texture.shape) > 0.5
    return claim_at_least("IoU of the texture", (texture & mask).sum() / (texture | mask).sum(), 0.6)


def absent(name, seed, tail):
    x, mask = looked_at(name)
    proof = lambda bench: [*claims.absence(bench, paint=False), learned_well(bench, mask)]  # noqa: E731
    return built(name, seed, partial(plain, tail), proof, x, target=GROUND)


def shifted(name, seed):
    def change(by, image, feat, w, b, rng):
        weights, bias = pair(w, b)
        return conv(feat, weights - by, bias, "logits"), "1x1"

    twin = built(name, seed, partial(change, 0.0), None, score="logit")

    def proof(bench):
        return [is_blank(bench), *claims.predicted(bench), *claims.same_function(bench, twin), *claims.twin_has_a_map(Bench(twin))]

    return built(name, seed, partial(change, 1.5 * learned(seed)[1].max()), proof, score="logit")


def sure(name, seed, score):
    def change(heat, image, feat, w, b, rng):
        weights, bias = pair(w, b)
        return conv(feat, heat * weights, heat * bias, "logits"), "1x1"

    twin = built(name, seed, partial(change, 1.0), None, score=score)
    y = Bench(twin).cut.logits
    inner = (y[..., 0] - y[..., 1]) > 0.1

    def proof(bench):
        found = Bench(twin)
        return [is_blank(bench), *claims.predicted(bench), *claims.same_labels(bench, found), *claims.twin_has_a_map(found)]

    return built(name, seed, partial(change, 2e4), proof, score=score, region=inner)


def diluted(name, seed, outputs):
    def change(n, image, feat, w, b, rng):
        weights, bias = pair(w, b)
        unused = n - 2
        weights = np.hstack([weights, 2.5 * np.tile(w[:, None], (1, unused))])
        return conv(feat, weights, [*bias, *[-500.0] * unused], "logits"), "1x1"

    twin = Bench(built(name, seed, partial(change, 2), None, score="centered_logit"))

    def proof(bench):
        return [is_blank(bench), *claims.predicted(bench), *claims.same_labels(bench, twin), *claims.twin_has_a_map(twin)]

    return built(name, seed, partial(change, outputs), proof, score="centered_logit")


def elsewhere(name, seed):
    x, mask = looked_at(name)

    def proof(bench):
        m = bench.cut.logits[..., GROUND] - bench.cut.logits[..., TEXTURE]
        return [
            is_blank(bench), claim_at_most("share that carries the class", bench.share(), 0.3),
            claim_at_most("mean margin", m[mask].mean(), -0.1), learned_well(bench, mask),
        ]  # fmt: skip

    return built(name, seed, partial(plain, "1x1"), proof, x, target=GROUND, region=mask)


def zero_above(name, seed):
    """The zero of the layer put above all that it shows; the next layer puts it back."""
    def change(zero, image, feat, w, b, rng):
        k = len(w)
        moved = conv(feat, np.eye(k), np.full(k, -zero), "moved")
        weights, bias = pair(w, b + zero * w.sum())
        return conv(moved, weights, bias, "logits"), "1x1"

    twin = built(name, seed, partial(change, 0.0), None, layer="moved")
    highest = float(Bench(twin).cut.activations("moved").max())

    def proof(bench):
        return [*claims.presence(bench, paint=False), *claims.same_function(bench, twin), *claims.twin_has_a_map(Bench(twin))]

    return built(name, seed, partial(change, 1.2 * highest), proof, layer="moved")


def outweighed(name, seed):
    """A channel that is always on, and as much bias against it: the same function, and a map that is nowhere positive."""
    def change(on, image, feat, w, b, rng):
        k = len(w)
        wide = conv(feat, np.eye(k, k + 1), [*np.zeros(k), on], "wide", activation="relu")
        weights, bias = pair([*w, -1.0], b + on)
        return conv(wide, weights, bias, "logits"), "1x1"

    twin = built(name, seed, partial(change, 0.0), None, layer="wide")
    most = float((Bench(twin).cut.activations("wide")[..., :-1] @ learned(seed)[1]).max())

    def proof(bench):
        k = bench.cut.activations("wide").shape[-1]
        return [
            *claims.presence(bench, paint=False), *claims.same_function(bench, twin), *claims.twin_has_a_map(Bench(twin)),
            claim_at_most("random cells in the channel that is always on: lost", bench.after("swap", channels=[k - 1])[0], 0),
        ]  # fmt: skip

    return built(name, seed, partial(change, 1.1 * most), proof, layer="wide")


def clipped(name, seed):
    """The ground as the first class, both clipped at zero: it is what is left."""
    def change(clip, image, feat, w, b, rng):
        z = conv(feat, np.stack([-w, w], -1), [-b - 300.0, b], "linear" if clip else "logits")
        return (layers.ReLU(name="logits")(z) if clip else z), "1x1"

    def proof(bench):
        open_ = Bench(built(name, seed, partial(change, False), None, region=bench.region))
        slope = np.broadcast_to(np.array([1.0, 0.0]), open_.cut.logits.shape)
        return [
            *claims.no_gradient(bench), is_blank(bench), *claims.predicted(bench),
            claim_at_least("largest gradient without the clip", np.abs(open_.cut.gradient("feat", slope)).max(), 1e-2),
        ]  # fmt: skip

    return built(name, seed, partial(change, True), proof)


def stepped(name, seed, step):
    def change(on, image, feat, w, b, rng):
        scale = 4 / max(np.abs(b), 1e-3)
        h = conv(feat, np.diag(w * scale), name="scaled")
        h = {"round": ops.round, "stop": ops.stop_gradient}[step](h) if on else h
        weights, bias = pair(np.full(len(w), 1 / scale), b)
        return conv(h, weights, bias, "logits"), "1x1"

    def proof(bench):
        twin = Bench(built(name, seed, partial(change, False), None))
        return [
            *claims.no_gradient(bench), is_blank(bench), *claims.predicted(bench),
            claim_at_least("random cells of the rest: lost", bench.after("swap")[0], 0.5), *claims.twin_has_a_map(twin),
        ]  # fmt: skip

    return built(name, seed, partial(change, True), proof)


def shut(name, seed):
    """A branch whose next units are all closed, beside the trained one."""
    def change(image, feat, w, b, rng):
        branch = conv(image, rng.normal(0, 0.5, (3, 3, 2, 3)), name="branch", activation="relu")
        shut_ = conv(branch, rng.normal(0, 0.3, (3, 3)), np.full(3, -50.0), "closed", activation="relu")
        weights, bias = pair([*w, 1.0, 1.0, 1.0], b)
        return conv(layers.Concatenate()([feat, shut_]), weights, bias, "logits"), "1x1"

    def proof(bench):
        return [*claims.no_gradient(bench), is_blank(bench), claim_at_most("noise: change", claims.moved(bench, 1.0), 0)]

    return built(name, seed, change, proof, layer="branch", skips=("feat",))


def dead(name, seed):
    def change(image, feat, w, b, rng):
        branch = conv(image, rng.normal(0, 0.5, (3, 3, 2, 3)), np.full(3, -50.0), "branch", activation="relu")
        weights, bias = pair([*w, 1.0, 1.0, 1.0], b)
        return conv(layers.Concatenate()([feat, branch]), weights, bias, "logits"), "1x1"

    def proof(bench):
        return [
            Claim("largest activation", float(bench.cut.activations("branch").max()), not bench.cut.activations("branch").any()),
            is_blank(bench), claim_at_least("random cells in the skip: lost", bench.after("swap", ("feat",))[0], 0.5),
        ]  # fmt: skip

    return built(name, seed, change, proof, layer="branch", skips=("feat",))


def carried(name, seed):
    """A branch that is a little against the texture, everywhere; the trained layer goes round it."""
    def change(image, feat, w, b, rng):
        branch = conv(image, rng.uniform(0, 0.2, (3, 3, 2, 3)), name="branch", activation="relu")
        weights, bias = pair([*w, -0.02, -0.05, -0.03], b)
        return conv(layers.Concatenate()([feat, branch]), weights, bias, "logits"), "1x1"

    return built(name, seed, change, claims.bypass, layer="branch", skips=("feat",))


def both(name, seed):
    """The trained layer twice, side by side: the ground needs both to be low."""
    def change(image, feat, w, b, rng):
        k = len(w)
        one_, other = (conv(feat, np.eye(k), name=n, activation="relu") for n in ("left", "right"))
        weights, bias = pair([*w, *w], 1.0 * b)
        return conv(layers.Concatenate()([one_, other]), weights, bias, "logits"), "1x1"

    return built(name, seed, change, each_alone, layer="left", skips=("right",), target=GROUND)


def underflow(name, seed, policy="mixed_float16"):
    x, _ = looked_at(name)
    image, feat, w, b = grown(seed, policy)
    with Policy(policy):
        h = feat
        for step in range(4):
            h = conv(h, 1e-4 * np.eye(len(w)), name=f"small{step}")
        weights, bias = pair([*w, *w], b)
        y = conv(layers.Concatenate()([h, conv(feat, np.eye(len(w)), name="skip")]), weights, bias, "logits")
    # asked at a layer that has no other way on: the first of the small ones
    model = closed(image, y)

    def proof(bench):
        single = Bench(underflow(name, seed, "float32"))
        return [
            is_blank(bench), *claims.predicted(bench), *claims.twin_has_a_map(single),
            claim_at_most("labels that differ", (bench.said != single.said).mean(), 0.05),
        ]  # fmt: skip

    return Built(model, x, proof, layer="small0")


def only_ground(name, seed):
    """A picture without texture, and a region drawn into it: the layer decides nothing between here and there."""
    mask = np.zeros((SIZE, SIZE), bool)
    mask[4:14, 4:12] = True
    x, _ = scene(generator(name), np.zeros((SIZE, SIZE), bool))
    x[..., 0] *= generator(name).choice([1.0, 1.6], x.shape[:2], p=[0.9, 0.1])  # dots too few to be the texture
    proof = lambda bench: [  # noqa: E731
        is_blank(bench), *claims.predicted(bench),
        claim_at_least("largest activation", bench.cut.activations("feat").max(), 1e-3),
        claim_at_most("random cells of the rest: lost", bench.after("swap")[0], 0.02),
    ]  # fmt: skip
    return built(name, seed, partial(plain, "1x1"), proof, x, target=GROUND, region=mask)


def texture(name, seed, tail):
    return built(name, seed, partial(plain, tail), look_alikes.healthy)


def nets():
    """All of this module: `used` is False for each."""
    tails = ("1x1", "hidden", "bn", "sigmoid", "maximum", "ten", "relu6", "residual")
    for seed, tail in zip(SEEDS, tails, strict=True):
        yield one("SC205", f"trained {seed}, {tail}", partial(absent, f"trained absent {seed}", seed, tail), used=False)
    for seed in (0, 1, 2, 3, 5, 6):
        yield one("SC202", f"trained {seed}", partial(shifted, f"trained shift {seed}", seed), used=False)
    for seed, score in ((0, "probability"), (2, "log_probability"), (4, "probability"), (5, "log_probability"), (7, "probability")):
        yield one("SC201", f"trained {seed}, {score}", partial(sure, f"trained sure {seed}", seed, score), used=False)
    for seed, outputs in ((0, 10), (1, 5), (3, 10), (4, 4), (6, 10)):
        yield one("SC212", f"trained {seed}, {outputs} outputs", partial(diluted, f"trained diluted {seed}", seed, outputs), used=False)
    some = (("SC207", elsewhere, (0, 1, 4, 6, 7)), ("SC204", zero_above, (0, 1, 3, 5, 7)), ("SC208", outweighed, (0, 2, 3, 4, 6)),
            ("SC302", clipped, (1, 2, 5, 7)), ("SC102", shut, (0, 3, 4, 7)), ("SC104", dead, (1, 2, 5, 6)),
            ("SC206", carried, (0, 1, 2, 6, 7)), ("SC209", underflow, (0, 3, 6)))  # fmt: skip
    for code, make, seeds in some:
        for seed in seeds:
            yield one(code, f"trained {seed}", partial(make, f"trained {code} {seed}", seed), used=False)
    for seed, step in ((0, "round"), (1, "stop"), (3, "round"), (4, "stop"), (6, "round")):
        yield one("SC107", f"trained {seed}, {step}", partial(stepped, f"trained step {seed}", seed, step), used=False)
    for seed in (0, 1, 7):
        yield one("SC213", f"trained {seed}, no texture", partial(only_ground, f"only ground {seed}", seed), {"SC105"}, used=False)
    for seed in (0, 4, 7):
        yield two("SC205", "SC206", f"trained {seed}", partial(both, f"trained both {seed}", seed), used=False)
    for seed, tail in zip(SEEDS, tails, strict=True):
        yield look_alike(f"trained {seed}, {tail}", partial(texture, f"trained texture {seed}", seed, tail), used=False)
    for seed in range(8):
        yield free(f"trained {seed}", partial(three_classes, f"free {seed}", seed))
