"""The canvas without a browser: what its methods put into the traits, and what they refuse."""

import io
import subprocess
import sys

import comm
import numpy as np
import pytest
from PIL import Image

import segcam_widgets as sc
from segcam_widgets.ui.canvas import SegmentationCanvas
from segcam_widgets.ui.canvas.assets import module_source, script_names, style_source


@pytest.fixture
def canvas():
    made = SegmentationCanvas(np.zeros((40, 60, 3), np.uint8))
    made.set_labels(np.zeros((20, 30), int), names=["sky", "sea"])
    yield made
    made.close()


@pytest.fixture
def messages(monkeypatch):
    """Collect the names of the traits in each message that widgets made in the test send."""
    sent = []

    class Recorder(comm.base_comm.BaseComm):
        def publish_msg(self, msg_type, data=None, **keys):
            if msg_type == "comm_msg" and data["method"] == "update":
                sent.append(set(data["state"]))

    monkeypatch.setattr(comm, "create_comm", Recorder)
    return sent


def test_the_picture_keeps_its_own_size_and_its_pixels(canvas):
    picture = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    canvas.set_image(picture)
    assert canvas.image["shape"] == [5, 7]
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(canvas.image["data"]))), picture)
    assert canvas.mapping.display == (5, 7)
    assert canvas.mapping.grid == (20, 30)


@pytest.mark.parametrize("shape", [(8, 9), (8, 9, 1), (8, 9, 4)])
def test_grey_and_transparent_pictures_are_pictures(canvas, shape):
    canvas.set_image(np.full(shape, 0.5))
    assert canvas.image["shape"] == [8, 9]


@pytest.mark.parametrize(
    ("picture", "words"),
    [
        (np.zeros((4, 4, 2)), r"shape \(4, 4, 2\)"),
        (np.zeros((0, 4, 3)), "shape"),
        (np.full((4, 4, 3), 1.5), r"\[0, 1\]"),
        (np.full((4, 4, 3), np.nan), r"\[0, 1\]"),
        (np.zeros((4, 4, 3), int), "uint8"),
    ],
)
def test_what_is_no_picture_is_refused_and_the_last_one_stays(canvas, picture, words):
    before = canvas.image
    with pytest.raises(sc.SegCamError, match=words):
        canvas.set_image(picture)
    assert canvas.image is before


def test_labels_carry_names_colours_and_the_grid(canvas):
    labels = np.array([[0, 1], [-1, 2]])
    canvas.set_labels(labels, palette=["#FF0000", "#00ff00", "#0000ff"], names=["a", "b", "c"])
    assert canvas.labels["dtype"] == "uint8"
    assert list(canvas.labels["data"]) == [0, 1, 255, 2]
    assert canvas.grid_shape == [2, 2]
    assert canvas.palette == ["#ff0000", "#00ff00", "#0000ff"]
    assert canvas.class_names == ["a", "b", "c"]
    canvas.set_labels(labels, palette=np.array([[1, 0, 0], [0, 1, 0], [0, 0, 0.5]]))
    assert canvas.palette == ["#ff0000", "#00ff00", "#000080"]
    canvas.set_labels(None)
    assert canvas.labels is None


def test_more_than_255_classes_travel_in_two_bytes(canvas):
    canvas.set_labels(np.array([[299, -1]]))
    assert canvas.labels["dtype"] == "uint16"
    assert np.frombuffer(canvas.labels["data"], "<u2").tolist() == [299, 65535]
    assert len(canvas.palette) == 300


def test_the_truth_knows_void(canvas):
    canvas.set_truth(np.array([[0, 1, 2, 255, -1]]))
    assert list(canvas.truth["data"]) == [0, 1, 255, 255, 255]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"labels": np.zeros((4, 4))}, "integers"),
        ({"labels": np.zeros(4, int)}, r"\(H, W\)"),
        ({"labels": np.full((2, 2), 3), "palette": ["#000000"]}, "each of 4 classes"),
        ({"labels": np.zeros((2, 2), int), "palette": ["red"]}, "#e69f00"),
        ({"labels": np.zeros((2, 2), int), "palette": np.zeros((3, 4))}, r"\(C, 3\)"),
        ({"labels": np.zeros((2, 2), int), "palette": np.full((3, 3), 300)}, "0..255"),
    ],
)
def test_wrong_labels_are_refused(canvas, arguments, words):
    with pytest.raises(sc.SegCamError, match=words):
        canvas.set_labels(**arguments)


def test_the_map_travels_as_float32_at_its_own_resolution(canvas):
    heat = np.array([[1e-12, -3.0], [np.nan, 2.5]])
    canvas.set_heat(heat, vmax=3, seq=7)
    assert canvas.heat["shape"] == [2, 2]
    assert canvas.heat["seq"] == 7
    np.testing.assert_array_equal(np.frombuffer(canvas.heat["data"], "<f4").reshape(2, 2), heat.astype(np.float32))
    assert (canvas.vmin, canvas.vmax) == (-3, 3)


@pytest.mark.parametrize("size", [1e-30, 1.0, 1e30])
def test_large_maps_travel_as_halves_whatever_their_magnitude(canvas, size):
    heat = np.random.default_rng(0).normal(size=(513, 512)) * size
    heat[0, 0] = np.nan
    canvas.set_heat(heat)
    assert canvas.heat["dtype"] == "float16"
    assert len(canvas.heat["data"]) == 2 * heat.size
    back = np.frombuffer(canvas.heat["data"], "<f2").reshape(heat.shape).astype(float) * canvas.heat["scale"]
    assert np.isnan(back[0, 0])
    np.testing.assert_allclose(back[1:], heat[1:], rtol=1e-3, atol=1e-3 * size)


def test_the_range_stays_unless_it_is_given(canvas):
    canvas.set_heat(np.full((2, 2), 50.0), vmin=-4)
    assert canvas.vmax == 4
    canvas.set_heat(np.full((2, 2), 500.0))
    assert canvas.vmax == 4
    canvas.set_heat(None)
    assert canvas.heat is None
    assert canvas.vmax == 4


def test_sequence_numbers_count_on(canvas):
    canvas.set_heat(np.zeros((2, 2)), seq=4)
    canvas.set_heat(np.zeros((2, 2)))
    assert canvas.heat["seq"] == 5


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"heat": np.zeros(4)}, r"\(h, w\)"),
        ({"heat": np.zeros((2, 2), complex)}, "numbers"),
        ({"heat": np.zeros((2, 2)), "vmin": -1, "vmax": 2}, "symmetric"),
        ({"heat": np.zeros((2, 2)), "vmax": -2}, "0 or more"),
        ({"heat": np.zeros((2, 2)), "vmax": np.nan}, "0 or more"),
        ({"heat": np.zeros((2, 2)), "vmax": np.inf}, "0 or more"),
    ],
)
def test_a_wrong_map_or_range_is_refused_and_the_last_one_stays(canvas, arguments, words):
    canvas.set_heat(np.ones((2, 2)), vmax=1)
    before = canvas.heat
    with pytest.raises(sc.SegCamError, match=words):
        canvas.set_heat(**arguments)
    assert canvas.heat == before
    assert canvas.vmax == 1


def test_the_region_travels_as_bits(canvas):
    mask = np.random.default_rng(0).random((5, 7)) > 0.5
    canvas.set_region_mask(mask)
    bits = np.unpackbits(np.frombuffer(canvas.region_mask["data"], np.uint8), count=35)
    np.testing.assert_array_equal(bits.reshape(5, 7), mask)
    with pytest.raises(sc.SegCamError, match="booleans"):
        canvas.set_region_mask(np.full((2, 2), 3))
    canvas.set_region_mask(None)
    assert canvas.region_mask is None


def test_every_method_sends_one_message(messages):
    canvas = SegmentationCanvas()
    canvas.set_image(np.zeros((40, 60, 3), np.uint8))
    canvas.set_labels(np.ones((20, 30), int), names=["sky", "sea"])
    canvas.set_heat(np.ones((2, 2)), vmax=5)
    canvas.draw_region(sc.Rectangle(0, 0, 4, 4))
    assert messages == [
        {"image", "brush_radius"},
        {"palette", "class_names", "grid_shape", "labels"},
        {"vmax", "heat"},
        {"shapes"},
    ]
    canvas.close()


def test_drawn_shapes_become_a_region_of_the_grid(canvas):
    assert canvas.region() is None
    canvas.shapes = [{"kind": "rectangle", "points": [(0, 0), (20, 10)]}]
    assert canvas.shapes == [{"kind": "rectangle", "points": [[0, 0], [20, 10]], "op": "add"}]
    assert canvas.region() == sc.Rectangle(0, 0, 5, 10)


def test_the_draft_counts_only_live(canvas):
    first = {"kind": "rectangle", "points": [[0, 0], [20, 10]], "op": "add"}
    canvas.shapes = [first]
    canvas.draft = {"kind": "pixel", "points": [[30, 20]], "op": "subtract"}
    assert canvas.region() == sc.Rectangle(0, 0, 5, 10)
    assert canvas.region(live=True) == sc.Rectangle(0, 0, 5, 10) - sc.Pixel(10, 15)
    canvas.draft = {**first, "points": [[2, 2], [22, 12]], "index": 0}
    assert canvas.region(live=True) == sc.Rectangle(1, 1, 6, 11), "a moved shape stands in its own place"


def test_a_region_from_python_is_drawn_where_it_can_be(canvas):
    assert canvas.draw_region(sc.Polygon(((0, 0), (10, 0), (10, 10))))
    assert canvas.shapes == [{"kind": "polygon", "points": [[0, 0], [0, 20], [20, 20]], "op": "add"}]
    assert not canvas.draw_region(sc.PredictedClass(1))
    assert canvas.shapes == []
    canvas.draft = {"kind": "pixel", "points": [[30, 20]], "op": "add"}
    assert not canvas.draw_region(None)
    assert canvas.draft is None


@pytest.mark.parametrize(
    ("trait", "value", "words"),
    [
        ("tool", "lasso", "freehand, polygon"),
        ("tool", "rect", "Did you mean"),
        ("op", "union", "add, subtract, intersect"),
        ("shapes", [{"kind": "pixel", "points": "far"}], "finite"),
        ("heat_opacity", 1.5, r"`heat_opacity` must lie in \[0, 1\]"),
        ("dim_outside", -1, "`dim_outside`"),
        ("vmax", -1, "`vmax`"),
        ("brush_radius", 0, "`brush_radius`"),
        ("max_width", 0, "`max_width`"),
        ("lut", b"123", "`lut`"),
    ],
)
def test_wrong_values_are_refused_in_words(canvas, trait, value, words):
    before = getattr(canvas, trait)
    with pytest.raises(sc.SegCamError, match=words):
        setattr(canvas, trait, value)
    assert getattr(canvas, trait) == before


def test_an_unknown_keyword_is_refused():
    with pytest.raises(sc.SegCamError, match="Did you mean 'heat_opacity'"):
        SegmentationCanvas(heat_opacty=0.5)


def test_the_script_is_whole_and_small():
    source = module_source()
    assert source.count("export default") == 1
    assert all(f"// ---- {name}" in source for name in script_names())
    assert style_source().startswith("/*")


def test_no_script_is_forgotten():
    from importlib.resources import files

    folder = files("segcam_widgets.ui.canvas").joinpath("static")
    assert {entry.name for entry in folder.iterdir()} == {*script_names(), "canvas.css", "types.d.ts"}


def test_the_tools_need_no_browser_library():
    code = "import sys, segcam_widgets.ui.canvas.tools; print({'ipywidgets', 'anywidget'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
