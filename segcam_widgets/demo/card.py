"""The model card of the texture demo, written from what was measured: no number in it is typed by hand.

What the cards of all demos share stands here, too: how a page is laid out, how the network was trained, how it segments.
"""

import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from segcam_widgets.demo.measure import BLANK_LAYER, HEALTHY_GAIN, SIGNED_LAYER
from segcam_widgets.demo.mosaics import CLASS_NAMES
from segcam_widgets.demo.scores import LOGIT_SCORES

SOURCES = {
    "brick": "[CC0Textures, Bricks25](https://cc0textures.com/view.php?tex=Bricks25)",
    "grass": "[linolafett, Grass 01](https://www.deviantart.com/linolafett/art/Grass-01-434853879)",
    "gravel": "[CC0Textures, Gravel04](https://cc0textures.com/view.php?tex=Gravel04)",
}


def render(measurements: Mapping[str, Any]) -> str:
    """Write the model card.

    Parameters
    ----------
    measurements : mapping
        The content of measurements.json, as `train_textures.write_demo` gathers it.

    Returns
    -------
    str
        Markdown.
    """
    return page((_head, _data, _training, _segmentation, _blank, _calm, _seeds, _limits), measurements)


def page(sections: Iterable[Callable[[Mapping[str, Any]], str]], measurements: Mapping[str, Any]) -> str:
    """Join sections, each written from the measurements, to a page of markdown."""
    text = "\n\n".join(section(measurements).strip("\n") for section in sections)
    return "\n\n".join(_wrapped(block) for block in text.split("\n\n")) + "\n"


def _wrapped(block: str) -> str:
    """Fill a paragraph to the width of a page; tables, headings and code stay as they are."""
    if block.startswith(("#", "|", " ")):
        return block
    return textwrap.fill(" ".join(block.split()), width=100, break_long_words=False, break_on_hyphens=False)


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Lay out a markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def _head(m: Mapping[str, Any]) -> str:
    return f"""
# Model card: the texture network

A small U-Net that tells {", ".join(CLASS_NAMES[:-1])} and {CLASS_NAMES[-1]} apart, pixel by pixel. It is a teaching
example, really trained, with {m["parameters"]:,} parameters. Its last five layers are the ones of the question this
project began with: a 3x3 convolution with 8 channels, a 2x2 transposed convolution with 2, a 3x3 convolution with 2,
a 1x1 convolution with one output per class, and a softmax as a layer of its own (`tail_conv8`, `{SIGNED_LAYER}`,
`{BLANK_LAYER}`, `tail_logits`, `softmax`).

Input: (height, width, 1) grey values in [0, 1], height and width divisible by 8. Output: a probability for each class.
"""


def _data(m: Mapping[str, Any]) -> str:
    shipped = m["shipped"]
    rows = [(name, SOURCES[name], "CC0") for name in CLASS_NAMES]
    return f"""
## Data and licence

{table(["class", "photo", "licence"], rows)}

The photos ship in scikit-image's wheel (512x512, grey). Mosaics are pieces of the three, laid out by random smooth
region maps; every class covers at least a tenth of every mosaic. Training pieces come from the left 60 % of each photo,
test pieces from the right 35 %; the columns between belong to nobody. Brightness and contrast are made equal by the
training columns, so that texture has to tell the classes apart. `mosaics.npz` holds {shipped["count"]} test mosaics of
{shipped["size"][0]}x{shipped["size"][1]} with their truth, in 8 bits. Weights and mosaics come under the package's own
licence (BSD-3-Clause).
"""


def training(m: Mapping[str, Any], module: str, noun: str) -> str:
    """Say how a network was trained; `noun`: what its images are called."""
    train = m["train"]
    return f"""
## Training

    python -m segcam_widgets.demo.{module} --seed {m["seed"]} --epochs {m["epochs"]} -o DIR

{m["epochs"]} epochs of {train["mosaics_per_epoch"]} fresh {train["size"]}x{train["size"]} {noun}, batches of
{train["batch"]}, Adam with warm-up and cosine decay, cross-entropy, one CPU thread and deterministic kernels: a few
minutes. On one machine the same seed gives the same weights, bit for bit; another processor or another version of
TensorFlow may sum in another order and end elsewhere. The shipped weights are therefore the reference, and their digest
(SHA-256 over all arrays in order) is `{m["weights_sha256"]}`. The optimizer's state is not in the file.
"""


def segmentation(m: Mapping[str, Any], noun: str) -> str:
    """Lay out how well a network segments; `noun`: what its images are called."""
    unseen, shipped = m["unseen"], m["shipped"]
    rows: list[tuple[str, ...]] = [
        (name, f"{iou:.3f}", f"{shipped['iou'][name]:.3f}") for name, iou in unseen["iou"].items()
    ]
    rows.append(("**mean IoU**", f"**{unseen['mean_iou']:.3f}**", f"**{shipped['mean_iou']:.3f}**"))
    rows.append(("pixel accuracy", f"{unseen['accuracy']:.3f}", f"{shipped['accuracy']:.3f}"))
    head = ["intersection over union"] + [
        f"{part['count']} unseen {noun}, {part['size'][0]}x{part['size'][1]}" for part in (unseen, shipped)
    ]
    return f"""
## How well it segments

{table(head, rows)}
"""


def _training(m: Mapping[str, Any]) -> str:
    return training(m, "train_textures", "mosaics")


def _segmentation(m: Mapping[str, Any]) -> str:
    return f"""{segmentation(m, "mosaics")}
Larger mosaics have larger regions, so fewer of their pixels lie near a border, where most mistakes are.
"""


def _blank(m: Mapping[str, Any]) -> str:
    rows = []
    for name in CLASS_NAMES:
        first, second = m["logit_weights"][name]["weights"]
        bias = m["logit_weights"][name]["bias"]
        counts = [_fraction(m, BLANK_LAYER, name, score, "blank") for score in LOGIT_SCORES]
        rows.append((name, f"{first:+.3f}", f"{second:+.3f}", f"{bias:+.3f}", *counts))
    head = ["class", "1x1 weight of channel 0", "of channel 1", "bias", *(f"blank, {score}" for score in LOGIT_SCORES)]
    text = f"""
## Which class has a blank heatmap, and why

Seg-Grad-CAM at `{BLANK_LAYER}`, the second-last convolution (2 channels, ReLU), region: where the class is predicted.
*Blank*: the raw map is nowhere positive, so its ReLU is empty. Counted over the {m["unseen"]["count"]} unseen and the
{m["shipped"]["count"]} shipped mosaics.

{table(head, rows)}
"""
    blank = m["verdict"]["blank"]["logit"]
    if len(blank) != 1:
        return text + f"\nWith this seed {', '.join(blank) or 'no class'} is blank on every mosaic.\n"
    return text + _blank_class(m, blank[0])


def _blank_class(m: Mapping[str, Any], name: str) -> str:
    """Explain the one class that is blank everywhere."""
    low, high = (m["shipped"]["cams"][BLANK_LAYER][name]["logit"][key] for key in ("weights_low", "weights_high"))
    weights = " and ".join(f"{a:.3g}" if a == b else f"{a:.3g} to {b:.3g}" for a, b in zip(low, high, strict=True))
    ledger = []
    remedies = []
    for part, label in (("unseen", "unseen"), ("shipped", "shipped")):
        for score in LOGIT_SCORES:
            entry = m[part]["cams"][BLANK_LAYER][name][score]
            parts = [f"{entry['ledger'][key]:+.3f}" for key in ("channels", "bias", "score")]
            ledger.append((label, score, *parts))
            cells = [f"{entry[b]['gain_minimum']:.2f}, {entry[b]['focus_median']:.2f}" for b in ("mean", "midpoint")]
            remedies.append((label, score, *cells))
    also = [score for score in LOGIT_SCORES[1:] if name in m["verdict"]["blank"][score]]
    others = [score for score in LOGIT_SCORES[1:] if score not in also]
    seen = f"Under {' and '.join(also)} its map is blank on every mosaic too" if also else "Only the raw logit is blank"
    seen += f"; under {' and '.join(others)} it is not on every one." if others and also else "."
    biases = {label: m["logit_weights"][label]["bias"] for label in CLASS_NAMES}
    largest = ", and it has the largest bias" if biases[name] == max(biases.values()) else ""
    pixels = m["shipped"]["size"][0] * m["shipped"]["size"][1]
    return f"""
**{name}** is blank on every mosaic; its IoU is {m["unseen"]["iou"][name]:.3f}. Both channels count against it{largest}:
the network says *{name}* where it finds nothing else. The class is coded by the absence of features. Only the 1x1
convolution follows this layer, so the pooled gradient of the raw logit is its weight divided by the number of pixels,
on any image: on the shipped mosaics (1/{pixels}) {weights}, both negative. Activations after a ReLU are never negative,
so no position of the map can be positive. {seen}

What carries its score, averaged over the mosaics: what the channels bring (gradient times activation, summed)
and what the biases add.

{table(["mosaics", "score", "channels", "bias", "sum"], ledger)}

Compared with another reference than zero the low activation is positive evidence: with the channel's mean over the
image, or the midpoint of its means inside and outside the region, as the baseline, the map falls on *{name}*. Each
cell: smallest gain over the mosaics, median focus (the share of the map's positive mass inside the region; gain is what
of it goes beyond an even map).

{table(["mosaics", "score", "baseline mean", "baseline midpoint"], remedies)}
"""


def _calm(m: Mapping[str, Any]) -> str:
    rows = []
    for name in CLASS_NAMES:
        for score in LOGIT_SCORES:
            cells = [_fraction(m, SIGNED_LAYER, name, score, key) for key in ("all_weights_negative", "healthy")]
            rows.append((name, score, *cells))
    calm = m["verdict"]["calm"]["logit"]
    found = "With this seed no class has all weights negative on every mosaic and a healthy map."
    if calm:
        found = " ".join(_calm_class(m, name) for name in calm)
    return f"""
## Negative weights that do no harm

At `{SIGNED_LAYER}` there is no ReLU: activations have either sign. {found}
*Healthy*: not blank, gain at least {HEALTHY_GAIN}.

{table(["class", "score", "all weights negative", "healthy"], rows)}
"""


def _calm_class(m: Mapping[str, Any], name: str) -> str:
    """Explain a class whose negative weights are harmless."""
    means = m["shipped"]["cams"][SIGNED_LAYER][name]["logit"]["region_activations"]
    listed = " and ".join(f"{mean:.2f}" for mean in means)
    return (
        f"*{name}*: all weights are negative on every mosaic and its map is healthy all the same, because the "
        f"activations are negative too where it is predicted (channel means {listed} there, "
        "over the shipped mosaics), and minus times minus is plus."
    )


def _seeds(m: Mapping[str, Any]) -> str:
    text = f"""
## Other seeds need not show it

Seed {m["seed"]} was chosen *because* it has such a class: the seed was picked on these very test mosaics, so the seed
says nothing about how often this happens. Scores on freshly made mosaics are measured by the tests.
"""
    if not m["tried"]:
        return text
    rows = []
    for run in m["tried"]:
        blank = run["verdict"]["blank"]
        names = [", ".join(blank[score]) or "none" for score in LOGIT_SCORES]
        rows.append((run["seed"], f"{run['mean_iou']:.3f}", *names))
    head = ["seed", "mean IoU", *(f"blank on every mosaic, {score}" for score in LOGIT_SCORES)]
    return text + f"\nAll seeds that were tried:\n\n{table(head, rows)}\n"


def _limits(m: Mapping[str, Any]) -> str:
    return """
## Limits

Three photos, one scale, one orientation, even light: it knows these three textures and nothing else, and gives one of
the three names to anything. Meant for explaining explanations, not for use.
"""


def _fraction(m: Mapping[str, Any], layer: str, name: str, score: str, key: str) -> str:
    """Write "56 of 56": how many mosaics of both sets together."""
    entries = [m[part]["cams"][layer][name] for part in ("unseen", "shipped")]
    hit = sum(entry[score][key] for entry in entries if entry["mosaics"])
    return f"{hit} of {sum(entry['mosaics'] for entry in entries)}"
