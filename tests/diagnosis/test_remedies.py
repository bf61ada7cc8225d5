"""A remedy is measured beside what would come of it anyway, and offered above one floor."""

from dataclasses import replace

import numpy as np
import pytest

import segcam_widgets as sc
from segcam_widgets.core.grid import resize_bilinear
from segcam_widgets.core.text.numbers import number
from segcam_widgets.diagnosis.chance import DRAWS, footprint, gain_of, share_by_chance
from segcam_widgets.diagnosis.remedies import ALL_FOOTPRINT, FLOOR, helps, measured
from segcam_widgets.diagnosis.report import control_words
from tests.core.fake_probe import random_network
from tests.diagnosis import nets
from tests.diagnosis.nets import INSIDE, inside

BLOCK = inside([1], [0])[..., 0].astype(bool)
SHARE = BLOCK.mean()


def explained(net, **changes):
    return net.but(**changes).explain()


def offered(explanation, asked):
    return helps(explanation, measured(explanation), asked.query)


def gain_by_hand(field, mask):
    positive = np.maximum(field, 0)
    focus = positive[mask].sum() / positive.sum() if positive.any() else 0
    return (focus - mask.mean()) / (1 - mask.mean())


# ------------------------------------------------------------------ the footprint of pixelwise weights


def test_the_footprint_is_where_the_gradient_is_at_all():
    explanation = explained(nets.outweighed(), method="hirescam")
    assert footprint(explanation) == pytest.approx(1)  # a 1x1 head: the gradient is zero outside the region
    wide = nets.Net(nets.ramps(), np.full((5, 5, 2, 3), 0.01), inside([9, 0, 0], [-9, 0, 0])).but(method="hirescam")
    explanation = wide.but(kernel=wide.kernel * [1, 0, 0]).explain()
    reach = np.abs(explanation.gradients).sum(-1)
    assert reach[~BLOCK].any()
    assert footprint(explanation) == pytest.approx(gain_by_hand(reach, BLOCK), rel=1e-5)


def test_the_footprint_is_measured_on_the_logits_grid():
    probe = random_network(3)  # deep is half as fine as the logits
    explanation = sc.explain(probe, sc.CamQuery("deep", 0, sc.Rectangle(2, 3, 8, 9), method="hirescam"))
    reach = resize_bilinear(np.abs(explanation.gradients).sum(-1), (12, 12))
    assert footprint(explanation) == pytest.approx(gain_by_hand(reach, explanation.mask), rel=1e-4)


def test_the_excess_is_what_is_left_beyond_the_footprint():
    probe = random_network(3)
    for seed_method in ("hirescam", "layercam", "seg-xres-cam"):
        explanation = sc.explain(probe, sc.CamQuery("deep", 0, sc.Rectangle(2, 3, 8, 9), method=seed_method))
        result = measured(explanation)
        assert result.footprint == footprint(explanation)
        assert result.excess == pytest.approx((explanation.gain - result.footprint) / (1 - result.footprint))
        assert np.isnan(result.chance)


def test_a_gradient_of_zero_has_no_focus():
    explanation = explained(nets.ignored(), method="hirescam")
    assert footprint(explanation) == pytest.approx(gain_of(0.0, SHARE))


# ------------------------------------------------------------------ chance, for pooled weights


def chance_by_hand(explanation, draws=DRAWS, seed=0):
    """One map after another, upsampled by the explanation's own grid functions."""
    rng, reached = np.random.default_rng(seed), 0
    counting = np.flatnonzero(explanation.weights)
    sizes = np.abs(rng.normal(size=(draws, counting.size)))
    apart = (explanation.activations - explanation.baseline)[:, :, counting].astype(float)
    for row in sizes:
        cam = (apart * (np.sign(explanation.weights[counting]) * row)).sum(-1)
        field = resize_bilinear(cam.astype(np.float32), explanation.mask.shape)
        reached += gain_by_hand(field, explanation.mask) >= FLOOR
    return reached / draws


@pytest.mark.parametrize("seed", range(4))
def test_chance_is_the_share_of_weightings_with_the_same_signs_that_reach_the_floor(seed):
    probe = random_network(seed)
    for index in range(3):
        for baseline in ("zero", "mean", "midpoint"):
            query = sc.CamQuery("deep", index, sc.Rectangle(2, 3, 8, 9), baseline=baseline)
            explanation = sc.explain(probe, query)
            assert share_by_chance(explanation, FLOOR) == pytest.approx(chance_by_hand(explanation), abs=1 / DRAWS)


def test_there_are_64_draws_and_they_are_the_same_every_time():
    explanation = explained(nets.outweighed_absence(), baseline="mean")
    first = share_by_chance(explanation, FLOOR)
    assert 0 < first < 1
    assert DRAWS == 64
    assert first * 64 == int(first * 64)
    assert share_by_chance(explanation, FLOOR) == first
    assert {share_by_chance(explanation, FLOOR, seed=seed) for seed in range(8)} != {first}


def test_signs_are_kept():
    """Low inside, and both weights negative: any such weighting shows the region; with the signs turned none does."""
    explanation = explained(nets.absence(), baseline="mean")
    assert share_by_chance(explanation, FLOOR) == 1
    against = explained(
        nets.absence().but(kernel=-nets.absence().kernel, bias=nets.offset(9), region=INSIDE), baseline="mean"
    )
    assert share_by_chance(against, FLOOR) == 0


def test_channels_without_a_weight_are_not_drawn():
    net = nets.silent().but(baseline="mean")
    assert net.explain().weights[2] > 0  # the dead one: drawn, and adds nothing
    assert share_by_chance(net.explain(), FLOOR) == 1
    one = nets.absence().but(kernel=nets.pull(-1, 0), bias=nets.offset(1), baseline="mean")
    assert np.isnan(share_by_chance(one.explain(), FLOOR))


def test_where_there_is_nothing_to_compare_with_chance_is_nan_and_words_say_why():
    one = nets.absence().but(activations=nets.absence().activations[..., :1], kernel=nets.pull(-1), bias=nets.offset(1))
    alone = measured(explained(one, baseline="mean"))
    assert np.isnan(alone.chance)
    assert "there are not two channels to weigh, so there is nothing to compare it with" in control_words(
        one.but(baseline="mean").query, alone
    )
    whole = measured(explained(nets.absence(), baseline="mean", region=sc.Everything()))
    assert np.isnan(whole.gain)
    assert np.isnan(whole.chance)
    assert control_words(nets.absence().query, whole) == (
        "The region is the whole image, so there is nothing to compare the map with."
    )
    pixelwise = explained(nets.absence(), method="hirescam")
    assert np.isnan(share_by_chance(pixelwise, FLOOR))


def test_chance_and_footprint_ask_the_probe_nothing():
    net = nets.outweighed_absence()
    probe = net.probe
    pooled = sc.explain(probe, net.but(baseline="mean").query)
    pixelwise = sc.explain(probe, net.but(method="hirescam").query)
    before = dict(probe.calls)
    measured(pooled)
    measured(pixelwise)
    assert dict(probe.calls) == before


# ------------------------------------------------------------------ the floor


@pytest.mark.parametrize(("gain", "helpful"), [(0.501, True), (0.499, False), (0.0, False), (-0.2, False), (1.0, True)])
def test_a_pooled_map_is_offered_from_a_gain_of_one_half(gain, helpful):
    explanation = nets.with_gain(gain).explain()
    assert explanation.gain == pytest.approx(gain, abs=1e-5)
    assert offered(explanation, nets.shifted()) == helpful


@pytest.mark.parametrize(
    ("base", "gain", "helpful"),
    [
        (0.0, 0.5, True),
        (0.4, 0.71, True),
        (0.4, 0.69, False),
        (0.9, 0.96, True),
        (0.9, 0.94, False),
        (0.95, 0.99, False),
    ],
)
def test_a_pixelwise_map_is_offered_where_half_of_what_the_footprint_leaves_is_shown(base, gain, helpful):
    from segcam_widgets.diagnosis.findings import RemedyResult

    explanation = explained(nets.cancelling(), method="hirescam")
    excess = (gain - base) / (1 - base)
    result = RemedyResult(False, 1.0, 1.0, gain, footprint=base, excess=excess)
    assert helps(explanation, result, nets.cancelling().query) == helpful
    assert (base >= ALL_FOOTPRINT) == (base == 0.95)


def test_a_pixelwise_map_whose_gradient_stays_in_the_region_is_not_offered():
    """Its gain is 1, and so is that of a map of random weights."""
    explanation = explained(nets.cancelling(), method="hirescam")
    assert explanation.gain > 0.99
    assert not offered(explanation, nets.cancelling())
    assert nets.cancelling().diagnose().headline.remedy is None


def spread():
    """As `cancelling`, but each cell speaks for all pixels around it: the gradient is everywhere."""
    net = nets.cancelling()
    kernel = np.zeros((19, 19, 1, 3))
    kernel[..., 0] = 1 / 4
    return net.but(kernel=kernel, bias=np.where(BLOCK[..., None], [-5.0, 0, -99], [-50, 0, -99]))


def test_a_pixelwise_map_that_shows_more_than_its_footprint_is_offered():
    net = spread()
    finding = net.diagnose().headline
    assert finding.code == "SC203"
    assert finding.remedy.method == "hirescam"
    assert finding.remedy_result.footprint == pytest.approx(0, abs=0.3)
    assert finding.remedy_result.excess >= FLOOR
    words = control_words(finding.remedy, finding.remedy_result)
    assert words == (
        f"Gain {number(finding.remedy_result.gain)}, of which the gradient's footprint alone gives "
        f"{number(finding.remedy_result.footprint)}."
    )


def test_where_the_region_is_everything_only_another_question_is_offered():
    whole = nets.healthy().but(region=sc.Everything(), bias=nets.offset(9)).explain()
    assert np.isnan(whole.gain)
    asked = nets.healthy().query
    assert helps(whole, measured(whole), asked)  # another score or region
    assert not helps(whole, measured(whole), nets.healthy().but(method="hirescam").query)
    assert not helps(whole, measured(whole), nets.healthy().but(baseline="mean").query)


def test_neither_a_blank_map_nor_a_number_is_offered():
    blank = nets.absence().explain()
    assert not offered(blank, nets.shifted())
    number = nets.Net(np.ones((1, 1, 2)), nets.pull(1, 1)).explain()
    assert not number.is_empty
    assert not offered(number, nets.shifted())


# ------------------------------------------------------------------ where they are offered, and that numbers are true


@pytest.mark.parametrize("make", nets.MAKERS)
def test_baselines_are_offered_with_an_absence_as_first_or_second_line_and_nowhere_else(make):
    diagnosis = make().diagnose(thorough=True)
    for finding in diagnosis.findings:
        if finding.remedy is not None and finding.remedy.baseline != "zero":
            assert finding.code == "SC205"
            decision = make().case().decision
            assert "SC205" in decision.codes[:2]


def test_an_absence_on_the_third_line_has_no_remedy():
    """Lowering the layer and levelling the bypass both cost more of the margin."""
    case = nets.absence().case()
    from segcam_widgets.diagnosis.decide import Decision
    from segcam_widgets.diagnosis.rule import RULES

    for also, offered_here in (((), True), (("SC206",), True)):
        case.__dict__["decision"] = Decision("9", "SC205", also)
        assert (RULES["SC205"].look(case).remedy is not None) == offered_here
    case.__dict__["decision"] = Decision("9", "SC206", ("SC205",))
    assert RULES["SC205"].look(case).remedy is not None
    case.__dict__["decision"] = Decision("9", "SC206", ("SC203", "SC205"))
    assert RULES["SC205"].look(case).remedy is None


@pytest.mark.parametrize("make", nets.MAKERS)
def test_the_numbers_of_a_remedy_are_those_of_its_map(make):
    net = make()
    for finding in net.diagnose(thorough=True).findings:
        if finding.remedy is None:
            continue
        explanation, result = sc.explain(net.probe, finding.remedy), finding.remedy_result
        upsampled = explanation.upsampled()
        assert result.is_empty is False
        assert upsampled.max() > 0
        assert result.positive_share == pytest.approx(
            np.maximum(explanation.cam, 0).sum() / np.abs(explanation.cam).sum(), rel=1e-5
        )
        if explanation.region_share < 1:
            assert result.gain == pytest.approx(gain_by_hand(upsampled, explanation.mask), rel=1e-4)
            assert max(result.gain, -1 if np.isnan(result.excess) else result.excess) >= FLOOR
        if not np.isnan(result.chance):
            assert result.chance == pytest.approx(chance_by_hand(explanation), abs=1 / DRAWS)
        if not np.isnan(result.footprint):
            reach = resize_bilinear(np.abs(explanation.gradients).sum(-1), explanation.mask.shape)
            assert result.footprint == pytest.approx(gain_by_hand(reach, explanation.mask), rel=1e-4)
            assert result.footprint < ALL_FOOTPRINT


def test_positive_channels_are_the_remedy_of_an_outweighed_map():
    finding = nets.outweighed().diagnose().headline
    assert (finding.code, finding.remedy.method) == ("SC208", "seg-grad-cam-positive")
    assert finding.remedy_result.gain == pytest.approx(1)


def test_what_is_said_beside_a_baseline():
    diagnosis = nets.outweighed_absence().diagnose()
    result = diagnosis.headline.remedy_result
    words = control_words(diagnosis.headline.remedy, result)
    assert words == (
        f"Gain {number(result.gain)}; of 64 random weightings with the same signs {100 * result.chance:.0f} % reach 0.5 as well, "
        "so the gain shows where activations are low, and the experiment why that matters."
    )
    shifted = nets.shifted().diagnose().headline
    assert control_words(shifted.remedy, shifted.remedy_result) == (
        "Gain 1; of 64 random weightings with the same signs 100 % reach 0.5."
    )


def test_a_method_without_weights_has_none_to_compare_with():
    net = nets.healthy().but(method="occlusion")
    net = replace(net, query=replace(net.query, options={"window": 1}))
    explanation = net.explain()
    assert explanation.weights.shape == (0,)
    assert control_words(net.query, measured(explanation)).endswith(
        "; there are not two channels to weigh, so there is nothing to compare it with."
    )
