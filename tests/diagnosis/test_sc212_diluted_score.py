import numpy as np
import pytest

import segcam_widgets as sc
from tests.diagnosis import nets
from tests.diagnosis.nets import inside
from tests.diagnosis.outcomes import findings, fired, headline, not_applicable, passed, tip


def near():
    """Gravel and sand are never used, and as near as the rival: the log odds subtract a third of each, and they rise by 3."""
    kernel = np.array([[1.0, 0, 3, 3], [1.0, 0, 3, 3]])
    return nets.Net(inside([2, 1], [0, 0]), kernel, np.array([0.0, 0.1, -9, -9])).but(score="log_odds")


@pytest.mark.parametrize(
    ("make", "start"), [(nets.diluted, "The centered logit subtracts"), (near, "The log odds subtract")]
)
def test_fires_on_a_blank_map_where_the_margins_is_not(make, start):
    finding = headline(make(), "SC212")
    assert finding.title == "At feat, the map compares brick with classes that do not compete"
    assert finding.message.startswith(f"{start} from the logit of brick what all other outputs say.")


def test_the_log_odds_weigh_outputs_by_their_probability():
    """exp(0.1), 1 and 1."""
    assert headline(near(), "SC212").evidence["share_of_unused"] == pytest.approx(2 / (2 + np.exp(0.1)), rel=1e-5)
    far = near().but(bias=np.array([0.0, 0.1, -99, -99]), kernel=nets.pull(1, 1, classes=4))
    assert (
        passed(far.diagnose(), "SC212")
        == "outputs that are never used hold less than 0.1 % of what the score subtracts"
    )


def test_its_words_and_numbers():
    finding = headline(nets.diluted(), "SC212")
    assert finding.message == (
        "The centered logit subtracts from the logit of brick what all other outputs say. Gravel, sand, water win no pixel of "
        "this image, are nowhere the strongest rival, and hold 75 % of what the score subtracts. Compared with the "
        "strongest rival at each pixel, the map is 100 % positive (gain 1)."
    )
    assert finding.evidence == {
        "unused_outputs": 3, "share_of_unused": pytest.approx(0.75), "margin_positive_share": 1.0,
        "gain": pytest.approx(nets.diluted().explain().gain), "margin_gain": pytest.approx(1),
    }  # fmt: skip


def test_the_remedy_is_the_margin():
    finding = headline(nets.diluted(), "SC212")
    assert finding.remedy.score == "margin"
    assert finding.remedy_result.gain == pytest.approx(1)


def test_where_every_output_is_used_it_tells_which_weigh_in():
    """Gravel wins one cell of the image: then it is a class like any other."""
    net = nets.three_of_one_feature().but(score="centered_logit")
    bias = np.broadcast_to(net.bias, (nets.SIZE, nets.SIZE, 3)).copy()
    bias[0, 0] = [0, 0, 9]
    finding = headline(net.but(bias=bias), "SC212")
    assert "What it subtracts is made of grass 50 %, gravel 50 %." in finding.message
    assert finding.evidence["unused_outputs"] == 0


def test_three_classes_and_one_feature():
    """Won by presence, and once called coded by absence: switched off, the class is lost; the margin's map shows it."""
    net = nets.three_of_one_feature()
    off = sc.ablate(net.probe, net.query)
    assert (off.labels[off.mask] == 1).all()
    assert not net.diagnose().blank
    assert net.explain().gain == pytest.approx(1)
    assert not any("absence" in f.title + f.message for f in net.but(score="centered_logit").diagnose().findings)


@pytest.mark.parametrize(("unused", "fires"), [(1, True), (0, False)])
def test_a_tip_on_a_map_that_is_not_blank(unused, fires):
    """Ten outputs of which some are never used, and hold an equal part of what the centered logit subtracts."""
    classes = 3 + unused
    kernel = np.zeros((2, classes))
    kernel[:, 0], kernel[:, 2] = 1, -1
    bias = np.full((nets.SIZE, nets.SIZE, classes), -99.0)
    bias[..., 0], bias[..., 1] = -1, 0
    bias[:, 5:, 2] = 3  # gravel wins there
    net = nets.healthy().but(kernel=kernel, bias=bias, score="centered_logit")
    diagnosis = net.diagnose()
    assert not diagnosis.blank
    assert ("SC212" in [f.code for f in diagnosis.findings]) == fires
    if fires:
        assert fired(diagnosis, "SC212").evidence["share_of_unused"] == pytest.approx(1 / 3)
        assert (
            "Sand wins no pixel of this image, is nowhere the strongest rival, and holds 33 % of"
            in tip(net, "SC212").message
        )


def test_a_quarter_of_what_is_subtracted():
    """One unused output of four others holds a quarter, one of five a fifth."""
    for others, fires in ((4, True), (5, False)):
        bias = np.full((nets.SIZE, nets.SIZE, others + 1), -9.0)
        for used in range(1, others):
            bias[:, 4 + used, used] = 9  # each wins a column on the right
        bias[..., 0] = -1
        net = nets.healthy().but(kernel=nets.pull(1, 1, classes=others + 1), bias=bias, score="centered_logit")
        assert ("SC212" in [code for code, _ in findings(net)]) == fires


def test_not_applicable():
    for score in ("logit", "margin", "probability", "log_probability"):
        net = nets.healthy().but(score=score)
        assert not_applicable(net.diagnose(), "SC212") == "the score does not compare with several classes at once"
    assert not_applicable(nets.nowhere().diagnose(), "SC212") == "the region has no pixel"


def test_quiet_and_without_a_further_query():
    net = nets.healthy().but(
        score="centered_logit", bias=inside([-1, 0, 5], [-1, 0, -5]), region=sc.Rectangle(0, 0, 3, 5)
    )
    probe = net.probe
    diagnosis = sc.diagnose(probe, net.query)
    assert passed(diagnosis, "SC212") == "outputs that are never used hold 0 % of what the score subtracts"
    assert probe.calls["pullback"] == 1


def test_where_the_margins_map_is_blank_as_well_it_says_so():
    """Circle of the question: what speaks for it rather than for unused outputs is everywhere, and against its rival nothing."""
    net = nets.absence()
    kernel = np.zeros((2, 5))
    kernel[:, 0], kernel[:, 2:] = -1, -9
    net = net.but(kernel=kernel, bias=np.array([2.0, 0, -99, -99, -99]), score="centered_logit")
    finding = tip(net, "SC212")
    assert "the map is blank." in finding.message
    assert "gain" not in finding.message
    assert "has a reason of its own" in finding.advice


def test_where_the_region_is_everything_there_is_no_gain_to_tell():
    finding = fired(nets.diluted().but(region=sc.Everything()).diagnose(), "SC212")
    assert not {"gain", "margin_gain"} & set(finding.evidence)
    assert all(np.isfinite(value) for value in finding.evidence.values())
