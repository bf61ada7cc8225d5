"""The question's own network: what its card says is measured again, by the textbook recipe and by the package."""

import json
from importlib import resources

import numpy as np
import pytest

import segcam_widgets as sc
from segcam_widgets.demo import DEMOS, first_view, load_demo, question_card, train_question
from segcam_widgets.demo.experiments import run_experiments
from segcam_widgets.demo.measure import cam_stack
from segcam_widgets.demo.network import view_layer, view_logits, weights_digest
from segcam_widgets.demo.scores import intersection_over_union
from segcam_widgets.demo.shapes import CLASS_NAMES, make_shapes
from segcam_widgets.errors import SegCamError
from tests.demo.textbook import gain, seg_grad_cam

QUESTION = resources.files("segcam_widgets.demo") / "question"
MEASURED = json.loads((QUESTION / "measurements.json").read_text(encoding="utf-8"))
LAYER, NAME = first_view("question")
BLANK = CLASS_NAMES.index(NAME)
LOGITS = train_question.LOGITS


@pytest.fixture(scope="module")
def demo():
    return load_demo("question")


@pytest.fixture(scope="module")
def probes(demo):
    return [sc.open_probe(demo.model, image, class_names=demo.class_names) for image in demo.images]


def test_the_card_is_what_the_script_writes_from_the_measurements():
    assert (QUESTION / "CARD.md").read_text(encoding="utf-8") == question_card.render(MEASURED)


def test_nothing_was_missing_when_it_was_measured():
    verdict = MEASURED["verdict"]
    assert verdict == train_question.verdict(MEASURED)
    assert verdict["missing"] == []
    assert verdict["causes"][LAYER] == {NAME: "coded by absence"}
    assert MEASURED["seed"] == train_question.SCRIPT.seed
    assert MEASURED["epochs"] == train_question.SCRIPT.epochs


def test_every_seed_up_to_the_last_was_kept_in_the_card():
    """None was dropped that does not fit."""
    tried = MEASURED["tried"]
    assert [run["seed"] for run in tried] == list(range(len(tried)))
    assert len(tried) >= 10
    (own,) = [run for run in tried if run["seed"] == MEASURED["seed"]]
    assert own == train_question.summary(MEASURED)


def test_the_files_are_small():
    with resources.as_file(QUESTION) as folder:
        sizes = {path.name: path.stat().st_size for path in folder.iterdir() if path.is_file()}
    assert sizes["model.keras"] < 400_000
    assert sizes["pictures.npz"] < 200_000
    assert sum(sizes.values()) < 600_000


def test_the_pictures_are_those_that_the_script_draws():
    with resources.as_file(QUESTION / "pictures.npz") as path, np.load(path) as stored:
        images, truth = stored["images"], stored["truth"]
    drawn, drawn_truth = train_question.shipped_pictures()
    # a step of grey: another platform may round a random number's logarithm the other way
    assert np.abs(drawn * 255 - images).max() <= 1
    assert (truth != drawn_truth).mean() < 1e-3
    assert all(set(np.unique(one)) == {0, 1} for one in truth)


def test_an_unknown_name_has_no_first_view():
    assert DEMOS == ("textures", "question")
    with pytest.raises(SegCamError, match="Did you mean 'question'"):
        first_view("questions")


@pytest.mark.keras
def test_loading(demo):
    assert demo.class_names == ("background", "circle", *(f"unused {index}" for index in range(2, 10)))
    assert demo.card.startswith("# Model card")
    assert demo.images.dtype == np.float32
    assert demo.images.shape == (8, 128, 128, 1)
    assert demo.truth.shape == (8, 128, 128)
    assert weights_digest(demo.model) == MEASURED["weights_sha256"]
    assert getattr(demo.model, "optimizer", None) is None


@pytest.mark.keras
def test_the_last_five_layers_are_the_askers(demo):
    tail = demo.model.layers[-5:]
    assert [layer.name for layer in tail] == ["tail_conv8", "tail_convT2", "tail_conv2", "tail_conv10", "softmax"]
    kinds = [type(layer).__name__ for layer in tail]
    assert kinds == ["Conv2D", "Conv2DTranspose", "Conv2D", "Conv2D", "Activation"]
    assert [layer.filters for layer in tail[:4]] == [8, 2, 2, 10]
    assert [layer.kernel_size for layer in tail[:4]] == [(3, 3), (2, 2), (3, 3), (1, 1)]
    assert [layer.activation.__name__ for layer in tail] == ["relu", "relu", "relu", "linear", "softmax"]
    assert tail[1].strides == (2, 2)
    assert demo.model.output_shape == (None, None, None, 10)


@pytest.mark.keras
def test_mean_iou_on_the_shipped_pictures_and_on_fresh_ones(demo):
    predicted = demo.model(demo.images, training=False).numpy().argmax(-1)
    assert predicted.max() == 1  # the other eight outputs win nowhere
    iou = intersection_over_union(demo.truth, predicted, 2)
    # a thousandth: another processor may tip a pixel at a border
    assert iou.mean() == pytest.approx(MEASURED["shipped"]["mean_iou"], abs=1e-3)
    assert iou.mean() >= 0.9
    images, truth = make_shapes(24, 96, seed=31415)
    fresh = intersection_over_union(truth, demo.model(images, training=False).numpy().argmax(-1), 10)[:2]
    print(f"IoU {fresh.round(3)}, mean {fresh.mean():.3f}")
    assert fresh.mean() >= 0.9


@pytest.mark.keras
def test_one_class_is_blank_on_every_shipped_picture_by_the_textbook_recipe(demo):
    for image in demo.images:
        weights, cam, region = seg_grad_cam(demo.model, image, LAYER, BLANK, logits=LOGITS, rival=1 - BLANK)
        assert region.mean() > 0.005
        assert (weights < 0).all()
        assert cam.min() < 0
        assert cam.max() <= 1e-6 * np.abs(cam).max()
        # the other class is the mirror image, with a region of its own
        _, other, elsewhere = seg_grad_cam(demo.model, image, LAYER, 1 - BLANK, logits=LOGITS, rival=BLANK)
        assert gain(other, elsewhere) >= 0.3


@pytest.mark.keras
def test_by_the_package_the_margin_is_blank_and_the_centered_logit_misleads(probes):
    for probe in probes:
        margin = sc.explain(probe, sc.CamQuery(layer=LAYER, class_index=NAME, score="margin"))
        assert margin.is_empty
        centered = sc.explain(probe, sc.CamQuery(layer=LAYER, class_index=NAME, score="centered_logit"))
        told = MEASURED["shipped"]["cams"][LAYER][NAME]["centered_logit"]
        assert centered.positive_share >= told["positive_share_minimum"] - 1e-3
        assert centered.positive_share > 0.99
        assert centered.gain < 0.1


@pytest.mark.keras
def test_lifting_takes_the_class_away_and_switching_off_does_not(probes):
    """By the probe's own replay, one picture after the other; numpy alone decides which pixel is what."""
    for probe in probes:
        region = probe.labels == BLANK
        activations = probe.activations(LAYER)
        assert activations.shape[:2] == region.shape
        assert activations.min() >= 0
        outside = activations[~region].mean(axis=0)
        lifted, off = activations.copy(), activations.copy()
        lifted[region] = np.maximum(activations[region], outside)
        off[region] = 0
        assert (probe.replay(LAYER, lifted).argmax(-1)[region] != BLANK).mean() >= 0.5
        assert (probe.replay(LAYER, off).argmax(-1)[region] != BLANK).mean() <= 0.1


@pytest.mark.keras
def test_the_scripts_experiments_are_those_of_the_probe(demo, probes):
    images = demo.images[:2]
    logits = view_logits(demo.model, LOGITS, images)
    view = view_layer(demo.model, LAYER, images, logits=LOGITS)
    found = run_experiments(cam_stack(view, logits, BLANK, "margin"), view.replay, logits, BLANK)
    for index, probe in enumerate(probes[:2]):
        region, activations = probe.labels == BLANK, probe.activations(LAYER)
        lifted = activations.copy()
        lifted[region] = np.maximum(activations[region], activations[~region].mean(axis=0))
        after = probe.replay(LAYER, lifted)
        margins = [each[..., BLANK] - np.delete(each, BLANK, -1).max(-1) for each in (probe.logits, after)]
        before, then = (margin[region].mean() for margin in margins)
        assert found.lift.lost[index] == pytest.approx((after.argmax(-1)[region] != BLANK).mean(), abs=2e-3)
        assert found.lift.fall[index] == pytest.approx((before - then) / abs(before), rel=1e-3)


@pytest.mark.keras
def test_what_the_card_says_of_the_shipped_pictures_is_measured_again(demo):
    again = train_question.measure_network(demo.model, demo.images, demo.truth)
    kept = MEASURED["shipped"]
    for layer, classes in kept["cams"].items():
        for name, scores in classes.items():
            for score in ("logit", "centered_logit", "margin"):
                assert again["cams"][layer][name][score] == pytest.approx(scores[score], abs=0.02)
            experiments = kept["experiments"][layer][name]
            assert again["experiments"][layer][name]["causes"] == experiments["causes"]
            for experiment in ("lift", "sink", "zero"):
                assert again["experiments"][layer][name][experiment] == pytest.approx(
                    experiments[experiment], abs=0.02, rel=0.02
                )


def test_the_verdict_says_what_is_missing():
    part = {"mean_iou": 0.85, "cams": {}, "experiments": {}}
    for layer in train_question.LAYERS:
        one = {"mosaics": 2, **{score: {"blank": 0} for score in ("logit", "centered_logit", "margin")}}
        part["cams"][layer] = dict.fromkeys(CLASS_NAMES, one)
    verdict = train_question.verdict({"unseen": part | {"mean_iou": 0.95}, "shipped": part})
    assert verdict["missing"] == [
        "mean IoU 0.850 is below 0.9",
        "no class is blank under the margin and coded by absence on every picture",
    ]
    assert not verdict["trained"]


def test_a_baseline_has_to_help_where_the_demo_opens():
    told = MEASURED["shipped"]["cams"][LAYER][NAME]["margin"]
    assert told["midpoint_gain_minimum"] >= 0.5
    worse = json.loads(json.dumps(MEASURED))
    worse["shipped"]["cams"][LAYER][NAME]["margin"]["midpoint_gain_minimum"] = 0.4
    missing = train_question.verdict(worse)["missing"]
    assert missing == [f"with baseline midpoint the gain of {NAME} at {LAYER} falls to 0.40"]


def test_a_class_with_two_causes_is_not_said_to_have_one():
    scores = {score: {"blank": 2} for score in ("logit", "centered_logit", "margin")}
    cams = {name: {"mosaics": 2, **scores} for name in CLASS_NAMES}
    part = {
        "mean_iou": 0.95,
        "cams": dict.fromkeys(train_question.LAYERS, cams),
        "experiments": {
            layer: {name: {"causes": {"coded by absence": 1, "undecided": 1}} for name in CLASS_NAMES}
            for layer in train_question.LAYERS
        },
    }
    verdict = train_question.verdict({"unseen": part, "shipped": part})
    assert verdict["causes"][LAYER] == dict.fromkeys(CLASS_NAMES, "not the same on all")
    assert len(verdict["missing"]) == 1
