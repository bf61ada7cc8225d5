"""A convolution whose gradient TensorFlow gets wrong where a tape runs eagerly: the process must live."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.keras

# in a process of its own: what goes wrong writes past an array, and ends it sooner or later
SCRIPT = """
import keras, numpy as np, segcam_widgets as sc
from segcam_widgets.keras_probe.engine.engine import DEEP

x = start = keras.Input((16, 16, 3))
x = keras.layers.Conv2D(6, 3, padding="same", name="stem")(x)
x = keras.layers.Conv2D(8, 1, strides=2, padding="same", name="short")(x)
for number in range(DEEP + 2):
    x = keras.layers.Activation("relu", name=f"relu{number}")(x)
model = keras.Model(start, keras.layers.Conv2D(3, 1, name="out")(x))
image = np.random.default_rng(0).random((16, 16, 3), np.float32)
for turn in range(4):  # each model's first answers would be eager ones
    probe = sc.open_probe(keras.models.clone_model(model), image)
    probe.prepare(["stem"], np.ones_like(probe.logits))
    explanation = sc.explain(probe, sc.CamQuery("stem", 0, sc.Everything()))
    probe.sweep(np.ones_like(probe.logits))
    junk = [bytearray(97 * size) for size in range(50)]
print("alive")
"""


def test_the_process_lives():
    root = Path(__file__).parents[2]
    told = subprocess.run([sys.executable, "-c", SCRIPT], cwd=root, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stderr[-2000:]
    assert told.stdout.endswith("alive\n")
