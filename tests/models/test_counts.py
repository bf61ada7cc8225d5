"""What is computed and compiled, counted: one forward pass per image, the tail alone in a query, one trace per layer."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

import segcam_widgets as sc
from segcam_widgets.keras_probe.engine.engine import DEEP
from tests.models.networks import CLASSES, SIZE, Seeds, image, small
from tests.models.reference import relative

pytestmark = pytest.mark.keras


@keras.saving.register_keras_serializable("segcam_tests")
class Counter(layers.Layer):
    """Passes its input on and counts: `runs` with real tensors, `traces` into a graph."""

    def __init__(self, **options):
        super().__init__(**options)
        self.runs = self.traces = 0

    def call(self, x):
        if tf.executing_eagerly():
            self.runs += 1
        else:
            self.traces += 1
        return x

    def compute_output_spec(self, x):
        return keras.KerasTensor(x.shape, x.dtype)


def counted(size=SIZE, convolutions=1):
    """Counters behind each of three convolutions, with more convolutions before the last for a deep tail."""
    seeds = Seeds(8000)
    inputs = keras.Input((size, size, 3), name="image")
    x = seeds.conv(4, name="first")(inputs)
    x = Counter(name="early")(x)
    for number in range(convolutions):
        x = seeds.conv(4, name=f"middle{number}")(x)
    x = Counter(name="late")(x)
    model = keras.Model(inputs, seeds.conv(CLASSES, 1, activation="softmax", name="logits")(x))
    return model, model.get_layer("early"), model.get_layer("late")


def engine(probe):
    return probe._engine


def questions(probe, layer):
    """Regions, classes, linear scores without a rival per pixel, methods and baselines, all different."""
    regions = [sc.Rectangle(0, 0, 4, 4), sc.Brush(((8, 8),), 3), sc.Everything(), sc.Pixel(2, 3)]
    for number, region in enumerate(regions):
        for score in ("logit", "centered_logit"):
            yield sc.explain(probe, sc.CamQuery(layer, number % CLASSES, region, score=score))
    yield sc.explain(probe, sc.CamQuery(layer, 0, regions[0], score="margin", rival=1))
    yield sc.explain(probe, sc.CamQuery(layer, 0, regions[0], "centered_logit", method="hirescam", baseline="mean"))


def test_one_forward_pass_an_image_and_one_comparison_a_model():
    model, early, late = counted()
    probe = sc.open_probe(model, image())
    assert (early.runs, late.runs) == (2, 2)  # ours, and the model's own to compare it with
    _ = probe.logits, probe.probabilities, probe.labels
    for info in probe.layers:
        probe.activations(info.name)
    assert (early.runs, late.runs) == (2, 2)
    sc.open_probe(model, image(seed=1))
    assert (early.runs, late.runs) == (3, 3)


def test_a_live_query_runs_nothing_of_the_head_and_nothing_again():
    model, early, late = counted()
    probe = sc.open_probe(model, image())
    for layer in ("first", "middle0", "logits"):
        list(questions(probe, layer))
    assert (early.runs, late.runs) == (2, 2)
    assert (early.traces, late.traces) == (1, 2)  # "first" has both behind it, "middle0" one, "logits" none


def test_one_function_is_compiled_a_layer_whatever_is_asked():
    model, *_ = counted()
    probe = sc.open_probe(model, image())
    before = engine(probe).traces
    list(questions(probe, "middle0"))
    assert engine(probe).traces == before + 1
    list(questions(probe, "first"))
    assert engine(probe).traces == before + 2


def test_the_margin_has_one_more_for_all_classes_and_regions():
    """The rival of each pixel is an index map, read inside the graph."""
    probe = sc.open_probe(counted()[0], image())
    list(questions(probe, "middle0"))
    before = engine(probe).traces
    for index in range(CLASSES):
        for region in (sc.Everything(), sc.Rectangle(0, 0, 4, 4)):
            sc.explain(probe, sc.CamQuery("middle0", index, region, method=("seg-grad-cam", "hirescam")[index % 2]))
    assert engine(probe).traces == before + 1


def test_the_curved_scores_share_one_more():
    probe = sc.open_probe(counted()[0], image())
    list(questions(probe, "middle0"))
    before = engine(probe).traces
    for score in ("probability", "log_probability", "log_odds", "probability"):
        sc.explain(probe, sc.CamQuery("middle0", 2, sc.Everything(), score=score))
    assert engine(probe).traces == before + 1


def test_a_second_image_of_the_size_compiles_nothing():
    model, _, late = counted(size=None)
    first = sc.open_probe(model, image(16))
    list(questions(first, "first"))
    traces, runs = engine(first).traces, late.runs
    second = sc.open_probe(model, image(16, seed=1))
    list(questions(second, "first"))
    assert engine(second) is engine(first)
    assert engine(second).traces == traces
    assert late.runs == runs + 1  # its own forward pass
    larger = sc.open_probe(model, image(24))
    list(questions(larger, "first"))
    assert engine(larger).traces == traces + 1


def test_replay_compiles_once_a_layer_and_batch():
    probe = sc.open_probe(counted()[0], image())
    a = probe.activations("middle0")
    before = engine(probe).traces
    for factor in (0.0, 0.5, 2.0):
        probe.replay("middle0", factor * a)
    assert engine(probe).traces == before + 1
    probe.replay("middle0", np.stack([a, a]))
    assert engine(probe).traces == before + 2


def test_a_deep_tail_answers_at_once_and_is_compiled_behind_the_answer():
    model, early, _ = counted(convolutions=DEEP + 2)
    probe = sc.open_probe(model, image())
    runs, traces = early.runs, engine(probe).traces
    query = sc.CamQuery("first", 1, sc.Everything(), "centered_logit")
    quick = sc.explain(probe, query)
    assert early.runs == runs + 1  # eagerly
    engine(probe).settle()
    assert engine(probe).traces == traces + 1
    compiled = sc.explain(probe, query)
    assert early.runs == runs + 1
    assert relative(compiled.gradients, quick.gradients) < 1e-5
    list(questions(probe, "first"))
    assert engine(probe).traces == traces + 1
    assert early.runs == runs + 1


def test_compiled_functions_are_a_few_dozen_at_most(monkeypatch):
    monkeypatch.setattr("segcam_widgets.keras_probe.engine.engine.KEPT", 3)
    probe = sc.open_probe(small(), image())
    query = [sc.CamQuery(info.name, 0, sc.Everything()) for info in probe.layers]
    first = [sc.explain(probe, q).gradients for q in query]
    assert len(engine(probe)._functions) == 3
    for gradients, q in zip(first, query, strict=True):
        np.testing.assert_array_equal(sc.explain(probe, q).gradients, gradients)
