"""Which headline a blank map has: the first line of the decision table that holds; and what holds of every diagnosis."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

import segcam_widgets as sc
from segcam_widgets.diagnosis import RULES
from tests.core.fake_probe import IMAGE, Conv, NumpyProbe, Upsample, random_network, relu
from tests.core.strategies import can_be_asked
from tests.diagnosis import nets
from tests.diagnosis.nets import INSIDE, SIZE, Net
from tests.diagnosis.outcomes import findings

LIST = tuple(rule.code for rule in RULES.values() if rule.in_list)
TIPS = tuple(rule.code for rule in RULES.values() if not rule.in_list)
SCORES, METHODS = ("logit", "centered_logit", "margin", "log_probability", "probability"), tuple(sc.METHODS)
ALWAYS = ("SC101", "SC103")
"""Issues wherever they hold: there is no map."""

EXPERIMENTS = [
    nets.absence, nets.leaning_absence, nets.silent, nets.bypass, nets.leaning_bypass, nets.absence_and_bypass,
    nets.cancelling, nets.more_would_hurt, nets.less_negative, nets.undone, nets.outweighed, nets.outweighed_absence,
    nets.flat, nets.not_decided, nets.always, nets.moderate, nets.full,
]  # fmt: skip
"""Networks whose headline the experiments decide (lines 8 to 11)."""


@pytest.mark.parametrize("make", nets.HEADLINES)
def test_each_network_has_the_headline_that_it_was_made_for(make):
    diagnosis = make().diagnose()
    assert diagnosis.blank
    assert (diagnosis.headline.code, diagnosis.headline.severity) == (nets.HEADLINES[make], "issue")
    assert [f for f in diagnosis.issues if f is not diagnosis.headline] == []


def test_every_rule_of_the_list_heads_some_network():
    assert set(nets.HEADLINES.values()) == set(LIST)


# ------------------------------------------------------------------ a line above it comes first


def nowhere(net):
    return net.but(region=sc.Rectangle(0, 0, 0, 0))


def infinite(net):
    """One infinite activation, clipped behind the layer."""
    values = np.array(net.activations)
    values[2, 2, 0] = np.inf
    return net.but(activations=values, bend=nets.clip())


def silenced(net):
    return net.but(activations=np.zeros_like(net.activations))


def clipped(net):
    """A ReLU on the head, far below which all logits are."""
    return net.but(bias=np.asarray(net.bias) - 1e5, rectified=True)


def lost(net):
    """Gradients that are too small for 16 bits."""
    return net.but(kernel=net.kernel * 1e-9, half=True)


def cut(net):
    """Weights of zero behind the layer."""
    return net.but(kernel=np.zeros_like(net.kernel))


def losing(net):
    """Class 0 is far behind, whatever the layer does."""
    return net.but(bias=np.asarray(net.bias) - 1000 * np.eye(net.kernel.shape[-1])[0])


SPOILED = {
    nowhere: "SC101",
    infinite: "SC103",
    silenced: "SC104",
    clipped: "SC302",
    lost: "SC209",
    cut: "SC102",
    losing: "SC207",
}
"""What can be done to a network, in the order of the table, and the line that holds then."""


@pytest.mark.parametrize("make", EXPERIMENTS)
@pytest.mark.parametrize("spoil", SPOILED)
@pytest.mark.filterwarnings("ignore:invalid value encountered:RuntimeWarning")  # infinity times zero, on purpose
def test_what_comes_before_the_experiments(spoil, make):
    net = make()
    net = net.but(region=net.query.region or INSIDE)
    diagnosis = spoil(net).diagnose()
    assert diagnosis.blank
    assert diagnosis.headline.code == SPOILED[spoil]
    assert [f.code for f in diagnosis.issues] == [SPOILED[spoil]]


@pytest.mark.parametrize(("first", "second"), list(combinations(SPOILED, 2)), ids=lambda f: f.__name__)
@pytest.mark.filterwarnings("ignore:invalid value encountered:RuntimeWarning")  # infinity times zero, on purpose
def test_of_two_lines_that_hold_the_first_is_the_headline(first, second):
    net = nets.absence().but(region=INSIDE)
    both = first(second(net))
    if (first, second) == (lost, cut):  # what is zero in 32 bits as well was not lost
        first = cut
    diagnosis = both.diagnose()
    assert diagnosis.headline.code == SPOILED[first]
    assert {f.code for f in diagnosis.issues} <= {SPOILED[first], *ALWAYS}
    codes = [f.code for f in diagnosis.findings]
    assert codes[1:] == sorted(codes[1:], key=[*LIST, *TIPS].index)


SCORED = {nets.shifted: "SC202", nets.saturated: "SC201", nets.diluted: "SC212"}


@pytest.mark.parametrize("make", SCORED)
def test_another_scores_map_comes_after_the_gradient_and_before_the_prediction(make):
    net = make()
    count = net.kernel.shape[-1]
    assert net.but(kernel=np.zeros_like(net.kernel), region=INSIDE).diagnose().headline.code == "SC102"
    behind = net.but(bias=np.asarray(net.bias) - np.eye(count)[0] * 200, region=net.query.region or INSIDE)
    if make is not nets.saturated:  # where the class is far behind, its probability has the margin's gradient
        assert behind.diagnose().headline.code == SCORED[make]
        assert ("SC207", "tip") in findings(behind)
    of_margin = behind.but(score="margin").diagnose()
    assert not of_margin.blank
    assert not of_margin.issues


def test_a_step_without_a_gradient_comes_before_a_class_that_loses():
    net = nets.rounded().but(bias=nets.offset(-9), region=INSIDE)
    assert findings(net)[:2] == [("SC107", "issue"), ("SC207", "tip")]


# ------------------------------------------------------------------ neither blank nor faint


def gate(weights=(-1.0, -1.0)):
    """One cell that scales the logits of a whole image: a squeezed layer."""
    nodes = [
        ("squeezed", relu(), IMAGE), ("wide", Upsample(SIZE), "squeezed"),
        ("logits", Conv([[w, 0] for w in weights], [9, 0]), "wide"),
    ]  # fmt: skip
    return NumpyProbe(np.array([[[1.0, 2.0]]]), nodes)


@pytest.mark.parametrize("weights", [(-1.0, -1.0), (1.0, 1.0), (1.0, -1.0), (0.0, 0.0)])
def test_a_layer_of_one_cell_is_a_number(weights):
    diagnosis = sc.diagnose(gate(weights), sc.CamQuery("squeezed", 0))
    assert diagnosis.is_number
    assert not diagnosis.blank
    assert not diagnosis.faint
    assert not diagnosis.issues
    assert "One cell is a number and no map" in diagnosis.to_markdown()
    assert not any(f.remedy for f in diagnosis.findings)
    assert {"SC204", "SC214", "SC105", "SC210"} <= {n.code for n in diagnosis.not_applicable}


def test_a_faint_map_that_shows_the_region_is_healthy():
    explanation, diagnosis = nets.faint().explain(), nets.faint().diagnose()
    assert 0 < explanation.positive_share < 0.01
    assert explanation.gain == pytest.approx(1)
    assert diagnosis.faint
    assert not diagnosis.blank
    assert not diagnosis.issues
    assert "SC208" not in [f.code for f in diagnosis.findings]


@pytest.mark.parametrize(("gain", "healthy"), [(0.301, True), (0.299, False)])
def test_a_map_shows_the_region_from_a_gain_of_three_tenths(gain, healthy):
    net = nets.with_gain(gain)
    assert net.case().healthy == healthy
    assert not net.but(bias=nets.offset(-9), region=INSIDE).case().healthy  # not predicted there
    assert not net.diagnose().issues


def test_a_map_of_a_single_positive_cell_is_not_blank():
    values = np.full((SIZE, SIZE, 1), -1.0)
    values[4, 4] = 1e-3
    net = Net(values, nets.pull(1), nets.offset(9)).but(region=INSIDE)
    assert net.diagnose().faint
    values[4, 4] = 1e-7
    assert net.but(activations=values).diagnose().blank


# ------------------------------------------------------------------ random networks


def questions():
    regions = (None, sc.Everything(), sc.Rectangle(0, 0, 5, 7), sc.Pixel(3, 3))
    for layer in ("image", "features", "relu", "deep", "deep_relu", "join", "logits"):
        for class_index in range(3):
            yield layer, class_index, regions[(class_index + len(layer)) % 4]


def holds_together(diagnosis):
    """What holds of every diagnosis."""
    codes = [f.code for f in (*diagnosis.findings, *diagnosis.passed, *diagnosis.not_applicable)]
    assert sorted(codes) == sorted([*LIST, *TIPS])
    issues = [f.code for f in diagnosis.issues]
    if diagnosis.blank:
        assert issues
        assert diagnosis.headline.severity == "issue"
        assert diagnosis.headline.code in LIST
        assert set(issues) <= {diagnosis.headline.code, *ALWAYS}
    else:
        assert not issues
    for finding in diagnosis.findings:
        assert "{" not in finding.title + finding.message
        assert "nan" not in finding.message.split()
        if finding.remedy_result is not None:
            assert not finding.remedy_result.is_empty
            assert not finding.remedy_result.gain < 0.5  # nan where the region is everything
        if finding.code in ("SC205", "SC106") and finding is diagnosis.headline:
            assert finding.evidence.get("zero_lost", 0) <= 0.1
    return diagnosis.blank


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize("method", METHODS)
def test_every_blank_map_of_random_networks_has_exactly_one_headline(score, method):
    blank = 0
    for seed in range(2 if sc.METHODS[method].slow else 4):
        probe = random_network(seed)
        for layer, class_index, region in questions():
            if can_be_asked(probe, layer, method):
                blank += holds_together(sc.diagnose(probe, sc.CamQuery(layer, class_index, region, score, method)))
    positive = ("layercam", "grad-cam++", "eigen-grad-cam", "shapley-cam", "seg-grad-cam-positive")
    assert blank or method in positive  # else this would show little


@pytest.mark.parametrize("baseline", ["mean", "midpoint"])
def test_other_baselines_too(baseline):
    for seed in range(2):
        probe = random_network(seed)
        for layer, class_index, region in questions():
            for method in METHODS:
                if can_be_asked(probe, layer, method, baseline):
                    query = sc.CamQuery(layer, class_index, region, method=method, baseline=baseline)
                    holds_together(sc.diagnose(probe, query))


def test_several_sigmoids():
    for seed in range(8):
        probe = random_network(seed, multilabel=True)
        for score in ("logit", "log_probability", "probability"):
            for layer, class_index, region in questions():
                holds_together(sc.diagnose(probe, sc.CamQuery(layer, class_index, region, score)))


def test_nobody_is_told_of_absence_where_the_layer_off_loses_the_class():
    """Replays made here, by hand: of random networks, and of heads of negative weights on ReLU layers with what goes round."""
    told = 0
    cases = [
        (random_network(seed), query) for seed in range(12) for query in (sc.CamQuery(*asked) for asked in questions())
    ]
    for seed in range(66):
        rng = np.random.default_rng(seed)
        activations = np.maximum(rng.normal(size=(SIZE, SIZE, 3)), 0) * (rng.random(3) > 0.2)
        activations *= nets.inside([0.1], [1])
        kernel = rng.normal(size=(3, 3)) * [1, 0.3, 0.3] + [-1.5, 0.5, 0.5]
        around = nets.inside(rng.normal(size=3) * 2, rng.normal(size=3)) if seed % 2 else None
        net = Net(activations, kernel, rng.normal(size=3) * 2 + [3, 0, 0], around=around)
        cases.append((net.probe, replace(net.query, region=(None, INSIDE)[seed % 2])))
    for probe, query in cases:
        diagnosis = sc.diagnose(probe, query)
        holds_together(diagnosis)
        if diagnosis.blank and diagnosis.headline.code == "SC205":
            off = probe.replay(query.layer, np.zeros_like(probe.activations(query.layer)))
            mask = diagnosis.query.region.rasterize(probe) & (probe.logits.argmax(-1) == query.class_index)
            assert (off.argmax(-1)[mask] == query.class_index).mean() >= 0.9
            told += 1
    assert told >= 10
