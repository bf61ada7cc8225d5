"""What the explorer of these tests shows: three probes of arrays, which are there in seconds."""

import numpy as np

import segcam_widgets as sc
from tests.ui.explorer.array_probe import ArrayProbe

SHOWN = (192, 288)
LONG = (
    "a class whose name is rather long, as those of data sets are, {}",
    "name_without_a_single_place_to_break_it_{}",
    "fog {}",
)
EVIL = ("<img src=x onerror='window.hacked=1'>", "<script>window.hacked=1</script>", "a & b")


def small():
    """Five layers, two channels, two classes; the truth is known."""
    truth = np.zeros((16, 24), int)
    truth[:, 12:] = 1
    layers = {"deep": (4, 6, 8), "middle": (8, 12, 2), "tail": (16, 24, 2)}
    return ArrayProbe(channels=layers, classes=("sky", "land"), truth=truth, display=SHOWN)


def large():
    """300 layers, 512 channels at the last but one, 150 classes; names are long, and some have no place to break."""
    layers = {f"encoder/stage_{i // 60}/block_{i:03d}/separable_conv2d_and_batch_norm": (4, 6, 4) for i in range(297)}
    layers["encoder/bottleneck/squeeze_and_excitation_with_a_long_name/multiply_512"] = (4, 6, 512)
    return ArrayProbe(channels=layers, classes=[LONG[i % 3].format(i) for i in range(150)], display=SHOWN)


def evil():
    """Names with tags and script; nothing is predicted as the last class."""
    probe = ArrayProbe(channels=dict.fromkeys(EVIL, (4, 6, 4)), classes=EVIL, display=SHOWN)
    probe.labels = np.minimum(probe.labels, 1)
    return probe


def opener(file, fit, value_range):
    raise sc.SegCamError(f"`image` must be a picture. Received: {EVIL[0]}.")


def explorer():
    made = sc.SegCamExplorer([small(), large, evil], opener=opener)
    made.query = sc.CamQuery("middle", 0)
    return made
