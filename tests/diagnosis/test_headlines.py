"""One headline for every blank map; for every two rules that can hold together, the one that the list names first."""

from dataclasses import replace

import numpy as np
import pytest

import segcam_widgets as sc
from segcam_widgets.diagnosis import RULES
from tests.core.fake_probe import random_network
from tests.core.strategies import can_be_asked
from tests.diagnosis import nets
from tests.diagnosis.nets import SIZE, Net, ramps

LIST = tuple(rule.code for rule in RULES.values() if rule.in_list)
TIPS = tuple(rule.code for rule in RULES.values() if not rule.in_list)
SCORES, METHODS = ("logit", "centered_logit", "margin", "log_probability", "probability"), tuple(sc.METHODS)

NOWHERE = sc.Rectangle(0, 0, 0, 0)
FLAT = np.full((SIZE, SIZE, 2), [2.0, 3.0])  # constant, and one a multiple of the other
ALONE = (4, 7)  # the one pixel of a hundred that a rectified head does not clip

CAUSES = {
    "SC204": nets.signed, "SC106": nets.silent, "SC208": nets.outweighed, "SC203": nets.cancelling,
    "SC206": nets.bypass, "SC205": nets.absence,
}  # fmt: skip
"""The rules about a blank map's weights and what carries the score, one network each."""


def raised(net, by):
    """The biases, with that of class 0 raised."""
    return np.asarray(net.bias) + np.array([by, 0, 0])


def losing(net):
    """The same weights, in a region where class 0 is not predicted."""
    return net.but(bias=raised(net, -1000.0))


def sure(net):
    """The same weights, asked about the log probability where the network is sure of class 0."""
    return net.but(bias=raised(net, 60.0), score="log_probability")


def alone(net):
    """The same weights behind a ReLU on the head that clips all pixels but one."""
    bias = np.full((SIZE, SIZE, 3), -1e5)
    bias[ALONE] = np.asarray(net.bias) + 2000
    return net.but(bias=bias, rectified=True)


def halved(net):
    """The same margins in 16 bits, with a raw logit whose own gradient is too small for them."""
    kernel = net.kernel - net.kernel[:, :1] + 1e-9
    return net.but(kernel=kernel, half=True, score="logit")


def lost(net):
    """A gradient of every class that is too small for 16 bits."""
    return net.but(kernel=net.kernel * 1e-9, half=True)


def infinite(net):
    """One infinite activation, clipped behind the layer."""
    values = np.array(net.activations)
    values[2, 2, 0] = np.inf
    return net.but(activations=values, bend=nets.clip())


def rooted(net):
    """A square root behind the layer, whose gradient at zero is infinite."""
    return net.but(bend=nets.root())


def one_lost_pixel():
    """Sure of class 0 at 1599 pixels of 1600, and so wrong at one that the mean margin is negative."""
    bias = np.zeros((40, 40, 3))
    bias[..., 0] = 20
    bias[0, 0, 0] = -1e5
    return Net(np.ones((40, 40, 2)), np.array([[-1e-3, 0, 0], [-1e-3, 0, 0]]), bias).but(score="log_probability")


def rivals_alive():
    """A ReLU clips the logits of class 0 alone; the margin sees its rivals rise with what the layer lacks."""
    net = Net(ramps(), np.array([[1.0, -1, -1], [1.0, -1, -1]]), np.array([-50.0, 20, 20]), rectified=True)
    return net.but(score="logit")


def four_alone():
    """Of 400 pixels a ReLU leaves four: where the channel is loud the gradient is 1, at the three others -1/2."""
    scale, loud, bias = np.full((20, 20), -0.5), np.full((20, 20, 1), 0.01), np.full((20, 20, 3), -1e5)
    scale[3, 3], loud[3, 3], bias[3, 3:7] = 1, 1000, 50
    return Net(loud, np.array([[3.0, 0, 0]]), bias, scale=scale, rectified=True)


def evenly_sure():
    """As sure where the channel is loud as elsewhere, so that the gradient of the log probability is as large."""
    net = nets.cancelling()
    bias = np.broadcast_to([30.0, 0, 0], (SIZE, SIZE, 3)).copy()
    bias[3, 3, 0] -= 3000
    return net.but(bias=bias, score="log_probability")


def with_a_dead_friend(net):
    """A further channel, dead, that would speak for class 0."""
    dead = np.zeros((*net.activations.shape[:2], 1))
    friend = -5.0 if net.scale is not None else 5.0  # the scale is negative on average
    kernel = np.concatenate([net.kernel, [[friend, 0, 0]]])
    return net.but(activations=np.concatenate([net.activations, dead], -1), kernel=kernel)


def flat(net):
    """Constant activations, so that no channel has contrast and all are copies of one."""
    count = net.activations.shape[2]
    loud = np.abs(net.activations).max((0, 1)) > 0
    return net.but(activations=np.broadcast_to(np.where(loud, np.arange(2.0, 2.0 + count), 0), net.activations.shape))


PAIRS = {
    ("SC101", "SC103"): infinite(nets.absence()).but(region=NOWHERE),
    ("SC101", "SC104"): nets.dead().but(region=NOWHERE),
    ("SC101", "SC102"): nets.absence().but(region=NOWHERE, layer="aside"),
    ("SC103", "SC104"): rooted(nets.dead()),
    ("SC103", "SC302"): infinite(nets.clipped()),
    ("SC103", "SC209"): infinite(lost(nets.absence())).but(activations=infinite(nets.absence()).activations / 10),
    ("SC103", "SC201"): infinite(nets.saturated()),
    ("SC103", "SC102"): infinite(nets.ignored()),
    ("SC103", "SC207"): infinite(nets.unlikely()),
    ("SC104", "SC302"): nets.dead().but(bias=np.full(3, -1.0), rectified=True),
    ("SC104", "SC209"): lost(nets.dead()),
    ("SC104", "SC201"): nets.dead().but(bias=np.array([30.0, 0, 0]), score="probability"),
    ("SC104", "SC102"): nets.dead().but(kernel=np.zeros((2, 3))),
    ("SC104", "SC207"): nets.dead().but(bias=np.array([-1.0, 0, 0])),
    ("SC302", "SC209"): lost(alone(nets.absence())),
    ("SC302", "SC102"): nets.clipped(),
    ("SC302", "SC202"): rivals_alive(),
    ("SC302", "SC207"): nets.clipped(),
    ("SC209", "SC201"): lost(nets.saturated()),
    ("SC209", "SC102"): nets.underflow(),
    ("SC209", "SC202"): halved(nets.shifted()),
    ("SC209", "SC207"): lost(nets.unlikely()),
    ("SC201", "SC102"): nets.ignored().but(bias=np.array([30.0, 0, 0]), score="probability"),
    ("SC201", "SC207"): one_lost_pixel(),
    ("SC102", "SC207"): nets.ignored().but(bias=np.array([-1.0, 0, 0])),
    ("SC202", "SC207"): nets.shifted().but(bias=np.array([-50.0, 0, 0])),
    **{("SC302", code): alone(make()) for code, make in CAUSES.items() if code != "SC203"},
    ("SC302", "SC203"): four_alone(),
    **{("SC209", code): halved(make()) for code, make in CAUSES.items()},
    **{("SC201", code): sure(make()) for code, make in CAUSES.items() if code != "SC203"},
    ("SC201", "SC203"): evenly_sure(),
    **{("SC207", code): losing(make()) for code, make in CAUSES.items()},
    ("SC204", "SC208"): nets.signed(),
    **{("SC106", code): with_a_dead_friend(CAUSES[code]()) for code in ("SC203", "SC206", "SC205")},
}
"""Two rules of the list that hold together, in its order."""

NO_PIXEL = "without a pixel there is no score, so nothing about it can be measured"
NOT_FINITE = "without finite numbers there is no map"
SILENT = "where every channel is zero there is no live one"
NO_GRADIENT = "where the gradient of every class is zero there is no weight, nor a margin's map"
MARGIN = "it explains the blank map: the margin's is not"
LIVE = "one needs a live channel with positive weight, the other that there is none"
EXCLUSIVE = {
    **{("SC101", code): NO_PIXEL for code in ("SC302", "SC209", "SC201", "SC202", "SC207", *CAUSES)},
    **{("SC103", code): NOT_FINITE for code in ("SC202", *CAUSES)},
    **{("SC104", code): SILENT for code in ("SC202", *CAUSES)},
    ("SC302", "SC201"): "a clipped logit is zero, and not sure of anything",
    ("SC201", "SC202"): "one is about probabilities, the other about the raw logit",
    **{("SC102", code): NO_GRADIENT for code in ("SC202", *CAUSES)},
    **{("SC202", code): MARGIN for code in CAUSES},
    **{("SC204", code): LIVE for code in ("SC106", "SC203", "SC206", "SC205")},
    ("SC106", "SC208"): LIVE,
    **{("SC208", code): LIVE for code in ("SC203", "SC206", "SC205")},
    ("SC203", "SC206"): "one part is the largest",
    ("SC203", "SC205"): "one part is the largest",
    ("SC206", "SC205"): "one part is the largest",
}
"""Two rules that cannot hold together, and why."""


def test_every_pair_of_the_list_is_made_or_excluded():
    pairs = {(a, b) for i, a in enumerate(LIST) for b in LIST[i + 1 :]}
    assert PAIRS.keys() & EXCLUSIVE.keys() == set()
    assert PAIRS.keys() | EXCLUSIVE.keys() == pairs


@pytest.mark.parametrize("pair", list(PAIRS), ids=" ".join)
@pytest.mark.filterwarnings("ignore:invalid value encountered:RuntimeWarning")  # infinity times zero, on purpose
def test_of_two_rules_that_hold_the_first_of_the_list_is_the_headline(pair):
    diagnosis = PAIRS[pair].diagnose()
    severities = {finding.code: finding.severity for finding in diagnosis.findings}
    assert set(pair) <= set(severities)
    assert diagnosis.blank
    assert diagnosis.headline.code == pair[0]
    assert list(severities) == sorted(severities, key=[*LIST, *TIPS].index)
    issues = [code for code, severity in severities.items() if severity == "issue"]
    assert issues == ([*pair] if pair == ("SC101", "SC103") else [diagnosis.headline.code])


@pytest.mark.parametrize("code", ["SC106", "SC208", "SC206", "SC205"])  # the others take cells that differ
def test_a_layer_without_contrast_is_a_tip_beside_the_headline(code):
    diagnosis = flat(CAUSES[code]()).diagnose()
    severities = {finding.code: finding.severity for finding in diagnosis.findings}
    assert severities == {code: "issue", "SC105": "tip", "SC210": "tip"} | ({"SC205": "tip"} if code == "SC106" else {})
    assert diagnosis.headline.code == code


@pytest.mark.parametrize("make", [nets.saturated, nets.unlikely, nets.ignored, nets.shifted, nets.underflow])
def test_tips_never_head_a_blank_map(make):
    diagnosis = flat(make()).diagnose()
    assert {"SC105", "SC210"} <= {f.code for f in diagnosis.findings if f.severity == "tip"}
    assert diagnosis.headline.severity == "issue"
    assert diagnosis.headline.code in LIST


def test_a_border_that_is_positive_is_a_tip_beside_the_headline():
    """Channel 0 speaks for class 0 in a corner alone, and only just; the rest of the map is negative."""
    values = np.stack([np.zeros((SIZE, SIZE)), np.ones((SIZE, SIZE))], -1)
    values[0, 0] = [1.0, 0.0]
    net = Net(values, np.array([[0.1, 0, 0], [-1.0, 0, 0]]), np.array([9.0, 0, 0]))
    assert 0 < net.explain().positive_share < 0.01
    diagnosis = net.diagnose()
    assert [(f.code, f.severity) for f in diagnosis.findings] == [("SC208", "issue"), ("SC211", "tip")]


def test_tips_among_themselves_keep_the_order_of_the_list():
    net = nets.healthy().but(activations=FLAT, bias=np.zeros(3), region=sc.Everything())
    diagnosis = net.diagnose()
    assert [(f.code, f.severity) for f in diagnosis.findings] == [("SC105", "tip"), ("SC210", "tip")]
    assert diagnosis.headline.code == "SC105"
    assert not diagnosis.blank


# ------------------------------------------------------------------ random networks


def questions(probe):
    regions = (None, sc.Everything(), sc.Rectangle(0, 0, 5, 7), sc.Pixel(3, 3))
    for layer in ("image", "features", "relu", "deep", "deep_relu", "join", "logits"):
        for class_index in range(3):
            yield layer, class_index, regions[(class_index + len(layer)) % 4]


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize("method", METHODS)
def test_every_blank_map_of_random_networks_has_exactly_one_headline(score, method):
    blank = 0
    for seed in range(2 if sc.METHODS[method].slow else 4):
        probe = random_network(seed)
        for layer, class_index, region in questions(probe):
            if not can_be_asked(probe, layer, method):
                continue
            query = sc.CamQuery(layer, class_index, region, score, method)
            diagnosis = sc.diagnose(probe, query)
            codes = [f.code for f in (*diagnosis.findings, *diagnosis.passed, *diagnosis.not_applicable)]
            assert sorted(codes) == sorted([*LIST, *TIPS])
            issues = [f for f in diagnosis.findings if f.severity == "issue"]
            if diagnosis.blank:
                blank += 1
                assert len(issues) == 1
                assert diagnosis.headline is issues[0]
            else:
                assert not issues
                assert diagnosis.headline is (diagnosis.findings[0] if diagnosis.findings else None)
    assert blank or method in ("layercam", "grad-cam++", "eigen-grad-cam", "shapley-cam")  # else this would show little


@pytest.mark.parametrize("baseline", ["mean", "midpoint"])
def test_other_baselines_too(baseline):
    for seed in range(2):
        probe = random_network(seed)
        for layer, class_index, region in questions(probe):
            for method in METHODS:
                if not can_be_asked(probe, layer, method, baseline):
                    continue
                query = sc.CamQuery(layer, class_index, region, method=method, baseline=baseline)
                diagnosis = sc.diagnose(probe, query)
                assert len(diagnosis.issues) == diagnosis.blank


def test_several_sigmoids():
    for seed in range(8):
        probe = random_network(seed, multilabel=True)
        for score in ("logit", "log_probability", "probability"):
            for layer, class_index, region in questions(probe):
                diagnosis = sc.diagnose(probe, sc.CamQuery(layer, class_index, region, score))
                assert len(diagnosis.issues) == diagnosis.blank


def test_random_networks_where_every_weight_is_negative():
    """Heads of negative weights on ReLU layers: 66 blank maps, from all causes that remain."""
    headlines = []
    for seed in range(66):
        rng = np.random.default_rng(seed)
        activations = np.maximum(rng.normal(size=(SIZE, SIZE, 3)), 0) * (rng.random(3) > 0.2)
        kernel = rng.normal(size=(3, 3)) * [1, 0.3, 0.3] + [-1.5, 0.5, 0.5]
        around = rng.normal(size=3) * 4 if seed % 2 else None
        net = Net(activations, kernel, rng.normal(size=3) * 4 + [6, 0, 0], around=around)
        diagnosis = replace(net, query=replace(net.query, region=(None, sc.Everything())[seed % 2])).diagnose()
        assert len(diagnosis.issues) == diagnosis.blank
        headlines += [finding.code for finding in diagnosis.issues]
    assert {"SC205", "SC206", "SC207", "SC208"} <= set(headlines)
