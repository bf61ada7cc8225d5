"""Weights are the user's own variables: when they change, what was computed with them goes; otherwise nothing does."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

import segcam_widgets as sc
from segcam_widgets.keras_probe.engine.engine import DEEP
from segcam_widgets.keras_probe.engine.weight_watch import WeightWatch
from tests.models.networks import CLASSES, SIZE, Seeds, image, small, softmax_then_resize, with_norms
from tests.models.reference import relative
from tests.models.test_counts import counted

pytestmark = pytest.mark.keras

QUERY = sc.CamQuery("deep", 1, sc.Rectangle(2, 3, 9, 12))


def set_all(model):
    rng = np.random.default_rng(1)
    model.set_weights([w + rng.normal(size=w.shape) * 0.1 for w in model.get_weights()])


def one_number(model):
    kernel = model.get_layer("enc").kernel
    values = kernel.numpy()
    values[1, 1, 0, 0] += 0.5
    kernel.assign(values)


def one_slice(model):
    model.get_layer("dec").kernel.value[0, 0, 0, 0].assign(2.0)


def swapped(model):
    """The same numbers elsewhere: sums would not see it."""
    kernel = model.get_layer("deep").kernel
    kernel.assign(kernel.numpy()[:, :, ::-1].copy())


def negated(model):
    kernel = model.get_layer("deep").kernel
    kernel.assign(-kernel.numpy())


def last_bias(model):
    model.get_layer("logits").bias.assign_add(np.array([0, 2, 0, 0], np.float32))


def train_step(model):
    """A step of one's own, compiled: nothing of it passes through Python."""
    optimizer = keras.optimizers.Adam(0.05)
    optimizer.build(model.trainable_variables)

    @tf.function
    def step(x):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(model(x, training=True)[..., 0])
        optimizer.apply(tape.gradient(loss, model.trainable_variables), model.trainable_variables)

    step(tf.constant(image()[None]))


def compiled_by_xla(model):
    kernel = model.get_layer("enc").kernel.value

    @tf.function(jit_compile=True)
    def step():
        kernel.assign_add(0.1 * tf.ones_like(kernel))

    step()


def fit(model):
    model.compile(keras.optimizers.SGD(0.5), "sparse_categorical_crossentropy")
    model.fit(image()[None], np.zeros((1, SIZE, SIZE), int), verbose=0)


CHANGES = (set_all, one_number, one_slice, swapped, negated, last_bias, train_step, compiled_by_xla, fit)


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("end", ["softmax", "fused softmax"])
def test_after_any_change_answers_are_those_of_the_new_weights(change, end):
    model = small(end)
    probe = sc.open_probe(model, image())
    before = sc.explain(probe, QUERY)
    change(model)
    answer = sc.explain(probe, QUERY)
    twin = small(end)
    twin.set_weights(model.get_weights())
    fresh = sc.explain(sc.open_probe(twin, image()), QUERY)
    assert abs(answer.score - before.score) > 1e-4  # else this shows nothing
    assert answer.score == pytest.approx(fresh.score, rel=1e-5)
    assert relative(answer.cam, fresh.cam) < 1e-5
    assert relative(answer.gradients, fresh.gradients) < 1e-5
    np.testing.assert_allclose(probe.probabilities, model(probe.x, training=False).numpy()[0], atol=1e-5)


def test_after_a_change_in_a_deep_network_whose_tail_is_not_compiled_yet():
    model, *_ = counted(convolutions=DEEP + 2)
    probe = sc.open_probe(model, image())
    query = sc.CamQuery("first", 1, sc.Everything())
    assert not probe.pullback("first", np.ones(probe.logits.shape)).current  # eagerly: nobody looked
    kernel = model.get_layer("first").kernel
    kernel.assign(-kernel.numpy())
    for _ in range(2):  # eagerly, and compiled
        answer = sc.explain(probe, query)
        twin, *_ = counted(convolutions=DEEP + 2)
        twin.set_weights(model.get_weights())
        assert relative(answer.cam, sc.explain(sc.open_probe(twin, image()), query).cam) < 1e-5
        probe._engine.settle()
        kernel.assign(kernel.numpy() * 0.5)
    assert probe.pullback("first", np.ones(probe.logits.shape)).current is False
    probe.refresh()
    assert probe.pullback("first", np.ones(probe.logits.shape)).current


def only_class(model, index):
    """Make the network predict one class everywhere."""
    bias = np.full(CLASSES, -50, np.float32)
    bias[index] = 50
    model.get_layer("logits").bias.assign(bias)


def test_a_mistake_of_the_old_weights_is_none_of_the_new():
    model = small()
    only_class(model, 0)
    probe = sc.open_probe(model, image())
    with pytest.raises(sc.EmptyRegionError):
        sc.explain(probe, sc.CamQuery("deep", 3))
    only_class(model, 3)
    assert sc.explain(probe, sc.CamQuery("deep", 3)).mask.all()
    with pytest.raises(sc.EmptyRegionError):
        sc.explain(probe, sc.CamQuery("deep", 0))


def test_while_somebody_trains_answers_still_come():
    import threading

    model = small()
    probe = sc.open_probe(model, image())
    bias, stop = model.get_layer("dec").bias, threading.Event()

    def train():
        while not stop.is_set():
            bias.assign_add(np.full(6, 1e-6, np.float32))

    trainer = threading.Thread(target=train)
    trainer.start()
    try:
        for _ in range(10):
            assert sc.explain(probe, QUERY).cam.shape == (8, 8)
    finally:
        stop.set()
        trainer.join()


def test_refresh_says_whether_anything_went():
    model = small()
    probe = sc.open_probe(model, image())
    activations = probe.activations("deep")
    assert not probe.refresh()
    assert np.shares_memory(probe.activations("deep"), activations)
    one_number(model)
    assert probe.refresh()
    assert not probe.refresh()
    assert not np.shares_memory(probe.activations("deep"), activations)


def test_every_probe_of_a_model_notices():
    model = small()
    probes = [sc.open_probe(model, image(seed=seed)) for seed in range(3)]
    negated(model)
    assert [probe.refresh() for probe in probes] == [True, True, True]
    assert [probe.refresh() for probe in probes] == [False, False, False]


def test_questions_and_predictions_change_nothing():
    model = with_norms()
    probe = sc.open_probe(model, image())
    for info in probe.layers:
        sc.explain(probe, sc.CamQuery(info.name, 0, sc.Everything()))
    model(probe.x, training=False)
    model.get_weights()
    assert not probe.refresh()


def test_moving_statistics_are_weights_too():
    model = with_norms()
    probe = sc.open_probe(model, image())
    model(image(seed=5)[None], training=True)
    assert probe.refresh()


def test_after_a_change_one_forward_pass_is_enough():
    model, early, _ = counted()
    probe = sc.open_probe(model, image())
    sc.explain(probe, sc.CamQuery("first", 0, sc.Everything()))
    traces, runs = probe._engine.traces, early.runs
    model.get_layer("first").bias.assign_add(np.ones(4, np.float32))
    sc.explain(probe, sc.CamQuery("first", 0, sc.Everything()))
    assert early.runs == runs + 1
    assert probe._engine.traces == traces  # compiled functions read the variables anew


def test_resized_probabilities_follow_the_weights():
    model = softmax_then_resize()
    probe = sc.open_probe(model, image())
    model.get_layer("logits").bias.assign_add(np.array([2, 0, 0, 0], np.float32))
    probe.refresh()
    np.testing.assert_allclose(probe.probabilities, model(probe.x, training=False).numpy()[0], atol=1e-5)
    assert probe.notes


@keras.saving.register_keras_serializable("segcam_tests")
class OwnVariable(layers.Layer):
    """Holds a variable of TensorFlow's, which Keras does not count among the weights."""

    def __init__(self, **options):
        super().__init__(**options)
        self.factor = tf.Variable(2.0)

    def call(self, x):
        return x * self.factor


def test_variables_that_keras_does_not_know_are_watched():
    seeds = Seeds(9000)
    inputs = keras.Input((SIZE, SIZE, 3))
    x = OwnVariable(name="scaled")(seeds.conv(6, name="conv")(inputs))
    model = keras.Model(inputs, seeds.conv(CLASSES, 1, activation="softmax", name="logits")(x))
    assert len(model.weights) == 4
    probe = sc.open_probe(model, image())
    before = probe.activations("scaled")
    model.get_layer("scaled").factor.assign(4.0)
    assert probe.refresh()
    np.testing.assert_allclose(probe.activations("scaled"), 2 * before, rtol=1e-6)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64", "int8", "int64", "bool", "complex64"])
def test_variables_of_every_type_are_watched(dtype):
    variable = tf.Variable(tf.cast([[0, 1], [2, 3]], dtype))
    watch = WeightWatch([variable, tf.Variable(1.0)])
    assert watch.version() == watch.version() == 0
    variable.assign(tf.cast([[0, 1], [0, 3]], dtype))
    assert watch.version() == watch.version() == 1


def test_the_held_values_are_those_that_were_seen():
    variable = tf.Variable(np.zeros(1000, np.float32))
    watch = WeightWatch([variable])
    versions = []
    for _ in range(5):
        variable.assign_add(np.ones(1000, np.float32))
        variable.assign_sub(np.ones(1000, np.float32))  # back to the old numbers, in another place
        versions.append(watch.version())
    assert versions == [1, 2, 3, 4, 5]


def test_where_addresses_cannot_be_seen_values_are_compared(monkeypatch):
    monkeypatch.setattr("segcam_widgets.keras_probe.engine.weight_watch._place", lambda tensor: None)
    variable = tf.Variable([1.0, 2.0])
    watch = WeightWatch([variable])
    assert watch.version() == 0
    variable.assign([1.0, 2.0])
    assert watch.version() == 0
    variable.assign([2.0, 1.0])
    assert watch.version() == watch.version() == 1


def test_a_variable_of_no_elements_changes_nothing():
    watch = WeightWatch([tf.Variable(np.zeros((0, 3), np.float32)), tf.Variable(1.0)])
    assert watch.version() == watch.version() == 0


def test_a_model_without_weights_never_changes():
    inputs = keras.Input((SIZE, SIZE, 3))
    probe = sc.open_probe(
        keras.Model(inputs, layers.Softmax()(layers.AveragePooling2D(2, name="pool")(inputs))), image()
    )
    assert not probe.refresh()
    assert sc.explain(probe, sc.CamQuery("pool", 0, sc.Everything())).cam.shape == (8, 8)
