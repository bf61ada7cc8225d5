"""The comparison as a whole: who wins is said, what cannot be measured is said, and no argument is guessed."""

import itertools
import re
from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest

import segcam_widgets as sc
from segcam_widgets import evaluation
from segcam_widgets.errors import Cancelled, EmptyRegionError, SegCamError, UnknownLayerError
from segcam_widgets.evaluation import (
    Cascade,
    Chance,
    ClassTest,
    Contender,
    Curve,
    Faithfulness,
    Randomisable,
    Similarity,
    faithfulness,
)
from segcam_widgets.evaluation.curves.cascade import stages_of
from segcam_widgets.evaluation.wording import curve_words
from tests.core.fake_probe import IMAGE, Conv, NumpyProbe, random_network, relu
from tests.evaluation.additive import additive, forgetful

QUERY = sc.CamQuery(IMAGE, 0, sc.Everything(), "logit", "hirescam")
REGION = sc.Rectangle(0, 0, 12, 6)


@pytest.fixture(scope="module")
def values():
    return np.random.default_rng(7).normal(size=(12, 12))  # another seed than that of the random maps


@pytest.fixture(scope="module")
def deep():
    probe = forgetful(random_network(size=6))
    query = sc.CamQuery("deep_relu", 1, REGION, "margin")
    return faithfulness(probe, query, ["seg-grad-cam", "hirescam", "layercam"], stages=None, redraws=3)


# ------------------------------------------------------------------ who wins


def test_the_true_map_beats_all_three(values):
    found = faithfulness(additive(values), QUERY, fill="zero", checks="curves", scopes="everywhere", cell=1)
    assert found.maps == ("hirescam",)
    assert found.references == ("random map", "edge map", "region mask")
    assert [loss for loss in found.losses() if loss.measure == "score"] == []
    assert found.summary() == "hirescam beats every reference in 2 of 2 comparisons by the score."
    assert "deletion: beats all references" in found.to_markdown()
    # on paper: hirescam's map of the sum is the image itself
    truth = np.sort(values.ravel())[::-1]
    left = [truth[k:].sum() / 144 for k in np.round(np.linspace(0, 144, 17)).astype(int)]
    assert np.allclose(found.curve("hirescam", "everywhere", "deletion").mean(), left, atol=1e-6)


@pytest.mark.parametrize("name", ["random map", "edge map", "region mask"])
def test_where_a_reference_wins_the_table_says_so(values, name):
    mine = {"upside down": -values}
    found = faithfulness(additive(values), QUERY, maps=mine, fill="zero", checks="curves", scopes="everywhere", cell=1)
    losses = [loss for loss in found.losses("upside down") if loss.measure == "score"]
    assert {(loss.reference, loss.test) for loss in losses} == {
        (reference, test) for reference in found.references for test in ("deletion", "insertion")
    }
    loss = next(loss for loss in losses if (loss.reference, loss.test) == (name, "deletion"))
    assert loss.reference_area < loss.area
    assert not loss.level
    assert "the random map, the edge map and the region mask win" in found.to_markdown()
    assert "the random map, the edge map and the region mask win" in found._repr_html_()
    assert f"the {name} is better or as good in 2" in found.summary()
    lost = found.to_frame().loc[("everywhere", "deletion", "upside down"), "lost_to"]
    assert name in lost
    assert not [loss for loss in found.losses("hirescam") if loss.measure == "score"]


def test_a_map_that_is_a_reference_is_no_better_than_it(values):
    probe = additive(values)
    edges = evaluation.REFERENCES["edge map"].compute(
        evaluation.Scene(probe.activations(IMAGE), np.ones((12, 12), bool), (12, 12), np.random.default_rng(0))
    )
    found = faithfulness(probe, QUERY, maps={"mine": edges}, fill="zero", checks="curves", scopes="everywhere", cell=1)
    level = [loss for loss in found.losses("mine") if loss.reference == "edge map"]
    assert {(loss.test, loss.measure) for loss in level} == {
        (t, m) for t in ("deletion", "insertion") for m in ("score", "iou")
    }
    assert all(loss.level for loss in level)
    assert "no better than the edge map" in found.to_markdown()
    assert found.contender("mine").likeness["edge map"] == pytest.approx(1)


def test_a_constant_map_is_a_random_one_and_its_ties_are_told(values):
    found = faithfulness(
        additive(values), QUERY, maps={"flat": np.zeros((3, 3))}, fill="zero", scopes="everywhere", checks="curves"
    )
    assert found.contender("flat").flat
    assert found.contender("flat").tied == 1
    assert found.contender("hirescam").tied < 0.5
    assert np.isnan(found.contender("flat").likeness["region mask"])
    assert any(loss.reference == "random map" for loss in found.losses("flat"))


def by_hand(own, edges, draws):
    """A comparison of one map with an edge map and two random ones: (score, IoU) at the middle of each curve, 1 and 0 around."""

    def curve(name, test, rows):
        start, end = (1, 0) if test == "deletion" else (0, 1)
        scores, ious = (np.array([[start, row[i], end] for row in rows], float) for i in (0, 1))
        return Curve(name, "region", test, np.array([0, 0.5, 1]), scores, ious)

    rows = {"mine": [own], "edge map": [edges], "random map": draws}
    kinds = {"mine": "own map"}
    return Faithfulness(
        query=replace(QUERY, region=sc.Everything()),
        subject="",
        contenders=tuple(Contender(name, kinds.get(name, "reference"), "", False, 0.0, {}) for name in rows),
        curves=tuple(curve(name, test, some) for name, some in rows.items() for test in ("deletion", "insertion")),
        classes=(), cascades=(), chance=None, refused={}, settings={}, notes=(),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("own", "edges", "draws", "words"),
    [
        (
            (0.2, 0.2),
            (0.4, 0.4),
            [(0.5, 0.5), (0.6, 0.6)],
            "deletion: beats all references; insertion: the edge map and the random map win",
        ),
        (
            (0.2, 0.2),
            (0.1, 0.4),
            [(0.5, 0.5), (0.6, 0.6)],
            "deletion: the edge map wins (by IoU: beats all references); ",
        ),
        (
            (0.2, 0.2),
            (0.4, 0.1),
            [(0.5, 0.5), (0.6, 0.6)],
            "deletion: beats all references (by IoU: the edge map wins); ",
        ),
        ((0.2, 0.2), (0.2, 0.2), [(0.5, 0.5), (0.6, 0.6)], "deletion: no better than the edge map; "),
        # better than the mean of the draws, but not than each of them
        (
            (0.4, 0.4),
            (0.5, 0.5),
            [(0.3, 0.5), (0.6, 0.6)],
            "deletion: no better than the random map (by IoU: beats all references); ",
        ),
        (
            (0.4, 0.4),
            (0.1, 0.1),
            [(0.3, 0.3), (0.6, 0.6)],
            "deletion: the edge map wins, no better than the random map; ",
        ),
        ((0.4, np.nan), (0.5, np.nan), [(0.5, np.nan)] * 2, "deletion: beats all references; "),
    ],
)
def test_verdicts_by_hand(own, edges, draws, words):
    found = by_hand(own, edges, draws)
    assert curve_words(found, "mine", "region").startswith(words)
    assert f"| {curve_words(found, 'mine', 'region')} |" in found.to_markdown()


# ------------------------------------------------------------------ classes and weights


def test_a_map_that_does_not_ask_for_the_class_is_found(deep):
    probe = random_network(size=6)
    query = sc.CamQuery("deep_relu", 1, REGION, method="eigen-cam")
    found = faithfulness(probe, query, ["eigen-cam", "hirescam"], checks="classes")
    blind, seeing = found.classes
    assert (blind.map, seeing.map) == ("eigen-cam", "hirescam")
    assert blind.mean() == pytest.approx(1)
    assert seeing.mean() < 0.5
    assert set(seeing.others) == {"class 0", "class 2"}
    assert "as blind to the class as the edge map" in found.to_markdown()
    assert found.curves == ()
    assert found.cascades == ()


def test_two_classes_have_opposite_centered_maps():
    probe = random_network(classes=2, size=6)
    found = faithfulness(probe, sc.CamQuery("deep_relu", 0, REGION), checks="classes")
    (test,) = found.classes
    assert test.others["class 1"].spearman == pytest.approx(-1)
    assert test.others["class 1"].ssim < 0
    assert "another map for other classes" in found.to_markdown()


def test_many_classes_are_sampled_and_named_ones_taken():
    probe = random_network(classes=14, size=4)
    query = sc.CamQuery("deep_relu", 3, sc.Everything())
    others = faithfulness(probe, query, checks="classes").classes[0].others
    assert len(others) == 8
    assert "class 3" not in others
    named = faithfulness(probe, query, checks="classes", classes=[5, "class 1"]).classes[0].others
    assert list(named) == ["class 5", "class 1"]


def test_a_rival_that_becomes_the_class_gives_way():
    probe = random_network(size=4)
    query = sc.CamQuery("deep_relu", 0, sc.Everything(), "margin", rival=1)
    assert set(faithfulness(probe, query, checks="classes").classes[0].others) == {"class 1", "class 2"}


def test_the_cascade_goes_from_the_output_to_the_input_and_stays_in_the_region(deep):
    assert [cascade.map for cascade in deep.cascades] == ["seg-grad-cam", "hirescam", "layercam"]
    cascade = deep.cascades[1]
    assert cascade.stages == (("logits",), ("deep",), ("features",))
    assert cascade.values().shape == (3, 3)
    assert len({tuple(row) for row in cascade.values().tolist()}) == 3  # another draw, another map
    assert np.allclose(cascade.kept(), np.abs(cascade.values()).mean(0))
    assert (cascade.kept() < 0.9).all()
    again = faithfulness(
        forgetful(random_network(size=6)), deep.query, "hirescam", stages=None, redraws=3, checks="cascades"
    )
    assert np.array_equal(again.cascades[0].values(), cascade.values())


def test_a_map_that_weights_do_not_change_is_found():
    # nothing but a 1x1 convolution is drawn: layercam of one channel with a positive kernel is the channel, whatever the kernel
    probe = forgetful(
        NumpyProbe(np.random.default_rng(0).normal(size=(8, 8, 1)), [("logits", Conv([[1.0, -1.0]]), IMAGE)])
    )
    found = faithfulness(probe, sc.CamQuery(IMAGE, 0, sc.Everything()), "seg-grad-cam", checks="cascades", cell=1)
    assert np.allclose(found.cascades[0].kept(), 1)
    assert "as blind to what was learned as the edge map" in found.to_markdown()


@pytest.mark.parametrize(
    ("inside", "weights", "classes"),
    [
        (1.0, "the same with random weights", "the same for every class"),
        (0.6, "keeps much of itself with random weights", "much alike for other classes"),
        (
            0.3,
            "keeps more of itself than any two random maps",
            "more alike for other classes than any two random maps are",
        ),
        (0.15, "gone with the weights", "another map for other classes"),  # above the typical pair, below the largest
        (0.1, "gone with the weights", "another map for other classes"),
        (-0.9, "keeps much of itself with random weights", "another map for other classes"),
        (
            np.nan,
            "constant inside the region with random weights",
            "constant inside the region, for this class or the others",
        ),
    ],
)
def test_verdicts_go_by_what_is_inside_the_region(inside, weights, classes):
    # over the whole image, a map that is zero outside is alike for every class and any weights
    similarity = Similarity(spearman=0.95, pearson=0.95, ssim=0.95, region_spearman=inside)
    found = replace(
        by_hand((0, 0), (0, 0), [(0, 0)] * 2),
        chance=Chance(Similarity(0.01, 0.01, 0.01, 0.2), Similarity(0.01, 0.01, 0.01, 0.1), 10),
        classes=(ClassTest("mine", {"b": similarity}),),
        cascades=(Cascade("mine", (("out",), ("in",)), ((similarity, similarity),)),),
    )
    text = found.to_markdown()
    assert f"| 0.95 | {classes}" in text
    assert f"| 0.95 | 0.95 | {weights}" in text


def test_a_stage_without_a_map_is_not_a_number(monkeypatch):
    probe = forgetful(random_network(size=4))
    broken = type(probe).randomised

    def randomised(self, layers, seed=0):
        other = broken(self, layers, seed)
        other.pullback = lambda *_: (_ for _ in ()).throw(SegCamError("no gradient"))
        return other

    monkeypatch.setattr(type(probe), "randomised", randomised)
    found = faithfulness(probe, sc.CamQuery("deep_relu", 1, sc.Everything()), checks="cascades")
    assert np.isnan(found.cascades[0].values()).all()
    assert np.isnan(found.cascades[0].kept()).all()
    assert "constant inside the region with random weights" in found.to_markdown()


def test_a_probe_that_cannot_forget_says_so():
    probe = random_network(size=4)
    assert not isinstance(probe, Randomisable)
    found = faithfulness(probe, sc.CamQuery("deep_relu", 1, sc.Everything()), checks=["cascades"])
    assert found.cascades == ()
    said = ("Weights cannot be drawn at random here: this probe has no way to exchange them for a moment.",)
    assert found.notes == said
    nothing = forgetful(NumpyProbe(np.ones((4, 4, 2)), [("logits", relu(), IMAGE)]))
    query = sc.CamQuery(IMAGE, 1, sc.Everything())
    assert faithfulness(nothing, query, checks="cascades").notes == said


@pytest.mark.parametrize(
    ("count", "groups"),
    [
        (None, [["a"], ["b"], ["c"], ["d"], ["e"]]),
        (2, [["a", "b"], ["c", "d", "e"]]),
        (9, [["a"], ["b"], ["c"], ["d"], ["e"]]),
    ],
)
def test_stages(count, groups):
    assert [list(group) for group in stages_of("abcde", count)] == groups
    assert stages_of([], count) == ()


# ------------------------------------------------------------------ the answer


def test_every_map_has_every_curve(deep):
    assert deep.scopes == ("region", "context", "everywhere")
    names = [contender.name for contender in deep.contenders]
    assert len(deep.curves) == 3 * 2 * len(names)
    for scope in deep.scopes:
        ends = {tuple(deep.curve(name, scope, "deletion").scores[0, [0, -1]]) for name in names}
        backwards = {tuple(deep.curve(name, scope, "insertion").scores[0, [-1, 0]]) for name in names}
        assert len(ends | backwards) == 1  # the two ends do not depend on the order
    assert deep.curve("random map", "region", "deletion").scores.shape[0] == 5
    assert deep.curve("random map", "region", "deletion").spread() > 0
    explained = sc.explain(random_network(size=6), deep.query)
    assert deep.curve("hirescam", "region", "deletion").mean()[0] == pytest.approx(explained.score, rel=1e-5)


def test_frames(deep):
    curves, classes, cascades = (deep.to_frame(name) for name in ("curves", "classes", "cascades"))
    assert len(curves) == len(deep.curves)
    assert (
        curves.loc[("region", "deletion", "hirescam"), "score_auc"]
        == deep.curve("hirescam", "region", "deletion").auc()
    )
    assert curves.loc[("region", "deletion", "random map"), "score_spread"] > 0
    assert set(curves["kind"]) == {"method", "reference"}
    assert len(classes) == 3 * 2
    assert cascades.loc[("hirescam", 0, 1), "randomised_to"] == "logits"
    assert len(cascades) == 3 * 3 * 3
    assert deep.to_frame("classes").loc[("layercam", "class 0"), "ssim"] == deep.classes[2].others["class 0"].ssim
    with pytest.raises(
        SegCamError, match=re.escape("`test` must be one of curves, channels, classes, cascades. Received: 'weights'.")
    ):
        deep.to_frame("weights")


def test_markdown_tables_are_tables(deep):
    text = deep.to_markdown()
    assert text.count("### ") == 7
    rows = [line for line in text.splitlines() if line.startswith("|")]
    for line, below in itertools.pairwise(rows):
        if set(below) <= set("|- "):
            assert line.count("|") == below.count("|")
    assert text.count("reference: ") == 3 * 3 + 2 + 4 + 4
    assert "Tomsett" in text
    assert "**" in text


def test_a_scope_that_does_nothing_to_the_score_is_told(values):
    probe = additive(values)  # a pixel is seen by its own logit alone
    query = replace(QUERY, region=sc.Mask(values > 0))
    text = faithfulness(probe, query, fill="zero", checks="curves").to_markdown()
    told = {
        part.partition("\n")[0]: "too little for an order to matter much" in part for part in text.split("### ")[1:4]
    }
    assert list(told.values()) == [False, True, False]
    assert "the pixels around the region" in list(told)[1]


def test_chance_is_told_as_a_typical_pair_and_as_the_largest_of_all(deep):
    assert deep.chance.pairs == 10
    for measure in ("spearman", "pearson", "ssim", "region_spearman"):
        assert 0 <= getattr(deep.chance.typical, measure) < getattr(deep.chance.largest, measure) <= 1
    text = deep.to_markdown()
    assert text.count("reference: a typical pair of random maps (median magnitude of 10 pairs)") == 2
    assert text.count("reference: the largest of 10 pairs of random maps") == 2
    assert "better than each of them once in 6 comparisons" in text


def test_leakage_is_what_focus_leaves(deep):
    explained = sc.explain(random_network(size=6), replace(deep.query, method="hirescam"))
    assert deep.contender("hirescam").leakage == pytest.approx(1 - explained.focus)
    assert deep.contender("region mask").leakage == 0
    assert deep.contender("random map").leakage == pytest.approx(1 - explained.region_share, abs=0.2)
    flat = faithfulness(
        random_network(size=6), deep.query, maps={"even": np.ones((2, 2)), "none": -np.ones((2, 2))}, checks="classes"
    )
    assert flat.contender("even").leakage == pytest.approx(1 - explained.region_share)
    assert np.isnan(flat.contender("none").leakage)


def test_the_best_of_a_column_is_bold(deep):
    text = deep.to_markdown().partition("### Deletion and insertion of the region's own pixels")[2].partition("###")[0]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if line.startswith("| ")][2:]
    areas = [deep.curve(contender.name, "region", "deletion").auc() for contender in deep.contenders]
    assert [row[1].startswith("**") for row in rows] == [area == min(areas) for area in areas]


def test_html_reads_on_light_and_dark_and_escapes(values):
    found = faithfulness(additive(values), QUERY, maps={'<b>"mine"': values}, checks="curves", scopes="everywhere")
    html = found._repr_html_()
    assert "<b>" not in html
    assert "&lt;b&gt;&quot;mine&quot;" in html
    assert "color:inherit" in html
    assert "<script" not in html
    assert "http" not in html
    assert html.count("<polyline") == 2 * 5
    assert html.count("<svg") == html.count("</svg>") == 1
    assert 'stroke="currentColor"' in html
    assert html.count("<table") == html.count("</table>") == 2


def test_it_is_frozen_and_finds_its_parts(deep):
    with pytest.raises(FrozenInstanceError):
        deep.subject = "another"
    with pytest.raises(SegCamError, match="`map` must be one of seg-grad-cam, hirescam, layercam, random map"):
        deep.curve("hires", "region", "deletion")
    with pytest.raises(SegCamError, match="`scope` must be one of region, context, everywhere"):
        deep.curve("hirescam", "image", "deletion")
    with pytest.raises(SegCamError, match="`test` must be one of deletion, insertion"):
        deep.curve("hirescam", "region", "delete")
    assert deep.subject.startswith("class 1 at deep_relu, margin, region: ")
    assert deep.query.score == "margin"


def test_whole_questions_are_named_by_what_differs():
    probe = random_network(size=6)
    query = sc.CamQuery("deep_relu", 1, REGION, "margin")
    others = [
        replace(query, layer="features", method="hirescam"),
        replace(query, baseline="mean"),
        replace(query, class_index="class 2", score="centered_logit"),
        replace(query, region=sc.Everything()),
        replace(query, method="seg-xres-cam", options={"window": 2}),
        "seg-grad-cam",
    ]
    found = faithfulness(probe, query, others, checks="classes")
    assert found.maps == (
        "hirescam, at features",
        "seg-grad-cam, baseline mean",
        "seg-grad-cam, of class 2, centered_logit",
        "seg-grad-cam, whole image",
        "seg-xres-cam, window 2",
        "seg-grad-cam",
    )


def test_a_method_that_gives_no_map_here_is_told_beside_the_others():
    probe = random_network(size=6)
    query = sc.CamQuery("deep_relu", 1, REGION, baseline="mean")
    found = faithfulness(probe, query, ["hirescam", "score-cam"], checks="classes")
    assert found.maps == ("hirescam",)
    assert list(found.refused) == ["score-cam"]
    assert "No map from score-cam: `baseline` must be" in found.to_markdown()
    with pytest.raises(SegCamError, match="`baseline` must be"):
        faithfulness(probe, query, "score-cam", checks="classes")


def test_the_region_as_the_whole_image_has_no_context(values):
    found = faithfulness(additive(values), QUERY, checks="curves")
    assert found.scopes == ("region", "everywhere")
    assert found.notes == ("The scope 'context' has no pixels here.",)


def test_a_class_that_is_not_predicted_in_the_region_is_told(values):
    found = faithfulness(additive(1 + np.abs(values)), replace(QUERY, class_index=1), checks="curves", fill="mean")
    assert any("No pixel of the region is predicted as class 1" in note for note in found.notes)
    assert np.isnan(found.curve("hirescam", "region", "deletion").auc("iou"))
    assert "–" in found.to_markdown()


def test_several_sigmoids_have_an_overlap_of_their_own():
    probe = random_network(size=6, multilabel=True)
    inside = probe.logits[:, :, 1] > 0
    found = faithfulness(probe, sc.CamQuery("deep_relu", 1), checks="curves", scopes="everywhere")
    assert found.query.score == "logit"
    assert found.curve("seg-grad-cam", "everywhere", "deletion").mean("iou")[0] == 1
    assert f"({int(inside.sum())} px)" in found.subject


# ------------------------------------------------------------------ arguments


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"methods": "hires"}, "`methods` must be one of seg-grad-cam,"),
        ({"methods": ["layer-cam"]}, "Received: 'layer-cam'. Did you mean 'layercam'"),
        ({"methods": 3}, "`methods` must be names of methods, or queries. Received: 3."),
        ({"methods": []}, "`methods` or `maps` must hold one map or more. Received: none."),
        ({"fill": "noise"}, "`fill` must be one of blur, mean, zero. Received: 'noise'."),
        ({"scopes": "image"}, "`scopes` must be one of region, context, everywhere. Received: 'image'."),
        ({"scopes": ()}, "`scopes` must be one or more of region, context, everywhere. Received: ()."),
        ({"checks": ["curve"]}, "curves, channels, classes, cascades. Received: 'curve'. Did you mean 'curves'"),
        ({"steps": 1}, "`steps` must be a whole number, 2 or more. Received: 1."),
        ({"draws": 2.5}, "`draws` must be a whole number, 2 or more. Received: 2.5."),
        ({"to": "blur"}, "`to` must be one of zero, mean, midpoint, baseline. Received: 'blur'."),
        ({"to": None}, "`to` must be one of zero, mean, midpoint, baseline. Received: None."),
        ({"orders": 0}, "`orders` must be a whole number, 1 or more. Received: 0."),
        ({"redraws": 0}, "`redraws` must be a whole number, 1 or more. Received: 0."),
        ({"stages": 0}, "`stages` must be None or a whole number, 1 or more. Received: 0."),
        ({"seed": -1}, "`seed` must be a whole number, 0 or more. Received: -1."),
        ({"cell": 0}, "`cell` must be None or a whole number of pixels, 1 or more. Received: 0."),
        ({"budget": 0}, "`budget` must be a whole number, 1 or more. Received: 0."),
        ({"classes": 1}, "`classes` must be a sequence of classes. Received: 1."),
        ({"classes": ["sky"]}, "`classes` must be one of class 0, class 1. Received: 'sky'."),
        ({"classes": [0]}, "`classes` must be other classes than the query's. Received: 'class 0', which is the query's."),
        ({"maps": [1]}, "`maps` must be a mapping of names to maps, (h, w) each. Received: [1]."),
        ({"maps": {"a": [1, 2]}}, "`maps['a']` must be a 2-D array of finite numbers. Received: shape (2,)."),
        ({"maps": {"a": "x"}}, "`maps['a']` must be a 2-D array of finite numbers. Received: 'x'."),
        ({"maps": {"a": [[1, np.nan]]}}, "2-D array of finite numbers. Received: shape (1, 2), with NaN or infinity."),
        ({"maps": {"edge map": [[1.0]]}}, "must have names of their own. Received: 'edge map', which another map here has."),
        ({"maps": {"hirescam": [[1.0]]}}, "`maps` must have names of their own. Received: 'hirescam'"),
        ({"progress": 3}, "`progress` must be callable as progress(fraction, text). Received: 3."),
    ],
)  # fmt: skip
def test_arguments_are_refused_in_words(values, options, message):
    with pytest.raises(SegCamError, match=re.escape(message)):
        faithfulness(additive(values), QUERY, **options)


def test_what_explain_refuses_is_refused_alike(values):
    probe = additive(values)
    with pytest.raises(SegCamError, match="`probe` must be what"):
        faithfulness(values, QUERY)
    with pytest.raises(UnknownLayerError):
        faithfulness(probe, replace(QUERY, layer="conv"))
    with pytest.raises(UnknownLayerError):
        faithfulness(probe, QUERY, [replace(QUERY, layer="conv")])
    with pytest.raises(EmptyRegionError, match="covers none"):
        faithfulness(probe, replace(QUERY, region=sc.Rectangle(0, 0, 0, 0)))


@pytest.mark.parametrize("share", [0.0, 0.05, 0.3, 0.65, 0.8])
def test_it_can_be_cancelled_anywhere(share):
    probe = forgetful(random_network(size=4))
    told = []

    def progress(fraction, text):
        told.append(fraction)
        return fraction < share

    with pytest.raises(Cancelled):
        faithfulness(probe, sc.CamQuery("deep_relu", 1, sc.Everything()), progress=progress)
    assert told == sorted(told)


def test_progress_goes_from_nothing_to_all():
    told = []
    probe = forgetful(random_network(size=4))
    query = sc.CamQuery("deep_relu", 1, sc.Everything())
    faithfulness(probe, query, progress=lambda fraction, text: told.append((fraction, text)))
    fractions = [fraction for fraction, _ in told]
    assert fractions == sorted(fractions)
    assert fractions[0] == 0
    assert told[-1] == (1.0, "done")
    assert all(text for _, text in told)
