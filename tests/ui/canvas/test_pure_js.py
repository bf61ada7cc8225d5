"""The canvas's pure functions against numpy, in Node.js; without it the browser tests still run all of them."""

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

import segcam_widgets
from segcam_widgets.core.grid import resize_bilinear
from segcam_widgets.core.regions.raster import polygon_mask
from segcam_widgets.core.text.numbers import signed
from segcam_widgets.ui.canvas.assets import ENTRY, script_names
from tests.javascript.node import find_node

STATIC = Path(segcam_widgets.__file__).parent / "ui" / "canvas" / "static"
NODE = find_node()
pytestmark = pytest.mark.skipif(NODE is None, reason="Node.js is not installed")


@pytest.fixture(scope="module")
def js(tmp_path_factory):
    """Give a function that evaluates an expression among what the modules export; `data` is what one passes."""
    folder = tmp_path_factory.mktemp("js")
    names = [name for name in script_names() if name != ENTRY]
    for name in names:
        shutil.copy(STATIC / name, folder)
    (folder / "package.json").write_text('{"type": "module"}')  # the package has none, and Node wants to be told
    (folder / "evaluate.js").write_text(
        "".join(f'import * as m{i} from "./{name}";\n' for i, name in enumerate(names))
        + f"""
        import {{ readFileSync }} from "node:fs";
        const known = Object.assign({{}}, {", ".join(f"m{i}" for i in range(len(names)))});
        const [code, data] = JSON.parse(readFileSync(0, "utf8"));
        const evaluate = new Function(...Object.keys(known), "data", `"use strict"; return (${{code}});`);
        console.log(JSON.stringify(evaluate(...Object.values(known), data)));
        """
    )

    def run(code, data=None):
        given = json.dumps([code, data])
        done = subprocess.run([NODE, folder / "evaluate.js"], input=given, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


def test_values_are_interpolated_as_the_core_interpolates_them(js):
    heat = np.random.default_rng(0).normal(size=(5, 7)).astype(np.float32)
    code = """(() => {
        const heat = { height: 5, width: 7, values: Float32Array.from(data) };
        const rows = [];
        for (let i = 0; i < 30; i++) {
            rows.push([]);
            for (let j = 0; j < 28; j++) rows[i].push(valueAt(heat, true, (j + 0.5) / 28, (i + 0.5) / 30));
        }
        return rows;
    })()"""
    np.testing.assert_allclose(js(code, heat.ravel().tolist()), resize_bilinear(heat, (30, 28)), atol=1e-6)


@pytest.mark.parametrize("smooth", [True, False])
def test_pixels_of_the_picture_have_the_value_of_their_centre(js, smooth):
    # a scale whose colours are their own places in it: a colour says the value, to a millionth of the range
    code = (
        """((smooth) => {
        const heat = { height: 3, width: 4, values: Float32Array.from(data) };
        const lut = Uint32Array.from({ length: 2 ** 20 + 1 }, (_, i) => i);
        const out = new Uint32Array(9 * 10);
        colourHeat(heat, { lut, limit: 4, smooth, relu: false, fade: false }, 9, 10, out);
        const expected = (i) => valueAt(heat, smooth, ((i % 10) + 0.5) / 10, (Math.floor(i / 10) + 0.5) / 9);
        return Math.max(...out.map((colour, i) => Math.abs(colour - lutIndex(expected(i), 4, lut.length))));
    })"""
        + f"({str(smooth).lower()})"
    )
    assert js(code, np.random.default_rng(1).uniform(-3.9, 3.9, size=12).tolist()) <= 1


def test_a_missing_value_spreads_only_to_where_it_has_weight(js):
    code = """(() => {
        const heat = { height: 1, width: 3, values: Float32Array.from([1, NaN, 3]) };
        return [0.5 / 6, 1.5 / 6, 3 / 6, 5.5 / 6].map((x) => String(valueAt(heat, true, x, 0.5)));
    })()"""
    # a NaN times zero would be NaN: the outer halves of the outer cells have no share of the middle one
    assert js(code) == ["1", "NaN", "NaN", "3"]


@pytest.mark.parametrize(
    ("value", "index"), [(-9, 0), (-2, 0), (0, 128), (1e-9, 128), (2, 255), (9, 255), (1, 191), (-1, 64)]
)
def test_the_colour_range_is_symmetric(js, value, index):
    assert js("lutIndex(data, 2, 256)", value) == index


def test_an_empty_range_shows_the_middle(js):
    assert js("[lutIndex(5, 0, 256), lutIndex(0, 0, 255)]") == [127, 127]


def test_halves_are_read_as_numpy_writes_them(js):
    halves = np.arange(65536, dtype=np.uint16)
    code = """(() => {
        const trait = { shape: [256, 256], dtype: "float16", scale: 0.5, data: Uint16Array.from(data).buffer };
        return Array.from(decodeHeat(trait).values, String);
    })()"""
    with np.errstate(invalid="ignore"):  # some of the halves are signalling NaNs
        expected = halves.view(np.float16).astype(np.float32) / 2
    np.testing.assert_array_equal(np.array(js(code, halves.tolist()), np.float32), expected)


def distance_to_line(points, line):
    """Of each point, to the nearest of the segments between a line's neighbours."""
    start, step = line[:-1], np.diff(line, axis=0)
    along = np.clip(((points[:, None] - start) * step).sum(-1) / (step**2).sum(-1), 0, 1)
    return np.linalg.norm(points[:, None] - start - along[..., None] * step, axis=-1).min(1)


def test_simplification_keeps_every_point_within_the_tolerance(js):
    angle = np.linspace(0, 2 * np.pi, 400)
    rng = np.random.default_rng(0)
    points = np.stack([60 + 40 * np.cos(angle), 50 + 20 * np.sin(angle)], 1) + rng.normal(scale=0.05, size=(400, 2))
    kept = np.array(js("simplify(data, 0.5)", points.tolist()))
    assert 8 < len(kept) < 60
    np.testing.assert_array_equal(kept[[0, -1]], points[[0, -1]])
    assert distance_to_line(points, kept).max() <= 0.5 + 1e-9


def test_short_lines_and_repeated_points_survive_simplification(js):
    assert js("simplify([[1, 1]], 1)") == [[1, 1]]
    assert js("simplify([[1, 1], [1, 1], [1, 1]], 1)") == [[1, 1], [1, 1]]


def test_inside_is_what_python_rasterises(js):
    star = [[5, 2], [38, 30], [2, 20], [38, 8], [12, 38]]  # crosses itself: even-odd decides
    places = [[x + 0.5, y + 0.5] for y in range(40) for x in range(40)]
    inside = js("data[1].map((p) => insidePolygon(p, data[0]))", [star, places])
    expected = polygon_mask(np.array(star, float)[:, ::-1], (40, 40))
    np.testing.assert_array_equal(np.reshape(inside, (40, 40)), expected)
    assert 100 < expected.sum() < 1000


def test_the_topmost_shape_is_hit(js):
    shapes = [
        {"kind": "rectangle", "points": [[30, 30], [10, 10]]},
        {"kind": "polygon", "points": [[20, 20], [40, 20], [40, 40]]},
        {"kind": "brush", "points": [[60, 10], [60, 40]], "radius": 4},
        {"kind": "segment", "points": [[80, 20]]},
    ]
    hits = js(
        "data[1].map((p) => hitTest(data[0], p, 2))", [shapes, [[12, 12], [29, 22], [63, 25], [66, 25], [81, 21]]]
    )
    assert hits == [0, 1, 2, -1, 3]
    assert js("hitHandle(data, [29, 11], 2)", shapes[0]) == 1
    assert js("hitHandle(data, [20, 20], 2)", shapes[0]) == -1


def test_a_moved_shape_stays_inside_the_picture(js):
    square = {"kind": "polygon", "points": [[10, 10], [20, 10], [20, 30]]}
    assert js("movedShape(data, 3, -4, [50, 60]).points", square) == [[13, 6], [23, 6], [23, 26]]
    assert js("movedShape(data, 999, -999, [50, 60]).points", square) == [[50, 0], [60, 0], [60, 20]]
    outside = {"kind": "polygon", "points": [[-10, 10], [80, 10], [20, 30]]}
    assert js("movedShape(data, 0, 5, [50, 60]).points", outside) == [[-10, 15], [80, 15], [20, 35]]


def test_bending_a_rectangle_keeps_the_opposite_corner(js):
    box = {"kind": "rectangle", "points": [[10, 10], [30, 20]]}
    for handle, opposite in enumerate([[30, 20], [10, 20], [10, 10], [30, 10]]):
        assert js("bentShape(data[0], data[1], [50, 50]).points", [box, handle]) == [opposite, [50, 50]]


@pytest.mark.parametrize(
    ("shape", "available", "scale"),
    [
        ((64, 64), 334, 5),  # small pictures by whole steps
        ((64, 64), 900, 10),  # up to the largest size
        ((256, 256), 640, 2.5),
        ((400, 500), 620, 1),
        ((1024, 1024), 334, 334 / 1024),  # large ones shrink to what there is
        ((2000, 100), 600, 0.32),  # tall ones to the largest height
    ],
)
def test_the_picture_fits_its_place(js, shape, available, scale):
    fit = js("fitSize(data[0], data[1], 640, 640)", [shape, available])
    assert fit["scale"] == pytest.approx(scale)
    assert fit["width"] <= min(available, 640)
    assert fit["height"] <= 640


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (-0.0, "0"),
        (1.23456, "+1.23"),
        (-1.23456, "-1.23"),
        (0.00123456, "+0.00123"),
        (0.000123456, "+0.000123"),
        (-0.0000123456, "-1.23e-5"),
        (-1234.6, "-1235"),
        (999.6, "+1000"),
        (99.96, "+100"),
        (1.5e9, "+1.5e9"),
        (3e-42, "+3e-42"),
    ],
)
def test_numbers_are_printed_with_their_sign(js, value, text):
    assert js("signedNumber(data)", value) == text
    assert signed(value) == text  # Python's own


def test_what_is_no_number_is_said(js):
    assert js("[signedNumber(NaN), signedNumber(-Infinity)]") == ["no value", "-inf"]


def test_damaged_layers_are_no_layers(js):
    code = """[
        decodeHeat(null), decodeHeat({}), decodeHeat({ shape: [2, 2], data: new ArrayBuffer(4), dtype: "float32" }),
        decodeLabels({ shape: [2, 2], data: new ArrayBuffer(3), dtype: "uint8" }),
        decodeMask({ shape: [3, 3], data: new ArrayBuffer(1) }),
    ]"""
    assert js(code) == [None] * 5


def test_the_extremes_leave_out_what_is_not_finite(js):
    code = """(() => {
        const data = Float32Array.from([NaN, -2, Infinity, 3]).buffer;
        const { low, high } = decodeHeat({ shape: [2, 2], data, dtype: "float32" });
        return [low, high];
    })()"""
    assert js(code) == [-2, 3]


@pytest.mark.parametrize(
    ("how", "points", "kept"),
    [
        ("rectangle", [[5, 5], [5.1, 9]], None),
        ("rectangle", [[9, 8], [5, 5]], [[5, 5], [9, 8]]),
        ("freehand", [[5, 5], [9, 9]], None),
        ("freehand", [[5, 5], [9, 9], [5.01, 5]], None),
        ("polygon", [[5, 5], [9, 5], [9, 9]], [[5, 5], [9, 5], [9, 9]]),
        ("brush", [[5, 5]], [[5, 5]]),
    ],
)
def test_what_is_too_small_to_be_meant_is_not_drawn(js, how, points, kept):
    code = """(() => {
        const [how, points] = data;
        const drawn = [];
        const history = { shapes: () => drawn, commit: (shapes) => drawn.push(...shapes), draft: () => {} };
        const [nothing, tool] = [() => {}, () => how];
        const host = { history, how: tool, tool, radius: () => 2, size: () => [50, 60], unit: () => 0.2 };
        const drawing = createDrawing({ ...host, say: nothing, refresh: nothing });
        drawing.press(points[0], "add", 0);
        for (const point of points.slice(1)) {
            if (how === "polygon") drawing.press(point, "add", 0);
            else drawing.drag([point]);
        }
        drawing.finish();
        return drawn.map((shape) => shape.points);
    })()"""
    assert js(code, [how, points]) == ([] if kept is None else [kept])
