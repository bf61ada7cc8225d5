"""`explore` on the shipped demo: what it takes, what it refuses, and that the real network answers as `explain` does."""

import functools
import subprocess
import sys

import numpy as np
import pytest

import segcam_widgets as sc
from tests.ui.explorer.uploads import png_of, upload, upload_panel

pytestmark = pytest.mark.keras


@pytest.fixture(scope="module")
def demo():
    return sc.load_demo()


@pytest.fixture(scope="module")
def probe(demo):
    return sc.open_probe(demo.model, demo.images[0], class_names=demo.class_names, truth=demo.truth[0])


@pytest.fixture
def explore():
    opened = []

    def open_(*arguments, **options):
        opened.append(sc.explore(*arguments, **options))
        assert opened[-1].flush(120)
        return opened[-1]

    yield open_
    for explorer in opened:
        explorer.close()


def count(explorer):
    return explorer.images.count


def test_a_model_with_one_image(explore, demo):
    for x in (demo.images[0], demo.images[:1], demo.images[0].tolist()):
        explorer = explore(demo.model, x)
        assert count(explorer) == 1
        assert explorer.error.value == ""
        assert explorer.explanation is not None


def test_a_model_with_several_images(explore, demo):
    for x in (demo.images[:3], list(demo.images[:3]), tuple(demo.images[:3])):
        explorer = explore(demo.model, x, truth=demo.truth[:3], class_names=demo.class_names)
        assert count(explorer) == 3
        explorer.images.next.click()
        assert explorer.flush(120)
        np.testing.assert_array_equal(explorer.probe.truth, demo.truth[1])
        np.testing.assert_allclose(explorer.probe.x[0], demo.images[1])


# Keras and numpy 2 at odds, with each saving of a model
@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning")
def test_a_file_a_probe_and_several_probes(explore, demo, probe, tmp_path):
    demo.model.save(tmp_path / "model.keras")
    assert explore(tmp_path / "model.keras", demo.images[0]).explanation is not None
    assert explore(str(tmp_path / "model.keras"), demo.images[0]).explanation is not None
    assert explore(probe).probe is probe
    assert count(explore([probe, probe])) == 2
    assert count(explore((probe,))) == 1


def test_pictures_with_a_preprocessing(explore, demo):
    pictures = [(np.repeat(x, 3, -1) * 255).astype(np.uint8) for x in demo.images[:2]]
    explorer = explore(demo.model, image=pictures, preprocess=lambda p: p[:, :, :1] / 255.0)
    assert count(explorer) == 2
    np.testing.assert_array_equal(explorer.probe.image, pictures[0])
    one = explore(demo.model, image=pictures[1], preprocess=lambda p: p[:, :, :1] / 255.0)
    assert count(one) == 1


def test_a_saved_state_opens_the_view(explore, probe):
    first = explore(probe)
    first.query = sc.CamQuery(probe.layers[-3].name, 1, sc.Rectangle(10, 10, 40, 60), "margin")
    assert first.flush()
    second = explore(probe, state=first.state)
    assert second.query == first.query
    assert second.explanation.isclose(first.explanation, rtol=0)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda d, p: sc.explore(d.model), "`x` must be given"),
        (lambda d, p: sc.explore(d.model, []), "`x`"),
        (lambda d, p: sc.explore(d.model, d.images[:0]), "at least one image"),
        (lambda d, p: sc.explore(d.model, np.zeros((64, 64, 5))), "Received"),
        (lambda d, p: sc.explore(d.model, np.full((64, 64, 1), np.nan)), "NaN"),
        (lambda d, p: sc.explore(d.model, [d.images[0], d.images[1]], truth=d.truth[:1]), "each of the 2 images"),
        (lambda d, p: sc.explore(d.model, d.images[0], class_names=["a"]), "class_names"),
        (lambda d, p: sc.explore("no such file.keras", d.images[0]), "exists"),
        (lambda d, p: sc.explore(3, d.images[0]), "Received: int"),
        (lambda d, p: sc.explore(None), "Received: NoneType"),
        (lambda d, p: sc.explore(d.images, d.model), "`model` must be"),
        (lambda d, p: sc.explore([p, d.model]), "list of probes"),
        (lambda d, p: sc.explore([]), "empty"),
        (lambda d, p: sc.explore(p, d.images[0]), "`x` belongs to a model"),
        (lambda d, p: sc.explore(p, truth=d.truth[0]), "`truth` belongs to a model"),
        (lambda d, p: sc.explore(p, state={"schema": 0}), "`state`"),
        (lambda d, p: sc.SegCamExplorer(d.model), "sc.explore"),
    ],
)
def test_what_cannot_be_opened_is_said_at_once(demo, probe, make, words):
    with pytest.raises(sc.SegCamError, match=words):
        make(demo, probe)


def test_a_keyword_that_does_not_exist(demo):
    with pytest.raises(TypeError, match="colour"):
        sc.explore(demo.model, demo.images[0], colour="red")


def test_a_later_image_that_does_not_fit_is_said_in_the_widget(explore, demo):
    explorer = explore(demo.model, [demo.images[0], np.zeros((61, 64, 1), np.float32), demo.images[1]])
    before = explorer.explanation
    explorer.images.next.click()
    assert explorer.flush(120)
    assert explorer.error.value != ""
    assert explorer.explanation is before
    assert explorer.images.index == 0
    assert "Traceback" not in explorer.error.value


def test_the_real_network_answers_on_the_worker_as_it_does_here(explore, probe):
    explorer = explore(probe)
    for number, layer in enumerate(probe.layers[::7]):
        quick = [m for m in sc.METHODS.values() if not m.slow]
        slow = [m for m in sc.METHODS.values() if m.slow][number : number + 1]  # one at each of the first layers
        for method in (*quick, *slow):
            if method.refusal(layer, probe.layers):
                continue
            query = sc.CamQuery(layer.name, 1, sc.Rectangle(8, 8, 40, 50), "margin", method.name)
            explorer.query = query
            assert explorer.flush(120)
            assert explorer.error.value == ""
            assert explorer.explanation.isclose(sc.explain(probe, query))


def test_a_drag_over_layers_and_classes_ends_with_the_last(explore, probe):
    explorer = explore(probe)
    sliders = explorer.controls.layer_slider, explorer.controls.class_slider
    for slider in sliders:
        for value in (*range(slider.max + 1), *reversed(range(slider.max))):
            slider.value = value
    sliders[0].value = len(probe.layers) - 3
    assert explorer.flush(120)
    assert explorer.explanation.query == explorer.query
    assert explorer.explanation.isclose(sc.explain(probe, explorer.query))
    counts = explorer._session.counts
    assert counts.submitted == counts.answered + counts.dropped


def test_weights_that_change_are_noticed(explore, demo):
    model = sc.load_demo().model
    probe = sc.open_probe(model, demo.images[0])
    explorer = explore(probe)
    query = explorer.query
    layer = next(layer for layer in model.layers if layer.name == query.layer)
    layer.set_weights([w * 1.5 for w in layer.get_weights()])
    explorer.controls.class_slider.value = (query.class_index + 1) % len(demo.class_names)
    explorer.query = query
    assert explorer.flush(120)
    fresh = sc.explain(sc.open_probe(model, demo.images[0]), query)
    assert explorer.explanation.isclose(fresh)


@pytest.mark.parametrize(
    ("classes", "last"), [(1, "sigmoid"), (1, None), (2, "softmax"), (3, "sigmoid"), (150, "softmax")]
)
def test_heads_of_every_width(explore, classes, last):
    import keras

    keras.utils.set_random_seed(0)
    image = keras.Input((16, 24, 3))
    x = keras.layers.Conv2D(4, 3, 2, "same", activation="relu")(image)  # logits at half the picture's size
    model = keras.Model(image, keras.layers.Conv2D(classes, 1, activation=last)(x))
    explorer = explore(model, np.random.default_rng(0).random((16, 24, 3)))
    shown = len(explorer.probe.class_names)
    assert shown == (2 if classes == 1 else classes)
    for asked in {0, shown - 1}:
        explorer.query = sc.CamQuery(explorer.probe.layers[1].name, asked, sc.Rectangle(0, 0, 4, 6))
        assert explorer.flush(120)
        assert explorer.error.value == ""
    assert explorer.canvas.image["shape"] == [16, 24]
    assert explorer.canvas.grid_shape == [8, 12]
    explorer.canvas.shapes = [{"kind": "rectangle", "points": [[0, 0], [12, 8]], "op": "add"}]
    assert explorer.flush(120)
    assert explorer.query.region == sc.Rectangle(0, 0, 4, 6)


def test_an_uploaded_picture_is_one_more_image(explore, demo):
    explorer = explore(demo.model, demo.images[:2], class_names=demo.class_names)
    send = functools.partial(upload, upload_panel(explorer))
    send("<b>grey</b>.png", png := png_of(np.full((50, 70, 3), 90, np.uint8)))
    assert explorer.flush(120)
    assert explorer.error.value == ""
    assert count(explorer) == 3
    assert explorer.images.index == 2
    assert explorer.explanation.class_names == demo.class_names
    for name, content in (("a.png", b"no picture"), ("b.png", b""), ("c.png", png[:60])):
        send(name, content)
        assert explorer.flush(120)
        assert "Received" in explorer.error.value
        assert count(explorer) == 3


def test_an_uploaded_picture_in_tiles_is_an_image_a_tile(explore, demo):
    import keras

    keras.utils.set_random_seed(0)
    image = keras.Input((16, 24, 3))
    x = keras.layers.Conv2D(4, 3, padding="same", activation="relu")(image)
    model = keras.Model(image, keras.layers.Conv2D(3, 1, activation="softmax")(x))
    photo = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    explorer = explore(model, np.zeros((16, 24, 3)), class_names=["a", "b", "c"])
    panel = upload_panel(explorer)
    panel.fit.value = "tile"
    upload(panel, "photo.png", png_of(photo))
    assert explorer.flush(120)
    assert explorer.error.value == ""
    assert (count(explorer), explorer.images.index) == (10, 1)  # the first of nine tiles
    for number in range(9):
        top, left = (0, 16, 24)[number // 3], (0, 24, 26)[number % 3]
        said = f"tile {number + 1} of 9, rows {top} to {top + 16} and columns {left} to {left + 24} of 40 x 50"
        assert said in explorer.legend.value
        tile = photo[top : top + 16, left : left + 24]
        np.testing.assert_array_equal(explorer.probe.image, tile)
        np.testing.assert_allclose(explorer.probe.x[0], tile / 255, atol=1e-6)
        assert explorer.explanation.class_names == ("a", "b", "c")
        assert explorer.images.next.disabled == (number == 8)
        if number < 8:
            explorer.images.next.click()
            assert explorer.flush(120)
            assert explorer.error.value == ""
    explorer.open_image(0)  # what was there is still there, before the tiles
    assert explorer.flush(120)
    assert "tile" not in explorer.legend.value
    before = explorer.probe
    upload(panel, "cut.png", png_of(photo)[:60])
    assert "cannot be read as one" in explorer.error.value
    assert (count(explorer), explorer.probe) == (10, before)


def test_a_tile_that_is_named_is_shown_alone(explore, demo):
    photo = np.random.default_rng(0).random((600, 520, 1), np.float32)
    explorer = explore(demo.model, photo, class_names=demo.class_names, fit="tile", tile=1)
    assert explorer.flush(120)
    assert count(explorer) == 1
    assert "tile 2 of 4" in explorer.legend.value


def test_tiles_that_the_model_refuses_are_said_in_the_panel_and_not_added(explore):
    import keras

    image = keras.Input((16, 16, 5))
    model = keras.Model(image, keras.layers.Conv2D(2, 1)(image))
    explorer = explore(model, np.zeros((16, 16, 5)))
    panel = upload_panel(explorer)
    panel.fit.value = "tile"
    upload(panel, "photo.png", png_of(np.zeros((20, 30, 3), np.uint8)))
    assert "5 channels" in explorer.error.value
    assert count(explorer) == 1


def test_a_function_of_ones_own_prepares_each_tile_and_else_fits_by_itself(explore):
    import keras

    given = []

    def prepare(pixels):
        given.append(pixels.shape)
        return pixels[:16, :16] / 255

    image = keras.Input((16, 16, 3))
    model = keras.Model(image, keras.layers.Conv2D(2, 1)(image))
    explorer = explore(model, image=np.zeros((16, 16, 3), np.uint8), preprocess=prepare)
    panel = upload_panel(explorer)
    for fit, images, size in (("resize", 2, (20, 30, 3)), ("tile", 6, (16, 16, 3))):
        panel.fit.value = fit
        upload(panel, "photo.png", png_of(np.zeros((20, 30, 3), np.uint8)))
        assert explorer.flush(120)
        assert explorer.error.value == ""
        assert (count(explorer), given[-1]) == (images, size)
    assert "tile 1 of 4" in explorer.legend.value
    assert "values by a function of your own" in explorer.legend.value


def test_a_process_that_ends_while_the_worker_computes_ends_quietly():
    code = (
        "import segcam_widgets as sc\n"
        "demo = sc.load_demo()\n"
        "explorer = sc.explore(demo.model, demo.images)\n"
        "for value in range(explorer.controls.layer_slider.max):\n"
        "    explorer.controls.layer_slider.value = value\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert "Fatal" not in done.stderr
