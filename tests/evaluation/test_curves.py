"""Deletion and insertion: numbers that fit on paper, what must not change them, and that the true order is the best."""

import numpy as np
import pytest
from hypothesis import given, strategies as st

import segcam_widgets as sc
from segcam_widgets.core.resolve import resolve
from segcam_widgets.errors import Cancelled, NonFiniteError, UnsupportedModelError
from segcam_widgets.evaluation.curves.curves import (
    Meter,
    Perturbation,
    Ranked,
    counts,
    perturb,
    pixel_layer,
    scope_pixels,
)
from segcam_widgets.evaluation.curves.fills import FILLS, blur_sigma
from segcam_widgets.evaluation.curves.ranking import cell_side, order, region_on_grid, tied_share
from segcam_widgets.evaluation.curves.replays import batch_size
from tests.core.fake_probe import Conv, NumpyProbe, random_network
from tests.core.strategies import PROPERTY
from tests.evaluation.additive import additive, pooled

LEFT = sc.Mask([[True, False], [True, False]])
FOUR = [[4.0, 3.0], [2.0, -1.0]]


def run(probe, values, region=None, scopes=("everywhere",), *, fill="zero", steps=4, score=None, c=0, **more):
    query = resolve(sc.CamQuery("image", c, region or sc.Everything(), score), probe)
    meter = Meter.of(probe, query, query.region.rasterize(probe))
    x = probe.activations("image")
    size = x.shape[:2]
    pixels = {scope: scope_pixels(scope, meter.mask, size) for scope in scopes}
    cell = more.pop("cell", 1)
    plan = Perturbation(x, FILLS[fill].compute(x), pixels, steps, cell)
    draws = [np.asarray(v, float) for v in (values if isinstance(values, list) else [values])]
    curves = perturb(probe, meter, [Ranked("map", draws)], plan, **more)
    return {(curve.scope, curve.test): curve for curve in curves}


def test_an_image_of_four_pixels_by_hand():
    probe = additive(FOUR)
    found = run(probe, np.array(FOUR), score="logit")
    deletion, insertion = found["everywhere", "deletion"], found["everywhere", "insertion"]
    # 4, 3, 2, -1 go in this order; S is the mean of what is left over four pixels
    assert deletion.fractions.tolist() == [0, 0.25, 0.5, 0.75, 1]
    assert deletion.mean().tolist() == [2, 1, 0.25, -0.25, 0]
    assert insertion.mean().tolist() == [0, 1, 1.75, 2.25, 2]
    # trapezoids of width 1/4: (1.5 + 0.625 + 0 - 0.125) / 4 and (0.5 + 1.375 + 2 + 2.125) / 4
    assert deletion.auc() == pytest.approx(0.5)
    assert insertion.auc() == pytest.approx(1.5)
    assert deletion.spread() == 0


def test_the_overlap_by_hand():
    probe = additive(FOUR)  # class 0 wins where x > 0; a logit of 0 against 0 goes to the first class
    deletion = run(probe, np.array(FOUR))["everywhere", "deletion"]
    # the last pixel is class 1 until it is zero: then it is predicted as class 0 too, 3 of 4
    assert deletion.mean("iou").tolist() == [1, 1, 1, 1, 0.75]
    other = run(probe, -np.array(FOUR), c=1, score="centered_logit")["everywhere", "deletion"]
    assert other.mean("iou").tolist() == [1, 0, 0, 0, 0]
    assert other.auc("iou") == pytest.approx(0.125)


def test_a_class_that_is_nowhere_has_no_overlap():
    probe = additive(np.ones((2, 2)))
    curve = run(probe, np.array(FOUR), c=1, score="centered_logit")["everywhere", "deletion"]
    assert np.isnan(curve.ious).all()
    assert np.isnan(curve.auc("iou"))
    assert curve.mean().tolist() == [-0.5, -0.375, -0.25, -0.125, 0]


def test_each_scope_takes_its_own_pixels_and_scores_the_region():
    probe = additive(FOUR)
    found = run(probe, np.array(FOUR), LEFT, ("region", "context", "everywhere"), score="logit", steps=2)
    assert found["region", "deletion"].mean().tolist() == [3, 1, 0]  # the mean of 4 and 2, of 2, of nothing
    assert found["region", "insertion"].mean().tolist() == [0, 2, 3]
    assert found["context", "deletion"].mean().tolist() == [3, 3, 3]  # a pixel is seen by its own logit alone
    assert found["everywhere", "deletion"].mean().tolist() == [3, 1, 0]


def test_a_context_that_matters_is_seen():
    values = np.arange(9.0).reshape(3, 3)
    probe = pooled(values)
    region = sc.Mask(values == 4)
    found = run(probe, values, region, ("region", "context"), steps=8, score="logit")
    assert found["context", "deletion"].mean().tolist() == [36, 28, 21, 15, 10, 7, 5, 4, 4]
    assert found["context", "insertion"].mean()[0] == 4
    assert found["region", "deletion"].mean().tolist() == [36, 32]


def test_one_row_a_draw_and_the_spread_of_their_areas():
    curve = run(additive(FOUR), [np.array(FOUR), -np.array(FOUR)], score="logit")["everywhere", "deletion"]
    assert curve.scores.shape == (2, 5)
    assert curve.scores[0].tolist() == [2, 1, 0.25, -0.25, 0]
    assert curve.scores[1].tolist() == [2, 2.25, 1.75, 1, 0]
    assert curve.aucs().tolist() == pytest.approx([0.5, 1.5])
    assert curve.auc() == pytest.approx(1.0)
    assert curve.spread() == pytest.approx(0.5)


def test_a_margin_keeps_the_rival_of_the_unmodified_image():
    # three classes: (x, 1, 1.5 - x) at x = 4, 3, 2, -1: the rival is class 1 where x > 0.5; at zero class 2 would be stronger
    x = np.array(FOUR)[:, :, None]
    probe = NumpyProbe(x, [("logits", Conv([[1.0, 0.0, -1.0]], [0.0, 1.0, 1.5]), "image")])
    curve = run(probe, np.array(FOUR), LEFT, ("region",), score="margin", steps=2)["region", "deletion"]
    assert curve.mean().tolist() == [
        2,
        0,
        -1,
    ]  # the means of (3, 1), (-1, 1), (-1, -1): against class 1, not against 1.5
    assert curve.mean("iou").tolist() == [1, 0.5, 0]


# ------------------------------------------------------------------ what must and must not matter


@given(st.integers(0, 2**32), st.sampled_from([1, 2, 3]))
@PROPERTY
def test_only_the_order_counts(seed, cell):
    rng = np.random.default_rng(seed)
    probe = additive(rng.integers(-9, 10, (5, 5)))
    values = rng.integers(-4, 5, (5, 5)).astype(float)
    plain, grown = (run(probe, v, cell=cell) for v in (values, np.exp(values) * 3 - 100))
    for key, curve in plain.items():
        assert np.array_equal(curve.scores, grown[key].scores)


def test_the_sign_counts():
    probe = additive(FOUR)
    up, down = (run(probe, sign * np.array(FOUR))["everywhere", "deletion"].auc() for sign in (1, -1))
    rectified = run(probe, np.maximum(FOUR, 0))["everywhere", "deletion"].auc()
    assert up < down
    assert up == pytest.approx(rectified)  # one negative value is last either way


@given(st.integers(0, 2**32), st.sampled_from(["region", "everywhere"]), st.booleans())
@PROPERTY
def test_where_pixels_only_add_the_true_order_is_the_best(seed, scope, mean):
    rng = np.random.default_rng(seed)
    probe = additive(rng.integers(-9, 10, (4, 4)))
    region = sc.Mask(rng.random((4, 4)) < 0.6) | sc.Pixel(0, 0) | sc.Pixel(3, 3)
    gains = probe.x[:, :, 0] - (FILLS["mean"].compute(probe.activations("image"))[:, :, 0] if mean else 0)
    truth = np.where(region.rasterize(probe), gains, 0)  # the rest gives the region nothing
    others = [rng.permutation(truth.ravel()).reshape(4, 4) for _ in range(4)]
    fill = "mean" if mean else "zero"
    found = run(probe, [truth, *others], region, (scope,), fill=fill, steps=16)
    best_deletion, *deletions = found[scope, "deletion"].aucs()
    best_insertion, *insertions = found[scope, "insertion"].aucs()
    assert best_deletion <= min(deletions) + 1e-6
    assert best_insertion >= max(insertions) - 1e-6


@given(st.integers(0, 2**32))
@PROPERTY
def test_what_is_deleted_last_is_what_the_reverse_gives_back_first(seed):
    rng = np.random.default_rng(seed)
    probe = random_network(seed % 1000, size=4)
    values = rng.normal(size=(4, 4))
    deletion = run(probe, values)["everywhere", "deletion"]
    insertion = run(probe, -values)["everywhere", "insertion"]
    assert np.allclose(deletion.scores, insertion.scores[:, ::-1], atol=1e-5)


@pytest.mark.parametrize("budget", [1, 3000, 2**20])
def test_the_batches_do_not_change_the_answer_and_have_one_size(budget):
    probe = random_network(size=4)
    values = np.arange(16.0).reshape(4, 4)
    whole = run(random_network(size=4), values, steps=7)
    seen = []
    replay = probe.replay
    probe.replay = lambda layer, batch: seen.append(len(batch)) or replay(layer, batch)
    found = run(probe, values, steps=7, budget=budget)
    assert all(np.allclose(found[key].scores, whole[key].scores, atol=1e-6) for key in whole)
    assert len(set(seen)) == 1
    assert seen[0] == min(batch_size(probe, budget), 14)  # whole, none, and six between for either test
    assert len(seen) == -(-14 // seen[0])


def test_a_batch_stays_within_its_bytes():
    probe = random_network(size=4)
    one = 4 * sum(np.prod(info.shape) for info in probe.layers)
    assert [batch_size(probe, n * one) for n in (0, 1, 2, 7, 1000)] == [1, 1, 2, 7, 32]


# ------------------------------------------------------------------ orders, cells, fills


def test_cells_stay_together_and_are_ordered_by_their_mean_rank():
    values = np.array([[9, 0, 5, 5], [0, 0, 5, 5], [1, 1, 8, 8], [1, 1, 8, 8.0]])
    ranks = order(values, np.arange(16), cell=2)
    blocks = [sorted(ranks[i : i + 4].tolist()) for i in range(0, 16, 4)]
    # the 9 alone does not carry its cell: ranks 16, 2, 2, 2 have a mean of 5.5, four ones a mean of 5.5 too
    assert blocks[:2] == [[10, 11, 14, 15], [2, 3, 6, 7]]
    assert sorted(blocks[2:]) == [[0, 1, 4, 5], [8, 9, 12, 13]]


def test_equal_values_are_shuffled_and_the_same_each_time():
    flat = np.zeros((20, 20))
    first = order(flat, np.arange(400), seed=0)
    assert first.tolist() == order(flat, np.arange(400), seed=0).tolist()
    assert first.tolist() != order(flat, np.arange(400), seed=1).tolist()
    rows = np.arange(400) // 20
    assert abs(np.corrcoef(rows[first], np.arange(400))[0, 1]) < 0.2  # not row by row
    assert sorted(first) == list(range(400))


def test_ties_are_told():
    assert tied_share(np.array([[1, 2], [3, 4.0]])) == 0
    assert tied_share(np.array([[1, 1], [3, 4.0]])) == 0.5
    assert tied_share(np.zeros((3, 3))) == 1


@pytest.mark.parametrize(("size", "side"), [((160, 160), 8), ((224, 200), 11), ((8, 9), 1)])
def test_the_usual_cell(size, side):
    assert cell_side(size) == side


def test_the_region_on_a_finer_and_on_a_coarser_grid():
    mask = np.array([[True, False], [False, True]])
    assert region_on_grid(mask, (2, 2)).tolist() == mask.tolist()
    assert region_on_grid(mask, (4, 4)).tolist() == mask.repeat(2, 0).repeat(2, 1).tolist()
    assert region_on_grid(mask.repeat(2, 0).repeat(2, 1), (2, 2)).tolist() == mask.tolist()
    both = [scope_pixels(scope, mask, (4, 4)) for scope in ("region", "context")]
    assert sorted(np.concatenate(both)) == list(range(16)) == scope_pixels("everywhere", mask, (4, 4)).tolist()


def test_fills():
    x = np.zeros((64, 32, 2), np.float32)
    x[10, 10] = [64 * 32, 1]
    assert blur_sigma((64, 32)) == 2
    assert not FILLS["zero"].compute(x).any()
    assert np.unique(FILLS["mean"].compute(x)[:, :, 0]).tolist() == [1]
    blurred = FILLS["blur"].compute(x)
    assert blurred.shape == x.shape
    assert blurred.dtype == np.float32
    assert blurred[:, :, 0].sum() == pytest.approx(64 * 32, rel=1e-4)
    assert np.unravel_index(blurred[:, :, 0].argmax(), (64, 32)) == (10, 10)
    assert blurred[10, 10, 0] == pytest.approx(64 * 32 / (2 * np.pi * 4), rel=0.05)  # a Gaussian of sigma 2
    assert np.allclose(blurred[:, :, 0], blurred[:, :, 1] * 64 * 32, atol=1e-3)  # channels are not mixed


def test_points_of_a_curve():
    assert counts(8, 4).tolist() == [0, 2, 4, 6, 8]
    assert counts(3, 16).tolist() == [0, 1, 2, 3]  # fewer pixels than steps


# ------------------------------------------------------------------ what goes wrong


def test_cancel_stops_the_replays():
    probe = random_network(size=4)
    asked = []

    def stop(fraction, text):
        asked.append(text)
        return len(asked) < 3

    with pytest.raises(Cancelled, match="Cancelled at"):
        run(probe, np.zeros((4, 4)), budget=1, progress=stop)
    assert probe.calls["replay"] == 2


def test_logits_that_are_no_numbers_are_said():
    probe = random_network(size=4)
    replay = probe.replay
    probe.replay = lambda layer, batch: np.where(
        np.arange(len(batch))[:, None, None, None] == 1, np.nan, replay(layer, batch)
    )
    with pytest.raises(NonFiniteError, match="logits of a perturbed image must be finite"):
        run(probe, np.zeros((4, 4)))


def test_a_network_without_an_image_of_real_numbers_at_its_front_is_refused():
    probe = random_network(size=4)
    behind = [info for info in probe.layers if info.name not in ("image", "features")]
    front = type("Front", (), {"layers": tuple(behind), "bypass": probe.bypass, "x": probe.x})()
    assert pixel_layer(front) == "relu"  # everything goes through it, and it has the image's size
    front.layers = tuple(behind[1:])
    with pytest.raises(
        UnsupportedModelError, match=r"Received: a model whose first layer is 'deep' of shape \(4, 4, 4\)"
    ):
        pixel_layer(front)  # the skip connection goes round it
