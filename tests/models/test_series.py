"""Image after image through one model: from the third on, one compiled function computes what the first two ran step by step."""

import numpy as np
import pytest

import segcam_widgets as sc
from segcam_widgets.keras_probe.engine.series import SERIES
from segcam_widgets.keras_probe.probe import KerasProbe
from tests.models.networks import STRUCTURES, image, small
from tests.models.test_counts import counted

pytestmark = pytest.mark.keras


def opened(model, count, **options):
    """The last of so many images."""
    for seed in range(count):
        probe = sc.open_probe(model, image(seed=seed, **options))
        probe._engine.settle()
    return probe


def query(layer):
    return sc.CamQuery(layer, 1, sc.Rectangle(2, 2, 9, 9))


def test_from_then_on_nothing_runs_step_by_step():
    model, early, late = counted(size=None)
    probe = opened(model, SERIES)
    traces, runs = probe._engine.traces, (early.runs, late.runs)
    assert traces == 1
    last = opened(model, SERIES + 3)
    assert last._engine is probe._engine
    assert (last._engine.traces, early.runs, late.runs) == (traces, *runs)
    for layer in ("first", "logits"):
        sc.explain(last, query(layer))
    assert (early.runs, late.runs) == runs
    assert last._tensors.passes == 1
    other = opened(model, 1, size=24)  # another size is another series
    assert early.runs == runs[0] + 1
    assert other._engine.traces == last._engine.traces


@pytest.mark.parametrize("name", STRUCTURES)
def test_the_answers_are_the_same(name):
    model = STRUCTURES[name]()
    rng = np.random.default_rng(3)
    shape = [16 if n is None else n for n in model.inputs[0].shape[1:]]
    xs = rng.normal(size=(SERIES + 1, *shape))
    probes = []
    for x in xs:
        probes.append(sc.open_probe(model, x))
        probes[-1]._engine.settle()
    alone = sc.open_probe(STRUCTURES[name](), xs[-1])
    last = probes[-1]
    np.testing.assert_allclose(last.logits, alone.logits, rtol=1e-4, atol=1e-4 * np.abs(alone.logits).max())
    for info, same in zip(last.layers, alone.layers, strict=True):  # raw operations are numbered in each process
        expected = alone.activations(same.name)
        np.testing.assert_allclose(last.activations(info.name), expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())
    assert last._tensors.shapes == alone._tensors.shapes
    assert last._tensors.floating == alone._tensors.floating


def test_weights_are_not_baked_in():
    model = small()
    probe = opened(model, SERIES + 1)
    before = probe.logits
    model.get_layer("dec").kernel.assign(2 * model.get_layer("dec").kernel)
    again = sc.open_probe(model, image(seed=SERIES))
    assert not np.allclose(again.logits, before)
    fresh = small()
    fresh.set_weights(model.get_weights())
    np.testing.assert_allclose(again.logits, sc.open_probe(fresh, image(seed=SERIES)).logits, rtol=1e-4, atol=1e-5)


def series(model, layers, budget):
    """Probes on one image after the other that may hold so many bytes, and the answers at these layers."""
    engine = sc.open_probe(model, image(seed=99, size=24))._engine  # of another size, and so of another series
    for seed, layer in enumerate(layers):
        probe = KerasProbe(engine, image(seed=seed)[None], image=np.zeros((16, 16, 3), np.uint8), budget=budget)
        yield probe, sc.explain(probe, query(layer))
        engine.settle()
        assert probe._tensors.held_bytes <= budget


def test_what_does_not_fit_is_computed_where_it_is_asked_for():
    """Each of the five layers takes 4096 bytes: three may be held, and the same are asked for in every image."""
    model, early, _ = counted(size=None)
    reference = counted(size=None)[0]
    runs, passes = [], []
    for seed, (probe, answer) in enumerate(series(model, ["late"] * (SERIES + 3), 3 * 4096)):
        alone = sc.open_probe(reference, image(seed=seed))
        expected = sc.explain(alone, query("late"))
        np.testing.assert_allclose(answer.cam, expected.cam, rtol=1e-4, atol=1e-5 * np.abs(expected.cam).max())
        assert probe.layers == alone.layers
        runs.append(early.runs)
        passes.append(probe._tensors.passes)
    steps = np.diff(runs)
    assert steps[0] > 0
    assert (steps[-2:] == 0).all(), runs
    assert passes[-2:] == [1, 1], passes
    # another layer is another pass, of that image alone
    other = sc.explain(probe, query("first"))
    assert probe._tensors.passes > 1
    expected = sc.explain(alone, query("first"))
    np.testing.assert_allclose(other.cam, expected.cam, rtol=1e-4, atol=1e-5 * np.abs(expected.cam).max())


def test_images_that_are_asked_different_things_run_step_by_step():
    model, early, _ = counted(size=None)
    runs = []
    for _ in series(model, ["first", "late", "early", "middle0", "late", "first"], 3 * 4096):
        runs.append(early.runs)
    assert (np.diff(runs) > 0).all(), runs


def test_labels_are_the_most_probable_classes():
    probe = opened(small(), 1)
    np.testing.assert_array_equal(probe.labels, probe.probabilities.argmax(-1))
