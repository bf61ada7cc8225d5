"""The atlas in the explorer: computed when told to, and a cell leads to its map."""

import json
import threading

import numpy as np
import pytest

import segcam_widgets as sc
from segcam_widgets.core.answers import LayerInfo
from segcam_widgets.ui.panels.heat_table import BLANK, BROKEN, FINE, NO_MAP, HeatTable, encode
from tests.ui.explorer.array_probe import ArrayProbe


class Slow(ArrayProbe):
    """Counts its sweeps; each waits until it may go on."""

    def __post_init__(self):
        super().__post_init__()
        self.sweeps, self.begun, self.go_on = 0, threading.Event(), threading.Event()
        self.go_on.set()

    def sweep(self, cotangent, layers=None):
        self.sweeps += 1
        self.begun.set()
        assert self.go_on.wait(30)
        return super().sweep(cotangent, layers)


def computed(explorer):
    explorer.atlas.compute.click()
    assert explorer.atlas.worker.flush()
    return explorer.atlas.atlas


def choose(explorer, row, column):
    explorer.atlas.table._handle_custom_msg({"kind": "choose", "row": row, "column": column}, [])
    assert explorer.flush()


def test_nothing_is_computed_until_it_is_asked_for(show):
    probe = Slow()
    explorer = show(probe)
    panel = explorer.atlas
    panel.selected_index = 0
    explorer.query = sc.CamQuery("deep", 1)
    assert explorer.flush()
    assert probe.sweeps == 0
    assert panel.atlas is None
    assert panel.table.table == {}
    assert "4 layers, 3 classes: where maps are blank, by one backward pass per class" in panel.note.value
    assert panel.cancel.layout.display == panel.bar.layout.display == "none"
    assert panel.reasons.disabled
    found = computed(explorer)
    assert probe.sweeps == 3
    assert found.score == "margin"
    expected = sc.atlas(probe)
    np.testing.assert_array_equal(found.positive_share, expected.positive_share)
    assert panel.table.table["rows"] == ["input", "deep", "tail", "logits"]
    assert panel.table.table["columns"] == ["sky", "sea", "land"]
    assert expected.summary() in panel.note.value
    assert panel.cancel.layout.display == "none"
    assert not panel.compute.disabled


def test_a_cell_leads_to_its_map(show):
    explorer = show()
    found = computed(explorer)
    explorer.query = sc.CamQuery("deep", 0, sc.Rectangle(0, 0, 4, 4), "logit", "layercam", "mean")
    assert explorer.flush()
    choose(explorer, 2, 1)
    query = explorer.query
    assert (query.layer, query.class_index, query.region) == ("tail", 1, sc.PredictedClass(1))
    assert (query.score, query.method, query.baseline) == ("margin", "seg-grad-cam", "zero")
    assert found.cell("tail", 1).positive_share == pytest.approx(explorer.explanation.positive_share, abs=1e-5)
    assert explorer.atlas.table.current == [2, 1]
    explorer.controls.layer_slider.value = 1
    assert explorer.flush()
    assert explorer.atlas.table.current == [1, 1]


@pytest.mark.parametrize("content", [{"kind": "choose", "row": 9, "column": 0}, {"kind": "choose", "row": "0", "column": 0},
                                     {"kind": "choose", "row": -1, "column": 0}, {"kind": "other"}, "choose"])  # fmt: skip
def test_a_message_that_names_no_cell_does_nothing(show, content):
    explorer = show()
    computed(explorer)
    before = explorer.query
    explorer.atlas.table._handle_custom_msg(content, [])
    assert explorer.query == before


def test_the_region_on_view_for_all_classes(show):
    explorer = show()
    explorer.query = sc.CamQuery("deep", 0, sc.Rectangle(1, 1, 9, 9), "margin")
    assert explorer.flush()
    explorer.atlas.where.value = "same"
    found = computed(explorer)
    assert found.region == sc.Rectangle(1, 1, 9, 9)
    assert found.score == "margin"
    assert found.pixels.tolist() == [64, 64, 64]
    choose(explorer, 1, 2)
    assert explorer.query == sc.CamQuery("deep", 2, sc.Rectangle(1, 1, 9, 9), "margin", rival="strongest")


def test_cancel_stops_between_classes_and_keeps_what_was_there(show):
    probe = Slow()
    explorer = show(probe)
    before = computed(explorer)
    probe.go_on.clear()
    probe.begun.clear()
    explorer.atlas.compute.click()
    assert probe.begun.wait(30)
    assert explorer.atlas.compute.disabled
    assert explorer.atlas.cancel.layout.display == ""
    assert "atlas: sky (1 of 3 classes)" in explorer.atlas.note.value
    explorer.query = sc.CamQuery("tail", 2)  # the view answers meanwhile
    assert explorer.flush()
    assert "atlas: sky (1 of 3 classes)" in explorer.atlas.note.value
    explorer.atlas.cancel.click()
    probe.go_on.set()
    assert explorer.atlas.worker.flush()
    assert probe.sweeps == 4
    assert explorer.atlas.atlas is before
    assert not explorer.atlas.compute.disabled
    assert explorer.atlas.cancel.layout.display == "none"
    assert before.summary() in explorer.atlas.note.value


def test_the_reasons_of_blank_maps_are_named_on_request(show):
    explorer = show(classes=2, channels={"tail": (16, 24, 1)})
    found = computed(explorer)
    assert found.is_blank.any()
    assert not explorer.atlas.reasons.disabled
    explorer.atlas.reasons.click()
    assert explorer.atlas.worker.flush()
    named = explorer.atlas.atlas
    assert len(named.headlines) == found.is_blank.sum()
    row, column = np.argwhere(found.is_blank)[0]
    code = named.headlines[named.layers[row].name, int(column)]
    assert explorer.atlas.table.table["codes"][f"{row},{column}"] == code
    assert code in sc.RULES
    assert explorer.atlas.reasons.disabled


def test_another_score_is_said_and_another_image_drops_the_atlas(show):
    from segcam_widgets import SegCamExplorer

    explorer = SegCamExplorer([ArrayProbe(), ArrayProbe(seed=1)])
    try:
        assert explorer.flush()
        computed(explorer)
        explorer.query = sc.CamQuery("deep", 0, score="centered_logit")
        assert explorer.flush()
        assert "The view now asks for the centered logit: compute again" in explorer.atlas.note.value
        explorer.images.next.click()
        assert explorer.flush()
        assert explorer.atlas.atlas is None
        assert explorer.atlas.table.table == {}
        assert explorer.atlas.table.current == [-1, -1]
        assert computed(explorer).shape == (4, 3)
    finally:
        explorer.close()


def test_what_goes_wrong_is_said(show):
    class Broken(ArrayProbe):
        def sweep(self, cotangent, layers=None):
            raise sc.UnsupportedModelError("No <sweep> here.")

    explorer = show(Broken())
    explorer.atlas.compute.click()
    assert explorer.atlas.worker.flush()
    assert "No atlas: No &lt;sweep&gt; here." in explorer.atlas.note.value
    assert not explorer.atlas.compute.disabled


def test_what_the_page_is_sent():
    layers = (LayerInfo("a", (2, 2, 1), "Conv2D"), LayerInfo("b", (2, 2, 1), "Conv2D"))
    share = np.array([[0.734, 0.0, np.nan], [1.0, np.nan, np.nan]])
    atlas = sc.Atlas(layers, (4, 0, 2), ("x", "y", "z"), "logit", None, np.array([3, 5, 0]), share, share == 0, share / 2,
                     {("a", 0): "SC205"})  # fmt: skip
    sent = encode(atlas)
    assert list(sent["kind"]) == [FINE, BLANK, NO_MAP, FINE, BROKEN, NO_MAP]
    assert list(sent["share"]) == [73, 0, 0, 100, 0, 0]
    assert list(sent["negative"]) == [37, 0, 0, 50, 0, 0]
    assert sent["codes"] == {"0,1": "SC205"}
    assert sent["pixels"] == [3, 5, 0]


# ------------------------------------------------------------------ on the page


@pytest.fixture
def page(chromium):
    context = chromium.new_context(viewport={"width": 640, "height": 700}, reduced_motion="reduce")
    yield context.new_page()
    context.close()


PAGE = """<style>CSS</style><div id="w" style="width: 560px"></div><script type="module">SCRIPT
  const raw = DATA;
  for (const name of ["share", "negative", "kind"]) raw[name] = new DataView(Uint8Array.from(raw[name]).buffer);
  window.sent = [];
  const model = { get: (name) => (name === "table" ? raw : [2, 1]), on() {}, off() {}, send: (m) => sent.push(m) };
  widget.render({ model, el: document.getElementById("w") });</script>"""


def put(page, atlas):
    """The table on a page of its own, with a model that notes what is sent."""
    plain = {name: list(value) if isinstance(value, bytes) else value for name, value in encode(atlas).items()}
    data = json.dumps(plain).replace("<", "\\u003c")
    script = HeatTable._esm.replace("export default", "const widget =")
    page.set_content(PAGE.replace("CSS", HeatTable._css).replace("DATA", data).replace("SCRIPT", script))
    page.locator(".sa-cell").first.wait_for()


@pytest.mark.browser
def test_a_large_table_is_walked_through_by_keyboard(page):
    layers = tuple(LayerInfo(f"backbone/block{i}_<b>conv</b>", (8, 8, 4), "Conv2D") for i in range(300))
    share = np.random.default_rng(0).uniform(0.02, 1, (300, 150))
    pixels = np.full(150, 7)
    pixels[3], share[:, 3], share[5, 2] = 0, np.nan, 0.0
    names = tuple(f"class {i} & more" for i in range(150))
    atlas = sc.Atlas(layers, tuple(range(150)), names, "logit", None, pixels, share, share == 0, share, {})
    put(page, atlas)
    focused = "document.activeElement.getAttribute('aria-label')"
    assert page.locator(".sa-cell").count() < 1500  # of 45000
    assert page.locator(".sa-box").get_attribute("aria-rowcount") == "301"
    assert page.locator(".sa-box b").count() == 0
    assert page.locator(".sa-shown").get_attribute("aria-label") == atlas.cell(layers[2].name, 1).summary()
    page.keyboard.press("Tab")  # to the cell whose map is on view
    assert page.evaluate(focused) == atlas.cell(layers[2].name, 1).summary()
    for key, row, column in (
        ("ArrowDown", 3, 1), ("ArrowRight", 3, 2), ("ArrowDown", 4, 2), ("ArrowDown", 5, 2), ("Control+End", 299, 149),
        ("ArrowDown", 299, 149), ("ArrowUp", 298, 149), ("Home", 298, 0), ("Control+Home", 0, 0), ("ArrowLeft", 0, 0),
    ):  # fmt: skip
        page.keyboard.press(key)
        assert page.evaluate(focused) == atlas.cell(layers[row].name, column).summary(), key
        page.evaluate("() => new Promise(requestAnimationFrame)")  # cells are made anew where the table scrolls
        cell, box = page.locator(":focus").bounding_box(), page.locator(".sa-box").bounding_box()
        assert box["x"] <= cell["x"]
        assert cell["x"] + cell["width"] <= box["x"] + box["width"]
        assert box["y"] < cell["y"] <= box["y"] + box["height"] - 20
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    assert page.evaluate("sent") == [{"kind": "choose", "row": 0, "column": 149}]
    page.locator(".sa-box").evaluate("box => box.scrollTo(0, 0)")
    blank = page.locator("[data-row='5'][data-column='2']")
    assert blank.inner_text() == "∅"
    blank.click()
    assert page.evaluate("sent.at(-1)") == {"kind": "choose", "row": 5, "column": 2}
    page.locator("[data-row='5'][data-column='3']").click()  # predicted nowhere: no map to go to
    assert len(page.evaluate("sent")) == 2
    assert "predicted nowhere, so there is no map" in page.locator(".sa-readout").inner_text()


@pytest.mark.browser
def test_a_small_table_uses_words(page):
    layers = tuple(LayerInfo(f"conv{i}", (8, 8, 4), "Conv2D") for i in range(5))
    share = np.linspace(0, 1, 10).reshape(5, 2)
    headline = {("conv0", 0): "SC205"}
    atlas = sc.Atlas(
        layers, (0, 1), ("sky", "sea"), "logit", None, np.array([4, 4]), share, share == 0, share, headline
    )
    put(page, atlas)
    assert page.locator(".sa-cell").all_inner_texts()[:4] == ["∅ SC205", "11 %", "22 %", "33 %"]
    assert page.locator(".sa-column").all_inner_texts() == ["sky", "sea"]
    assert page.locator(".sa-label").all_inner_texts() == [f"conv{i}" for i in range(5)]
