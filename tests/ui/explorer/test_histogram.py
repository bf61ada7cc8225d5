"""The channel histogram: what the bars show, in which order, and what a click on one means."""

import numpy as np
import pytest

import segcam_widgets as sc
from segcam_widgets.ui.panels.histogram import DOWN, UP

SHOWN = ("pooled gradient", "region contribution")


def click(explorer, bar):
    """As bqplot tells it: the place of the bar on the axis, not the channel."""
    explorer.histogram._hits._handle_custom_msgs(None, {"event": "element_click", "data": {"index": bar}})


def bars(explorer):
    return np.array(explorer.histogram.bars.y)


def test_the_bars_are_the_explanation_s_numbers(show):
    explorer = show()
    explorer.query = sc.CamQuery("deep", 1, sc.Rectangle(2, 2, 12, 20))
    assert explorer.flush()
    np.testing.assert_array_equal(bars(explorer), explorer.explanation.pooled_gradients)
    explorer.histogram.quantity.value = "region contribution"
    np.testing.assert_array_equal(bars(explorer), explorer.explanation.region_contributions)
    assert (bars(explorer) != explorer.explanation.pooled_gradients).any()
    assert explorer.histogram._y_axis.label == "region contribution"


@pytest.mark.parametrize("quantity", SHOWN)
def test_colour_position_and_words_say_the_sign(show, quantity):
    explorer = show()
    explorer.histogram.quantity.value = quantity
    explorer.query = sc.CamQuery("deep", 1)
    assert explorer.flush()
    values = bars(explorer)
    assert explorer.histogram.bars.colors == [UP if value >= 0 else DOWN for value in values]
    assert 0 < (values < 0).sum() < 8
    assert f"{(values < 0).sum()} of 8 channels pull down" in explorer.histogram.words.value
    low, high = explorer.histogram._y.min, explorer.histogram._y.max
    assert low < values.min() < 0 < values.max() < high


def test_the_bars_follow_layer_class_and_region(show):
    explorer = show()
    explorer.controls.layer_slider.value = 1
    for change in (
        lambda: setattr(explorer.controls.class_slider, "value", 2),
        lambda: setattr(explorer.canvas, "shapes", [{"kind": "pixel", "points": [[3, 3]], "op": "add"}]),
        lambda: setattr(explorer.controls.layer_slider, "value", 2),
    ):
        before = bars(explorer)
        change()
        assert explorer.flush()
        np.testing.assert_array_equal(bars(explorer), explorer.explanation.pooled_gradients)
        assert before.shape != bars(explorer).shape or (before != bars(explorer)).any()


@pytest.mark.parametrize("count", [1, 2, 8, 512])
def test_a_click_means_the_channel_under_it_in_either_order(show, count):
    explorer = show(channels={"tail": (4, 6, count)})
    explorer.query = sc.CamQuery("tail", 0)
    assert explorer.flush()
    values = explorer.explanation.pooled_gradients
    assert len(bars(explorer)) == count
    for is_sorted in (False, True):
        explorer.histogram.sort.value = is_sorted
        order = np.argsort(-values, kind="stable") if is_sorted else np.arange(count)
        np.testing.assert_array_equal(bars(explorer), values[order])
        for bar in {0, count // 3, count - 1}:
            click(explorer, bar)
            assert explorer.histogram.channel.value == order[bar]
            assert explorer.channels.selected_index == 0
            assert f"activation of channel {order[bar]}" in explorer.channels.maps.value
            if count > 1:
                assert list(explorer.histogram.bars.selected) == [bar]


def test_a_typed_channel_is_the_same_as_a_click(show):
    explorer = show()
    explorer.query = sc.CamQuery("deep", 0)
    assert explorer.flush()
    explorer.histogram.channel.value = 5
    assert "activation of channel 5" in explorer.channels.maps.value
    gradient = explorer.explanation.gradients[:, :, 5]
    assert f"mean {gradient.mean(dtype=np.float64):+.3g}" in explorer.channels.maps.value
    assert list(explorer.histogram.bars.selected) == [5]


def test_a_layer_with_fewer_channels_keeps_the_choice_in_range(show):
    explorer = show(channels={"wide": (4, 6, 512), "tail": (16, 24, 2)})
    explorer.controls.layer_slider.value = 1
    assert explorer.flush()
    explorer.histogram.channel.value = 500
    explorer.controls.layer_slider.value = 2
    assert explorer.flush()
    assert explorer.error.value == ""
    assert explorer.histogram.channel.value == 1
    assert explorer.histogram.channel.max == 1
    assert "activation of channel 1" in explorer.channels.maps.value
    explorer.controls.layer_slider.value = 1
    assert explorer.flush()
    assert explorer.histogram.channel.max == 511


def test_the_distribution_within_a_channel(show):
    explorer = show()
    explorer.query = sc.CamQuery("deep", 0, sc.Rectangle(0, 0, 9, 9))
    assert explorer.flush()
    explorer.histogram.quantity.value = "gradient within the channel"
    explorer.histogram.channel.value = 3
    gradient = explorer.explanation.gradients[:, :, 3].ravel().astype(float)
    centres, counts = np.array(explorer.histogram.bars.x), bars(explorer)
    assert counts.sum() == gradient.size
    np.testing.assert_allclose(centres, -centres[::-1], atol=1e-12 * abs(centres).max())
    half = (centres[1] - centres[0]) / 2
    for centre, count in zip(centres, counts, strict=True):
        near = np.abs(gradient - centre)
        assert (near < half * 0.999).sum() <= count <= (near < half * 1.001).sum()
    assert (
        f"{100 * (gradient < 0).mean():.0f} % of its {gradient.size} gradients are negative"
        in explorer.histogram.words.value
    )


def test_a_channel_without_gradient_is_drawn_too(show):
    explorer = show()
    explorer.query = sc.CamQuery("input", 0)
    assert explorer.flush()
    assert explorer.error.value == ""
    assert bars(explorer).tolist() == [0]
    assert explorer.histogram._y.min < explorer.histogram._y.max
    explorer.histogram.quantity.value = "gradient within the channel"
    assert explorer.error.value == ""
    assert "zero everywhere" in explorer.sentence.value


@pytest.mark.parametrize("count", [1, 2, 8, 64, 150, 512, 2048])
def test_ticks_are_few_round_and_in_range(show, count):
    explorer = show(channels={"tail": (2, 2, count)})
    explorer.controls.layer_slider.value = 1
    assert explorer.flush()
    ticks = np.array(explorer.histogram._x_axis.tick_values)
    assert 1 <= len(ticks) <= 10
    assert ticks[0] == 0
    assert ticks[-1] <= count - 1
    assert (explorer.histogram._x.min, explorer.histogram._x.max) == pytest.approx((-0.7, count - 0.3))


def test_the_table_lists_every_channel(show):
    explorer = show()
    explorer.query = sc.CamQuery("deep", 1)
    assert explorer.flush()
    explorer.channels.selected_index = 1
    table = explorer.channels.table.value
    assert table.count("<tr>") == 9  # the head, and one a channel
    for value in explorer.explanation.pooled_gradients:
        assert f"<td>{value:+.3g}</td>" in table
    explorer.query = sc.CamQuery("tail", 1)
    assert explorer.flush()
    assert explorer.channels.table.value.count("<tr>") == 3


def test_a_closed_panel_costs_nothing(show):
    explorer = show(channels={"tail": (4, 6, 512)})
    assert explorer.channels.maps.value == ""
    assert explorer.channels.table.value == ""
