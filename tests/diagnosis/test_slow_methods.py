"""A diagnosis of a map that took long to make: it is not made again, and what is made can be cancelled."""

import numpy as np
import pytest

import segcam_widgets as sc
from segcam_widgets.diagnosis.question import SLOW_QUERIES
from tests.core.fake_probe import IMAGE, NumpyProbe, linear_head, random_network
from tests.diagnosis import nets
from tests.diagnosis.outcomes import fired, passed

SLOW = [m.name for m in sc.METHODS.values() if m.slow]


@pytest.mark.parametrize("method", SLOW)
def test_a_map_that_is_at_hand_is_not_made_again(method):
    probe = random_network(1)
    asked = (sc.CamQuery("deep", index, sc.Everything(), method=method) for index in range(3))
    query = next(query for query in asked if not sc.diagnose(probe, query).blank)  # so that no remedy is tried
    explanation = sc.explain(probe, query)
    expected = sc.diagnose(probe, query)
    probe.calls.clear()
    diagnosis = sc.diagnose(probe, query, explanation=explanation)
    assert probe.calls["replay"] == 0
    assert diagnosis == expected


def test_a_map_of_another_question_is_no_use():
    probe = random_network(1)
    other = sc.explain(probe, sc.CamQuery("deep", 1, method="ablation-cam"))
    probe.calls.clear()
    query = sc.CamQuery("deep", 0, method="ablation-cam")
    assert sc.diagnose(probe, query, explanation=other) == sc.diagnose(probe, query)
    assert probe.calls["replay"] > 0


class Counting(NumpyProbe):
    """Counts the maps that are made: each begins with the unmodified activations."""

    def replay(self, layer, activations, bypass=None):
        self.calls["maps"] += bool(np.array_equal(activations[0], self.activations(layer)))
        return super().replay(layer, activations, bypass)


@pytest.mark.parametrize("make", [nets.absence, nets.shifted, nets.outweighed, nets.saturated])
def test_at_most_two_maps_of_a_slow_method_are_made(make):
    net = make()
    probe = Counting(net.probe.x, net.probe.nodes)
    diagnosis = sc.diagnose(probe, net.query.__class__(**vars(net.query) | {"method": "ablation-cam"}))
    assert 1 <= probe.calls["maps"] <= SLOW_QUERIES
    assert diagnosis.blank == (len(diagnosis.issues) == 1)


def test_making_the_map_tells_its_progress_and_can_be_cancelled():
    probe, told = random_network(1), []
    query = sc.CamQuery("deep", 0, method="occlusion")
    sc.diagnose(probe, query, progress=lambda fraction, text: told.append((fraction, text)) or True)
    assert [fraction for fraction, _ in told] == sorted(fraction for fraction, _ in told)
    assert any("Occlusion at deep, window 16 of 37" in text for _, text in told)
    with pytest.raises(sc.Cancelled, match="window 16"):
        sc.diagnose(probe, query, progress=lambda fraction, text: "window 16" not in text)


def test_a_remedy_is_cancelled_as_well():
    """And is not taken for one that cannot be asked."""
    net = nets.absence()
    query = net.query.__class__(**vars(net.query) | {"method": "occlusion", "options": {"window": 1}})
    explanation = sc.explain(net.probe, query)
    assert explanation.is_empty
    with pytest.raises(sc.Cancelled):
        sc.diagnose(net.probe, query, progress=lambda fraction, text: "window" not in text, explanation=explanation)


def test_a_method_that_does_not_look_at_the_class_gets_no_reason_that_does():
    activations = -np.abs(np.random.default_rng(0).normal(size=(5, 5, 3))) - 0.1
    probe = linear_head(activations, [[1.0, 0], [2.0, 0], [1.0, 0]], bias=[30.0, 0])
    diagnosis = sc.diagnose(probe, sc.CamQuery(IMAGE, 0, method="eigen-cam"))
    assert diagnosis.blank
    finding = fired(diagnosis, "SC204")
    assert diagnosis.headline is finding
    assert finding.title == "At image, the activations are negative, and the map with them"
    assert "pull" not in finding.message
    assert {n.code for n in diagnosis.not_applicable} >= {"SC106", "SC208", "SC206"}
    for code in ("SC203", "SC205"):
        assert passed(diagnosis, code) == "line 4 of the decision table holds before any experiment is weighed"


def test_nor_praise_for_its_weights():
    probe = linear_head(np.full((4, 4, 2), -1.0) + np.eye(4)[..., None] * 3, [[1.0, 0], [1.0, 0]])
    assert passed(sc.diagnose(probe, sc.CamQuery(IMAGE, 0, sc.Everything(), method="eigen-cam")), "SC204") == (
        "the method does not look at the class"
    )
