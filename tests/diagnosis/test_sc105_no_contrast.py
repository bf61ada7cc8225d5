import numpy as np
import pytest

from tests.diagnosis import nets
from tests.diagnosis.nets import SIZE, inside, offset
from tests.diagnosis.outcomes import findings, fired, headline, not_applicable, numbers_in_message, passed, tip

# ------------------------------------------------------------------ as a headline: region and rest are alike on average


def test_heads_a_blank_map_of_constant_channels():
    finding = headline(nets.flat(), "SC105")
    assert finding.title == "At feat, the region is on average like the rest"
    assert finding.message == (
        "On average, region and rest differ by 0 % of a channel's size at most (both channels of feat), too little to lift or to "
        "lower anything to. Switch them off: brick stays."
    )
    assert finding.evidence["level"] == 0


@pytest.mark.parametrize(("apart", "heads"), [(0.19, True), (0.21, False)])
def test_a_tenth_of_the_channels_size(apart, heads):
    """Inside 2 - d, elsewhere 2: beside the mean of 2 - 0.24 d that is a tenth for d = 0.195."""
    net = nets.flat().but(activations=inside([2 - apart, 3], [2, 3]))
    level = net.case().experiments.level
    assert level == pytest.approx(apart / (2 - 0.24 * apart), rel=1e-5)
    assert (net.diagnose().headline.code == "SC105") == heads


def test_texture_that_is_alike_on_average_has_no_level_though_it_varies():
    net = nets.flat().but(activations=nets.ramps())
    finding = headline(net, "SC105")
    assert finding.evidence["level"] < 1e-6
    assert findings(net) == [("SC105", "issue")]


def test_what_goes_round_is_a_tip_where_it_leans_and_the_headline_where_it_turns():
    constant = np.full((SIZE, SIZE, 2), [2.0, 3.0])
    leaning = nets.leaning_bypass().but(activations=constant)
    assert findings(leaning)[:2] == [("SC105", "issue"), ("SC206", "tip")]
    assert nets.bypass().but(activations=constant).diagnose().headline.code == "SC206"


def test_a_layer_without_which_the_class_is_lost_may_have_no_level_too():
    """Constant, and past the peak of the bend behind it: switched off, the class is lost, which is said."""
    blank = nets.flat().but(bend=nets.hat(), activations=np.full((SIZE, SIZE, 1), 3.0), kernel=nets.pull(1),
                            bias=inside(offset(-0.5), offset(-9)))  # fmt: skip
    finding = headline(blank, "SC105")
    assert finding.message.endswith("Switch it off: 100 % of brick is lost.")
    assert finding.evidence["zero_lost"] == 1


# ------------------------------------------------------------------ as a tip: no channel varies


def wavy(size):
    """Both channels with a standard deviation of `size` times their mean."""
    wave = np.where(np.indices((SIZE, SIZE)).sum(0) % 2, 1 + size, 1 - size)
    return nets.healthy().but(activations=np.stack([wave, 3 * wave[::-1]], -1), bias=inside(offset(0), offset(-9)))


@pytest.mark.parametrize(("size", "fires"), [(0.049, True), (0.051, False)])
def test_five_per_cent(size, fires):
    assert ("SC105" in [code for code, _ in findings(wavy(size))]) == fires


def test_fires_as_a_tip():
    finding = tip(wavy(0.01), "SC105")
    assert finding.evidence == {"largest_std_over_mean": pytest.approx(0.01), "live_channels": 2}
    assert numbers_in_message(finding, "largest_std_over_mean")


def test_one_channel_with_contrast_is_enough():
    values = np.array(wavy(0.01).activations)
    values[:, :5, 1] = 0.5
    assert "channel 1 varies by" in passed(wavy(0.01).but(activations=values).diagnose(), "SC105")


def test_a_channel_around_zero_has_contrast():
    values = np.where(np.indices((SIZE, SIZE)).sum(0) % 2, 1.0, -1.0)[:, :, None] * [1, 2]
    assert "varies by" in passed(wavy(0.01).but(activations=values).diagnose(), "SC105")


def test_a_layer_that_does_not_vary_at_all():
    finding = fired(wavy(0).diagnose(), "SC105")
    assert finding.message == "No live channel of feat varies over the image: any map at this layer is one colour."


def test_not_applicable():
    assert not_applicable(nets.dead().diagnose(), "SC105") == "every channel is zero here"
    one = nets.Net(np.ones((1, 1, 2)), np.ones((2, 3)))
    assert not_applicable(one.diagnose(), "SC105") == "the layer has a single cell"
