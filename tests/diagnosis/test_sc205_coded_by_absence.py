import numpy as np
import pytest

import segcam_widgets as sc
from tests.core.fake_probe import linear_head, softplus
from tests.diagnosis import nets
from tests.diagnosis.nets import INSIDE, SIZE, inside, offset, pull
from tests.diagnosis.outcomes import findings, fired, headline, not_applicable, passed

TURNS, LEANS = (
    "At feat, brick is coded by the absence of features",
    "Less of feat speaks for brick; no pixel hangs on it",
)


def test_fires_in_plain_words_with_the_numbers():
    finding = headline(nets.absence(), "SC205")
    assert finding.title == TURNS
    assert finding.message.startswith(
        "Both channels pull brick down (-0.01, -0.01). Lift both channels to what they are elsewhere: 100 % of brick is lost. "
        "Switch them off: brick stays, and the whole image becomes brick (24 % before). Lower the rest of the image to what is "
        "here: 100 % of it becomes brick. "
    )
    assert finding.channels == (0, 1)


def test_its_evidence_on_paper():
    """A margin of 2 - 0.3 inside; lifted, it loses what the channels are elsewhere less 0.3; off, it gains 0.3."""
    finding = headline(nets.absence(), "SC205")
    block = inside([1], [0])[..., 0].astype(bool)
    level = nets.textured()[~block].mean(0)
    assert finding.evidence["lift_lost"] == 1
    assert finding.evidence["lift_fall"] == pytest.approx((level.sum() - 0.3) / 1.7, rel=1e-5)
    assert finding.evidence["zero_lost"] == 0
    assert finding.evidence["zero_fall"] == pytest.approx(-0.3 / 1.7, rel=1e-4)
    size = nets.absence().activations.mean((0, 1))
    assert finding.evidence["level"] == pytest.approx(((level - [0.1, 0.2]) / size).max(), rel=1e-5)
    assert finding.evidence["image_share"] == pytest.approx(0.24)
    assert finding.evidence["image_share_off"] == 1


def test_it_leans_where_no_pixel_hangs_on_it():
    finding = headline(nets.leaning_absence(), "SC205")
    assert finding.title == LEANS
    assert "brick stays, its margin falls by" in finding.message
    assert "becomes brick" not in finding.message  # the whole image is brick already


@pytest.mark.parametrize(("bias", "title"), [(6.0, TURNS), (9.0, LEANS), (20.0, LEANS), (30.0, None)])
def test_the_larger_the_bias_the_less_hangs_on_the_layer(bias, title):
    """The channels sum to 6.4 elsewhere and to 0.3 inside; of a margin of 20 that is a third, of 30 a fifth."""
    diagnosis = nets.absence().but(bias=offset(bias), region=INSIDE).diagnose()
    assert (diagnosis.headline.title if title else diagnosis.headline.code) == (title or "SC213")


def test_where_the_layer_off_loses_the_class_nobody_says_absence():
    """A moderate activation: lifted to what is elsewhere the class is lost, and without the layer as well."""
    for net in (nets.moderate(), nets.more_would_hurt()):
        diagnosis = net.diagnose()
        assert "SC205" in [p.code for p in diagnosis.passed]
        assert not any("absence" in f.title + f.message for f in diagnosis.findings)


@pytest.mark.parametrize(("lost", "says"), [(2, True), (3, False)])
def test_a_tenth_of_the_pixels_may_be_lost_with_the_layer_off(lost, says):
    """Of 24 pixels some hang on the layer being there: its presence is all that carries them."""
    scale, bias = np.ones((SIZE, SIZE)), inside(offset(2), offset(2))
    scale[3, 2 : 2 + lost], bias[3, 2 : 2 + lost, 0] = -1, -0.2  # there the sum of 0.3 speaks for class 0
    net = nets.absence().but(scale=scale, bias=bias)
    assert net.case().experiments.zero.lost == pytest.approx(lost / 24)
    assert ("SC205" in [code for code, _ in findings(net)]) == says


def test_a_bias_that_is_everywhere_is_no_absence():
    """T1 and T2: always this class, asked about a drawn region and about the whole image; lifting moves nothing."""
    for net in (nets.not_decided(), nets.always()):
        diagnosis = net.diagnose()
        assert diagnosis.headline.code == "SC213"
        assert not any("absence" in f.title + f.message for f in diagnosis.findings)


def test_a_skip_that_tells_the_region_is_no_absence():
    """T4: the bias is the largest part of the score, and the skip all of the difference."""
    assert [code for code, _ in findings(nets.bypass())] == ["SC206"]


def test_presence_that_is_written_as_absence_is_absence_at_this_layer():
    """T6: relu(1 - f) of a feature f. The title speaks of the layer, and one layer back the map is as it should be."""
    feature = inside([1.0], [0.0]) + 0 * nets.ramps(1)
    probe = nets.NumpyProbe(
        feature,
        [("one_less", nets.Conv([[-1.0]], [1.0]), nets.IMAGE), ("feat", nets.relu(), "one_less"),
         ("logits", nets.Conv(pull(-4), offset(2)), "feat")],
    )  # fmt: skip
    probe.x = probe.x.copy()
    probe.x[3, 2] = 0.9
    probe.__post_init__()
    here = sc.diagnose(probe, sc.CamQuery("feat", 0))
    assert here.headline.code == "SC205"
    assert here.headline.title.startswith("At feat,")
    assert not sc.diagnose(probe, sc.CamQuery(nets.IMAGE, 0)).blank


def test_a_positive_weight_does_not_hide_an_absence():
    """A9: what decides is the channel that is low inside; the other has a positive weight and is low as well."""
    finding = headline(nets.outweighed_absence(), "SC205")
    assert finding.message.startswith("Of the 2 live channels 1 pulls brick up and 1 down.")
    assert fired(nets.outweighed_absence().diagnose(), "SC208").severity == "tip"


def test_two_causes_are_both_named():
    assert findings(nets.absence_and_bypass()) == [("SC205", "issue"), ("SC206", "tip")]


def test_the_remedy_is_the_mean_and_shows_the_region():
    finding = headline(nets.absence(), "SC205")
    assert finding.remedy.baseline == "mean"
    assert finding.remedy_result.gain == pytest.approx(1)
    assert finding.remedy_result.chance == 1  # as good as any weights of these signs: the evidence is the experiment


def test_the_midpoint_where_the_mean_is_not_enough():
    """Four cells of brick; six loud ones lift the mean over the image above all the rest, but not the midpoint."""
    values = np.full((SIZE, SIZE, 2), 2.0)
    values[4:6, 4:6], values[0, :6] = 0.1, 12.0
    net = nets.absence().but(activations=values)
    assert net.but(baseline="mean").explain().gain < 0.5
    finding = headline(net, "SC205")
    assert finding.remedy.baseline == "midpoint"
    assert finding.remedy_result.gain == pytest.approx(1)


def test_no_remedy_where_there_is_no_gain_to_judge_by():
    net = nets.absence().but(region=sc.Everything(), bias=inside(offset(2), offset(9)))
    assert headline(net, "SC217").remedy is None  # the whole image is brick: absence has nothing to be compared with


def test_remedies_need_no_further_query():
    probe = nets.absence().probe
    sc.diagnose(probe, nets.absence().query)
    assert probe.calls["pullback"] <= 2  # the map's, and the ledger's outside


def test_curvature_behind_the_layer_changes_nothing():
    assert headline(nets.absence().but(bend=softplus(), bias=offset(4)), "SC205").title == TURNS


def test_once_the_remedy_is_applied_the_map_is_healthy():
    assert nets.absence().but(baseline="mean").diagnose().findings == ()


def test_where_the_class_is_not_predicted_the_layer_may_keep_it_away():
    net = nets.kept_away()
    assert findings(net) == [("SC207", "issue"), ("SC205", "tip")]
    finding = fired(net.diagnose(), "SC205")
    assert finding.title == "At feat, the features that are here keep brick away"
    assert finding.message == (
        "Both channels pull brick down (-0.01, -0.01). Switch them off: 100 % of the region becomes brick, and the whole image "
        "becomes brick (0 % before)."
    )
    assert finding.remedy is None
    assert findings(nets.unlikely()) == [("SC207", "issue")]


@pytest.mark.parametrize(("pixels", "says"), [(11, False), (12, True)])
def test_half_of_the_region_must_become_the_class(pixels, says):
    bias = np.array(inside(offset(-9), offset(-9)))
    cells = np.argwhere(inside([1], [0])[..., 0])[:pixels]
    bias[cells[:, 0], cells[:, 1], 0] = 0.1
    net = nets.kept_away().but(bias=bias)
    assert ("SC205" in [code for code, _ in findings(net)]) == says


def test_quiet():
    for make in (nets.bypass, nets.outweighed, nets.not_decided, nets.flat):
        assert passed(make().diagnose(), "SC205").startswith("the experiments do not show it:")
    assert (
        passed(nets.ignored().diagnose(), "SC205")
        == "line 3 of the decision table holds before any experiment is weighed"
    )


def test_not_applicable():
    assert not_applicable(nets.healthy().diagnose(), "SC205") == "the map is not blank"
    assert not_applicable(nets.dead().diagnose(), "SC205") == "every channel is zero here"
    assert not_applicable(nets.nowhere().diagnose(), "SC205") == "the region has no pixel"


@pytest.mark.parametrize("method", ["seg-grad-cam", "hirescam", "xgrad-cam", "layercam", "grad-cam++", "ablation-cam"])
def test_the_experiments_are_the_same_for_every_method(method):
    """LayerCAM and Grad-CAM++ keep positive gradients alone, and tell of what they left out."""
    net = nets.absence().but(method=method)
    finding = headline(net, "SC205")
    expected = headline(nets.absence(), "SC205")
    for name in ("lift_fall", "zero_fall", "level"):
        assert finding.evidence[name] == pytest.approx(expected.evidence[name])
    assert finding.message.startswith("Both channels pull brick down (")


def test_channels_that_are_zero_are_told_apart():
    for silent, said in ((1, "; the other is zero on this image."), (2, "; the others are zero on this image.")):
        values = np.concatenate([nets.absence().activations, np.zeros((SIZE, SIZE, silent))], -1)
        finding = headline(nets.absence().but(activations=values, kernel=pull(*[-1] * (2 + silent))), "SC205")
        assert f"Channels 0, 1 pull brick down (-0.01, -0.01){said}" in finding.message
        assert "Lift channels 0, 1 to what they are elsewhere" in finding.message


@pytest.mark.parametrize(
    ("weights", "says"),
    [
        ((1, 1, -6), "Of the 3 live channels 2 pull brick up and 1 down."),
        ((0, 1, -6), "Of the 3 live channels 1 pulls brick up and 1 down."),
        ((0, 0, -6), "No live channel pulls brick up (0, 0, -0.01)."),
        ((0, -1, -6), "No live channel pulls brick up (0, -0.00167, -0.01)."),
    ],
)
def test_who_pulls_which_way(weights, says):
    activations = np.concatenate([inside([0.1, 0.1], [0.2, 0.3]), inside([0.5], [9])], -1)
    net = nets.Net(activations, pull(*np.array(weights) / 6), offset(1))
    assert headline(net, "SC205").message.startswith(says)


def test_a_single_class_and_several_sigmoids():
    probe = linear_head(nets.absence().activations, [[-1.0], [-1.0]], 9.0)
    finding = sc.diagnose(probe, sc.CamQuery("image", 0, INSIDE, score="logit")).headline
    assert (finding.code, finding.title) == ("SC205", "Less of image speaks for class 0; no pixel hangs on it")
    assert headline(nets.absence().but(multilabel=True), "SC205").title == TURNS


def test_a_leaning_absence_that_costs_pixels_says_how_many():
    """Of 24 pixels six are barely ahead: lifted they are lost, a quarter of them all, and the margin falls by more."""
    net = nets.leaning_absence()
    bias = np.full((SIZE, SIZE, 3), offset(9))
    bias[3, 2:8, 0] = 1
    finding = headline(net.but(bias=bias), "SC205")
    assert finding.evidence["lift_lost"] == pytest.approx(0.25)
    assert finding.title == "Less of feat speaks for brick; 25 % of its pixels hang on it"
    assert "25 % of brick is lost, its mean margin falls by" in finding.message


def test_where_some_of_the_region_is_the_class_it_still_says_what_becomes_of_the_region():
    """A quarter of the whole image is brick: that it stays is not what the tip is about."""
    finding = fired(nets.absence().but(region=sc.Everything()).diagnose(), "SC205")
    assert finding.severity == "tip"
    assert (
        "Switch them off: 100 % of the region is brick (24 % before), and the whole image becomes brick"
        in finding.message
    )
