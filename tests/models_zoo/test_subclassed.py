"""A model without a graph: recorded by running its `call` once on symbols, then cut like any other."""

import gc
import threading
import weakref

import keras
import numpy as np
import pytest
import tensorflow as tf

import segcam_widgets as sc
from tests.models.networks import CLASSES, SIZE, image
from tests.models.reference import relative, tape_gradient
from tests.models_zoo.subclassed import Attending, Branching, Looping, Net, unsettled

pytestmark = pytest.mark.keras

NETS = {
    "softmax": Net,
    "fused softmax": lambda: Net("fused softmax"),
    "sigmoid": lambda: Net("sigmoid"),
    "logits": lambda: Net("none"),
    "loop, branch, shared, dictionary": Looping,
    "tokens": Attending,
}


def layer_of(probe, name):
    """The user's own layer behind a name, and which of its calls."""
    steps = probe._engine.plan.steps
    step = next(step for step in steps if step.path == name)
    return step.layer, [other.path for other in steps if other.layer is step.layer].index(name) + 1


class Whole(keras.Model):
    """The output by which a network is known, in place of a dictionary."""

    def __init__(self, inner, key):
        super().__init__()
        self.inner, self.key = inner, key

    def call(self, x, training=None):
        y = self.inner(x, training=training)
        return y[self.key] if isinstance(y, dict) else y


LOOPS, TOKENS = "loop, branch, shared, dictionary", "tokens"


@pytest.mark.parametrize("name", ["softmax", "fused softmax", LOOPS, TOKENS])
def test_gradients_equal_those_of_a_tape(name):
    model, x = unsettled(NETS[name]()), image()
    probe = sc.open_probe(model, x, output="segments" if name.startswith("loop") else None)
    field = np.random.default_rng(4).normal(size=probe.logits.shape).astype(np.float32)
    field -= field.mean(-1, keepdims=True) if probe.head == "softmax" else 0
    ends_with = "none" if name in ("logits", "tokens") else probe.head
    plain, compared = Whole(model, "segments"), 0
    for info in probe.layers[1::2] if len(probe.layers) > 6 else probe.layers[1:]:
        layer, call = layer_of(probe, info.name)
        if not isinstance(layer, keras.Layer) or (info.name == probe.layers[-1].name and "fused" in name):
            continue  # a fused softmax stands behind the logits inside the layer: no tape sees between
        ours = probe.pullback(info.name, field).gradients
        theirs = tape_gradient(plain, layer, call, x[None], field=field, ends_with=ends_with)
        if layer is getattr(model, "classify", None) and ends_with == "softmax":
            continue
        assert relative(ours, theirs.reshape(ours.shape)) < 1e-4, info.name
        compared += 1
    assert compared >= 3


@pytest.mark.parametrize("name", ["softmax", LOOPS, TOKENS])
def test_every_answer_fits_the_others(name):
    """Forward and reverse mode are each other's transpose; replay gives the logits; the sweep gives the pullbacks."""
    probe = sc.open_probe(unsettled(NETS[name]()), image())
    rng = np.random.default_rng(5)
    field = rng.normal(size=probe.logits.shape).astype(np.float32)
    swept = probe.sweep(field)
    for info in probe.layers[::4]:
        tangent = rng.normal(size=info.shape).astype(np.float32)
        pulled, pushed = probe.pullback(info.name, field), probe.pushforward(info.name, tangent)
        products = [(pushed.astype(float) * field).sum(), (pulled.gradients.astype(float) * tangent).sum()]
        size = np.linalg.norm(pushed.astype(float)) * np.linalg.norm(field.astype(float))
        assert abs(products[0] - products[1]) < 1e-5 * size, info.name
        np.testing.assert_allclose(probe.replay(info.name, probe.activations(info.name)), probe.logits, atol=1e-4)
        weights = pulled.gradients.mean((0, 1))
        np.testing.assert_allclose(swept[info.name].weights, weights, atol=1e-4 * np.abs(weights).max() + 1e-7)


def test_names_are_those_of_the_attributes():
    keras.layers.Conv2D(1, 1)  # Keras counts on: names must not
    expected = [
        "image", "stem", "blocks_0/first", "blocks_0/second", "blocks_0/norm", "blocks_0", "blocks_1/first",
        "blocks_1/second", "blocks_1/norm", "blocks_1", "pool", "deep/conv2d_0", "deep/conv2d_1", "sides_left",
        "sides_right", "head",
    ]  # fmt: skip
    probe = sc.open_probe(unsettled(Net()), image())
    assert [info.name for info in probe.layers] == expected
    assert probe.layer("stem").activation == "relu"
    assert probe.layer("head").activation is None
    assert probe.layer("blocks_1").kind == "Block"
    probe = sc.open_probe(unsettled(Looping()), image(), output="segments")
    shared = [info.name for info in probe.layers]
    assert shared == ["image", "conv", "shared", "shared#2", "classify"]


def test_tokens_have_the_grid_they_came_from():
    probe = sc.open_probe(unsettled(Attending()), image())
    shapes = {info.name: info.shape for info in probe.layers}
    assert shapes["norm"] == shapes["attention"] == shapes["mlp"] == (4, 4, 8)


def test_probabilities_are_the_models_own():
    for name, build in NETS.items():
        model = unsettled(build())
        probe = sc.open_probe(model, image())
        own = keras.tree.flatten(model(probe.x, training=False))[0].numpy()[0]
        if name in ("logits", "tokens"):
            own = tf.nn.softmax(own).numpy()
        np.testing.assert_allclose(probe.probabilities, own, atol=1e-6)


def test_the_ledger_and_the_diagnosis_work_on_it():
    probe = sc.open_probe(unsettled(Net()), image())
    query = sc.CamQuery("blocks_1", 1, sc.Everything(), score="logit")
    ledger = sc.ledger(probe, query)
    assert ledger.score == pytest.approx(sc.explain(probe, query).score, rel=1e-5)
    assert set(ledger.bypass) == {"stem"}
    assert sc.diagnose(probe, query).findings is not None
    assert probe.tail("deep/conv2d_0").curved == {}
    true = sc.ablate(probe, query, [0, 2])
    assert np.isfinite(true.change)


def test_another_size_is_another_trace():
    model = unsettled(Net())
    small, large = sc.open_probe(model, image()), sc.open_probe(model, image(SIZE + 8))
    assert large.logits.shape == (SIZE + 8, SIZE + 8, CLASSES)
    np.testing.assert_allclose(small.probabilities, model(small.x).numpy()[0], atol=1e-6)
    np.testing.assert_allclose(large.probabilities, model(large.x).numpy()[0], atol=1e-6)


def test_several_images_at_once_and_new_weights():
    model = unsettled(Net())
    probe = sc.open_probe(model, image())
    both = np.stack([image(seed=1), image(seed=2)])
    np.testing.assert_allclose(tf.nn.softmax(probe.replay("image", both)), model(both), atol=1e-5)
    before = probe.logits
    model.stem.bias.assign_add(np.ones(6))
    assert probe.refresh()
    assert np.abs(probe.logits - before).max() > 1e-3
    np.testing.assert_allclose(probe.probabilities, model(probe.x, training=False).numpy()[0], atol=1e-6)


# ------------------------------------------------------------------ the user's objects


def attributes(model):
    """Everything that hangs on the model and its layers, by identity."""
    return {
        (layer.name, name): id(value) for layer in model._flatten_layers() for name, value in vars(layer).items()
    }  # fmt: skip


def test_the_model_is_left_as_it_was():
    model = unsettled(Net())
    model(image()[None])
    kept, call, before = model.kept, keras.Layer.__call__, attributes(model)
    weights = [np.array(weight) for weight in model.get_weights()]
    from segcam_widgets.keras_probe.record.traced import trace

    trace(model, (1, SIZE, SIZE, 3))
    assert keras.Layer.__call__ is call
    assert model.kept is kept  # what `call` hangs on the model is no symbol
    changed = {key for key, value in attributes(model).items() if before.get(key) != value}
    assert changed <= set(), changed
    for old, new in zip(weights, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_nothing_is_left_behind_by_a_call_that_fails():
    model, call = unsettled(Branching()), keras.Layer.__call__
    before = attributes(model)
    with pytest.raises(sc.UnsupportedModelError):
        sc.open_probe(model, image())
    assert keras.Layer.__call__ is call
    assert attributes(model) == before


@pytest.mark.parametrize(("build", "layer"), [(Net, "stem"), (Looping, "conv")])
def test_engines_go_with_their_models(build, layer):
    model = unsettled(build())
    sc.explain(sc.open_probe(model, image()), sc.CamQuery(layer, 0, sc.Everything()))
    gone = weakref.ref(model)
    del model
    keras.backend.clear_session()
    gc.collect()
    assert gone() is None


def test_threads_may_call_the_model_and_open_it_at_once():
    model, x = unsettled(Net()), image()
    expected = model(x[None], training=False).numpy()
    logits, failures = [], []

    def guarded(work):
        try:
            work()
        except Exception as error:  # the test says it
            failures.append(error)

    def call():
        for _ in range(20):
            np.testing.assert_allclose(model(x[None], training=False).numpy(), expected, atol=1e-6)

    def open_it(size):
        probe = sc.open_probe(model, image(size))
        logits.append(probe.pullback("stem", probe.logits).gradients)

    work = [call, call, *(lambda size=size: open_it(size) for size in (SIZE, SIZE, SIZE + 8))]
    threads = [threading.Thread(target=guarded, args=(each,)) for each in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert len(logits) == 3
    assert keras.Layer.__call__.__module__.startswith("keras.")


# ------------------------------------------------------------------ what is refused


def test_a_call_that_decides_in_python_is_refused():
    with pytest.raises(sc.UnsupportedModelError) as caught:
        sc.open_probe(unsettled(Branching()), image())
    assert str(caught.value).startswith(
        "`model` must be a network whose call() TensorFlow can trace. Received: Branching, whose call() cannot be: it probably "
        "decides by the values of tensors in Python, or leaves TensorFlow. Write it with keras.ops, or build the part that "
        "matters with keras.Model(inputs, outputs). TensorFlow says: "
    )
    assert "\n" not in str(caught.value)


class Scalar(keras.Model):
    def call(self, x):
        return tf.reduce_mean(x)


class Two(keras.Model):
    def call(self, x, y):
        return x + y


class Wants(keras.Model):
    def __init__(self):
        super().__init__()
        self.conv = keras.layers.Conv2D(2, 1)

    def call(self, x):
        return self.conv(x[:, :, :, :4] * np.ones(4, np.float32))


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (Scalar, "must be a segmentation network"),
        (Two, "does not go through the model"),
        (Wants, "does not go through the model"),
    ],
)
def test_other_calls_are_refused_in_words(build, words):
    with pytest.raises(sc.UnsupportedModelError, match=words):
        sc.open_probe(build(), image())
