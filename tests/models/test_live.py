"""The live query's backward half: what it keeps of the forward pass, and that it answers as the whole does."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import segcam_widgets as sc
from segcam_widgets.core.resolve import resolve, score_input
from segcam_widgets.keras_probe.cut.backward import Live
from segcam_widgets.keras_probe.engine.engine import DEEP
from segcam_widgets.keras_probe.probe import KerasProbe
from tests.models.networks import CLASSES, SIZE, STRUCTURES, Seeds, control_flow, image, small, with_norms
from tests.models.reference import relative, tape_gradient

pytestmark = pytest.mark.keras


def compiled(probe, layer, score=None):
    """What a live query at a layer runs."""
    sc.explain(probe, sc.CamQuery(layer, 0, sc.Everything(), score))
    probe._engine.settle()
    sc.explain(probe, sc.CamQuery(layer, 0, sc.Everything(), score))
    slot = probe._targets.find(layer).slot
    (found,) = [f for key, f in probe._engine._functions.items() if key[:2] == ("live", slot)]
    assert isinstance(found, Live)
    return found


def operations(function):
    return [op.type for op in function.graph.get_operations()]


def test_no_convolution_runs_forwards():
    probe = sc.open_probe(small(), image())
    live = compiled(probe, "deep")
    assert operations(live.whole).count("Conv2D") == 3  # dec, logits; the transposed convolution's gradient is one too
    assert operations(live.backward).count("Conv2D") == 1
    assert operations(live.backward).count("Conv2DBackpropInput") == 2
    assert "Relu" not in operations(live.backward)


def test_of_a_relu_network_it_needs_outputs_of_layers_only():
    probe = sc.open_probe(small(), image())
    live = compiled(probe, "deep")
    made = probe._engine.plan.producer()
    assert [made[slot].path for slot in live.slots] == ["dec"]
    assert live.rest is None
    assert compiled(probe, "dec").slots == ()  # a linear tail needs nothing


def test_what_is_inside_of_layers_is_computed_once_an_image():
    probe = sc.open_probe(STRUCTURES["attention, GELU, layer norm"](), image())
    live = compiled(probe, "conv")
    assert live.rest is not None
    assert live.rest_bytes > 0
    held = probe._tensors.computed(("rest", probe._targets.find("conv").slot), lambda: pytest.fail("computed again"))
    assert sum(t.shape.num_elements() * t.dtype.size for t in held) == live.rest_bytes


@pytest.mark.parametrize("name", STRUCTURES)
def test_the_half_answers_as_the_whole(name):
    model = STRUCTURES[name]()
    x = np.random.default_rng(3).normal(size=[SIZE if n is None else n for n in model.inputs[0].shape[1:]])
    probe = sc.open_probe(model, x)
    layer = probe.layers[1].name
    live = compiled(probe, layer, "logit")
    target = probe._targets.find(layer)
    cut = probe._engine.cut(target.slot, target.name)
    own, *bypass = probe._tensors.get([target.slot, *cut.bypass])
    mask = np.random.default_rng(0).random((1, *probe.labels.shape)).astype(np.float32)
    contrast = np.random.default_rng(1).normal(size=(1, len(probe.class_names))).astype(np.float32)
    gradients, shares = live.whole(own, bypass, tf.constant(mask), tf.constant(contrast))
    pulled = probe.pullback(layer, mask[0, :, :, None] * contrast[0])
    assert relative(pulled.gradients, gradients.numpy()[0]) < 1e-5
    assert list(pulled.bypass.values()) == pytest.approx(shares.numpy()[:, 0].tolist(), rel=1e-4, abs=1e-5)


def test_against_rivals_the_half_answers_as_the_whole():
    probe = sc.open_probe(small(), image())
    live = compiled(probe, "enc", "margin")
    target = probe._targets.find("enc")
    own, *bypass = probe._tensors.get([target.slot, *probe._engine.cut(target.slot, target.name).bypass])
    query = resolve(sc.CamQuery("enc", 1, sc.Rectangle(2, 2, 9, 9)), probe)
    cotangent = sc.SCORES["margin"].cotangent(score_input(probe, query, query.region.rasterize(probe)))
    factors = cotangent.mask, cotangent.rivals, cotangent.contrast
    gradients, shares = live.whole(own, bypass, *(tf.constant(factor[None]) for factor in factors))
    halves, dense = probe.pullback("enc", cotangent), probe.pullback("enc", cotangent.to_array())
    for pulled in (halves, dense):
        assert relative(pulled.gradients, gradients.numpy()[0]) < 1e-5
        assert list(pulled.bypass.values()) == pytest.approx(shares.numpy()[:, 0].tolist(), rel=1e-4, abs=1e-5)


def test_batch_norm_keeps_no_more_than_the_activations_behind_it():
    probe = sc.open_probe(with_norms(), image())
    live = compiled(probe, "conv")
    made = probe._engine.plan.producer()
    assert [made[slot].path for slot in live.slots] == ["relu", "relu6"]
    assert live.rest is None


def test_a_graph_that_cannot_be_split_runs_whole(monkeypatch):
    monkeypatch.setattr("segcam_widgets.keras_probe.cut.backward._split", lambda *_: 1 / 0)
    model = control_flow()
    probe = sc.open_probe(model, image())
    live = compiled(probe, "conv")
    assert live.backward is None
    field = np.random.default_rng(0).normal(size=probe.logits.shape).astype(np.float32)
    whole = probe.pullback("conv", field).gradients
    monkeypatch.undo()
    again = sc.open_probe(control_flow(), image())
    np.testing.assert_allclose(again.pullback("conv", field).gradients, whole, rtol=1e-4, atol=1e-6)


@keras.saving.register_keras_serializable("segcam_tests")
class Choosy(keras.layers.Layer):
    """A Python `if` on values: runs eagerly, and cannot be traced."""

    def call(self, x):
        return 2 * x if float(keras.ops.max(x)) > 0 else x

    def compute_output_spec(self, x):
        return keras.KerasTensor(x.shape, x.dtype)


@pytest.mark.parametrize("convolutions", [1, DEEP + 1])
def test_what_cannot_be_traced_is_answered_eagerly(convolutions):
    seeds = Seeds(9500)
    inputs = keras.Input((SIZE, SIZE, 3), name="image")
    x = Choosy(name="choosy")(seeds.conv(4, name="first")(inputs))
    for number in range(convolutions):
        x = seeds.conv(4, name=f"conv{number}")(x)
    model = keras.Model(inputs, seeds.conv(CLASSES, 1, activation=None, name="logits")(x))
    probe = sc.open_probe(model, image())
    field = np.random.default_rng(0).normal(size=probe.logits.shape).astype(np.float32)
    theirs = tape_gradient(model, model.get_layer("first"), 1, probe.x, field=field, ends_with="none")
    for _ in range(2):
        assert relative(probe.pullback("first", field).gradients, theirs) < 1e-5
        probe._engine.settle()
    np.testing.assert_allclose(probe.replay("first", probe.activations("first")), probe.logits, rtol=1e-5, atol=1e-5)
    assert probe._engine.traces == 0


def test_where_it_does_not_fit_the_tail_runs_whole():
    probe = sc.open_probe(small(), image())
    expected = sc.explain(probe, sc.CamQuery("deep", 0, sc.Everything()))
    tight = KerasProbe(probe._engine, probe.x, image=probe.image, budget=10_000)
    answer = sc.explain(tight, sc.CamQuery("deep", 0, sc.Everything()))
    assert relative(answer.gradients, expected.gradients) < 1e-5
    assert tight._tensors.held_bytes <= 10_000
