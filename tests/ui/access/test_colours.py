"""Colours that people with a colour-vision deficiency can tell apart: those of a real explorer, by simulation.

Differences are CIEDE2000: about two are just noticed side by side, ten are seen at a glance. The signs, which carry the
meaning, must differ by twice that where they are strong. Classes are many: the first dozen must differ at a glance, the
others noticeably, and their names stand in the legend and under the pointer.
"""

import itertools

import numpy as np
import pytest
from skimage.color import deltaE_ciede2000, rgb2lab

from segcam_widgets.core.picture.colours import DEFICIENCIES
from segcam_widgets.ui.panels import histogram, waterfall
from tests.ui.explorer.array_probe import ArrayProbe

SEEN_WITH = {"all cones": np.eye(3), **DEFICIENCIES}
NOTICED, AT_A_GLANCE = 2.0, 10.0
PAGES = {"light": (255, 255, 255), "dark": (17, 17, 17), "dark, lifted": (33, 33, 33)}

each_vision = pytest.mark.parametrize("vision", SEEN_WITH)


@pytest.fixture(scope="module")
def explorer():
    from segcam_widgets import SegCamExplorer

    made = SegCamExplorer(ArrayProbe(classes=150))
    assert made.flush()
    yield made
    made.close()


def rgb(name):
    """sRGB bytes of "#rrggbb"."""
    return np.array(list(bytes.fromhex(name[1:])), float)


def light_of(colours):
    """Linear light in [0, 1] of sRGB bytes."""
    encoded = np.asarray(colours, float) / 255
    return np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)


def lab(colours, vision):
    """CIELAB (..., 3) of sRGB bytes, as they are seen."""
    seen = np.clip(light_of(colours) @ SEEN_WITH[vision].T, 0, 1)
    return rgb2lab(np.where(seen <= 0.0031308, 12.92 * seen, 1.055 * seen ** (1 / 2.4) - 0.055))


def difference(one, other, vision):
    return deltaE_ciede2000(lab(one, vision), lab(other, vision))


def nearest(colours, vision):
    """The smallest difference between any two."""
    seen = lab(colours, vision)
    apart = deltaE_ciede2000(seen[:, None], seen[None])
    return apart[np.triu_indices(len(seen), 1)].min()


def contrast(one, other):
    """WCAG 2.2's ratio, from 1 to 21."""
    low, high = sorted(float(light_of(colour) @ [0.2126, 0.7152, 0.0722]) for colour in (one, other))
    return (high + 0.05) / (low + 0.05)


def test_the_simulation_takes_away_what_it_should():
    red, green = [200, 60, 40], [120, 120, 20]
    assert difference(red, green, "all cones") > 30
    assert difference(red, green, "protanopia") < 12
    assert difference([0, 0, 0], [255, 255, 255], "deuteranopia") > 90


@each_vision
def test_the_signs_of_the_map(explorer, vision):
    """On the colour bar; and on the map, through which picture and prediction are seen."""
    canvas = explorer.canvas
    scale = np.frombuffer(canvas.lut, np.uint8).reshape(-1, 4)[:, :3].astype(float)
    middle, end = len(scale) // 2, len(scale) // 2 - 1
    down, up = scale[middle - 1 :: -1], scale[middle:]  # by distance from zero
    for share in (0.25, 0.5, 1.0):
        at = round(share * end)
        assert difference(down[at], up[at], vision) > 2 * AT_A_GLANCE
        assert difference(up[at], up[0], vision) > AT_A_GLANCE
        assert difference(down[at], down[0], vision) > AT_A_GLANCE
    for picture, label in itertools.product((0, 128, 255), canvas.palette[:12]):
        ground = (1 - canvas.labels_opacity) * picture + canvas.labels_opacity * rgb(label)
        seen = [canvas.heat_opacity * colour + (1 - canvas.heat_opacity) * ground for colour in (down[end], up[end])]
        assert difference(*seen, vision) > AT_A_GLANCE, (picture, label)


@each_vision
def test_the_signs_of_the_bars(explorer, vision):
    """They also point up and down; those of the waterfall, to the right and to the left."""
    explorer.query = explorer.query.__class__("deep", 0)
    assert explorer.flush()
    assert set(explorer.histogram.bars.colors) == {histogram.UP, histogram.DOWN}
    assert (waterfall.UP, waterfall.DOWN) == (histogram.UP, histogram.DOWN)
    assert difference(rgb(histogram.UP), rgb(histogram.DOWN), vision) > 2 * AT_A_GLANCE


@each_vision
def test_the_classes(explorer, vision):
    palette = [rgb(name) for name in explorer.canvas.palette]
    assert len(palette) == 150
    assert nearest(palette[:12], vision) > AT_A_GLANCE
    assert nearest(palette[:34], vision) > NOTICED
    if vision != "tritanopia":  # one person of ten thousand, whom 150 colours cannot serve too
        assert nearest(palette, vision) > NOTICED


@pytest.mark.parametrize("page", PAGES)
def test_bars_and_marks_stand_out_from_the_page(page):
    """Three to one: WCAG 2.2, 1.4.11."""
    for colour in (histogram.UP, histogram.DOWN, histogram.CHOSEN, histogram.SPOKEN, waterfall.TOTAL):
        assert contrast(rgb(colour), PAGES[page]) >= 3, colour
