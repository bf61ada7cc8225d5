"""Files as people have them on their disks: models, pictures, arrays, good and broken."""

import ast
import sys

import numpy as np
import pytest
from PIL import Image

CLASSES = 3


@pytest.fixture(scope="session")
def files(tmp_path_factory):
    """A folder of files that the command line is given."""
    import warnings

    import keras
    from keras import layers

    folder = tmp_path_factory.mktemp("files")
    keras.utils.set_random_seed(0)

    def network(size=(16, 24), channels=3, pooled=False, classes=CLASSES):
        image = keras.Input((*size, channels), name="image")
        x = layers.Conv2D(4, 3, padding="same", activation="relu", name="body")(image)
        x = layers.GlobalAveragePooling2D()(x) if pooled else x
        last = layers.Dense(classes, name="head") if pooled else layers.Conv2D(classes, 1, name="head")
        return keras.Model(image, layers.Softmax(name="softmax")(last(x)))

    model = network()
    two = [keras.Input((16, 24, 3)), keras.Input((16, 24, 3))]
    joined = keras.Model(two, layers.Conv2D(CLASSES, 1, activation="softmax")(layers.Concatenate()(two)))
    image = keras.Input((16, 24, 3))
    twice = layers.Lambda(lambda x: x * 2, output_shape=(16, 24, 3))(image)
    own = keras.Model(image, layers.Conv2D(CLASSES, 1, activation="softmax")(twice))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Keras and numpy 2 are at odds when a model is saved; .h5 is called old
        model.save(folder / "model.keras")
        model.save(folder / "model.h5")
        model.save_weights(folder / "model.weights.h5")
        model.save_weights(folder / "only.weights.h5")
        (folder / "only.weights.h5").rename(folder / "weights.h5")
        network(pooled=True).save(folder / "classifier.keras")
        network(channels=5).save(folder / "five.keras")
        network(channels=1).save(folder / "grey.keras")
        network(size=(None, None)).save(folder / "any.keras")
        joined.save(folder / "two.keras")
        own.save(folder / "lambda.keras")
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 256, (16, 24, 3), dtype=np.uint8)
    Image.fromarray(picture).save(folder / "picture.png")
    Image.fromarray(picture).save(folder / "picture.jpg")
    Image.fromarray(rng.integers(0, 256, (40, 50, 3), dtype=np.uint8)).save(folder / "large.png")
    Image.fromarray(picture[:, :, 0]).save(folder / "grey.png")
    x = rng.random((16, 24, 3), dtype=np.float32)
    arrays = {
        "x": x, "batch": x[None], "two": np.stack([x, x]), "nan": np.where(x > 0.9, np.nan, x), "small": x[:8],
        "five": rng.random((16, 24, 5)), "flat": x[0, 0], "text": np.array(["a"]), "complex": x.astype(complex),
        "bool": x > 0.5,
    }  # fmt: skip
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)
    np.save(folder / "object.npy", np.array([{"a": 1}], object), allow_pickle=True)
    np.savez(folder / "several.npz", x=x)
    (folder / "several.npz").rename(folder / "several.npy")
    (folder / "empty.npy").write_bytes(b"")
    (folder / "cut.npy").write_bytes((folder / "x.npy").read_bytes()[:200])
    (folder / "empty.png").write_bytes(b"")
    (folder / "cut.png").write_bytes((folder / "large.png").read_bytes()[:600])
    (folder / "cut.keras").write_bytes((folder / "model.keras").read_bytes()[:3000])
    (folder / "empty.keras").write_bytes(b"")
    (folder / "words.keras").write_text("not a model")
    (folder / "words.h5").write_text("not a model")
    (folder / "words.png").write_text("not a picture")
    (folder / "notes.txt").write_text("notes")
    return folder


@pytest.fixture
def served(monkeypatch):
    """Give a function that opens the explorer that a command would serve."""
    from segcam_widgets import serve
    from segcam_widgets.cli import main

    cells, opened = [], []
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(serve, "serve", lambda code, **options: cells.append(code))

    def run(*arguments):
        assert main(list(arguments)) == 0
        *before, shown = ast.parse(cells[-1]).body
        exec(compile(ast.Module(before, []), "cell", "exec"), names := {})
        opened.append(eval(compile(ast.Expression(shown.value), "cell", "eval"), names))
        return opened[-1]

    yield run
    for explorer in opened:
        explorer.close()
