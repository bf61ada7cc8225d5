"""On the shipped, really trained network: what the documentation's page says, and that nothing is left of a comparison."""

import re
from pathlib import Path

import numpy as np
import pytest

import segcam_widgets as sc
from segcam_widgets.evaluation import Randomisable, faithfulness

pytestmark = pytest.mark.keras

PAGE = Path(__file__).parents[2] / "docs" / "faithfulness.md"


@pytest.fixture(scope="module")
def demo():
    return sc.load_demo()


@pytest.fixture(scope="module")
def probe(demo):
    return sc.open_probe(demo.model, demo.images[0], class_names=demo.class_names)


@pytest.fixture(scope="module")
def found(demo, probe):
    """The page's own example."""
    code = re.search(r"```python\n(.+?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL).group(1)
    before = demo.model.get_weights()
    names = {}
    exec(compile(code.replace("demo = sc.load_demo()", ""), PAGE.name, "exec"), {"demo": demo, **names}, names)
    assert all(np.array_equal(a, b) for a, b in zip(before, demo.model.get_weights(), strict=True))
    return names["found"]


def tables(text):
    """Rows of markdown tables: every cell without its emphasis."""
    rows = [line.strip("| \n").split("|") for line in text.splitlines() if line.startswith("| ") and "---" not in line]
    return [[cell.strip().strip("*") for cell in row] for row in rows]


def test_the_page_shows_what_its_code_answers(found):
    written = PAGE.read_text(encoding="utf-8").partition("<!-- example:")[2].partition("<!-- until here -->")[0]
    theirs, mine = tables(written), tables(found.to_markdown())
    assert [row[0] for row in theirs] == [row[0] for row in mine]
    for row, fresh in zip(theirs, mine, strict=True):
        for cell, new in zip(row[1:-1], fresh[1:-1], strict=True):
            if re.fullmatch(r"-?[\d.e+-]+( ± .*)?", cell):  # another machine sums in another order
                assert float(new.split(" ")[0]) == pytest.approx(float(cell.split(" ")[0]), abs=0.05), (row, fresh)


def test_what_the_page_says_of_its_example(found):
    eigen = next(test for test in found.classes if test.map == "eigen-cam")
    assert eigen.mean("region_spearman") == pytest.approx(1)  # it asks for no class
    hires = next(cascade for cascade in found.cascades if cascade.map == "hirescam")
    assert hires.kept("spearman")[-1] > hires.kept("region_spearman")[-1]  # alike for being zero outside
    everywhere = found.curve("hirescam", "everywhere", "deletion")
    assert everywhere.auc() < found.curve("random map", "everywhere", "deletion").aucs().min()


def test_a_class_that_is_coded_by_absence_does_not_fall(probe):
    query = sc.CamQuery("tail_conv8", "brick", score="centered_logit")
    found = faithfulness(probe, query, "seg-grad-cam", checks="curves", scopes="region", steps=2, draws=2)
    start, end = found.curve("seg-grad-cam", "region", "deletion").mean()[[0, -1]]
    other = replaced(probe, "grass")
    assert end > 0.6 * start
    assert other[1] < 0 < other[0]


def test_channels_show_what_pixels_cannot_of_a_class_coded_by_absence(probe):
    query = sc.CamQuery("tail_conv2", "brick", score="margin")
    zero, mean = (
        faithfulness(probe, query, "seg-grad-cam", checks="channels", to=to).channels for to in ("zero", "mean")
    )
    assert zero.every
    assert mean.every
    silent, lifted = (test.curve("seg-grad-cam", "deletion") for test in (zero, mean))
    assert silent.mean()[-1] > silent.mean()[0] > 3  # both channels off: it is brick all the more
    assert silent.mean("iou").min() > 0.99
    assert (np.diff(lifted.mean()) < -3).all()
    assert lifted.mean("iou").tolist() == [1, 0, 0]
    assert mean.luck("seg-grad-cam", "deletion") == 0.5  # the better of two orders, and no more than that


def test_channels_of_a_class_with_features_fall_in_the_map_s_order(probe):
    query = sc.CamQuery("tail_conv8", "gravel", score="margin")
    test = faithfulness(probe, query, "seg-grad-cam", checks="channels", to="mean").channels
    assert test.luck("seg-grad-cam", "insertion") == 1 / 20
    assert test.bypass == ()


def replaced(probe, name):
    """S before and after all of the region's pixels are blurred."""
    query = sc.CamQuery("tail_conv8", name, score="centered_logit")
    found = faithfulness(probe, query, "seg-grad-cam", checks="curves", scopes="region", steps=2, draws=2)
    return found.curve("seg-grad-cam", "region", "deletion").mean()[[0, -1]]


def test_the_score_with_nothing_gone_is_the_explanation_s(probe, found):
    explained = sc.explain(probe, found.query)
    for scope in found.scopes:
        assert found.curve("hirescam", scope, "deletion").mean()[0] == pytest.approx(explained.score, rel=1e-4)
    assert isinstance(probe, Randomisable)
