"""The model card of the question's network, written from what was measured: no number in it is typed by hand."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from segcam_widgets.demo.card import page, segmentation, table, training
from segcam_widgets.demo.measure import BLANK_LAYER, SIGNED_LAYER
from segcam_widgets.demo.scores import LOGIT_SCORES
from segcam_widgets.demo.shapes import CLASS_NAMES, GAP, RADII

LAYERS = (BLANK_LAYER, SIGNED_LAYER)


def render(measurements: Mapping[str, Any]) -> str:
    """Write the model card.

    Parameters
    ----------
    measurements : mapping
        The content of measurements.json, as `script.write_demo` gathers it.

    Returns
    -------
    str
        Markdown.
    """
    sections = (_head, _data, _training, _segmentation, _scores, _causes, _seeds, _limits)
    return page(sections, measurements)


def _head(m: Mapping[str, Any]) -> str:
    unused = m["shipped"]["unused"]
    return f"""
# Model card: the question's network

A small U-Net that finds circles among squares and triangles. It is a teaching example, really trained, with
{m["parameters"]:,} parameters. Its tail is that of the question this project began with, number by number: a 3x3
convolution with 8 filters, a 2x2 transposed convolution with 2, a 3x3 convolution with 2, a 1x1 convolution with 10,
and a softmax (`tail_conv8`, `{SIGNED_LAYER}`, `{BLANK_LAYER}`, `tail_conv10`, `softmax`), with a ReLU behind each of
the first three.

Ten outputs and two classes: 0 is *background*, 1 is *circle*, and no pixel was ever labelled with the other eight
(*unused 2* to *unused 9*). Training pushes them down at every pixel: on the shipped pictures their logits are
{unused["mean_logit"]:.1f} on average, those of the two classes {unused["used_mean_logit"]:.1f}, and
{_none(unused["predicted"])} of these pictures is given to one of them.

Input: (height, width, 1) grey values in [0, 1], height and width divisible by 8. Output: ten probabilities per pixel.
"""


def _none(count: int) -> str:
    return "no pixel" if not count else f"{count:,} pixels"


def _data(m: Mapping[str, Any]) -> str:
    shipped = m["shipped"]
    return f"""
## Data and licence

Drawn from a seed by `segcam_widgets.demo.shapes`; no photo, nobody else's data. On an uneven grey ground lie circles,
squares and triangles, lighter or darker than it, in any orientation, at least {GAP:g} pixels apart. Circles have radii
of {RADII[0]:g} to {RADII[1]:g} pixels; squares and triangles have the same areas, and grey is drawn alike for all
three, so that only the outline tells a circle. Every picture has at least one circle and one other shape; other shapes
are background. `pictures.npz` holds {shipped["count"]} test pictures of {shipped["size"][0]}x{shipped["size"][1]} with
their truth, in 8 bits. Pictures and weights come under the package's own licence (BSD-3-Clause).
"""


def _training(m: Mapping[str, Any]) -> str:
    return training(m, "train_question", "pictures")


def _segmentation(m: Mapping[str, Any]) -> str:
    return segmentation(m, "pictures")


def _scores(m: Mapping[str, Any]) -> str:
    rows = []
    for layer in LAYERS:
        for name in CLASS_NAMES:
            for score in LOGIT_SCORES:
                entry = m["shipped"]["cams"][layer][name]
                if score not in entry:
                    continue
                told = entry[score]
                cells = [f"{100 * told['positive_share_median']:.0f} %", f"{told['gain_median']:+.2f}"]
                rows.append((f"`{layer}`", name, score, _blank_count(m, layer, name, score), *cells))
    head = ["layer", "class", "score", "blank", "positive share", "gain"]
    return f"""
## Three scores, three answers

Seg-Grad-CAM, region: where the class is predicted. *Blank*: nowhere positive, so that the ReLU leaves nothing; counted
over the {m["unseen"]["count"]} unseen and the {m["shipped"]["count"]} shipped pictures. *Positive share*: of the map's
magnitude; *gain*: how much of the positive mass lies in the region beyond what an even map would put there (1: all of
it, 0: no more than by chance); both are medians over the shipped pictures.

{table(head, rows)}

{_misled(m)}
"""


def _misled(m: Mapping[str, Any]) -> str:
    """Set the centered logit beside the margin where a class is blank under the margin."""
    said = []
    for layer in LAYERS:
        for name in m["verdict"]["blank"][layer]["margin"]:
            told = m["shipped"]["cams"][layer][name]["centered_logit"]
            said.append(
                f"At `{layer}` the centered logit's map of *{name}* has a positive share of at least "
                f"{told['positive_share_minimum']:.3f} on every shipped picture and a gain of "
                f"{told['gain_median']:+.2f} in the median; the margin's is blank."
            )
    why = (
        "The centered logit compares a class with the mean of all ten outputs, and eight of them are far below at every "
        "pixel. Its map shows what speaks for the class rather than for classes that do not exist, wherever that is "
        "strongest. The margin compares with the strongest rival at each pixel, which is the other trained class. The "
        "raw logit compares with nothing, and a softmax does not settle what it is when both trained logits rise together."
    )
    return "\n\n".join([" ".join(said), why]) if said else why


def _blank_count(m: Mapping[str, Any], layer: str, name: str, score: str) -> str:
    """Write "56 of 56": how many pictures of both sets together."""
    entries = [m[part]["cams"][layer][name] for part in ("unseen", "shipped")]
    hit = sum(entry[score]["blank"] for entry in entries if entry["mosaics"])
    return f"{hit} of {sum(entry['mosaics'] for entry in entries)}"


def _causes(m: Mapping[str, Any]) -> str:
    rows = []
    for layer in LAYERS:
        for name in CLASS_NAMES:
            told = m["shipped"]["experiments"][layer][name]
            if told:
                cells = [_outcome(told[experiment]) for experiment in ("lift", "sink", "zero")]
                cause = ", ".join(f"{cause}: {count}" for cause, count in told["causes"].items()) or "not blank"
                rows.append((f"`{layer}`", name, *cells, cause))
    first, second = (m["logit_weights"][name] for name in CLASS_NAMES)
    against = [f"{b - a:+.3f}" for a, b in zip(first["weights"], second["weights"], strict=True)]
    return f"""
## Why a map is blank, by experiment

The layer is changed inside the region alone, and what comes after it is run again. *Lift*: every channel at least as
high as its mean outside; *sink*: at most as high; *zero*: off. Each cell: how much of the region loses the class, by
how much the mean margin falls as a share of itself (both medians over the shipped pictures). *Coded by absence* is
said where lifting takes at least half of the region away, switching off at most a tenth, and the channels' means inside
and outside differ; *cause* counts the shipped pictures on which the map is blank.

{table(["layer", "class", "lift", "sink", "zero", "cause"], rows)}

{_absence(m)}

The 1x1 convolution itself: *{CLASS_NAMES[1]}* minus *{CLASS_NAMES[0]}* has the weights {" and ".join(against)}, and
the bias {second["bias"] - first["bias"]:+.3f}.
"""


def _outcome(told: Mapping[str, float]) -> str:
    return f"{100 * told['lost_median']:.0f} %, {told['fall_median']:+.2f}"


def _absence(m: Mapping[str, Any]) -> str:
    """Say in words what the experiments show of the classes that are coded by absence."""
    said = []
    for layer in LAYERS:
        for name, cause in m["verdict"]["causes"][layer].items():
            if cause != "coded by absence":
                continue
            told = m["shipped"]["experiments"][layer][name]
            said.append(
                f"At `{layer}`, *{name}* is coded by absence on every picture, shipped and unseen: with both channels "
                f"as high as elsewhere at least {100 * told['lift']['lost_minimum']:.1f} % of it is lost on every "
                f"shipped picture, with both off at most {100 * told['zero']['lost_maximum']:.1f} %."
            )
            said.append(_references(m, layer, name))
    return " ".join(said) or "With this seed no class is coded by absence on every picture."


def _references(m: Mapping[str, Any], layer: str, name: str) -> str:
    """Say what the margin's map shows where activations are compared with another reference than zero."""
    told = m["shipped"]["cams"][layer][name]["margin"]
    gains = [
        f"{told[f'{reference}_gain_median']:.2f} in the median (at least {told[f'{reference}_gain_minimum']:.2f})"
        for reference in ("mean", "midpoint")
    ]
    return (
        "Compared with another reference than zero, the map falls on it: over the shipped pictures the gain with "
        f"baseline mean is {gains[0]} and with baseline midpoint {gains[1]}."
    )


def _seeds(m: Mapping[str, Any]) -> str:
    places = " and ".join(f"`{layer}`" for layer in LAYERS if m["verdict"]["causes"][layer]) or "no layer"
    text = f"""
## Other seeds need not show it

Seed {m["seed"]} was chosen *because* one of its classes is blank and coded by absence, at {places}: it was picked on
these very test pictures, so it alone says nothing about how often this happens.
"""
    tried = m["tried"]
    if not tried:
        return text
    trained = [run for run in tried if run["verdict"]["trained"]]
    dead = sum(not any(run["alive"]) for run in tried)
    rows = [
        (
            run["seed"],
            f"{run['mean_iou']:.3f}, {run['shipped_mean_iou']:.3f}",
            *(_blank_cell(run, layer) for layer in LAYERS),
        )
        for run in tried
    ]
    head = ["seed", "mean IoU, unseen and shipped", *(f"blank under the margin, `{layer}`" for layer in LAYERS)]
    return f"""{text}
All {len(tried)} seeds that were tried, in the order of their numbers; {len(trained)} trained to a mean IoU of at least
0.9 on both sets of pictures; in {dead} both channels of `{BLANK_LAYER}` died. *Blank* here: on every picture of both sets.

{table(head, rows)}

Of the {len(trained)} networks that trained, how many have a class that is blank on every picture:

{table(["layer", *LOGIT_SCORES, "causes under the margin"], [_counts(trained, layer) for layer in LAYERS])}

At one of the two layers at least, under the margin: {_anywhere(trained)} of {len(trained)}.
"""


def _anywhere(trained: Sequence[Mapping[str, Any]]) -> int:
    """Count the networks that have a class that is blank under the margin at some layer."""
    return sum(any(run["verdict"]["blank"][layer]["margin"] for layer in LAYERS) for run in trained)


def _blank_cell(run: Mapping[str, Any], layer: str) -> str:
    causes = run["verdict"]["causes"][layer]
    return ", ".join(f"{name} ({cause})" for name, cause in causes.items()) or "none"


def _counts(trained: Sequence[Mapping[str, Any]], layer: str) -> tuple[str, ...]:
    """How many networks have a blank class at a layer, under each score, and the causes."""
    hits = [sum(bool(run["verdict"]["blank"][layer][score]) for run in trained) for score in LOGIT_SCORES]
    causes = Counter(f"{name} {cause}" for run in trained for name, cause in run["verdict"]["causes"][layer].items())
    listed = ", ".join(f"{cause}: {count}" for cause, count in causes.most_common()) or "none"
    return (f"`{layer}`", *(f"{hit} of {len(trained)}" for hit in hits), listed)


def _limits(m: Mapping[str, Any]) -> str:
    return """
## Limits

Three kinds of shape, one range of sizes, one kind of light: it knows nothing else. Meant for explaining explanations,
not for use.
"""
