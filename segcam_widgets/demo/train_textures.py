"""Train the demo network: ``python -m segcam_widgets.demo.train_textures --seed 4 --epochs 60 -o DIR``.

A small U-Net with the last five layers of the question this project began with (conv 8 3x3, transposed conv 2 2x2,
conv 2 3x3, conv N 1x1, softmax). It writes the model without the optimizer, a few test mosaics, all measured numbers,
and the model card made of them. TensorFlow is imported inside the functions that need it.
"""

import argparse
import hashlib
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segcam_widgets.demo import card, measure
from segcam_widgets.demo.mosaics import CLASS_NAMES, make_mosaics, to_bytes
from segcam_widgets.errors import SegCamError

TRAIN_SIZE, TRAIN_PER_EPOCH, BATCH = 64, 320, 16
TEST_COUNT, TEST_SEED = 48, 999
SHIPPED_COUNT, SHIPPED_SIZE, SHIPPED_GRAIN, SHIPPED_SEED = 8, 160, 20.0, 2024
PEAK_RATE = 5e-3


def build_network(classes: int = len(CLASS_NAMES), *, base: int = 8, depth: int = 3) -> Any:
    """Build the untrained network, for images of any size divisible by 2**depth.

    Parameters
    ----------
    classes : int
        N, the outputs of the 1x1 convolution.
    base : int
        Channels of the first encoder level; each level has twice those of the one above.
    depth : int
        Encoder levels. The decoder stops at half resolution, for the transposed convolution of the tail to double.

    Returns
    -------
    keras.Model
        (None, None, 1) -> (None, None, classes) probabilities.
    """
    import keras
    from keras import layers

    def block(x: Any, name: str, channels: int) -> Any:
        x = layers.Conv2D(channels, 3, padding="same", use_bias=False, name=f"{name}_conv")(x)
        x = layers.BatchNormalization(name=f"{name}_bn")(x)
        return layers.Activation("relu", name=f"{name}_relu")(x)

    x = image = layers.Input((None, None, 1), name="image")
    skips = []
    for level in range(depth):
        x = block(x, f"enc{level}", base * 2**level)
        skips.append(x)
        x = layers.MaxPooling2D(2, name=f"enc{level}_pool")(x)
    x = layers.Conv2D(base * 2**depth, 3, padding="same", activation="relu", name="bottleneck")(x)
    for level in reversed(range(1, depth)):
        x = layers.UpSampling2D(2, name=f"dec{level}_up")(x)
        x = layers.Concatenate(name=f"dec{level}_cat")([x, skips[level]])
        x = block(x, f"dec{level}", base * 2**level)
    x = layers.Conv2D(8, 3, padding="same", activation="relu", name="tail_conv8")(x)
    # no ReLU here: with one, the two channels of this tail often die or become copies of each other
    x = layers.Conv2DTranspose(2, 2, strides=2, padding="same", name="tail_convT2")(x)
    x = layers.Conv2D(
        2,
        3,
        padding="same",
        activation="relu",
        kernel_initializer="he_normal",
        bias_initializer=keras.initializers.Constant(0.1),  # both channels start alive
        name="tail_conv2",
    )(x)
    x = layers.Conv2D(classes, 1, name="tail_logits")(x)
    return keras.Model(image, layers.Activation("softmax", name="softmax")(x), name="textures")


def train(seed: int, epochs: int, *, verbose: bool = True) -> Any:
    """Train from scratch; the same seed on the same machine gives the same weights, bit for bit.

    One thread on the CPU and TensorFlow's deterministic kernels: sums are always taken in the same order. Other
    processors may use other kernels and end elsewhere.

    Parameters
    ----------
    seed : int
        Of the weights and of the training mosaics.
    epochs : int
        Each on freshly made mosaics; the learning rate warms up and then falls along a cosine.
    verbose : bool
        Print the loss now and then.

    Returns
    -------
    keras.Model
        A copy that was never compiled, so that it is saved without the optimizer's state.
    """
    import keras

    keras.utils.set_random_seed(seed)
    rng = np.random.default_rng(seed)
    steps = epochs * (TRAIN_PER_EPOCH // BATCH)
    model = build_network()
    rate = keras.optimizers.schedules.CosineDecay(
        PEAK_RATE / 100, steps - steps // 12, alpha=0.02, warmup_target=PEAK_RATE, warmup_steps=max(1, steps // 12)
    )
    model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy")
    for epoch in range(epochs):
        images, truth = make_mosaics(TRAIN_PER_EPOCH, TRAIN_SIZE, split="train", seed=rng)
        history = model.fit(images, truth, batch_size=BATCH, shuffle=False, verbose=0)
        if verbose and (epoch % 10 == 0 or epoch == epochs - 1):
            print(f"epoch {epoch + 1} of {epochs}: loss {history.history['loss'][0]:.3f}", flush=True)
    bare = build_network()
    bare.set_weights(model.get_weights())
    return bare


def weights_digest(model: Any) -> str:
    """SHA-256 over the bytes of all weights in order: equal for two files exactly when the networks are equal."""
    digest = hashlib.sha256()
    for array in model.get_weights():
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def measure_network(model: Any, images: NDArray[np.float32], truth: NDArray[np.uint8]) -> dict[str, Any]:
    """Run the network on mosaics and measure it; see `measure.measure`."""
    import keras

    logits = keras.Model(model.input, model.get_layer("tail_logits").output)(images, training=False).numpy()
    views = {name: view_layer(model, name, images) for name in (measure.BLANK_LAYER, measure.SIGNED_LAYER)}
    return measure.measure(logits, truth, views)


def view_layer(model: Any, layer: str, images: NDArray[np.float32]) -> measure.LayerView:
    """Open a layer of the tail for measuring, with nothing but `tf.GradientTape`.

    Parameters
    ----------
    model : keras.Model
        From `build_network`: after the layer there is a plain chain of layers up to "tail_logits".
    layer : str
    images : ndarray, (N, H, W, 1) float32

    Returns
    -------
    LayerView
    """
    import keras
    import tensorflow as tf

    activations = keras.Model(model.input, model.get_layer(layer).output)(images, training=False)
    names = [step.name for step in model.layers]
    chain = model.layers[names.index(layer) + 1 : names.index("tail_logits") + 1]

    def pullback(cotangent: NDArray[np.float32]) -> NDArray[np.float32]:
        with tf.GradientTape() as tape:
            tape.watch(activations)
            logits = activations
            for step in chain:
                logits = step(logits)
        return tape.gradient(logits, activations, output_gradients=tf.constant(cotangent)).numpy()

    return measure.LayerView(activations.numpy(), pullback)


def logit_weights(model: Any) -> dict[str, dict[str, Any]]:
    """Read the 1x1 convolution: two weights and a bias for each class."""
    kernel, bias = model.get_layer("tail_logits").get_weights()
    return {
        name: {"weights": [round(float(w), 3) for w in kernel[0, 0, :, index]], "bias": round(float(bias[index]), 3)}
        for index, name in enumerate(CLASS_NAMES)
    }


def shipped_mosaics() -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Make the test mosaics that ship with the demo: larger than those of the training, to look at."""
    return make_mosaics(SHIPPED_COUNT, SHIPPED_SIZE, split="test", seed=SHIPPED_SEED, grain=SHIPPED_GRAIN)


def write_demo(
    model: Any, folder: Path, *, seed: int, epochs: int, tried: Sequence[dict[str, Any]] = ()
) -> dict[str, Any]:
    """Measure a trained network on unseen crops and write the demo's four files.

    Parameters
    ----------
    model : keras.Model
        As `train` returns it.
    folder : Path
        Made if missing. Gets model.keras, mosaics.npz, measurements.json and CARD.md.
    seed, epochs : int
        What the network was trained with, for the card.
    tried : sequence of dict
        Measurements of other seeds, for the card's table.

    Returns
    -------
    dict
        The measurements, as in the file.
    """
    folder.mkdir(parents=True, exist_ok=True)
    model.save(folder / "model.keras")
    images, truth = shipped_mosaics()
    np.savez_compressed(folder / "mosaics.npz", images=to_bytes(images), truth=truth, class_names=np.array(CLASS_NAMES))
    measurements: dict[str, Any] = {
        "seed": seed,
        "epochs": epochs,
        "weights_sha256": weights_digest(model),
        "parameters": int(model.count_params()),
        "train": {"size": TRAIN_SIZE, "mosaics_per_epoch": TRAIN_PER_EPOCH, "batch": BATCH},
        "unseen": measure_network(model, *make_mosaics(TEST_COUNT, TRAIN_SIZE, split="test", seed=TEST_SEED)),
        "shipped": measure_network(model, images, truth),
        "logit_weights": logit_weights(model),
        "tried": [measure.summary(other) for other in tried],
    }
    measurements["verdict"] = measure.verdict(measurements)
    (folder / "measurements.json").write_text(json.dumps(measurements, indent=1) + "\n", encoding="utf-8")
    (folder / "CARD.md").write_text(card.render(measurements), encoding="utf-8")
    return measurements


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code (2: a user's mistake, said in one sentence)."""
    parser = argparse.ArgumentParser(prog="python -m segcam_widgets.demo.train_textures", description=__doc__)
    parser.add_argument("--seed", type=int, default=4, help="of the weights and the training mosaics")
    parser.add_argument("--epochs", type=int, default=60, help=f"of {TRAIN_PER_EPOCH} fresh mosaics each")
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder for the demo's files")
    parser.add_argument("--tried", type=Path, help="folder of other runs' folders, for the card's table of seeds")
    options = parser.parse_args(argv)
    if options.epochs < 1 or options.seed < 0:
        parser.error(f"--epochs must be at least 1 and --seed 0. Received: {options.epochs} and {options.seed}.")
    try:
        tried = _read_runs(options.tried) if options.tried else []
        _one_thread()
        model = train(options.seed, options.epochs)
        result = write_demo(model, options.output, seed=options.seed, epochs=options.epochs, tried=tried)
    except (SegCamError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    print(json.dumps(measure.summary(result)))
    return 0


def _read_runs(folder: Path) -> list[dict[str, Any]]:
    """Read the measurements of every run below a folder, by seed."""
    runs = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*/measurements.json"))]
    return sorted(runs, key=lambda run: run["seed"])


def _one_thread() -> None:
    """Set TensorFlow up so that a run can be repeated: see `train`. Has to come before its first computation."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import tensorflow as tf

    tf.config.set_visible_devices([], "GPU")
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    tf.config.experimental.enable_op_determinism()


if __name__ == "__main__":
    sys.exit(main())
