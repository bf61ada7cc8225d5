"""The experiments on layers small enough to know the answer: two channels, and logits that are made of them."""

import numpy as np
import pytest

from segcam_widgets.demo import experiments, measure

MASK = np.zeros((1, 4, 4), bool)
MASK[:, :2, :2] = True


def run(inside, outside, weights, bias):
    """Class 0 against class 1 over two channels: their values in and out of the region, class 0's weights and bias."""
    activations = np.where(MASK[..., None], np.array(inside, np.float32), np.array(outside, np.float32))
    kernel = np.stack([np.array(weights, np.float32), np.zeros(2, np.float32)], axis=1)

    def replay(changed):
        return (changed @ kernel + np.array([bias, 0], np.float32)).astype(np.float32)

    logits = replay(activations)
    assert ((logits.argmax(-1) == 0) == MASK).all()
    view = measure.LayerView(activations, lambda pull: pull @ kernel.T, replay)
    stack = measure.cam_stack(view, logits, 0, "margin")
    found = experiments.run_experiments(stack, replay, logits, 0)
    return found, experiments.causes(found, stack), stack


def test_absence():
    found, causes, stack = run(inside=[0, 0], outside=[4, 2], weights=[-1, -1], bias=2)
    assert stack.blank()[0]
    assert causes == ["coded by absence"]
    assert found.lift.lost[0] == 1
    assert found.lift.fall[0] == pytest.approx(3)  # 2 before, 2 - 6 after
    assert found.zero.lost[0] == found.sink.lost[0] == 0
    # mean magnitudes over the image are 3 and 1.5, the means in and out 4 and 2 apart
    assert found.level[0] == pytest.approx(4 / 3)


def test_less_of_it_speaks_for_the_class_but_no_pixel_hangs_on_it():
    """Where the rest is another class for another reason, here: the outside's activations are not all needed."""
    activations = np.full((1, 4, 4, 1), 3, np.float32)
    activations[MASK] = 0
    bias = np.where(MASK, 10, -10).astype(np.float32)

    def replay(changed):
        first = bias - changed[..., 0]
        return np.stack([first, np.zeros_like(first)], axis=-1)

    logits = replay(activations)
    view = measure.LayerView(activations, lambda pull: -pull[..., :1], replay)
    stack = measure.cam_stack(view, logits, 0, "margin")
    found = experiments.run_experiments(stack, replay, logits, 0)
    assert experiments.causes(found, stack) == ["leans on absence"]
    assert found.lift.lost[0] == 0
    assert found.lift.fall[0] == pytest.approx(0.3)


def test_presence_is_no_absence():
    """The class needs its first channel; the second is against it, and only outside."""
    found, causes, stack = run(inside=[4, 0], outside=[0, 4], weights=[1, -1], bias=-1)
    assert not stack.blank()[0]
    assert found.sink.lost[0] == found.zero.lost[0] == 1
    assert "absence" not in causes[0]


def test_the_same_everywhere_is_no_contrast():
    bias = np.where(MASK, 10, -10).astype(np.float32)
    activations = np.ones((1, 4, 4, 2), np.float32)

    def replay(changed):
        first = bias - changed.sum(-1)
        return np.stack([first, np.zeros_like(first)], axis=-1)

    logits = replay(activations)
    view = measure.LayerView(activations, lambda pull: -pull[..., :1] * np.ones(2, np.float32), replay)
    stack = measure.cam_stack(view, logits, 0, "margin")
    found = experiments.run_experiments(stack, replay, logits, 0)
    assert experiments.causes(found, stack) == ["no contrast"]


def test_both_ways_needed_is_undecided():
    """A hat: the class is lost with the channel off and with it lifted."""
    activations = np.full((1, 4, 4, 1), 4, np.float32)
    activations[MASK] = 1

    def replay(changed):
        first = 1.5 - 2 * np.abs(changed[..., 0] - 1)
        return np.stack([first, np.zeros_like(first)], axis=-1).astype(np.float32)

    logits = replay(activations)
    view = measure.LayerView(activations, lambda pull: -2 * pull[..., :1], replay)
    stack = measure.cam_stack(view, logits, 0, "margin")
    found = experiments.run_experiments(stack, replay, logits, 0)
    assert found.lift.lost[0] == 1
    assert found.zero.fall[0] == pytest.approx(2 / 1.5)
    assert experiments.causes(found, stack) == ["undecided"]
