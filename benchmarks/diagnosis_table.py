"""How often the diagnosis says what: ``python -m benchmarks.diagnosis_table [--write]``.

Counts over models x images x classes x layers, trained and random, asked for the default score and for the raw logit:

- every blank map must have exactly one headline (one finding of severity issue, the first);
- no healthy combination (the class is predicted, its map is not blank and has a gain of 0.3 or more) may have an issue.

Exits with 1 where either is not so. `--write` puts the table, which is markdown, into the documentation's page on the rules.
"""

import argparse
import os
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import keras
import numpy as np
from keras import layers

import segcam_widgets as sc
from segcam_widgets.demo import load_demo

HEALTHY_GAIN = 0.3
PAGE = Path(__file__).parent.parent / "docs" / "rules.md"
BEGIN, END = "<!-- written by benchmarks/diagnosis_table.py -->", "<!-- until here -->"


@dataclass
class Count:
    """What was seen in one group of networks."""

    asked: int = 0
    blank: int = 0
    healthy: int = 0
    headlines: Counter = field(default_factory=Counter)
    remedies: int = 0
    helped: list = field(default_factory=list)
    issues_on_healthy: int = 0
    tips_on_healthy: Counter = field(default_factory=Counter)
    faults: list = field(default_factory=list)


def ask(count, probe, query):
    """Diagnose one combination and count it."""
    diagnosis = sc.diagnose(probe, query)
    count.asked += 1
    issues = [finding for finding in diagnosis.findings if finding.severity == "issue"]
    what = f"{query.class_index} at {query.layer}, {query.score}"
    if diagnosis.blank:
        count.blank += 1
        if len(issues) != 1 or diagnosis.headline is not issues[0]:
            count.faults.append(f"{what}: blank with the issues {[f.code for f in issues]}")
        count.headlines.update(f.code for f in issues)
        for finding in issues:
            if finding.remedy is not None:
                count.remedies += 1
                count.helped.append(finding.remedy_result.gain)
        return
    if issues:
        count.faults.append(f"{what}: not blank, and the issues {[f.code for f in issues]}")
    explanation = sc.explain(probe, query)
    if query.region is None and explanation.gain >= HEALTHY_GAIN:
        count.healthy += 1
        count.issues_on_healthy += len(issues)
        count.tips_on_healthy.update(f.code for f in diagnosis.findings)


def combinations(count, model, images, names, chosen=None):
    """Every class at every layer (or the chosen ones) of every image; where a class is not predicted, the whole image."""
    for image in images:
        probe = sc.open_probe(model, image, class_names=names)
        predicted = np.bincount(probe.labels.ravel(), minlength=len(probe.class_names))
        for info in probe.layers:
            if chosen is not None and info.name not in chosen:
                continue
            for index in range(len(probe.class_names)):
                region = None if predicted[index] else sc.Everything()
                for score in ("centered_logit", "logit"):
                    ask(count, probe, sc.CamQuery(info.name, index, region, score))


# ------------------------------------------------------------------ networks


def norm(x, name):
    """Batch normalisation that has seen something, as far as inference is concerned."""
    return layers.BatchNormalization(
        momentum=0.9, beta_initializer=keras.initializers.RandomNormal(stddev=0.3), name=name,
        gamma_initializer=keras.initializers.RandomUniform(0.5, 1.5), moving_mean_initializer="random_normal",
        moving_variance_initializer=keras.initializers.RandomUniform(0.05, 0.5),
    )(x)  # fmt: skip


def block(x, filters, name, kind):
    """One convolution of a network: plain ReLU, behind batch normalisation, depthwise with a clipped ReLU, or smooth."""
    if kind == "depthwise":
        x = layers.DepthwiseConv2D(3, padding="same", bias_initializer="random_normal", name=f"{name}_dw")(x)
        x = layers.Conv2D(filters, 1, use_bias=False, name=f"{name}_pw")(x)
        return layers.ReLU(6, name=name)(norm(x, f"{name}_bn"))
    if kind == "normalised":
        x = layers.Conv2D(filters, 3, padding="same", use_bias=False, name=f"{name}_conv")(x)
        return layers.ReLU(name=name)(norm(x, f"{name}_bn"))
    act = "gelu" if kind == "smooth" else "relu"
    return layers.Conv2D(filters, 3, padding="same", activation=act, bias_initializer="random_normal", name=name)(x)


def random_network(kind, seed, classes=4):
    """A small encoder and decoder with one skip connection; its tail has the two channels of the question's network."""
    keras.utils.set_random_seed(seed)
    x = image = keras.Input((32, 32, 1), name="image")
    skip = x = block(x, 8, "first", kind)
    x = layers.MaxPooling2D(2)(x)
    x = block(x, 12, "middle", kind)
    x = layers.UpSampling2D(2, interpolation="bilinear" if seed % 2 else "nearest")(x)
    x = layers.Concatenate(name="join")([x, skip])
    x = block(x, 6, "late", kind)
    x = layers.Conv2D(2, 3, padding="same", activation="relu", bias_initializer="random_normal", name="two")(x)
    bias = keras.initializers.RandomNormal(stddev=0.3)
    return keras.Model(image, layers.Softmax()(layers.Conv2D(classes, 1, bias_initializer=bias, name="logits")(x)))


def trained_network(kind, seed, demo, steps=150, size=32):
    """The same, trained for a few seconds on pieces of the demo's mosaics."""
    model = random_network(kind, seed, classes=len(demo.class_names))
    model.compile(keras.optimizers.Adam(1e-2), "sparse_categorical_crossentropy")
    rng = np.random.default_rng(seed)
    for _ in range(steps):
        rows, cols = rng.integers(0, demo.images.shape[1] - size, (2, 16))
        which = rng.integers(0, len(demo.images) - 1, 16)  # the last mosaic is for looking at
        cut = [(n, slice(r, r + size), slice(c, c + size)) for n, r, c in zip(which, rows, cols, strict=True)]
        model.train_on_batch(np.stack([demo.images[i] for i in cut]), np.stack([demo.truth[i] for i in cut]))
    return model


KINDS = ("plain", "normalised", "depthwise", "smooth")
LAYERS = ("first", "middle", "late", "two", "logits")


def groups(seeds):
    """Name -> Count, one group after the other."""
    demo = load_demo()
    pieces = [demo.images[-1][r : r + 32, c : c + 32] for r, c in ((0, 0), (60, 90), (120, 40))]
    count = Count()
    combinations(count, demo.model, demo.images[:3], demo.class_names)
    yield "the shipped demo, every layer", count
    for kind in KINDS:
        count = Count()
        for seed in range(seeds):
            combinations(count, trained_network(kind, seed, demo), pieces, demo.class_names, LAYERS)
        yield f"trained for seconds, {kind}", count
    for kind in KINDS:
        count = Count()
        for seed in range(2 * seeds):
            combinations(count, random_network(kind, 100 + seed), pieces[:2], None, LAYERS)
        yield f"random weights, {kind}", count


def counted(counter):
    """The most frequent first: "SC205 12, SC208 3"."""
    return ", ".join(f"{code} {n}" for code, n in sorted(counter.items(), key=lambda item: -item[1])) or "none"


def table(found):
    """The counts as markdown."""
    header = [
        "networks",
        "combinations",
        "blank",
        "headlines",
        "with a remedy",
        "healthy",
        "issues on healthy",
        "tips on healthy",
    ]
    rows = [
        [
            name,
            c.asked,
            c.blank,
            counted(c.headlines),
            c.remedies,
            c.healthy,
            c.issues_on_healthy,
            counted(c.tips_on_healthy),
        ]
        for name, c in found.items()
    ]
    every = list(found.values())
    rows.append([
        "**all**", sum(c.asked for c in every), sum(c.blank for c in every),
        counted(sum((c.headlines for c in every), Counter())), sum(c.remedies for c in every),
        sum(c.healthy for c in every), sum(c.issues_on_healthy for c in every),
        counted(sum((c.tips_on_healthy for c in every), Counter())),
    ])  # fmt: skip
    lines = [header, ["---"] * len(header), *rows]
    return "".join("| " + " | ".join(map(str, line)) + " |\n" for line in lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=2, help="networks of each kind, twice as many random (default 2)")
    parser.add_argument("--write", action="store_true", help=f"also put the table into {PAGE.name}")
    arguments = parser.parse_args()
    found = {}
    for name, count in groups(arguments.seeds):
        found[name] = count
        print(f"{name}: {count.asked} asked, {count.blank} blank", file=sys.stderr, flush=True)
    text = table(found)
    print(text)
    faults = [f"{name}: {fault}" for name, count in found.items() for fault in count.faults]
    for fault in faults:
        print(fault, file=sys.stderr)
    if arguments.write and not faults:
        head, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
        PAGE.write_text(f"{head}{BEGIN}\n\n{text}\n{END}{rest.partition(END)[2]}", encoding="utf-8")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
