"""Several images: previous and next, each opened when it is first shown, the question carried over."""

import numpy as np
import pytest

import segcam_widgets as sc
from tests.ui.explorer.array_probe import ArrayProbe

SQUARE = {"kind": "rectangle", "points": [[2, 4], [12, 10]], "op": "add"}


def several(count=3, **arguments):
    return [ArrayProbe(seed=i, **arguments) for i in range(count)]


def step(explorer, button):
    getattr(explorer.images, button).click()
    assert explorer.flush()


def test_one_image_has_no_buttons(show):
    assert show().images.layout.display == "none"


def test_next_and_previous(show):
    probes = several()
    explorer = show(probes)
    assert explorer.images.layout.display is None
    assert explorer.images.previous.disabled
    for index in (1, 2):
        step(explorer, "next")
        assert explorer.probe is probes[index]
        assert explorer.images.place.value == f"image {index + 1} of 3"
        assert explorer.explanation.isclose(sc.explain(probes[index], explorer.query))
        assert explorer.canvas.labels["data"] == probes[index].labels.astype(np.uint8).tobytes()
    assert explorer.images.next.disabled
    step(explorer, "previous")
    assert explorer.probe is probes[1]


def test_the_question_is_carried_over_and_asks_about_the_new_prediction(show):
    explorer = show(several())
    explorer.query = sc.CamQuery("deep", 1, score="margin", method="hirescam")
    assert explorer.flush()
    explorer.canvas.shapes = [SQUARE]
    assert explorer.flush()
    step(explorer, "next")
    query = explorer.query
    assert (query.layer, query.class_index, query.score, query.method) == ("deep", 1, "margin", "hirescam")
    assert query.region == sc.PredictedClass(1)
    assert explorer.canvas.shapes == []
    assert explorer.region.value == "predicted"
    assert explorer.explanation.query == query


def test_the_same_question_is_answered_anew_for_another_image(show):
    """An equal query must not be taken for one that has been answered."""
    explorer = show(several())
    explorer.query = sc.CamQuery("deep", 1)
    assert explorer.flush()
    before = explorer.explanation
    step(explorer, "next")
    assert explorer.query == before.query
    assert explorer.explanation is not before
    assert explorer.explanation.isclose(sc.explain(explorer.probe, explorer.query))


def test_images_are_opened_when_they_are_shown_and_once(show):
    probes, opened = several(), []

    def opener(index):
        def open_():
            opened.append(index)
            return probes[index]

        return open_

    explorer = show([opener(i) for i in range(3)])
    assert opened == [0]
    for button in ("next", "previous", "next", "next", "previous"):
        step(explorer, button)
    assert opened == [0, 1, 2]


def test_an_image_that_cannot_be_opened_leaves_the_view_as_it_is(show):
    def broken():
        raise sc.SegCamError("`x` must be 16 x 24. Received: 5 x 5.")

    probes = several()
    explorer = show([probes[0], broken, probes[2]])
    before = explorer.explanation
    step(explorer, "next")
    assert "Received: 5 x 5" in explorer.error.value
    assert explorer.probe is probes[0]
    assert explorer.explanation is before
    assert explorer.images.index == 0
    with pytest.raises(sc.SegCamError, match="5 x 5"):
        explorer.open_image(1)
    explorer.open_image(2)
    assert explorer.flush()
    assert explorer.error.value == ""


def test_an_opener_that_breaks_leaves_the_view_as_it_is(show):
    def broken():
        raise MemoryError("no room")

    probes = several(1)
    explorer = show([probes[0], broken])
    step(explorer, "next")
    assert "no room" in explorer.error.value
    assert explorer.probe is probes[0]


@pytest.mark.parametrize("index", [-1, 3, 100, "1", 1.0, True])
def test_there_is_no_such_image(show, index):
    explorer = show(several())
    with pytest.raises(sc.SegCamError, match=r"0 to 2.*Received"):
        explorer.open_image(index)


def test_images_of_other_sizes_truths_and_models(show):
    """Nothing of the image before is left: its size, truth, classes or layers."""
    probes = [
        ArrayProbe(truth=np.zeros((16, 24), int)),
        ArrayProbe(size=(8, 32), channels={"other": (4, 8, 5)}, classes=40, seed=3),
        ArrayProbe(size=(32, 32), display=(100, 100), channels={"deep": (8, 8, 3)}, classes=2),
    ]
    explorer = show(probes)
    explorer.controls.class_slider.value = 2
    explorer.region.value = "true"
    explorer.flush()
    for index in (1, 2, 0):
        explorer.open_image(index)
        assert explorer.flush()
        probe = probes[index]
        assert explorer.error.value == ""
        assert explorer.explanation.mask.shape == probe.size
        assert explorer.controls.layer_slider.max == len(probe.layers) - 1
        assert explorer.controls.class_slider.max == len(probe.class_names) - 1
        assert explorer.canvas.image["shape"] == list(probe.image.shape[:2])
        assert explorer.canvas.grid_shape == list(probe.size)
        assert (explorer.canvas.truth is None) == (probe.truth is None)
        assert ("true" in [v for _, v in explorer.region.options]) == (probe.truth is not None)


def test_an_answer_for_an_image_that_is_gone_is_not_shown(show):
    """The next image is opened while the last question is still being answered."""
    import threading

    probes = several(2)
    go_on, begun = threading.Event(), threading.Event()
    slow = probes[0].pullback

    def pullback(*arguments, **options):
        begun.set()
        assert go_on.wait(30)
        return slow(*arguments, **options)

    explorer = show(probes)
    probes[0].pullback = pullback
    explorer.controls.layer_slider.value = 1
    assert begun.wait(30)
    explorer.images.next.click()
    go_on.set()
    assert explorer.flush()
    assert explorer.probe is probes[1]
    assert explorer.explanation.isclose(sc.explain(probes[1], explorer.query))


def test_an_explorer_of_no_images_is_refused():
    with pytest.raises(sc.SegCamError, match="empty"):
        sc.SegCamExplorer([])


def test_a_model_is_no_probe():
    with pytest.raises(sc.SegCamError, match=r"sc\.explore\(model, x\).*Received: Callable"):
        sc.SegCamExplorer(type("CallableModel", (), {"__call__": lambda self: None})())
    with pytest.raises(sc.SegCamError, match="Received: ndarray"):
        sc.SegCamExplorer(np.zeros((4, 4, 3)))


def test_an_image_without_the_class_asks_about_one_that_it_has(show):
    probes = several(2)
    probes[1].labels = np.where(probes[1].labels == 1, 0, probes[1].labels)
    explorer = show(probes)
    explorer.query = sc.CamQuery("deep", 1, score="margin", method="hirescam")
    assert explorer.flush()
    step(explorer, "next")
    query = explorer.query
    assert query.class_index == np.bincount(probes[1].labels.ravel()).argmax()
    assert (query.layer, query.score, query.method) == ("deep", "margin", "hirescam")
    assert explorer.error.value == ""


def test_where_the_next_image_fails_nothing_of_the_last_one_is_left(show):
    probes = several(2)
    probes[1].trouble = RuntimeError("the device is gone")
    explorer = show(probes)
    step(explorer, "next")
    assert "the device is gone" in explorer.error.value
    assert "last answer" not in explorer.error.value
    assert explorer.explanation is None
    assert "px" not in explorer.sentence.value
    assert explorer.canvas.heat is None
    assert explorer.canvas.region_mask is None
    assert list(explorer.histogram.bars.y) == [0]
    step(explorer, "previous")
    assert explorer.error.value == ""
    assert explorer.explanation.isclose(sc.explain(probes[0], explorer.query))
    assert len(explorer.histogram.bars.y) == explorer.explanation.layer.shape[2]
