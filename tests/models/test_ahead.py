"""Layers are traced ahead of need: in the background, the newest list first, and never in the way of a question."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import segcam_widgets as sc
from segcam_widgets.core.probe import Preparing
from segcam_widgets.keras_probe.answers import pullback as pull
from segcam_widgets.keras_probe.engine.ahead import Ahead
from segcam_widgets.keras_probe.engine.engine import AHEAD, DEEP
from segcam_widgets.keras_probe.probe import KerasProbe
from segcam_widgets.session import explainer as explaining, worker as session
from tests.models.networks import STRUCTURES, image, small
from tests.models.test_counts import counted

pytestmark = pytest.mark.keras

LONG = 60


@pytest.fixture
def pool():
    with ThreadPoolExecutor(1) as executor:
        yield executor


def always():
    return True


def noting(done, *names):
    return [lambda name=name: done.append(name) for name in names]


def test_a_list_is_done_in_its_order(pool):
    ahead, done = Ahead(pool), []
    ahead.replace(noting(done, "a", "b", "c"), always)
    assert ahead.settle(LONG)
    assert done == ["a", "b", "c"]


def test_a_newer_list_takes_the_place_of_an_older(pool):
    ahead, done, begun, go_on = Ahead(pool), [], threading.Event(), threading.Event()

    def long():
        begun.set()
        assert go_on.wait(LONG)
        done.append("long")

    ahead.replace([long, *noting(done, "old")], always)
    assert begun.wait(LONG)
    ahead.replace(noting(done, "new"), always)
    waited_for = pool.submit(done.append, "asked for")  # goes before what nobody waits for
    go_on.set()
    assert ahead.settle(LONG)
    waited_for.result(LONG)
    assert done == ["long", "asked for", "new"]


def test_what_is_not_wanted_any_more_is_left_out(pool):
    ahead, done, wanted = Ahead(pool), [], threading.Event()
    wanted.set()
    ahead.replace([*noting(done, "first"), wanted.clear, *noting(done, "second")], wanted.is_set)
    assert ahead.settle(LONG)
    assert done == ["first"]


def test_trouble_with_one_does_not_stop_the_next(pool):
    ahead, done = Ahead(pool), []
    ahead.replace([lambda: 1 / 0, *noting(done, "next")], always)
    assert ahead.settle(LONG)
    assert done == ["next"]


def test_at_the_end_of_the_process_nothing_more_is_begun():
    pool = ThreadPoolExecutor(1)
    ahead, done = Ahead(pool), []
    ahead.replace([lambda: pool.shutdown(wait=False), *noting(done, "too late")], always)
    assert ahead.settle(LONG)
    assert done == []
    ahead.replace(noting(done, "later still"), always)
    assert ahead.settle(LONG)
    assert done == []


# ------------------------------------------------------------------ of a network


def query(layer, score=None):
    return sc.CamQuery(layer, 1, sc.Rectangle(2, 2, 9, 9), score=score)


def field(probe, score="margin"):
    """A cotangent of the kind that a score pulls with."""
    from segcam_widgets.core.resolve import region_mask, resolve, score_input

    asked = resolve(query(probe.layers[1].name, score), probe)
    return sc.SCORES[score].cotangent(score_input(probe, asked, region_mask(probe, asked)))


@pytest.mark.parametrize("score", ["centered_logit", "margin", "probability"])
def test_what_was_got_ready_is_not_compiled_again(score):
    probe = sc.open_probe(small(), image())
    assert isinstance(probe, Preparing)
    probe.prepare(["deep", "dec"], field(probe, score))
    assert AHEAD.settle(LONG)
    traces = probe._engine.traces
    assert traces == 2
    answers = [sc.explain(probe, query(layer, score)) for layer in ("deep", "dec")]
    assert probe._engine.traces == traces
    probe.prepare(["deep", "dec"], field(probe, score))
    assert AHEAD.settle(LONG)
    assert probe._engine.traces == traces
    fresh = sc.open_probe(small(), image())
    for answer, layer in zip(answers, ("deep", "dec"), strict=True):
        np.testing.assert_array_equal(answer.gradients, sc.explain(fresh, query(layer, score)).gradients)


@pytest.mark.parametrize("name", STRUCTURES)
def test_every_structure_can_be_got_ready(name):
    model = STRUCTURES[name]()
    x = np.random.default_rng(3).normal(size=[16 if n is None else n for n in model.inputs[0].shape[1:]])
    probe = sc.open_probe(model, x)
    layers = [info.name for info in probe.layers]
    region = sc.Everything()
    score = "logit"
    probe.prepare(layers, np.ones(probe.logits.shape, np.float32))
    assert AHEAD.settle(LONG)
    assert probe._engine.traces == len(layers)
    answer = sc.explain(probe, sc.CamQuery(layers[1], 0, region, score))
    assert np.isfinite(answer.cam).all()


def test_nothing_of_the_image_is_computed_or_held_for_it():
    probe = sc.open_probe(small(), image())
    tight = KerasProbe(probe._engine, probe.x, image=probe.image, budget=10_000)
    held, passes = tight._tensors.held_bytes, tight._tensors.passes
    tight.prepare(["deep", "dec"], field(tight))
    assert AHEAD.settle(LONG)
    assert tight._engine.traces == 2
    assert (tight._tensors.held_bytes, tight._tensors.passes) == (held, passes)


def test_a_question_does_not_wait_for_it(monkeypatch):
    """A layer that is being traced answers eagerly, another one is traced at once."""
    model, early, _ = counted()
    probe = sc.open_probe(model, image())
    begun, go_on, live = threading.Event(), threading.Event(), pull.live

    def slow(*arguments):
        if threading.current_thread().name.startswith("segcam-compile"):
            begun.set()
            assert go_on.wait(LONG)
        return live(*arguments)

    monkeypatch.setattr(pull, "live", slow)
    probe.prepare(["first"], field(probe))
    assert begun.wait(LONG)
    runs, traces = early.runs, probe._engine.traces
    quick = sc.explain(probe, query("first"))
    assert (early.runs, probe._engine.traces) == (runs + 1, traces)
    sc.explain(probe, query("middle0"))
    assert probe._engine.traces == traces + 1
    go_on.set()
    assert AHEAD.settle(LONG)
    assert probe._engine.traces == traces + 2
    runs = early.runs
    np.testing.assert_allclose(sc.explain(probe, query("first")).gradients, quick.gradients, rtol=1e-5, atol=1e-7)
    assert early.runs == runs


def test_what_cannot_be_traced_stays_eager(monkeypatch):
    probe = sc.open_probe(small(), image())
    with monkeypatch.context() as patch:
        patch.setattr(pull, "live", lambda *_: 1 / 0)
        probe.prepare(["deep"], field(probe))
        assert AHEAD.settle(LONG)
    assert np.isfinite(sc.explain(probe, query("deep")).cam).all()
    assert probe._engine.traces == 0


def test_a_layer_that_does_not_exist_is_said():
    probe = sc.open_probe(small(), image())
    with pytest.raises(sc.UnknownLayerError):
        probe.prepare(["no such layer"], field(probe))


# ------------------------------------------------------------------ in a session


def test_at_rest_a_session_gets_the_layers_beside_ready(monkeypatch):
    monkeypatch.setattr(session, "REST_SECONDS", 0.01)
    ready = threading.Event()
    model = counted(convolutions=DEEP + 2)[0]
    probe = sc.open_probe(model, image())
    monkeypatch.setattr(probe, "prepare", lambda *given: (KerasProbe.prepare(probe, *given), ready.set()))
    failed = []
    worker = explaining.explainer(lambda r, a: None, lambda r, e: failed.append(e))
    worker.submit((probe, query("middle5")))
    assert ready.wait(LONG)
    assert AHEAD.settle(LONG)
    worker.close()
    assert failed == []
    traces = probe._engine.traces
    assert traces == 1 + 2 * session.REACH
    for layer in ("middle3", "middle4", "middle6", "middle7"):
        sc.explain(probe, query(layer))
    assert probe._engine.traces == traces
    sc.explain(probe, query("middle8"))
    probe._engine.settle()
    assert probe._engine.traces == traces + 1
