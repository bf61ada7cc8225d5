"""Pooled gradients of a script of one's own are recognised. The fields that are pulled back are written out here again."""

import re

import numpy as np
import pytest
from scipy.special import softmax

import segcam_widgets as sc
from segcam_widgets.core.recognition.pasted import read_pooled
from segcam_widgets.core.recognition.recipes import Catalogue
from segcam_widgets.core.scores import SCORES, Logit
from tests.core.fake_probe import IMAGE, Conv, NumpyProbe, linear_head, random_network, relu
from tests.core.remembered import remember_recipes

NAMES = ("sky", "tree", "road")
TRUTH = np.random.default_rng(9).integers(0, 3, (12, 12))
PROBE = random_network(seed=3, channels=8, class_names=NAMES, truth=TRUTH)
HERE = "deep_relu"
HELD = {}
LABELS = PROBE.logits.argmax(-1)
TARGETS = ("logit", "centered_logit", "margin", "log_probability", "probability", "loss")


def field(probe, target, c, mask):
    """d(mean over the mask of the target) / dy, (H, W, C)."""
    y = probe.logits.astype(float)
    p, unit = softmax(y, -1), np.eye(y.shape[-1])
    if target == "logit":
        pull = np.broadcast_to(unit[c], y.shape)
    elif target == "centered_logit":
        pull = np.broadcast_to(unit[c] - 1 / y.shape[-1], y.shape)
    elif target == "margin":
        pull = unit[c] - unit[np.where(np.arange(y.shape[-1]) == c, -np.inf, y).argmax(-1)]
    else:
        factor = {"log_probability": 1, "loss": -1, "probability": p[..., [c]]}[target]
        pull = factor * (unit[c] - p)
    return pull * mask[..., None] / mask.sum()


def paste(probe=PROBE, target="margin", c=0, mask=None, layer=HERE):
    """The mean over the map of the gradients."""
    mask = np.ones(probe.logits.shape[:2], bool) if mask is None else mask
    return probe.pullback(layer, field(probe, target, c, mask)).gradients.mean((0, 1), dtype=float)


def where(labels, c):
    return labels == c


def masks(c):
    other = (c + 1) % 3
    return {
        sc.PredictedClass(c): where(LABELS, c), sc.Everything(): np.ones_like(LABELS, bool),
        sc.TruthClass(c): where(TRUTH, c), sc.PredictedClass(other): where(LABELS, other),
    }  # fmt: skip


def is_recipe(match, target, c, region):
    score, sign = ("log_probability", -1) if target == "loss" else (target, 1)
    return (match.score, match.class_index, match.region, match.sign) == (score, c, region, sign)


# ------------------------------------------------------------------ which recipe


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("c", range(3))
def test_every_recipe_is_recognised(target, c, monkeypatch):
    remember_recipes(monkeypatch, HELD)
    for region, mask in masks(c).items():
        found = sc.recognise(PROBE, HERE, paste(target=target, c=c, mask=mask))
        assert is_recipe(found.nearest, target, c, region), found
        assert found.matches[0] is found.nearest
        assert found.nearest.angle < 0.01
        assert found.nearest.ratio == pytest.approx(1, rel=1e-4)
        assert found.nearest.scale == "mean over the region, mean over the map"


def test_the_weights_of_a_linear_head_are_a_group_over_all_regions():
    """alpha_k = kernel / (h w) wherever one asks: the direction says the class, and not the region."""
    kernel = np.array([[1, -2, 0.5], [0.3, 1, -1], [-1, 0.2, 2], [0.7, -0.4, 1.1]])
    probe = linear_head(np.random.default_rng(0).normal(size=(5, 4, 4)), kernel, class_names=NAMES)
    found = sc.recognise(probe, IMAGE, kernel[:, 1] / 20)
    assert {(m.score, m.class_index) for m in found.matches} == {("logit", 1)}
    assert {m.region for m in found.matches} == {sc.Everything(), *map(sc.PredictedClass, range(3))}
    assert {m.scale for m in found.matches} == {"mean over the region, mean over the map"}
    assert "cannot be told apart from the logit of tree over all pixels" in found.summary()


def test_where_only_the_direction_is_common_the_scale_tells_the_region():
    kernel = np.random.default_rng(1).normal(size=(5, 3))
    probe = linear_head(np.random.default_rng(0).normal(size=(7, 6, 5)), kernel, class_names=NAMES)
    pixels = int((probe.labels == 2).sum())
    assert pixels not in (0, *(int((probe.labels == c).sum()) for c in (0, 1)))
    first = sc.recognise(probe, IMAGE, kernel[:, 0] * pixels / 42).nearest
    assert (first.class_index, first.region) == (0, sc.PredictedClass(2))
    # the map has as many cells as the output has pixels: two recipes are one number
    assert first.scale == (
        "sum over the region, mean over the map, or mean over the whole output, zero outside the region, sum over the map"
    )


def test_a_loss_is_told_to_be_turned():
    found = sc.recognise(PROBE, HERE, paste(target="loss", c=1))
    assert found.nearest.is_loss
    said = found.summary()
    assert said.startswith(
        "You computed the gradient of -log p (a loss) of tree over all pixels, mean over the region, mean"
    )
    assert "Your sign is turned: a loss falls where the class rises. Multiply by -1" in said


def test_minus_a_score_is_no_loss():
    found = sc.recognise(PROBE, HERE, -paste(target="probability", c=1))
    assert (found.nearest.sign, found.nearest.is_loss) == (-1, False)
    assert found.nearest.what == "minus the probability of tree"
    assert "multiply by -1" in found.summary()


def test_a_training_loss_is_the_cross_entropy_with_the_truth():
    field_ = (softmax(PROBE.logits, -1) - np.eye(3)[TRUTH]) / TRUTH.size
    first = sc.recognise(PROBE, HERE, PROBE.pullback(HERE, field_).gradients.mean((0, 1))).nearest
    assert first.what.startswith("the cross-entropy with the truth (a loss")
    assert (first.class_index, first.query, first.sign) == (None, None, -1)
    assert first.scale == "mean over the region, mean over the map"


def test_the_largest_logit_at_each_pixel():
    first = sc.recognise(PROBE, HERE, PROBE.pullback(HERE, np.eye(3)[LABELS]).gradients.mean((0, 1))).nearest
    assert first.words == "the logit of the predicted class of each pixel over all pixels"
    assert first.scale == "sum over the region, mean over the map"


def test_a_class_index_that_was_forgotten():
    first = sc.recognise(PROBE, HERE, PROBE.pullback(HERE, np.ones((12, 12, 3))).gradients.mean((0, 1))).nearest
    assert first.words == "the logit, summed over all classes, over all pixels"


def test_one_class_against_one_rival():
    pull = np.broadcast_to(np.array([1.0, 0, -1]) / 144, (12, 12, 3))
    first = sc.recognise(PROBE, HERE, PROBE.pullback(HERE, pull).gradients.mean((0, 1))).nearest
    assert first.words == "the margin of sky against road over all pixels"
    assert first.query == sc.CamQuery(HERE, 0, sc.Everything(), "margin", rival=2)


def test_a_region_that_is_given_is_tried():
    mask = np.zeros((12, 12), bool)
    mask[2:7, 3:9] = True
    region = sc.Rectangle(2, 3, 7, 9)
    pooled = paste(target="probability", c=2, mask=mask)
    assert not sc.recognise(PROBE, HERE, pooled).matches
    for given in (region, [region], (sc.Everything(), region)):
        found = sc.recognise(PROBE, HERE, pooled, given)
        assert is_recipe(found.nearest, "probability", 2, region)
        assert found.matches


@pytest.mark.parametrize(("asked", "taken", "place"), [("deep_relu", "deep", "before"), ("deep", "deep_relu", "after")])
def test_before_and_after_the_activation(asked, taken, place):
    found = sc.recognise(PROBE, asked, paste(target="centered_logit", c=2, layer=taken))
    assert (found.layer, found.nearest.layer, found.nearest.place) == (asked, taken, place)
    assert found.nearest.query.layer == taken
    assert f"over all pixels at {taken}, a layer {place}" in found.summary()
    assert f"That is not at {asked} but {place} it." in found.summary()


def test_every_score_that_is_registered_is_tried(monkeypatch):
    class Steep(Logit):
        """The logits' weighted sum."""

        name, title = "steep", "steep one"

        def cotangent(self, given):
            return given.outer(np.roll([1, 0.3, -0.6], given.class_index).astype(np.float32))

    monkeypatch.setattr(SCORES, "_entries", {**SCORES._entries, "steep": Steep()})
    pull = np.where((LABELS == 1)[..., None], np.array([0.3, -0.6, 1]), 0)
    first = sc.recognise(PROBE, HERE, PROBE.pullback(HERE, pull).gradients.mean((0, 1))).nearest
    assert (first.score, first.class_index, first.region) == ("steep", 2, sc.PredictedClass(1))
    assert first.what == "the steep one of road"


def test_sigmoids_of_their_own():
    probe = random_network(seed=5, channels=6, class_names=NAMES, multilabel=True)
    found = sc.recognise(probe, HERE, paste(probe, "logit", 1, probe.probabilities[..., 1] > 0.5))
    assert is_recipe(found.nearest, "logit", 1, sc.PredictedClass(1))


def test_a_match_s_query_asks_the_same():
    for target, c in (("loss", 1), ("margin", 0), ("probability", 2)):
        pooled = 3 * paste(target=target, c=c)
        first = sc.recognise(PROBE, HERE, pooled).nearest
        weights = sc.explain(PROBE, first.query).gradients.mean((0, 1))
        np.testing.assert_allclose(first.sign * first.ratio * weights, pooled, rtol=1e-4, atol=1e-7)


def test_nobody_is_asked_twice_about_the_same_pixels():
    """Truth is the prediction, and one class has no pixel."""
    probe = linear_head(np.random.default_rng(0).normal(size=(4, 4, 4)), np.eye(4)[:, :3], [0, 0, -99])
    probe.truth = probe.labels
    sc.recognise(probe, IMAGE, np.ones(4))
    scores = len([s for s in SCORES.values() if s.name])
    assert probe.calls["pullback"] == scores * 3 * 3  # three classes; two that are predicted, and all pixels


def test_many_classes_are_not_crossed_and_it_is_said():
    rng = np.random.default_rng(2)
    probe = linear_head(rng.normal(size=(6, 6, 12)), rng.normal(size=(12, 9)))
    assert len(Catalogue(probe, ()).regions_of(0)) <= 2
    assert (
        "no class was asked about over the pixels of another"
        in sc.recognise(probe, IMAGE, rng.normal(size=12)).summary()
    )


# ------------------------------------------------------------------ scale


@pytest.mark.parametrize(
    ("factor", "said"),
    [
        (1, "mean over the region, mean over the map"),
        (20, "sum over the region, mean over the map"),
        (36, "mean over the region, sum over the map"),
        (720, "sum over the region, sum over the map"),
        (20 / 144, "mean over the whole output, zero outside the region, mean over the map"),
        (20 / 144 * 36, "mean over the whole output, zero outside the region, sum over the map"),
        (1.009, "mean over the region, mean over the map"),
        (0.37, ""),
    ],
)
def test_sum_and_mean(factor, said):
    region, mask = sc.Rectangle(1, 2, 6, 6), np.zeros((12, 12), bool)
    mask[1:6, 2:6] = True
    found = sc.recognise(PROBE, HERE, factor * paste(target="margin", c=1, mask=mask), region)
    assert is_recipe(found.nearest, "margin", 1, region)
    assert found.nearest.scale == said
    assert found.nearest.ratio == pytest.approx(factor, rel=1e-3)
    assert ("scaled by 0.37, which none of the sums and means" in found.summary()) == (not said)


def test_numbers_that_were_normalised():
    pooled = paste(target="margin", c=1)
    for length, said in ((np.linalg.norm(pooled), "their length"), (np.abs(pooled).max(), "their largest magnitude")):
        assert sc.recognise(PROBE, HERE, pooled / length).nearest.scale == f"divided by {said}"


@pytest.mark.parametrize("size", [1e-30, 1e30])
def test_very_small_and_very_large_numbers(size):
    assert is_recipe(
        sc.recognise(PROBE, HERE, size * paste(target="margin", c=1)).nearest, "margin", 1, sc.Everything()
    )


# ------------------------------------------------------------------ nothing, and nearly


def turned(vector, degrees, seed):
    """The vector turned towards a random direction at right angles to it."""
    unit = vector / np.linalg.norm(vector)
    other = np.random.default_rng(seed).normal(size=vector.size)
    other -= (other @ unit) * unit
    other /= np.linalg.norm(other)
    angle = np.radians(degrees)
    return np.linalg.norm(vector) * (np.cos(angle) * unit + np.sin(angle) * other)


def test_within_a_tenth_of_a_degree_and_not_beyond():
    pooled = paste(target="probability", c=0)
    near = sc.recognise(PROBE, HERE, turned(pooled, 0.09, 0))
    beyond = sc.recognise(PROBE, HERE, turned(pooled, 0.11, 0))
    assert is_recipe(near.matches[0], "probability", 0, sc.Everything())
    assert near.nearest.angle == pytest.approx(0.09, abs=1e-3)
    assert "It is 0.09 degrees off, within what is claimed, but" in near.summary()
    assert not near.is_exact
    assert not beyond.is_exact
    exact = sc.recognise(PROBE, HERE, pooled)
    assert exact.is_exact
    assert "off" not in exact.summary()
    assert not beyond.matches
    assert is_recipe(beyond.nearest, "probability", 0, sc.Everything())


def test_what_is_none_of_these_names_the_nearest_and_the_suspects():
    found = sc.recognise(PROBE, HERE, turned(paste(target="margin", c=1, mask=LABELS == 1), 3.2, 1))
    assert is_recipe(found.nearest, "margin", 1, sc.PredictedClass(1))
    said = found.summary()
    assert said.startswith(f"None of these: of {found.tried} recipes tried at deep_relu none is within 0.1 degree.")
    assert "The nearest is the margin of tree over the pixels predicted as tree, 3.2 degrees away." in said
    assert "training mode, with batch normalisation and dropout on" in said
    assert "another region than the ones tried, which you can pass as `regions`" in said


def test_two_digits_name_the_nearest_and_ask_for_more():
    pooled = paste(target="log_probability", c=0)
    found = sc.recognise(PROBE, HERE, [float(f"{number:.1e}") for number in pooled])
    assert not found.matches
    assert (found.digits, found.rough) == (2, True)
    assert is_recipe(found.nearest, "log_probability", 0, sc.Everything())
    assert "Rounding to 2 digits can turn your numbers as far" in found.summary()


def test_what_two_digits_contradict_comes_behind_what_they_do_not():
    """The second number cannot be 0.10 where the recipe gives 0.106, be the angle as small as it may."""
    kernel = np.array([[1.0, 1.003], [0.106, 0.099]])
    probe = linear_head(np.ones((1, 1, 2)), kernel)
    found = sc.recognise(probe, IMAGE, [1.0, 0.10])
    fits = {(m.class_index, m.score): m.fits_digits for m in (found.nearest, *found.matches, *found.alike)}
    assert found.nearest.class_index == 1
    assert fits[1, "logit"]


@pytest.mark.parametrize(
    ("numbers", "digits", "half"),
    [
        ([0.0012, -0.53], 2, [0.00005, 0.005]),
        ([0.12, 0.03, 1.45], 3, [0.005, 0.005, 0.005]),
        ([1.0, -2.0], 2, [0.05, 0.05]),
        ([0.0, 0.53], 2, [0.005, 0.005]),
        ([0.123456789, 1.0], 9, [0, 0]),
        (np.array([0.12, 0.9], np.float32), 2, [0.005, 0.005]),
    ],
)
def test_digits(numbers, digits, half):
    info = linear_head(np.ones((2, 2, len(numbers))), np.ones((len(numbers), 2))).layers[0]
    read = read_pooled(numbers, info, ())
    assert read.digits == digits
    np.testing.assert_allclose(read.half_units, half, rtol=1e-6)


def test_zeros_name_the_recipes_that_give_zero():
    kernel = np.array([[1.0, 0, 2], [-1, 0, 1], [0.5, 0, 1], [2, 0, 3]])
    probe = linear_head(np.random.default_rng(0).normal(size=(4, 4, 4)), kernel, class_names=NAMES)
    found = sc.recognise(probe, IMAGE, np.zeros(4))
    assert found.nearest is None
    assert {m.class_index for m in found.matches if m.score == "logit"} == {1}
    assert "All zero. At image these recipes give zero, too: the logit of tree over" in found.summary()
    assert "zero, as the logit of tree" in repr(found)


def test_zeros_that_no_recipe_gives(monkeypatch):
    monkeypatch.setattr(SCORES, "_entries", {"logit": SCORES["logit"]})
    found = sc.recognise(PROBE, HERE, np.zeros(8))
    assert (found.matches, found.nearest) == ((), None)
    assert "none of the" in found.summary()
    assert "arg max" in found.summary()


def test_a_layer_that_nothing_reacts_to():
    nodes = [("dead", Conv(np.ones((4, 2)), -99), IMAGE), ("off", relu(), "dead"), ("logits", Conv(np.eye(2)), "off")]
    probe = NumpyProbe(np.ones((3, 3, 4)), nodes)
    found = sc.recognise(probe, IMAGE, np.ones(4))
    assert (found.matches, found.nearest) == ((), None)
    assert "gives zero at image, and your numbers are not zero" in found.summary()


def test_what_cancels_to_rounding_is_zero():
    """The mean over all classes has the same weights as each: their centered logits have no gradient but noise."""
    column = np.random.default_rng(0).normal(size=(6, 1))
    probe = linear_head(np.random.default_rng(1).normal(size=(4, 4, 6)), np.repeat(column, 3, 1), [2, 1, 0])
    found = sc.recognise(probe, IMAGE, np.zeros(6))
    assert {m.score for m in found.matches} >= {"centered_logit", "margin"}
    assert "logit" not in {m.score for m in found.matches}


# ------------------------------------------------------------------ few channels


def test_with_few_channels_all_that_fit_are_listed():
    rng = np.random.default_rng(4)
    kernel = np.array([[1, -1], [2, -2], [-1, 1.0]])  # two classes are mirror images
    probe = linear_head(rng.normal(size=(5, 5, 3)), kernel, class_names=("a", "b"))
    found = sc.recognise(probe, IMAGE, kernel[:, 0] / 25)
    assert {(m.score, m.class_index, m.sign) for m in found.matches} >= {
        ("logit", 0, 1), ("logit", 1, -1), ("centered_logit", 0, 1), ("margin", 0, 1), ("margin", 1, -1),
        ("log_probability", 0, 1), ("log_probability", 1, -1),
    }  # fmt: skip
    lines = found.summary().splitlines()
    assert lines[0].startswith("The likeliest of those that fit is the gradient of ")  # one of many is no claim
    assert lines[0].endswith("With 3 channels many recipes are parallel. All that fit:")
    assert sum(line.count(" over ") for line in lines[1:]) == len(found.matches)
    assert is_recipe(found.nearest, "logit", 0, found.nearest.region)
    assert found.nearest.scale == "mean over the region, mean over the map"
    assert any(m.score == "margin" and "of b" in m.what and not m.scale for m in found.matches)  # twice as long


def test_one_channel_tells_sign_and_scale_alone():
    probe = linear_head(np.random.default_rng(0).normal(size=(4, 4, 1)), [[1.5, -0.5, 0.2]], class_names=NAMES)
    found = sc.recognise(probe, IMAGE, [-0.5 / 16])
    assert is_recipe(found.nearest, "logit", 1, found.nearest.region)
    assert len(found.matches) > 20
    assert "With one channel many recipes are parallel." in found.summary()
    assert found.summary().startswith("One number has a sign and a size and no direction, so nearly any recipe fits.")


# ------------------------------------------------------------------ what may be pasted

NUMBERS = paste(target="margin", c=1)


@pytest.mark.parametrize(
    "pooled",
    [
        NUMBERS, NUMBERS.tolist(), tuple(NUMBERS), NUMBERS.astype(np.float32), NUMBERS[None], NUMBERS[None, None, None],
        str(NUMBERS), repr(NUMBERS.tolist()), f"tf.Tensor({NUMBERS.astype(np.float32)}, shape=(8,), dtype=float32)",
    ],
    ids=["array", "list", "tuple", "float32", "row", "kept", "printed", "typed", "tensor"],
)  # fmt: skip
def test_forms_of_the_same_numbers(pooled):
    found = sc.recognise(PROBE, HERE, pooled)
    assert is_recipe(found.matches[0], "margin", 1, sc.Everything())
    assert found.pooled.shape == (8,)


WANTED = "`pooled` must be the 8 pooled gradients of layer 'deep_relu', shape (8,)"


@pytest.mark.parametrize(
    ("pooled", "said"),
    [
        (np.zeros((6, 6, 8)), f"{WANTED}. Received: shape (6, 6, 8). That is a map: pool it first, gradients.mean((0, 1))."),
        (np.zeros((1, 6, 6, 8)),
         f"{WANTED}. Received: shape (1, 6, 6, 8). That is a map: pool it first, gradients.mean((0, 1, 2))."),
        (np.zeros(3), f"{WANTED}. Received: shape (3,). Layers with as many channels: 'logits'."),
        (np.zeros(7), f"{WANTED}. Received: shape (7,)."),
        ([], f"{WANTED}. Received: shape (0,)."),
        (0.5, f"{WANTED}. Received: shape ()."),
        (np.zeros((2, 4)), f"{WANTED}. Received: shape (2, 4)."),
        ([np.nan, np.inf, *range(6)], f"{WANTED}, and finite. Received: NaN or infinity in 2 of 8 numbers."),
        ("a b", f"{WANTED}. Received: 'a b'."),
        ([1j] * 8, f"{WANTED}. Received: [1j, 1j, 1j, 1j, 1j, 1j, 1j, 1j]."),
        ([True] * 8, f"{WANTED}. Received: [True, True, True, True, True, True, True, True]."),
        ([[1], [2, 3]], f"{WANTED}. Received: [[1], [2, 3]]."),
        (None, f"{WANTED}. Received: None. A tape answers None where the score does not depend on what was watched: take the "
               "layer's output and the logits from one and the same call."),
    ],
)  # fmt: skip
def test_what_is_no_pooled_gradient(pooled, said):
    with pytest.raises(sc.SegCamError) as caught:
        sc.recognise(PROBE, HERE, pooled)
    assert str(caught.value) == said


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        (("model", HERE, NUMBERS), sc.SegCamError, "`probe` must be"),
        ((PROBE, "dep", NUMBERS), sc.UnknownLayerError, "Did you mean 'deep'"),
        ((PROBE, HERE, NUMBERS, 3), sc.SegCamError, "`regions` must be a region, or a list of regions. Received: 3."),
        ((PROBE, HERE, NUMBERS, [1]), sc.SegCamError, "`regions` must be a region such as"),
        ((PROBE, HERE, NUMBERS, sc.Rectangle(90, 90, 99, 99)), sc.EmptyRegionError, "at least one pixel"),
    ],
)
def test_other_mistakes(arguments, error, said):
    with pytest.raises(error, match=re.escape(said)):
        sc.recognise(*arguments)


def test_progress_rises_to_one_and_can_cancel():
    told = []
    sc.recognise(PROBE, HERE, NUMBERS, progress=lambda fraction, text: told.append((fraction, text)))
    fractions = [fraction for fraction, _ in told]
    assert fractions == sorted(fractions)
    assert (fractions[0], fractions[-1]) == (0, 1)
    assert "deep_relu" in told[0][1]
    with pytest.raises(sc.Cancelled):
        sc.recognise(PROBE, HERE, NUMBERS, progress=lambda fraction, _: fraction < 0.5)


# ------------------------------------------------------------------ how it is shown


def test_it_is_shown_in_one_line_in_html_and_as_a_table():
    probe = random_network(seed=3, channels=8, class_names=("<b>" * 60, "tree", "road"))
    for pooled in (paste(probe, "loss", 0), turned(paste(probe, "loss", 0), 9, 0), np.zeros(8)):
        found = sc.recognise(probe, HERE, pooled)
        assert len(repr(found)) < 200
        assert "\n" not in repr(found)
        assert "<b>" not in found._repr_html_()
        assert all(len(repr(match)) < 200 for match in found.matches)
        assert len(found.to_frame()) == len(found.matches or [m for m in (found.nearest, *found.alike) if m])
    assert {"score", "class_index", "angle", "ratio", "scale", "sign", "where"} <= set(found.to_frame().columns)
