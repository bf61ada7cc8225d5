"""Other weights for a moment: what is drawn is what is computed with, and the user's model never changes."""

from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf

import segcam_widgets as sc
from segcam_widgets.errors import Cancelled, SegCamError
from segcam_widgets.evaluation import Randomisable, faithfulness
from segcam_widgets.keras_probe.answers.randomise import Rewired, randomised, weighted_layers
from tests.models.networks import (
    curved,
    fused_then_flattened,
    image,
    nested,
    resized_logits,
    sequential,
    shared,
    small,
    with_norms,
)

pytestmark = pytest.mark.keras

NETWORKS = (small, sequential, nested, shared, with_norms, curved, resized_logits, fused_then_flattened)


def state(model):
    return [np.array(tf.convert_to_tensor(v)) for v in model.variables]


def same(before, model):
    return all(np.array_equal(a, b) for a, b in zip(before, state(model), strict=True))


def drawn(layer, seed, place):
    """What the documentation says is drawn for a layer, by variable."""
    rng = np.random.default_rng([seed, place])
    found = []
    for variable in layer.variables:
        values = np.asarray(tf.convert_to_tensor(variable), np.float64)
        if values.ndim == 0 or "float" not in str(variable.dtype):
            continue
        size = np.sqrt((values**2).mean())
        fresh = rng.normal(0, size, values.shape) if values.ndim > 1 else rng.permutation(values)
        found.append((variable, fresh.astype(np.float32)))
    return found


@pytest.mark.parametrize("build", NETWORKS, ids=lambda build: build.__name__)
def test_what_is_drawn_is_what_is_computed_with(build):
    model = build()
    probe = sc.open_probe(model, image())
    before, logits = state(model), probe.logits.copy()
    layers = weighted_layers(probe._engine)
    names = probe.weighted_layers
    assert names == tuple(layers)
    half = names[: (len(names) + 1) // 2]
    stages = {count: probe.randomised(names[:count], seed=3) for count in (1, len(half), len(names))}
    got = {count: other.logits for count, other in stages.items()}
    assert same(before, model)
    # only now the user's own model is given these weights, and asked
    for count, other in got.items():
        model.set_weights([np.asarray(w) for w in _weights_of(model, before)])
        for place, name in enumerate(names[:count]):
            for variable, values in drawn(layers[name], 3, place):
                variable.assign(values)
        expected = sc.open_probe(model, image()).logits
        assert np.allclose(other, expected, atol=1e-4 * np.abs(expected).max())
        assert not np.allclose(other, logits, atol=1e-3 * np.abs(logits).max())


def _weights_of(model, values):
    """Out of all variables' values, those that set_weights takes."""
    by_id = {id(variable): value for variable, value in zip(model.variables, values, strict=True)}
    return [by_id[id(variable)] for variable in model.weights]


def test_layers_from_the_output_to_the_input():
    probe = sc.open_probe(small(), image())
    assert probe.weighted_layers == ("logits", "dec", "up", "deep", "enc")
    assert isinstance(probe, Randomisable)
    assert sc.open_probe(with_norms(), image()).weighted_layers[0] == "logits"


def test_a_shared_layer_is_drawn_once():
    names = sc.open_probe(shared(), image()).weighted_layers
    assert len(names) == len(set(names))
    assert not any("#" in name for name in names)


def test_a_layer_is_drawn_alike_at_every_stage_and_otherwise_with_another_seed():
    probe = sc.open_probe(small(), image())
    first, again, other = (probe.randomised(["dec"], seed).activations("dec") for seed in (0, 0, 1))
    assert np.array_equal(first, again)
    assert not np.allclose(first, other)
    both = probe.randomised(["logits", "dec"], 0)
    assert np.array_equal(both.activations("dec"), first)
    assert np.array_equal(both.activations("up"), probe.activations("up"))


def test_variances_stay_above_zero():
    model = with_norms()
    probe = sc.open_probe(model, image())
    other = probe.randomised(probe.weighted_layers, 0)
    assert np.isfinite(other.logits).all()
    for layer in weighted_layers(probe._engine).values():
        for variable, values in drawn(layer, 0, 0):
            if "variance" in variable.name:
                assert values.min() > 0


def test_every_answer_uses_the_other_weights():
    model = small()
    probe = sc.open_probe(model, image())
    other = probe.randomised(["logits", "dec"], 0)
    cotangent = np.random.default_rng(0).normal(size=other.logits.shape).astype(np.float32)
    tangent = np.random.default_rng(1).normal(size=other.activations("deep").shape).astype(np.float32)
    pulled = other.pullback("deep", cotangent).gradients
    assert np.vdot(pulled, tangent) == pytest.approx(np.vdot(other.pushforward("deep", tangent), cotangent), rel=1e-3)
    assert not np.allclose(pulled, probe.pullback("deep", cotangent).gradients, rtol=0.1)
    assert np.allclose(other.replay("deep", other.activations("deep")), other.logits, atol=1e-5)
    assert np.allclose(
        other.sweep(cotangent, ["deep"])["deep"].weights, pulled.mean((0, 1)), atol=1e-4 * np.abs(pulled).max()
    )


def test_the_user_s_probe_answers_as_before_and_nothing_is_compiled():
    model = small()
    probe = sc.open_probe(model, image())
    query = sc.CamQuery("deep", 1, sc.Everything())
    before, engine = sc.explain(probe, query), probe._engine
    traces = engine.traces
    other = probe.randomised(probe.weighted_layers, 0)
    sc.explain(other, query)
    assert engine.traces == traces
    assert not probe.refresh()
    assert sc.explain(probe, query).isclose(before, rtol=0)


def test_nothing_that_is_kept_for_the_user_s_weights_is_shared():
    engine = sc.open_probe(small(), image())._engine
    twin = randomised(engine, ["logits"], 0)
    assert isinstance(twin, Rewired)
    for name, value in vars(engine).items():
        if isinstance(value, dict | set) and name != "reaching":
            assert getattr(twin, name) is not value, name


def test_a_layer_of_another_name_is_refused():
    probe = sc.open_probe(small(), image())
    with pytest.raises(
        SegCamError, match=r"`layers` must be one of logits, dec, up, deep, enc. Received: 'decc'. Did you mean 'dec'"
    ):
        probe.randomised(["decc"])


def test_where_a_step_is_no_call_of_a_layer_nothing_is_drawn():
    engine = sc.open_probe(small(), image())._engine
    assert weighted_layers(engine)

    class Part:
        def __call__(self, x):
            return x

    steps = tuple(replace(step, run=Part()) if step.path == "deep" else step for step in engine.plan.steps)
    assert weighted_layers(Rewired(engine, steps)) == {}


def test_a_model_without_a_graph_of_layers_says_that_its_weights_cannot_be_drawn():
    class Net(keras.Model):
        def __init__(self):
            super().__init__()
            self.first = keras.layers.Conv2D(4, 3, padding="same", activation="relu")
            self.last = keras.layers.Conv2D(3, 1, activation="softmax")

        def call(self, x):
            return self.last(self.first(x))

    model = Net()
    model(np.zeros((1, 8, 8, 3), np.float32))
    probe = sc.open_probe(model, image(8))
    assert probe.weighted_layers == ()
    found = faithfulness(probe, sc.CamQuery(probe.layers[1].name, 1, sc.Everything()), checks="cascades")
    assert found.cascades == ()
    assert found.notes[0].startswith("Weights cannot be drawn at random here")


@pytest.mark.parametrize("head", ["sigmoid", "fused softmax", "none"])
def test_endings(head):
    model = small(head)
    probe = sc.open_probe(model, image())
    other = probe.randomised(["logits"], 0)
    assert other.head == probe.head
    assert other.default_score == probe.default_score
    assert np.array_equal(other.activations("dec"), probe.activations("dec"))
    assert not np.allclose(other.logits, probe.logits)


def test_half_precision_draws_in_its_own_type():
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = small()
    finally:
        keras.config.set_dtype_policy("float32")
    before = state(model)
    probe = sc.open_probe(model, image())
    other = probe.randomised(probe.weighted_layers, 0)
    assert other.logits.dtype == np.float32
    assert not np.allclose(other.logits, probe.logits)
    assert same(before, model)


# ------------------------------------------------------------------ the user's model, whatever happens


def test_the_model_is_untouched_by_a_comparison_its_cancel_and_an_error(monkeypatch):
    model = with_norms()
    model.compile("adam", "sparse_categorical_crossentropy")
    before, config, x = state(model), model.to_json(), image()
    output = model.predict(x[None], verbose=0)
    probe = sc.open_probe(model, x)
    query = sc.CamQuery(probe.layers[-2].name, 1, sc.Everything())

    faithfulness(probe, query, checks="cascades", stages=3, redraws=1)
    assert same(before, model)

    with pytest.raises(Cancelled):
        faithfulness(probe, query, checks="cascades", progress=lambda fraction, _: fraction < 0.8)
    assert same(before, model)

    def broken(*_, **__):
        raise RuntimeError("in the middle of a stage")

    monkeypatch.setattr("segcam_widgets.evaluation.curves.cascade.compare", broken)
    with pytest.raises(RuntimeError, match="in the middle of a stage"):
        faithfulness(probe, query, checks="cascades")
    assert same(before, model)
    assert model.to_json() == config
    assert np.array_equal(model.predict(x[None], verbose=0), output)


def test_a_layer_that_fails_with_other_weights_leaves_the_model_as_it_was():
    @keras.saving.register_keras_serializable("tests_randomise")
    class Picky(keras.layers.Conv2D):
        def call(self, x):
            if not tf.executing_eagerly() or float(tf.reduce_sum(self.kernel)) == 4.0:
                return super().call(x)
            raise ValueError("not with these weights")

    inputs = keras.Input((8, 8, 1))
    x = Picky(2, 1, kernel_initializer=keras.initializers.Constant(2.0), name="picky")(inputs)
    model = keras.Model(inputs, keras.layers.Softmax()(x))
    before = state(model)
    probe = sc.open_probe(model, np.ones((8, 8, 1), np.float32))
    with pytest.raises(Exception, match="not with these weights"):
        probe.randomised(["picky"], 0)
    assert same(before, model)
    assert np.isfinite(sc.open_probe(model, np.ones((8, 8, 1), np.float32)).logits).all()
