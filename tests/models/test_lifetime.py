"""The user's model is left as it is, engines go with their models, and memory stays within its bounds."""

import gc
import threading
import weakref

import keras
import numpy as np
import pytest

import segcam_widgets as sc
from segcam_widgets.keras_probe.engine.activations import Held
from segcam_widgets.keras_probe.probe import KerasProbe
from tests.models.networks import NETWORKS, SIZE, image, nested, small, twice_nested
from tests.models.reference import relative

pytestmark = pytest.mark.keras


def everything(probe):
    for info in probe.layers:
        probe.activations(info.name)
        sc.explain(probe, sc.CamQuery(info.name, 0, sc.Everything()))
        probe.replay(info.name, probe.activations(info.name))
    probe._engine.settle()


def snapshot(model):
    """Every attribute of every layer, and how long each list and dictionary among them is."""
    seen = {}
    for layer in [model, *model._flatten_layers(include_self=False)]:
        for name, value in vars(layer).items():
            length = len(value) if isinstance(value, list | dict | set | tuple) else None
            seen[layer.name, id(layer), name] = (id(value), length)
        seen[layer.name, id(layer), "nodes"] = (len(layer._inbound_nodes), len(layer._outbound_nodes))
    return seen


@pytest.mark.parametrize(
    "name", ["softmax layer", "softmax fused in Conv2D", *(n for n in NETWORKS if "nested" in n or "sh" in n)]
)
def test_the_users_model_is_not_touched(name):
    model = NETWORKS[name]()
    shape = [SIZE if n is None else n for n in model.inputs[0].shape[1:]]
    x = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    model(x[None], training=False)  # Keras itself notes things at the first call
    before, weights = snapshot(model), model.get_weights()
    everything(sc.open_probe(model, x))
    assert snapshot(model) == before
    for old, new in zip(weights, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_a_snapshot_sees_what_the_textbook_recipe_does():
    """The test above can fail: a second model on the same layers adds a node to each."""
    model = small()
    before = snapshot(model)
    inputs = keras.Input((8, 8, 8))
    model.get_layer("up")(inputs)
    assert snapshot(model) != before


@pytest.mark.parametrize("build", [small, nested, twice_nested, lambda: small("fused softmax")])
def test_engines_go_with_their_models(build):
    model = build()
    probe = sc.open_probe(model, image())
    everything(probe)
    gone = [weakref.ref(thing) for thing in (model, probe._engine, probe)]
    layer = weakref.ref(model.layers[-1])
    del model, probe
    gc.collect()
    gc.collect()  # the engine is let go when the model is, and is itself a ring of references
    assert [ref() for ref in [*gone, layer]] == [None] * 4


def test_a_probe_goes_while_its_model_stays():
    model = small()
    probe = sc.open_probe(model, image())
    everything(probe)
    engine, gone = probe._engine, weakref.ref(probe)
    del probe
    gc.collect()
    assert gone() is None
    assert sc.open_probe(model, image())._engine is engine


def test_a_probe_keeps_its_engine_when_the_model_is_let_go():
    probe = sc.open_probe(small(), image())
    gc.collect()
    expected = sc.explain(probe, sc.CamQuery("deep", 0, sc.Everything()))
    gc.collect()
    assert relative(sc.explain(probe, sc.CamQuery("deep", 0, sc.Everything())).cam, expected.cam) == 0


@pytest.mark.parametrize("budget", [0, 1, 3_000, 10_000, 20_000, 10**9])
def test_any_budget_gives_the_same_answers_and_is_kept(budget):
    model, x = small(), image()
    ample = sc.open_probe(model, x)
    probe = KerasProbe(ample._engine, ample.x, image=ample.image, budget=budget)
    for _ in range(2):
        for info in ample.layers:
            query = sc.CamQuery(info.name, 1, sc.Rectangle(2, 2, 9, 9))
            ours, theirs = sc.explain(probe, query), sc.explain(ample, query)
            assert relative(ours.gradients, theirs.gradients) < 1e-5
            assert relative(ours.activations, theirs.activations) < 1e-5
            assert probe._tensors.held_bytes <= budget
    assert probe.layers == ample.layers


def test_what_fits_is_computed_once():
    model, x = small(), image()
    probe = sc.open_probe(model, x)
    everything(probe)
    assert probe._tensors.passes == 1
    total = sum(np.prod(info.shape) * 4 for info in probe.layers[1:])
    tight = KerasProbe(probe._engine, probe.x, image=probe.image, budget=int(total * 0.6))
    everything(tight)
    assert tight._tensors.passes > 1
    passes = tight._tensors.passes
    for _ in range(3):  # asking on at one layer computes nothing again
        sc.explain(tight, sc.CamQuery("dec", 0, sc.Everything()))
    assert tight._tensors.passes <= passes + 1


def test_the_least_recently_used_goes_first():
    import tensorflow as tf

    kilobyte = tf.zeros(256)
    held = Held(3 * 1024)
    for key in "abc":
        held.put(key, [kilobyte])
    assert held.get("a")
    held.put("d", [kilobyte])
    assert ["a" in held, "b" in held, "c" in held, "d" in held] == [True, False, True, True]
    held.put("too large", [tf.zeros(2000)])
    assert "too large" not in held
    assert held.bytes == 3 * 1024
    held.clear()
    assert held.bytes == 0
    assert held.get("a") is None


def test_many_threads_ask_one_probe():
    model, x = small(), image()
    queries = [
        sc.CamQuery(name, c, sc.Rectangle(c, c, 8 + c, 9 + c), score=score)
        for name in ("enc", "deep", "dec", "join") for c in range(3) for score in ("logit", "probability")
    ]  # fmt: skip
    alone = sc.open_probe(small(), x)
    expected = {query: sc.explain(alone, query) for query in queries}
    for budget in (10**9, 10_000):
        opened = sc.open_probe(model, x)
        probe = KerasProbe(opened._engine, opened.x, image=opened.image, budget=budget)
        answers, failures = {}, []

        def ask(seed, probe=probe, answers=answers, failures=failures):
            try:
                for number in np.random.default_rng(seed).permutation(len(queries)):
                    answers[seed, queries[number]] = sc.explain(probe, queries[number])
            except Exception as error:
                failures.append(error)

        threads = [threading.Thread(target=ask, args=(seed,)) for seed in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not failures
        assert len(answers) == 6 * len(queries)
        for (_, query), answer in answers.items():
            assert relative(answer.cam, expected[query].cam) < 1e-5
            assert answer.score == pytest.approx(expected[query].score)
    probe._engine.settle()
    forms = 4 * 2 + 1  # layers, linear and curved; and the forward pass of a series of images
    assert probe._engine.traces == forms  # no thread compiled what another had


def test_many_threads_open_one_model():
    model, probes = small(), []
    threads = [threading.Thread(target=lambda: probes.append(sc.open_probe(model, image()))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(probe._engine) for probe in probes}) == 1
    assert len(probes) == 6


def test_the_users_arrays_are_copied():
    x, picture = image(), np.zeros((SIZE, SIZE, 3), np.uint8)
    probe = sc.open_probe(small(), x, image=picture)
    logits = probe.logits.copy()
    x[:], picture[:] = 0, 255
    assert probe.image.max() == 0
    assert probe.x.any()
    np.testing.assert_array_equal(probe.replay("image", probe.x[0]), logits)
