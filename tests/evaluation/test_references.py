"""The maps to beat: a random one, the image's edges, the region itself."""

import numpy as np
import pytest

from segcam_widgets.evaluation.curves.references import REFERENCES, Scene


def scene(mask, x=None, size=(5, 7), seed=0):
    x = np.zeros((*np.shape(mask), 1), np.float32) if x is None else x
    return Scene(x, np.asarray(mask), size, np.random.default_rng(seed))


def test_a_random_map_is_as_coarse_as_the_layer_and_never_fine():
    compute = REFERENCES["random map"].compute
    mask = np.ones((4, 4), bool)
    assert compute(scene(mask)).shape == (5, 7)
    assert compute(scene(mask, size=(160, 12))).shape == (16, 12)
    assert np.array_equal(compute(scene(mask)), compute(scene(mask)))
    assert not np.array_equal(compute(scene(mask)), compute(scene(mask, seed=1)))
    given = scene(mask)
    assert not np.array_equal(compute(given), compute(given))  # the next draw is another


def test_edges_are_where_the_input_steps_in_any_channel():
    x = np.zeros((8, 8, 2), np.float32)
    x[:, 4:, 0] = 3
    x[4:, :, 1] = 4
    edges = REFERENCES["edge map"].compute(scene(np.ones((8, 8), bool), x))
    assert edges[1, 1] == edges[6, 6] == 0
    assert edges[1, 3] == edges[1, 4] == 4 * 3  # Sobel weights 1, 2, 1
    assert edges[3, 1] == edges[4, 6] == 4 * 4
    assert edges[3, 3] == pytest.approx(np.hypot(12, 16))


def test_the_region_is_high_inside_low_outside_and_has_few_ties():
    mask = np.zeros((40, 40), bool)
    mask[5:25, 8:30] = True
    mask[30:, 33:] = True
    found = REFERENCES["region mask"].compute(scene(mask))
    assert found[mask].min() > found[~mask].max() - 1.5  # smoothed: a pixel at a corner may change sides
    assert found[15, 19] == found.max()
    assert found[39, 0] == found.min()
    assert len(np.unique(found)) > 100  # the mask itself has two values


def test_a_region_that_is_the_whole_image_is_deepest_in_its_middle():
    found = REFERENCES["region mask"].compute(scene(np.ones((9, 9), bool)))
    assert np.unravel_index(found.argmax(), (9, 9)) == (4, 4)
    assert found[0, 0] == found.min()
    assert np.isfinite(found).all()
