"""What is done to the layer, and what becomes of the class: on paper."""

import numpy as np
import pytest

import segcam_widgets as sc
from segcam_widgets.diagnosis.experiments import Experiments
from tests.core.fake_probe import IMAGE, Conv, NumpyProbe, Upsample, linear_head
from tests.diagnosis import nets
from tests.diagnosis.nets import CELLS, INSIDE, SIZE, Net, inside, offset, pull


class Recording(NumpyProbe):
    """Keeps what it was asked to replay."""

    def replay(self, layer, activations, bypass=None):
        self.replayed = [*getattr(self, "replayed", []), (activations, bypass)]
        return super().replay(layer, activations, bypass)


def experiments(net, region=None):
    probe = net.probe
    probe.__class__ = Recording
    mask = (region or net.query.region or sc.PredictedClass(0)).rasterize(probe)
    live = np.abs(probe.activations("feat")).max((0, 1)) > 0
    return Experiments(probe, "feat", 0, mask, live), probe


BLOCK = inside([1], [0])[..., 0].astype(bool)


# ------------------------------------------------------------------ which pixels are compared


def test_carriers_are_the_regions_pixels_that_are_the_class_and_the_rest_is_all_that_is_not():
    found, _ = experiments(nets.absence(), sc.Rectangle(0, 0, 5, 10))
    top = np.arange(SIZE)[:, None] < 5
    np.testing.assert_array_equal(found.carriers, BLOCK & top)
    np.testing.assert_array_equal(found.rest, ~BLOCK)
    assert found.image_share == pytest.approx(0.24)
    assert found.has_rest
    assert not found.rest_carries


@pytest.mark.parametrize(("others", "counts"), [(0, False), (1, True), (2, True)])
def test_a_rest_of_less_than_a_hundredth_is_what_lies_outside_the_region(others, counts):
    """With one pixel of a hundred without the class that one is the rest; with none, all outside the region are."""
    bias = np.full((SIZE, SIZE, 3), offset(9))
    bias.reshape(-1, 3)[:others, 0] = -99
    found, _ = experiments(nets.not_decided().but(bias=bias), INSIDE)
    assert found.rest.sum() == (others if counts else 100 - CELLS)
    assert found.rest_carries == (not counts)


def test_without_a_rest_there_is_no_level_and_channels_go_to_their_extremes():
    found, probe = experiments(nets.always())
    assert not found.has_rest
    assert np.isnan(found.level)
    assert found.skip is None
    assert found.lowered_rest is None
    assert np.isnan(found.lift.rest_share)
    assert found.sink.lost == 0
    lifted, sunk = (values for values, _ in probe.replayed)
    np.testing.assert_allclose(lifted, np.broadcast_to([2, 1.5], lifted.shape))
    np.testing.assert_allclose(sunk, np.ones_like(sunk))


def test_several_sigmoids_carry_where_their_own_logit_is_above_zero():
    net = nets.absence().but(
        multilabel=True, bias=np.array([2.0, 50, 50])
    )  # louder elsewhere, and that does not matter
    found, _ = experiments(net, INSIDE)
    np.testing.assert_array_equal(found.carriers, BLOCK)
    np.testing.assert_array_equal(found.rest, ~BLOCK)
    own, apart = 2 - 0.3, nets.textured()[~BLOCK].mean(0).sum() - 0.3
    assert found.lift.fall == pytest.approx(apart / own, rel=1e-5)
    assert found.lift.turns


def test_a_single_class_is_everywhere():
    probe = linear_head(nets.absence().activations, [[-1.0], [-1.0]], 2.0)
    found = Experiments(probe, IMAGE, 0, BLOCK)
    assert found.image_share == 1
    np.testing.assert_array_equal(found.rest, ~BLOCK)
    assert found.lift.lost == 0
    assert found.lift.leans


def test_where_no_pixel_is_the_class_none_is_lost_and_margins_are_the_regions():
    found, _ = experiments(nets.kept_away())
    assert not found.carriers.any()
    assert found.zero.lost == 0
    assert found.zero.region_share == 1
    assert found.zero.fall == pytest.approx(-0.3 / 0.1)  # from -0.1 to +0.2


# ------------------------------------------------------------------ what is done


def test_lift_sink_and_zero_on_paper():
    found, probe = experiments(Net(inside([1, 5], [3, 2]), pull(-1, 1), offset(0)))
    for outcome in (found.lift, found.sink, found.zero):
        assert outcome
    lifted, sunk, off = (values for values, _ in probe.replayed)
    np.testing.assert_array_equal(lifted, inside([3, 5], [3, 2]))
    np.testing.assert_array_equal(sunk, inside([1, 2], [3, 2]))
    assert not off.any()
    assert found.lift.fall == pytest.approx((4 - 2) / 4)  # margin 4 inside; lifted, 5 - 3
    assert found.sink.fall == pytest.approx((4 - 1) / 4)
    assert (found.sink.lost, found.sink.image_share) == (0, pytest.approx(0.24))
    # without the layer all classes tie but gravel, and the first of those wins
    assert (found.zero.lost, found.zero.fall, found.zero.image_share) == (0, pytest.approx(1), 1)


def test_the_mean_to_lift_to_is_that_of_the_rest_alone():
    found, probe = experiments(nets.absence())
    assert found.lift.turns
    level = nets.textured()[~BLOCK].mean(0)
    np.testing.assert_allclose(probe.replayed[0][0][BLOCK], np.broadcast_to(level, (CELLS, 2)), rtol=1e-6)
    np.testing.assert_array_equal(probe.replayed[0][0][~BLOCK], probe.activations("feat")[~BLOCK])


def test_only_what_carries_the_class_is_changed_and_only_what_does_not_is_looked_at():
    """Half of INSIDE is asked about, and rows above it that are not the class: they stay, and the other half does not count."""
    activations = inside([5.0], [1.0]) + nets.ramps(1, 0, 0.5)
    found, probe = experiments(Net(activations, pull(1), offset(-3)), sc.Rectangle(0, 0, 5, 10))
    carriers = BLOCK & (np.arange(SIZE)[:, None] < 5)
    assert found.sink.lost == 1
    assert found.lift.lost == 0
    sunk, lifted = (values for values, _ in probe.replayed)
    np.testing.assert_allclose(sunk[carriers], activations[~BLOCK].mean(), rtol=1e-6)
    for changed in (sunk, lifted):
        np.testing.assert_array_equal(changed[~carriers], probe.activations("feat")[~carriers])


def test_what_lies_in_the_region_without_the_class_is_not_lifted():
    found, probe = experiments(nets.absence().but(bias=inside(offset(2), offset(-99))), sc.Rectangle(0, 0, 5, 10))
    assert found.lift.lost == 1
    outside = ~found.carriers
    np.testing.assert_array_equal(probe.replayed[0][0][outside], probe.activations("feat")[outside])


def test_lowering_the_rest_leaves_the_region_alone():
    found, probe = experiments(nets.absence())
    assert found.lowered_rest.rest_share == 1
    np.testing.assert_allclose(probe.replayed[0][0], np.broadcast_to([0.1, 0.2], (SIZE, SIZE, 2)), rtol=1e-6)
    assert found.lowered_rest.lost == 0


def test_skip_sets_what_goes_round_to_its_mean_over_the_rest():
    around = nets.bypass().around + np.arange(SIZE)[:, None, None] / 10
    found, probe = experiments(nets.bypass().but(around=around))
    assert found.bypass_names == ("around",)
    assert found.skip.turns
    activations, bypass = probe.replayed[0]
    np.testing.assert_array_equal(activations, probe.activations("feat"))
    np.testing.assert_allclose(bypass["around"], np.broadcast_to(around[~BLOCK].mean(0), around.shape), rtol=1e-5)
    assert set(found.judged) == {"lift", "sink", "zero", "skip"}


def test_without_anything_round_there_is_nothing_to_skip():
    found, _ = experiments(nets.absence())
    assert found.skip is None
    assert found.bypass_names == ()
    assert set(found.judged) == {"lift", "sink", "zero"}


def test_a_coarser_layer_is_changed_by_the_share_that_is_covered():
    """Cells of 2 x 2 pixels, and three columns of pixels: the second column of cells is half covered."""
    own = np.full((5, 5, 1), 6.0)
    own[:, :2] = [[[2.0], [4.0]]]
    probe = Recording(own, [("up", Upsample(2), IMAGE), ("logits", Conv([[-1.0, 0]], [10, 0]), "up")])
    mask = np.zeros((10, 10), bool)
    mask[:, :3] = True
    found = Experiments(probe, IMAGE, 0, mask)
    assert found.rest.sum() == 70  # the class is everywhere
    level = (5 * 4 * 0.5 + 15 * 6) / (2.5 + 15)
    assert found.lift.lost == 0
    lifted = probe.replayed[0][0][..., 0]
    np.testing.assert_allclose(lifted[:, 0], level, rtol=1e-6)
    np.testing.assert_allclose(lifted[:, 1], 4 + 0.5 * (level - 4), rtol=1e-6)
    np.testing.assert_array_equal(lifted[:, 2:], 6)


# ------------------------------------------------------------------ level


def test_level_is_the_largest_difference_beside_the_channels_size():
    found, _ = experiments(Net(inside([1, 10], [2, 11]), pull(-1, 0), inside(offset(9), offset(-9))))
    sizes = (0.24 * 1 + 0.76 * 2, 0.24 * 10 + 0.76 * 11)
    assert found.level == pytest.approx(max(1 / sizes[0], 1 / sizes[1]), rel=1e-5)


def test_dead_channels_have_no_level():
    probe = Net(inside([1e-9, 1], [0, 1]), pull(-1, -1), inside(offset(9), offset(-9))).probe
    assert Experiments(probe, "feat", 0, BLOCK, np.array([False, True])).level == 0
    assert Experiments(probe, "feat", 0, BLOCK, np.array([True, True])).level > 1
    assert Experiments(probe, "feat", 0, BLOCK, np.zeros(2, bool)).level == 0


def test_the_size_of_a_channel_with_both_signs_is_its_mean_magnitude():
    found, _ = experiments(Net(inside([-1], [1]), pull(-1), inside(offset(9), offset(-9))))
    assert found.level == pytest.approx(2)


# ------------------------------------------------------------------ the largest change


def test_rounding_is_no_change():
    found, _ = experiments(nets.ignored())
    assert found.largest_change == 0
    found, _ = experiments(nets.rounded())
    assert found.largest_change == pytest.approx(3 / 2)  # the margin of 2 falls to -1


# ------------------------------------------------------------------ what it costs


def test_each_replay_is_made_once_and_only_when_it_is_asked_for():
    found, probe = experiments(nets.absence_and_bypass())
    assert probe.calls["replay"] == 0
    assert found.level > 1
    assert probe.calls["replay"] == 0
    for _ in range(2):
        assert list(found.judged) == ["lift", "sink", "zero", "skip"]
        assert found.lowered_rest is not None
        assert found.largest_change > 0
    assert probe.calls["replay"] == 6  # these five, and the layer as it is


@pytest.mark.parametrize("make", nets.MAKERS)
def test_a_diagnosis_replays_a_blank_map_seven_times_at_most_and_no_other(make):
    net = make()
    probe = net.probe
    diagnosis = sc.diagnose(probe, net.query)
    assert probe.calls["replay"] <= (7 if diagnosis.blank else 0)


def test_a_tie_is_not_divided_by():
    """Class 0 and grass are level in the region: what is lost of nothing has no size, and is told so."""
    probe = nets.rounded().but(bias=inside(offset(-3), offset(-9))).probe
    case = nets.Case(probe, sc.CamQuery("feat", 0))
    assert case.experiments.tied
    assert abs(case.experiments.lift.fall) < 1e7
    assert abs(case.experiments.zero.fall) < 1e7
    message = next(f for f in sc.diagnose(probe, sc.CamQuery("feat", 0)).findings if f.code == "SC107").message
    assert "moves the margin, which is zero." in message
