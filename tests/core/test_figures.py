"""What the screen shows can be had from Python: the histogram of a channel, the classes' shares, the waterfall."""

import builtins
import itertools

import numpy as np
import pytest

import segcam_widgets as sc
from segcam_widgets.core.explanation.class_shares import class_shares
from tests.core.fake_probe import random_network


@pytest.fixture
def explanation():
    return sc.explain(random_network(), sc.CamQuery("relu", 0))


def test_a_channels_histogram_counts_every_cell(explanation):
    for channel in range(explanation.gradients.shape[2]):
        gradient = explanation.gradients[:, :, channel].astype(float)
        found = explanation.channel_histogram(channel)
        assert len(found.counts) == len(found.edges) - 1 == 41
        for count, low, high in zip(found.counts[:-1], found.edges, found.edges[1:], strict=False):
            assert count == ((gradient >= low) & (gradient < high)).sum()
        assert found.counts.sum() == gradient.size
        assert found.edges[-1] == -found.edges[0] == np.abs(gradient).max()
        assert found.negative_share == (gradient < 0).mean()
        assert found.mean == pytest.approx(explanation.pooled_gradients[channel])
        assert found.summary().startswith(f"Channel {channel}: ")
        with pytest.raises(ValueError, match="read-only"):
            found.counts[0] = 1


@pytest.mark.parametrize("channel", [-1, 99, 1.5, "0", True, None])
def test_a_channel_that_is_not_there(explanation, channel):
    with pytest.raises(sc.SegCamError, match=r"^`channel` must be one of the layer's channels, 0 to 3\. Received: "):
        explanation.channel_histogram(channel)
    with pytest.raises(sc.SegCamError, match=r"^`bins` must be"):
        explanation.channel_histogram(0, bins=0)


def test_it_draws_into_any_axes(explanation):
    class Axes:
        def bar(self, x, y, width, color):
            self.drawn = list(zip(x, y, width, color, strict=True))

        def set_xlabel(self, text):
            self.label = text

        set_ylabel = set_xlabel

    found, axes = explanation.channel_histogram(0), Axes()
    assert found.plot(axes) is axes
    assert [y for _, y, _, _ in axes.drawn] == list(found.counts)


def test_without_matplotlib_it_says_what_is_missing(explanation, monkeypatch):
    load = builtins.__import__

    def no_matplotlib(name, *args, **kwargs):
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return load(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", no_matplotlib)
    with pytest.raises(sc.SegCamError, match=r"^`plot` needs matplotlib, which is not installed"):
        explanation.channel_histogram(0).plot()


@pytest.mark.parametrize("multilabel", [False, True])
def test_shares_of_the_classes(multilabel):
    probe = random_network()
    probe.multilabel = multilabel
    shares = class_shares(probe)
    for index, share in enumerate(shares):
        assert share == sc.PredictedClass(index).rasterize(probe).mean()
    assert multilabel or shares.sum() == pytest.approx(1)


@pytest.mark.parametrize("shown", [1, 2, 3, 8])
def test_the_waterfall_goes_from_zero_to_the_score(shown):
    book = sc.ledger(random_network(), sc.CamQuery("relu", 0))
    steps = book.steps(shown)
    assert steps[0].start == 0
    assert all(one.stop == after.start for one, after in itertools.pairwise(steps))
    assert all(one.stop == one.start + one.value for one in steps)
    assert steps[-1].stop == pytest.approx(book.score)
    told = [step for step in steps if step.channels]
    assert len(told) == min(shown, len(book.channels))
    assert sorted(k for step in told for k in step.channels) == list(range(len(book.channels)))
    for step in told:
        assert step.value == pytest.approx(book.channels[list(step.channels)].sum())
    alone = [abs(step.value) for step in told if step.name.startswith("channel ")]
    rest = [k for step in told if not step.name.startswith("channel ") for k in step.channels]
    assert not alone or not rest or min(alone) >= np.abs(book.channels[rest]).max()
