"""Deletion and insertion of channels: numbers that fit on paper, what absence does to them, and how much of it is luck."""

import re
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, strategies as st

import segcam_widgets as sc
from segcam_widgets.errors import Cancelled, NonFiniteError, SegCamError
from segcam_widgets.evaluation import faithfulness
from tests.core.fake_probe import IMAGE, Conv, NumpyProbe, random_network
from tests.core.strategies import PROPERTY

LEFT = sc.Rectangle(0, 0, 4, 2)
WEIGHTS = (3.0, -1.0, 4.0, 2.0, 1.0)


def linear(weights, x=None, bias=0.0):
    """Logits (sum_k w_k x_k + bias, 0): what a channel gives to class 0 is its weight times its activation."""
    x = np.ones((4, 4, len(weights))) if x is None else x
    return NumpyProbe(x, [("logits", Conv([[w, 0.0] for w in weights], [bias, 0.0]), IMAGE)])


def channels(probe, region=None, *, score="logit", methods=None, baseline="zero", progress=None, **more):
    query = sc.CamQuery(IMAGE, 0, region or sc.Everything(), score, baseline=baseline)
    return faithfulness(probe, query, methods, checks="channels", progress=progress, **more)


def test_five_channels_by_hand():
    test = channels(linear(WEIGHTS)).channels
    assert test.layer == IMAGE
    assert test.orders["seg-grad-cam"].tolist() == [[2, 0, 3, 4, 1]]
    deletion, insertion = (test.curve("seg-grad-cam", name) for name in ("deletion", "insertion"))
    # 4, 3, 2, 1 and -1 go in this order from a sum of 9: what speaks against the class is last
    assert deletion.fractions.tolist() == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1])
    assert deletion.mean().tolist() == [9, 5, 2, 0, -1, 0]
    assert insertion.mean().tolist() == [0, 4, 7, 9, 10, 9]
    assert deletion.auc() == pytest.approx((4.5 + 5 + 2 + 0 - 1) / 5)
    assert deletion.mean("iou").tolist() == [1, 1, 1, 1, 0, 1]  # 0 against 0 goes to the first class
    assert not test.every
    assert test.orders["random order"].shape == (19, 5)


def test_the_scope_is_reached_as_any_other():
    found = channels(linear(WEIGHTS))
    assert found.curve("seg-grad-cam", "channels", "deletion") is found.channels.curve("seg-grad-cam", "deletion")
    assert found.scopes == ()
    with pytest.raises(SegCamError, match="`map` must be one of seg-grad-cam, random order, loudest first"):
        found.curve("edge map", "channels", "deletion")
    with pytest.raises(SegCamError, match="`test` must be one of deletion, insertion"):
        found.channels.curve("seg-grad-cam", "delete")


@given(st.integers(0, 2**32), st.sampled_from(["zero", "mean", "midpoint"]))
@PROPERTY
def test_where_channels_only_add_the_order_by_contribution_is_the_best(seed, to):
    rng = np.random.default_rng(seed)
    probe = linear(rng.integers(-9, 10, 5), rng.integers(-9, 10, (4, 4, 5)).astype(float))
    test = channels(probe, LEFT, to=to).channels
    for name, sign in (("deletion", 1), ("insertion", -1)):
        own, random = test.curve("seg-grad-cam", name).auc(), test.curve("random order", name).aucs()
        assert (sign * (random - own) >= -1e-5).all()


def test_the_sign_counts_and_not_the_magnitude():
    test = channels(linear((0.5, -5.0, 1.0, 0.2, 0.1))).channels
    assert test.orders["seg-grad-cam"][0, -1] == 1  # the largest, and against the class
    assert test.curve("seg-grad-cam", "deletion").mean()[-2] == pytest.approx(-5)


# ------------------------------------------------------------------ a class that is coded by absence


@pytest.fixture
def absent():
    """Class 0 wins where neither channel fires: the left half."""
    x = np.zeros((4, 4, 2))
    x[:, 2:] = [1, 2]
    return linear((-5.0, -1.0), x, bias=2)


def test_pixels_and_zeroed_channels_say_nothing_of_absence_and_channels_set_to_their_mean_do(absent):
    query = sc.CamQuery(IMAGE, 0, LEFT, "logit")
    pixels = faithfulness(absent, query, checks="curves", scopes="region", fill="zero")
    assert np.ptp(pixels.curve("seg-grad-cam", "region", "deletion").mean()) == 0
    zero = channels(absent, LEFT).channels.curve("seg-grad-cam", "deletion")
    assert np.ptp(zero.mean()) == 0
    assert zero.mean("iou").tolist() == [1, 1, 1]
    test = channels(absent, LEFT, to="mean").channels
    mean = test.curve("seg-grad-cam", "deletion")
    # means .5 and 1: 2 - 5 * .5 = -.5 without the first, -1.5 without either
    assert test.orders["seg-grad-cam"].tolist() == [[0, 1]]
    assert mean.mean().tolist() == [2, -0.5, -1.5]
    assert mean.mean("iou").tolist() == [1, 0, 0]


def test_the_query_s_baseline_is_what_channels_are_set_to(absent):
    assert channels(absent, LEFT).channels.to == "zero"
    assert channels(absent, LEFT, baseline="midpoint").channels.to == "midpoint"
    assert channels(absent, LEFT, baseline="midpoint", to="mean").channels.to == "mean"


def test_maps_of_another_baseline_are_ordered_by_what_is_deleted(absent):
    query = sc.CamQuery(IMAGE, 0, LEFT, "logit")
    other = sc.CamQuery(IMAGE, 0, LEFT, "logit", baseline="mean")
    test = faithfulness(absent, query, [query, other], checks="channels", to="midpoint").channels
    assert test.maps == ("seg-grad-cam", "seg-grad-cam, baseline mean")
    assert np.array_equal(*(test.orders[name] for name in test.maps))


# ------------------------------------------------------------------ luck


def test_two_channels_have_two_orders_and_prove_nothing(absent):
    test = channels(absent, LEFT, to="mean").channels
    assert test.every
    assert sorted(map(tuple, test.orders["random order"])) == [(0, 1), (1, 0)]
    assert test.luck("seg-grad-cam", "deletion") == 0.5
    text = channels(absent, LEFT, to="mean").to_markdown()
    assert "deletion: the best of all 2 orders" in text
    equal = channels(linear((1.0, 1.0))).summary()
    assert "deletion: place 2 of all 2 orders, no better than loudest first" in equal
    assert "all 2 orders there are" in text


def test_luck_counts_the_orders_that_are_as_good():
    best, worst = (channels(linear(w)).channels for w in ((4.0, 3.0, 2.0, 1.0), (1.0, 1.0, 1.0, 1.0)))
    assert len(best.orders["random order"]) == 24
    assert best.luck("seg-grad-cam", "deletion") == 1 / 24
    assert worst.luck("seg-grad-cam", "insertion") == 1  # all orders are the same
    drawn = channels(linear((6.0, 5.0, 4.0, 3.0, 2.0, 1.0)), orders=9).channels
    assert drawn.luck("seg-grad-cam", "deletion") == 1 / 10
    assert "better than 9 of 9 random orders" in channels(linear((6.0, 5.0, 4.0, 3.0, 2.0, 1.0)), orders=9).summary()


def test_a_method_that_orders_channels_the_wrong_way_round_is_found(monkeypatch):
    weights = (6.0, 5.0, 4.0, 3.0, 2.0, 1.0)
    probe = linear(weights)
    monkeypatch.setattr(probe, "replay", lambda layer, batch: linear([-w for w in weights]).replay(layer, batch))
    test = channels(probe).channels
    assert test.luck("seg-grad-cam", "deletion") == 1
    assert "better than 0 of 19 random orders" in channels(probe).to_markdown()


def test_the_loudest_channel_is_a_reference_that_knows_nothing_of_the_weights():
    x = np.ones((4, 4, 5)) * [1, 2, 3, 4, -9]
    test = channels(linear((5.0, 2.0, 1.0, 0.5, 0.1), x)).channels
    assert test.orders["loudest first"].tolist() == [[4, 3, 2, 1, 0]]
    lost = {(loss.test, loss.measure, loss.reference) for loss in test.losses("seg-grad-cam")}
    assert ("deletion", "score", "loudest first") not in lost
    same = channels(linear((1.0, 1.0, 1.0, 1.0, 1.0), np.ones((4, 4, 5)) * [1, 2, 3, 4, 5])).channels
    assert ("deletion", "score", "loudest first") in {
        (x.test, x.measure, x.reference) for x in same.losses("seg-grad-cam")
    }


# ------------------------------------------------------------------ how it is done


def test_no_set_of_channels_is_replayed_twice(absent):
    channels(absent, LEFT, to="mean", orders=50, budget=1)
    assert absent.calls["replay"] == 4  # none, either, both


@pytest.mark.parametrize("budget", [1, 3000, 2**22])
def test_batches_do_not_change_the_answer(budget):
    probes = [random_network(size=4) for _ in range(2)]
    query = sc.CamQuery("deep_relu", 1, sc.Rectangle(0, 0, 3, 3), "centered_logit")
    mine, whole = (
        faithfulness(probe, query, checks="channels", budget=some).channels
        for probe, some in zip(probes, (budget, 2**28), strict=True)
    )
    for one, other in zip(mine.curves, whole.curves, strict=True):
        assert np.allclose(one.scores, other.scores, atol=1e-6)


def test_many_channels_are_taken_in_groups():
    rng = np.random.default_rng(0)
    test = channels(linear(rng.normal(size=40)), steps=4).channels
    assert test.curve("seg-grad-cam", "deletion").fractions.tolist() == [0, 0.25, 0.5, 0.75, 1]


def test_what_goes_round_the_layer_stays_and_is_said():
    probe = random_network(size=4)
    found = faithfulness(probe, sc.CamQuery("deep_relu", 1, sc.Everything()), checks="channels")
    names = tuple(probe.bypass("deep_relu"))
    assert names
    assert found.channels.bypass == names
    assert f"What goes round the layer ({', '.join(names)}) stays as it is." in found.to_markdown()


def test_maps_that_order_no_channels_are_left_out_and_named(monkeypatch):
    def without_weights(probe, query, progress=None):
        found = sc.explain(probe, query, progress)
        return replace(found, weights=np.zeros(0, np.float32)) if query.method == "eigen-cam" else found

    monkeypatch.setattr(sys.modules["segcam_widgets.evaluation.faithfulness"], "explain", without_weights)
    probe = random_network(size=4)
    query = sc.CamQuery("deep_relu", 1, sc.Everything())
    elsewhere = sc.CamQuery("features", 1, sc.Everything())
    found = faithfulness(probe, query, ["hirescam", "eigen-cam", elsewhere], checks="channels")
    assert found.channels.maps == ("hirescam",)
    assert found.notes == (
        "No order of channels from eigen-cam: no weights.",
        "No order of the channels of deep_relu from seg-grad-cam, at features: another layer's.",
    )
    nothing = faithfulness(probe, query, "eigen-cam", checks="channels")
    assert nothing.channels is None
    assert len(nothing.to_frame("channels")) == 0


def test_frame_and_pictures():
    found = channels(linear(WEIGHTS))
    frame = found.to_frame("channels")
    assert frame.loc[("deletion", "seg-grad-cam"), "luck"] == found.channels.luck("seg-grad-cam", "deletion")
    assert np.isnan(frame.loc[("deletion", "loudest first"), "luck"])
    assert set(frame["kind"]) == {"method", "reference"}
    html = found._repr_html_()
    assert html.count("<polyline") == 2 * 3
    assert "deletion: channels taken away" in html
    assert "S is 9 for the image and 0 with all of them deleted; IoU 1 and 1." in re.sub("<[^>]+>", "", html)


def test_cancel_and_broken_numbers_are_told():
    probe = random_network(size=4)
    query = sc.CamQuery("deep_relu", 1, sc.Everything())

    def stop(fraction, text):
        return "channels of deep_relu" not in text

    with pytest.raises(Cancelled, match="channels of deep_relu"):
        faithfulness(probe, query, checks="channels", progress=stop)
    replay = probe.replay
    probe.replay = lambda layer, batch: replay(layer, batch) * np.nan
    with pytest.raises(NonFiniteError, match="logits of switched-off channels must be finite"):
        faithfulness(probe, query, checks="channels")
