"""The atlas says of every layer and class what the single query says, at one backward pass per class."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from hypothesis import given, strategies as st

import segcam_widgets as sc
from segcam_widgets.core.answers import LayerInfo
from segcam_widgets.diagnosis.atlas.atlas import AtlasCell
from segcam_widgets.diagnosis.atlas.report import LEVELS, heat_colour
from tests.core.fake_probe import IMAGE, Conv, NumpyProbe, Upsample, linear_head, random_network, relu
from tests.diagnosis import nets
from tests.exploring import examples
from tests.ui.explorer.array_probe import ArrayProbe

NAMES = ("sky", "sea", "land")


class Counting:
    """A probe that counts its sweeps, and lets tests change the weights under way."""

    def __init__(self, probe, stale=()):
        self._probe, self.sweeps, self._stale = probe, 0, list(stale)

    def __getattr__(self, name):
        return getattr(self._probe, name)

    def activations(self, layer):
        return self._probe.activations(layer)

    def pullback(self, *arguments):
        return self._probe.pullback(*arguments)

    def replay(self, *arguments):
        return self._probe.replay(*arguments)

    def refresh(self):
        return self._stale.pop(0) if self._stale else False

    def sweep(self, cotangent, layers=None):
        self.sweeps += 1
        return self._probe.sweep(cotangent, layers)


@examples(25)
@given(st.integers(0, 30), st.sampled_from(tuple(sc.SCORES)), st.booleans())
def test_a_cell_is_the_single_query(seed, score, drawn):
    probe = random_network(seed)
    region = sc.Rectangle(2, 3, 8, 9) if drawn else None
    atlas = sc.atlas(probe, score=score, region=region)
    assert atlas.shape == (len(probe.layers), 3)
    for cell in atlas.cells():
        query = atlas.query(cell.layer, cell.class_index)
        if not cell.pixels:
            assert cell.words == "no pixel"
            with pytest.raises(sc.EmptyRegionError):
                sc.explain(probe, query)
            continue
        ex = sc.explain(probe, query)
        assert ex.query.method == "seg-grad-cam"
        assert cell.pixels == ex.mask.sum()
        assert cell.positive_share == pytest.approx(ex.positive_share, abs=1e-4)
        assert cell.negative_share == pytest.approx((ex.weights < 0).mean(), abs=1e-9)
        # on the very edge of a threshold, float32 noise may decide
        if abs(ex.positive_share - 0.01) > 1e-3 and ex.positive_share != 0:
            assert cell.is_blank == (ex.is_empty and ex.is_map)


def test_one_backward_pass_a_class():
    probe = Counting(ArrayProbe(classes=NAMES))
    sc.atlas(probe)
    assert probe.sweeps == 3
    sc.atlas(probe, classes=["sea"], layers=["tail"])
    assert probe.sweeps == 4


def test_on_paper():
    # logits (a - b, b - a): a = 1 and b = 0 in the left column, the other way round in the right
    a = np.array([[1.0, 0.0], [1.0, 0.0]])
    probe = linear_head(np.stack([a, 1 - a], -1), [[1.0, -1.0], [-1.0, 1.0]], class_names=("left", "right"))
    atlas = sc.atlas(probe)
    assert [info.name for info in atlas.layers] == ["image", "logits"]
    # the margin's pooled weights are (1, -1): A . w is 1 in its own column and -1 in the other
    cell = atlas.cell("image", "left")
    assert cell == AtlasCell("image", 0, "left", 2, 0.5, False, False, False, True, 0.5)
    assert cell.summary() == "left at image: 50 % positive, 50 % of the channels pull down, 2 px"
    assert atlas.summary() == "2 layers, 2 classes, margin: 0 of 4 maps are blank"


def blank_network():
    """Class 1 is coded by the absence of the one channel: both its maps are blank; class 2 is predicted nowhere."""
    activations = np.zeros((4, 4, 1))
    activations[:, :2] = 1
    return linear_head(activations, [[2.0, -2.0, 0.0]], [0.0, 1.0, -9.0], class_names=("there", "absent", "never"))


def test_blank_cells_and_classes_without_pixels_say_so():
    atlas = sc.atlas(blank_network())
    assert atlas.pixels.tolist() == [8, 8, 0]
    assert atlas.cell("image", "absent").words == "blank"
    never = atlas.cell("image", "never")
    assert never.words == "no pixel"
    assert never.summary() == "never at image: no pixel"
    assert np.isnan(never.positive_share)
    assert not never.is_blank
    assert atlas.is_blank.tolist() == [[False, True, False], [False, False, False]]
    assert atlas.summary() == ("2 layers, 3 classes (1 of them predicted nowhere), margin: 1 of 4 maps is blank")
    assert not atlas.headlines


def test_a_layer_of_one_cell_is_a_number_and_no_blank_map():
    nodes = [
        ("squeezed", relu(), IMAGE),
        ("wide", Upsample(4), "squeezed"),
        ("logits", Conv([[-1.0, 0]], [9, 0]), "wide"),
    ]
    atlas = sc.atlas(NumpyProbe(np.array([[[1.0]]]), nodes), headlines=True)
    cell = atlas.cell("squeezed", 0)
    assert (cell.is_empty, cell.is_map, cell.is_blank, cell.is_faint) == (True, False, False, False)
    assert cell.words == "a single number, zero or below"
    assert not any(layer == "squeezed" for layer, _ in atlas.headlines)
    assert atlas.summary().endswith("1 of 2 maps is blank; 2 of the layers have one cell, a number and no map")


def test_a_faint_map_is_not_blank():
    net = nets.faint()
    cell = sc.atlas(net.probe).cell("feat", "brick")
    assert (cell.is_faint, cell.is_blank, cell.words) == (True, False, "faint")


def test_headlines_are_those_of_the_diagnosis_for_blank_cells_alone():
    probe = blank_network()
    atlas = sc.atlas(probe, headlines=True)
    code = sc.diagnose(probe, atlas.query("image", "absent")).headline.code
    assert code == "SC205"
    assert dict(atlas.headlines) == {("image", 1): "SC205"}
    assert atlas.cell("image", 1).words == "blank (SC205)"
    later = sc.atlas(probe).with_headlines(probe)
    assert later.headlines == atlas.headlines
    assert "blank SC205" in atlas.to_markdown()


def test_regions_classes_and_layers_asked_for():
    probe = random_network(0)
    atlas = sc.atlas(probe, region=sc.Everything(), classes=[2, "class 0"], layers=["up", "relu"], score="logit")
    assert [info.name for info in atlas.layers] == ["up", "relu"]
    assert atlas.classes == (2, 0)
    assert atlas.class_names == ("class 2", "class 0")
    assert atlas.pixels.tolist() == [144, 144]
    assert atlas.query("relu", 2) == sc.CamQuery("relu", 2, sc.Everything(), "logit")
    single = sc.atlas(probe, region=sc.Everything(), score="logit")
    assert single.cell("relu", 2) == atlas.cell("relu", "class 2")


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"classes": "class 0"}, sc.SegCamError, r"`classes` must be a list"),
        ({"classes": []}, sc.SegCamError, r"`classes` must be a list"),
        ({"classes": ["klass 0"]}, sc.SegCamError, r"Did you mean 'class 0'"),
        ({"classes": [3]}, sc.SegCamError, r"`classes` must be between 0 and 2"),
        ({"layers": "relu"}, sc.SegCamError, r"`layers` must be a list"),
        ({"layers": ["rely"]}, sc.UnknownLayerError, r"Did you mean 'relu'"),
        ({"score": "logits"}, sc.SegCamError, r"`score` must be one of"),
        ({"region": "everything"}, sc.SegCamError, r"`region`"),
        ({"region": sc.Mask(np.zeros((12, 12), bool))}, sc.EmptyRegionError, "covers none"),
    ],
)
def test_bad_arguments_are_named(arguments, error, words):
    with pytest.raises(error, match=words):
        sc.atlas(random_network(0), **arguments)


def test_cells_that_are_not_there_are_named():
    atlas = sc.atlas(random_network(0), classes=[1])
    with pytest.raises(sc.SegCamError, match="`layer` must be one of"):
        atlas.cell("nowhere", 1)
    with pytest.raises(sc.SegCamError, match=r"`class_index` must be one of \[1\]\. Received: 0"):
        atlas.query("relu", 0)
    with pytest.raises(sc.SegCamError, match="`class_index` must be one of class 1"):
        atlas.query("relu", "class 0")
    with pytest.raises(sc.SegCamError, match="`probe` must be"):
        sc.atlas("model.keras")


def test_progress_and_cancel():
    seen = []
    probe = Counting(random_network(0))
    sc.atlas(probe, progress=lambda fraction, text: seen.append((round(fraction, 2), text)) or True)
    assert seen == [
        (0.0, "atlas: class 0 (1 of 3 classes)"), (0.33, "atlas: class 1 (2 of 3 classes)"),
        (0.67, "atlas: class 2 (3 of 3 classes)"), (1.0, "done"),
    ]  # fmt: skip
    with pytest.raises(sc.Cancelled, match=r"Cancelled at 33 %: atlas: class 1"):
        sc.atlas(probe, progress=lambda fraction, _: fraction < 0.3)
    assert probe.sweeps == 4
    with pytest.raises(sc.Cancelled, match="why absent at image is blank"):
        sc.atlas(blank_network(), headlines=True, progress=lambda _, text: not text.startswith("why"))


def test_weights_that_change_on_the_way_start_it_again():
    probe = Counting(random_network(0), stale=[True, True])
    assert sc.atlas(probe).shape == (8, 3)
    assert probe.sweeps == 6


def test_a_map_that_is_not_finite_says_so():
    class Broken(Counting):
        def sweep(self, cotangent, layers=None):
            found = super().sweep(cotangent, layers)
            spoiled = found["relu"].grad_cam.copy()
            spoiled[0, 0] = np.inf
            return found | {"relu": replace(found["relu"], grad_cam=spoiled)}

    atlas = sc.atlas(Broken(random_network(0)), region=sc.Everything())
    cell = atlas.cell("relu", 0)
    assert cell.words == "not finite"
    assert not cell.is_blank
    assert "nan" in atlas.to_markdown()


def test_nothing_can_be_changed():
    atlas = sc.atlas(blank_network())
    with pytest.raises(ValueError, match="read-only"):
        atlas.positive_share[0, 0] = 1
    with pytest.raises(TypeError):
        atlas.headlines["image", 0] = "SC101"


# ------------------------------------------------------------------ reading it


def test_the_frame_has_a_row_a_cell():
    frame = sc.atlas(blank_network(), headlines=True).to_frame()
    assert len(frame) == 6
    assert list(frame.columns) == list(AtlasCell.__dataclass_fields__)
    row = frame[(frame.layer == "image") & (frame.class_name == "absent")].iloc[0]
    assert (row.is_blank, row.headline, row.pixels) == (True, "SC205", 8)


def test_the_markdown_is_a_table():
    text = sc.atlas(blank_network()).to_markdown()
    lines = text.splitlines()
    assert lines[0] == "**2 layers, 3 classes (1 of them predicted nowhere), margin: 1 of 4 maps is blank**"
    assert "| layer | there | absent | never |" in lines
    assert "| image | 100 | blank | – |" in lines
    assert lines[-1] == "– predicted nowhere: never."
    odd = sc.atlas(ArrayProbe(classes=("a|b", "c\nd"))).to_markdown()
    assert r"| layer | a\|b | c d |" in odd


class Table(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags, self.text, self.classes = [], "", []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        if tag == "td":
            self.classes.append(dict(attrs).get("class", ""))

    def handle_data(self, data):
        self.text += data


def test_the_html_is_a_table_with_numbers_and_escaped_names():
    atlas = sc.atlas(ArrayProbe(classes=("<script>alert(1)</script>", "b & c", "d")))
    table = Table(atlas._repr_html_())
    assert "script" not in table.tags
    assert "<script>alert(1)</script>" in table.text
    assert table.tags.count("td") == atlas.shape[0] * 3
    assert table.tags.count("th") == 1 + 3 + atlas.shape[0]
    blank = Table(sc.atlas(blank_network())._repr_html_())
    # at the logits, (2, -1) and (0, 1): the margin's weights make 3/2 and -1/2 of them, for the other class -3/2 and 1/2
    assert blank.classes == ["h20", "h0 b", "", "h15", "h5", ""]
    assert "blank" in blank.text


def test_a_large_atlas_stays_small_enough_to_show():
    layers = tuple(LayerInfo(f"backbone/block_{i}", (8, 8, 2), "Conv2D") for i in range(300))
    share = np.linspace(0, 1, 300 * 150).reshape(300, 150)
    pixels, names = np.ones(150, int), tuple(f"class {i}" for i in range(150))
    atlas = sc.Atlas(layers, tuple(range(150)), names, "logit", None, pixels, share, share < 0.01, share)
    assert len(atlas._repr_html_()) < 30 * share.size
    assert atlas.to_markdown().count("\n") == 6 + 300
    assert atlas.summary() == "300 layers, 150 classes, logit: 450 of 45000 maps are blank"


def test_every_colour_of_the_table_can_be_read():
    def light(colour):
        values = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in values]
        return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))

    for level in range(LEVELS):
        back, ink = heat_colour(level / (LEVELS - 1))
        assert re.fullmatch(r"#[0-9a-f]{6}", back)
        over = {"#000": 0.0, "#fff": 1.0}[ink]
        pair = sorted([light(back), over])
        assert (pair[1] + 0.05) / (pair[0] + 0.05) >= 4.5
    assert heat_colour(0)[0] != heat_colour(1)[0]
