"""Names of classes and layers are text, whatever they contain; the numbers of everything may be small or large."""

from html.parser import HTMLParser

import numpy as np
import pytest

import segcam_widgets as sc
from tests.ui.explorer.array_probe import ArrayProbe

EVIL = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "line\nbreak",
    "&lt;b&gt;",
    "Straße 🙂 ١٢",
    "",
    " · blank",
)
ALLOWED = {
    "a", "b", "br", "details", "div", "figcaption", "figure", "i", "img", "p", "small", "span", "style", "summary",
    "table", "tbody", "td", "th", "thead", "tr",
}  # fmt: skip


class Reader(HTMLParser):
    """Tags, attributes and text of a piece of HTML, as a browser would see them."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.attributes, self.text = set(), set(), ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes.update(name for name, _ in attrs)

    def handle_data(self, data):
        self.text += data


def html_of(explorer):
    import ipywidgets

    from segcam_widgets.ui.page.lifetime import family

    return [w.value for w in family(explorer) if isinstance(w, ipywidgets.HTML | ipywidgets.HTMLMath)]


@pytest.fixture
def evil(show):
    channels = {f"<script>layer({i})</script>/{name!r}": (4, 6, 3) for i, name in enumerate(EVIL)}
    return show(channels=channels, classes=EVIL)


def test_tags_in_names_do_nothing(evil):
    for index in range(len(EVIL)):
        evil.controls.class_slider.value = index
        evil.controls.layer_slider.value = index + 1
        assert evil.flush()
        for panel in (0, 1):
            evil.channels.selected_index = panel
        for html in html_of(evil):
            seen = Reader(html)
            assert seen.tags <= ALLOWED, html
            assert not any(name.startswith("on") for name in seen.attributes), html
        if index == 0:
            assert "<script>alert(1)</script>" in Reader(evil.legend.value).text
            assert "<script>layer(0)</script>" in Reader(evil.sentence.value).text


def test_tags_in_errors_do_nothing(evil):
    evil.controls.layer_list.value = '<img src=x onerror="alert(1)">'
    seen = Reader(evil.error.value)
    assert seen.tags == {"div"}
    assert "onerror" in seen.text


def test_names_are_names_whatever_they_contain(evil):
    for index, layer in enumerate(evil.probe.layers):
        evil.controls.layer_slider.value = 0
        evil.controls.layer_list.value = evil.controls.layer_list.options[index]
        assert evil.flush()
        assert evil.query.layer == layer.name
    for index in range(len(EVIL)):
        evil.controls.class_list.value = index
        assert evil.flush()
        assert evil.explanation.class_name == EVIL[index]


def test_the_code_of_a_view_with_such_names_is_code(evil):
    for index in range(len(EVIL)):
        evil.controls.class_slider.value = index
        evil.controls.layer_slider.value = index + 1
        assert evil.flush()
        compile(evil.copy.text, "cell", "exec")


@pytest.mark.parametrize(
    "arguments",
    [
        {"channels": {"tail": (4, 6, 512)}},
        {"classes": 1},
        {"classes": 2},
        {"classes": 150},
        {"channels": {f"block_{i // 10}/conv_{i}": (4, 6, 4) for i in range(300)}},
        {"size": (8, 8), "channels": {"tail": (8, 8, 2)}},
        {"size": (1, 1), "channels": {"tail": (1, 1, 1)}},
        {"size": (4, 256), "channels": {"tail": (2, 64, 3)}, "display": (9, 700)},
        {"size": (256, 256), "channels": {"tail": (256, 256, 2)}, "display": (1024, 1024)},
    ],
    ids=["512 channels", "1 class", "2 classes", "150 classes", "300 layers", "8 px", "1 px", "a strip", "1024 px"],
)
def test_small_and_large(show, arguments):
    explorer = show(**arguments)
    probe = explorer.probe
    for layer in (1, len(probe.layers) - 2):
        for asked in {0, len(probe.class_names) - 1}:
            explorer.query = sc.CamQuery(probe.layers[layer].name, asked, sc.Everything())
            assert explorer.flush()
            assert explorer.error.value == ""
            assert explorer.explanation.isclose(sc.explain(probe, explorer.query))
            assert explorer.canvas.heat["shape"] == list(explorer.explanation.cam.shape)
    predicted = np.unique(probe.labels)
    legend = Reader(explorer.legend.value).text
    chosen = int(explorer.query.class_index)
    for index, name in enumerate(probe.class_names):
        if index in predicted or index == chosen:
            assert name in legend
    absent = len(set(range(len(probe.class_names))) - {*predicted.tolist(), chosen})
    assert (f"{absent} more predicted nowhere" in legend) == (absent > 0)


def test_every_class_has_a_colour_of_its_own(show):
    explorer = show(classes=150)
    assert len(set(explorer.canvas.palette)) == 150


def test_the_first_view_asks_about_no_background(show):
    probe = ArrayProbe(classes=("sky", " Background", "land"))
    probe.labels = np.ones_like(probe.labels)
    probe.labels[:2] = 2
    explorer = show(probe)
    assert explorer.query.class_index == 2
