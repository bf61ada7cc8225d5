"""What the property tests draw: small arrays whose float32 arithmetic is tame, regions of every kind, networks."""

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import segcam_widgets as sc
from tests.exploring import examples

PROPERTY = examples(60)

# Quarters up to 4: sums and products of a few are exact in float32, so that signs and zeros are what they are on paper.
quarters = st.integers(-16, 16).map(lambda n: n / 4)


def arrays(shape, elements=quarters):
    return hnp.arrays(np.float64, shape, elements=elements)


def close(left, right, scale=None, rtol=1e-5):
    """Whether two arrays agree to `rtol` of the largest magnitude in sight: float32 errors do not shrink with a sum."""
    size = max([np.abs(left).max(initial=0), np.abs(right).max(initial=0), 0 if scale is None else np.abs(scale).max()])
    return np.allclose(left, right, rtol=0, atol=rtol * size)


def can_be_asked(probe, layer, method, baseline="zero"):
    """Whether a method applies to a layer and takes a baseline."""
    chosen = sc.METHODS[method]
    return baseline in chosen.accepted_baselines and not chosen.refusal(probe.layer(layer), probe.layers)


@st.composite
def linear_problems(draw, classes=(2, 4)):
    """Activations (h, w, K), kernel (K, C), bias (C,), and a mask (h, w) with a pixel in it."""
    height, width = draw(st.integers(1, 5)), draw(st.integers(1, 5))
    k, c = draw(st.integers(1, 4)), draw(st.integers(*classes))
    mask = draw(hnp.arrays(bool, (height, width)))
    mask[draw(st.integers(0, height - 1)), draw(st.integers(0, width - 1))] = True
    return draw(arrays((height, width, k))), draw(arrays((k, c))), draw(arrays(c)), mask


# ------------------------------------------------------------------ regions

places = st.one_of(st.integers(-3, 12), st.floats(-3, 12, width=32))
pixels = st.integers(-2, 11)
points = st.tuples(places, places)


@st.composite
def rectangles(draw):
    top, bottom = sorted([draw(places), draw(places)])
    left, right = sorted([draw(places), draw(places)])
    return sc.Rectangle(top, left, bottom, right)


def simple_regions(size=(8, 9)):
    """One strategy per kind; the names are the types in JSON."""
    radii = st.floats(0.125, 5, width=32)
    classes = st.one_of(st.integers(0, 2), st.sampled_from(["sky", "tree", "road"]))
    return {
        "pixel": st.builds(sc.Pixel, pixels, pixels),
        "rectangle": rectangles(),
        "polygon": st.builds(sc.Polygon, st.lists(points, min_size=3, max_size=7)),
        "brush": st.builds(sc.Brush, st.lists(points, min_size=1, max_size=4), radii),
        "mask": hnp.arrays(bool, size).map(sc.Mask),
        "everything": st.just(sc.Everything()),
        "predicted_class": st.builds(sc.PredictedClass, classes),
        "truth_class": st.builds(sc.TruthClass, classes),
        "component": st.builds(sc.Component, pixels, pixels),
        "errors": st.builds(sc.Errors, classes, st.sampled_from(["false_positive", "false_negative"])),
    }


def regions(size=(8, 9)):
    """Any region on a grid of `size`, and what the algebra and Border make of them."""

    def combined(inner):
        return st.one_of(
            st.builds(lambda a, b: a | b, inner, inner),
            st.builds(lambda a, b: a & b, inner, inner),
            st.builds(lambda a, b: a - b, inner, inner),
            st.builds(lambda a: ~a, inner),
            st.builds(sc.Border, inner, st.integers(1, 4)),
        )

    return st.recursive(st.one_of(*simple_regions(size).values()), combined, max_leaves=5)
