# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Why is my heatmap blank?
#
# *Your network segments well. For one class Grad-CAM gives a fine map. For another the map is empty: every pooled
# gradient of the layer is negative, and the ReLU leaves nothing. What does it mean that every channel contributes
# negatively to a class that the network predicts, and predicts correctly?*
#
# The question was asked in 2022, [on Stack Overflow](https://stackoverflow.com/questions/71907967) and
# [beside a well-known library](https://github.com/jacobgil/pytorch-grad-cam/issues/235). The network ended in a 3x3
# convolution with 8 channels, a transposed convolution with 2, a 3x3 convolution with 2, a 1x1 convolution with ten
# outputs, of which two were used, and a softmax. Two networks with such a tail ship with this package. Both are small,
# and both are really trained. *Question* has ten outputs, too, and uses two of them. *Textures* has three, all in use.
# Every number and every picture below is computed by the notebook of this page, which has all the code:
# `notebooks/02_why_is_my_heatmap_blank.ipynb`.
#
# ## The answer in two minutes
#
# 1. **What it means.** At *this layer* nothing speaks for the class: wherever a channel is active, it speaks against it.
#    Most often the class is where the channels are quiet. Test it: lift the channels inside the region to their mean over
#    the rest of the image, and run the network on. If the class goes, and if it stays when the layer is switched off, it
#    is coded by *absence*. In both networks of this page lifting takes all of the class away, on each of 8 pictures, and
#    switching off takes nothing. Then neither the network nor the gradients are broken: Grad-CAM counts from zero, and
#    absence cannot be seen from there.
# 2. **Two classes are mirror images.** For one region, and a score that compares the two, one class's map is minus the
#    other's. Where activations are never negative, "one class fine, the other blank" is the picture to expect.
# 3. **With two channels it is no surprise.** Random signs make some class all-negative in half of all heads with two
#    classes and two channels; with eight channels in one of a hundred. The narrow layer is why *all* weights are negative.
#    Absence is what that then means.
# 4. **Is there a ReLU behind the layer?** Ask this first. Keras layers are linear unless told otherwise. Then activations
#    are negative, too, minus times minus is plus, and nothing need be blank.
# 5. **What to publish, and when to worry.** Publish the signed map, or the map compared with the channels' mean or
#    midpoint, and say in the caption which. Do not worry if lifting the channels loses a class that is segmented well.
#    Worry if all gradients are zero. If neither lifting nor switching off changes anything, this layer does not decide
#    the class: choose another.

# %% jupyter={"source_hidden": true} tags=["remove-input"]
# Drawing and tables only.
import io

import numpy as np
from IPython.display import Image, Markdown
from PIL import Image as Picture, ImageDraw

import segcam_widgets as sc
from segcam_widgets.core.picture.render import (
    class_colours,
    diverging_lut,
    draw_outline,
    overlay,
    render,
    symmetric_limit,
)

SIDE, GAP, LINE, EDGE = 320, 24, 30, 12


def photo(probe, mask=None, label_opacity=0.55):
    """The image, enlarged without smoothing, under the predicted labels and a region's outline; the classes in use."""
    times = SIDE // len(probe.image)
    pixels = probe.image.repeat(times, 0).repeat(times, 1)
    names = probe.class_names[: probe.labels.max() + 1]
    return overlay(pixels, labels=probe.labels, mask=mask, label_opacity=label_opacity, size=(SIDE, SIDE)), names


def signed(answer, *, relu=False):
    """A signed map, blue below zero and red above, with the region's outline; the ends of its scale."""
    limit = symmetric_limit(answer.cam)
    pixels = render(answer.upsampled((SIDE, SIDE)), limit, relu)
    pixels[pixels[..., 3] == 0] = diverging_lut()[128]  # hidden, shown as zero is
    draw_outline(pixels, answer.mask)
    return pixels[..., :3], limit


def painted(values, mask=None, limit=None):
    """Numbers with a sign, one a pixel, in the colours of a map; the ends of their scale."""
    limit = limit or symmetric_limit(values)
    times = SIDE // len(values)
    pixels = render(values.repeat(times, 0).repeat(times, 1), limit)
    if mask is not None:
        draw_outline(pixels, mask)
    return pixels[..., :3], limit


def grey(channel, largest):
    """A channel's activation, black at zero."""
    return np.repeat(np.uint8(np.round(255 * channel / largest))[..., None], 3, 2), None


def row(*panels, alt):
    """Panels side by side: ((pixels, scale's end or names of the classes), caption)."""
    sheet = Picture.new("RGB", (len(panels) * (SIDE + GAP) - GAP + 2 * EDGE, SIDE + 3 * LINE + EDGE), "white")
    draw = ImageDraw.Draw(sheet)
    for number, ((pixels, key), caption) in enumerate(panels):
        left, top = EDGE + number * (SIDE + GAP), EDGE + LINE
        below = top + SIDE + 8
        draw.text((left, EDGE - 4), caption, "black", font_size=22)
        sheet.paste(Picture.fromarray(pixels).resize((SIDE, SIDE)), (left, top))
        if isinstance(key, tuple):
            for place, (name, colour) in enumerate(zip(key, class_colours(len(key)).tolist(), strict=True)):
                at = left + place * SIDE // len(key)
                draw.rectangle((at, below + 2, at + 18, below + 20), tuple(colour))
                draw.text((at + 26, below), name, "black", font_size=20)
        elif key:
            bar = Picture.fromarray(diverging_lut()[None, :, :3].copy()).resize((SIDE, LINE // 2))
            sheet.paste(bar, (left, below))
            form = ".1e" if key < 0.01 else ".2g"
            for text, at, anchor in ((f"{-key:{form}}", 0, "la"), ("0", SIDE / 2, "ma"), (f"{key:{form}}", SIDE, "ra")):
                draw.text((left + at, below + 20), text, "black", font_size=20, anchor=anchor)
    data = io.BytesIO()
    sheet.save(data, "PNG", optimize=True)
    return Image(data.getvalue(), width=round(0.65 * sheet.width), alt=alt)


def table(header, *rows):
    """A Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return Markdown("\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines))


def numbers(values, form="+.2f"):
    return ", ".join(format(float(value), form) for value in values)


def span(values, form=".0%"):
    """The smallest and the largest, or one number where they look the same."""
    ends = [format(float(value), form) for value in (min(values), max(values))]
    return ends[0] if ends[0] == ends[1] else f"{ends[0]} to {ends[1]}"


# %% jupyter={"source_hidden": true} tags=["remove-input"]
def opened(demo):
    """One probe (a model bound to an image) for each picture."""
    pairs = zip(demo.images, demo.truth, strict=True)
    return [sc.open_probe(demo.model, x, truth=truth, class_names=demo.class_names) for x, truth in pairs]


def lifted(probe, layer, name):
    """Labels after the channels were lifted, where the class is, to their mean over the rest."""
    here = probe.labels == probe.class_names.index(name)
    activations = probe.activations(layer).copy()  # this layer is as large as the output
    activations[here] = np.maximum(activations[here], activations[~here].mean(0))
    return probe.replay(layer, activations).argmax(-1)


def switched_off(probe, layer):
    """Labels with the whole layer at zero."""
    return probe.replay(layer, np.zeros_like(probe.activations(layer))).argmax(-1)


def experiments(network, probes, layer, name):
    """What becomes of a class, over all pictures."""
    index = probes[0].class_names.index(name)
    here = [one.labels == index for one in probes]
    true = [one.truth == index for one in probes]
    overlap = sum(np.sum(a & b) for a, b in zip(here, true, strict=True))
    union = sum(np.sum(a | b) for a, b in zip(here, true, strict=True))
    after = [lifted(one, layer, name) for one in probes]
    off = [switched_off(one, layer) for one in probes]
    lost = [np.mean(labels[mask] != index) for labels, mask in zip(after, here, strict=True)]
    lost_off = [np.mean(labels[mask] != index) for labels, mask in zip(off, here, strict=True)]
    assert min(lost) > 0.99
    assert max(lost_off) < 0.01
    return [
        f"*{name}* at `{layer}`, {network}",
        f"{overlap / union:.2f}",
        f"{sum(sc.explain(one, sc.CamQuery(layer, name)).is_empty for one in probes)} of {len(probes)}",
        span(lost),
        span(lost_off),
        f"{span([mask.mean() for mask in here])} before, {span([np.mean(labels == index) for labels in off])} after",
    ]


question, textures = sc.load_demo("question"), sc.load_demo("textures")
with_ten, probes = opened(question), opened(textures)
table(
    ["", "IoU", "blank", "lifted: class lost", "switched off: class lost", "switched off: share of the image"],
    experiments("question", with_ten, "tail_conv2", "circle"),
    experiments("textures", probes, "tail_conv2", "brick"),
)

# %% [markdown]
# ## 1. The question's network, and what it is compared with
#
# The class is *circle*, the layer the second-last convolution: two channels and a ReLU. The default score is the **margin**:
# the logit over that of the strongest rival at each pixel. Two other scores stand beside it.

# %%
question = sc.load_demo("question")
circle = sc.open_probe(question.model, question.images[0], class_names=question.class_names)
query = sc.CamQuery(layer="tail_conv2", class_index="circle")
answer = sc.explain(circle, query)
print(answer.summary())
for score in ("logit", "centered_logit"):
    other = sc.explain(circle, sc.CamQuery("tail_conv2", "circle", score=score))
    print(f"{other.summary()}; gain {other.gain:+.2f}")
print(sc.diagnose(circle, other.query).findings[0].message)

# %% jupyter={"source_hidden": true} tags=["remove-input"]
assert answer.is_empty
assert other.positive_share > 0.999
assert other.gain < 0
row(
    (photo(circle, answer.mask, 0.35), "predicted; outlined: circle"),
    (signed(answer), "margin, with its sign"),
    (signed(other), "centered logit"),
    alt="Left: a grey picture with squares, triangles and circles; the circles are predicted and outlined. Middle: the signed "
    "map of circle for the margin, blue everywhere and palest on the circles. Right: for the centered logit, red everywhere "
    "and palest on the circles.",
)

# %% [markdown]
# With its sign the margin's map is not empty: it is blue, and palest where the circles are. The ReLU of Grad-CAM throws
# that half away. (The paper calls it the counterfactual explanation [1].) This package keeps the sign in all numbers;
# hiding one half is a choice of the display.
#
# The other two maps are positive in every cell, and weaker on circles than elsewhere. (*Gain* is how much of the positive
# mass lies in the region, beyond an evenly spread map: 1 is all of it, 0 no more than even.) They look healthy and answer
# another question. The plain logit is compared with nothing. The **centered logit** is compared with the mean of all ten
# outputs, and eight of these win no pixel anywhere: the map shows what speaks for *circle* rather than for classes that
# nobody uses. Whoever compares with the competitor, as Finer-CAM [2] does for classes that look alike, asks what decides.
#
# How often does this happen? Networks with this tail were trained from several seeds. At each layer with two channels, in
# how many of those that learned the task is a class blank on every picture?

# %% jupyter={"source_hidden": true} tags=["remove-input"]
import json
from importlib import resources

measured = json.loads((resources.files(sc.demo) / "question" / "measurements.json").read_text(encoding="utf-8"))
verdicts = [run["verdict"] for run in measured["tried"]]
learned = [one for one in verdicts if one["trained"]]
scores = ("margin", "centered_logit", "logit")
either = [one for one in learned if any(one["blank"][layer]["margin"] for layer in one["blank"])]
causes = {cause for one in learned for found in one["causes"].values() for cause in found.values()}
assert causes == {"coded by absence"}
assert not any(one["blank"][layer][score] for one in learned for layer in one["blank"] for score in scores[1:])
print(f"{len(verdicts)} trained, {len(learned)} learned the task; with a blank class at either layer: {len(either)}")
table(
    ["", *(score.replace("_", " ") for score in scores)],
    *(
        [
            f"`{layer}`",
            *(f"{sum(bool(one['blank'][layer][score]) for one in learned)} of {len(learned)}" for score in scores),
        ]
        for layer in ("tail_conv2", "tail_convT2")
    ),
)

# %% [markdown]
# Under the margin it is common, and by experiment it was absence each time. With the plain or the centered logit no map was
# blank: training lifts both classes far above eight unused outputs, and these maps show that. Whoever takes the plain logit
# of a network with ten outputs and finds a blank map should look at their own script first (section 5), and then at the
# number that all logits share (section 6).
#
# ## 2. What a pooled gradient is
#
# Let `A_k(u, v)` be channel `k` of the layer and `S` the score of the class in the region that is asked about. The
# gradient `G_k(u, v) = dS/dA_k(u, v)` says what a small change of one cell does to `S`. Grad-CAM [1], and Seg-Grad-CAM [3]
# for segmentation, pool it into one number a channel:
#
#     alpha_k = mean over (u, v) of G_k(u, v)          map = sum over k of alpha_k * A_k
#
# So `alpha_k` is a slope. Raise channel `k` by a small `e` at all `h * w` cells, and `S` changes by `h * w * alpha_k * e`.
# That can be tried, on the textures' network. *Brick* at the second-last convolution, two channels and a ReLU:

# %%
textures = sc.load_demo("textures")
probe = sc.open_probe(textures.model, textures.images[0], class_names=textures.class_names)
brick = sc.explain(probe, sc.CamQuery("tail_conv2", "brick"))
print(brick.summary())

# %% jupyter={"source_hidden": true} tags=["remove-input"]
cells, step = brick.cam.size, 0.01
rival = np.where(np.arange(3) == 0, -np.inf, probe.logits).argmax(-1)[..., None]  # at each pixel, as predicted


def margin(logits):
    """The margin of brick over that rival, averaged over the region: the score that was asked about."""
    apart = logits[..., 0] - np.take_along_axis(logits, rival, -1)[..., 0]
    return apart[brick.mask].astype(float).mean()


lines = []
for channel, pooled in enumerate(brick.pooled_gradients):
    more = brick.activations.copy()
    more[..., channel] += step
    measured = (margin(probe.replay("tail_conv2", more)) - margin(probe.logits)) / step
    lines.append([channel, f"{pooled:.3g}", f"{cells * pooled:.3f}", f"{measured:.3f}"])
table(["channel", "pooled gradient", "times the number of cells", "measured slope of S"], *lines)

# %% [markdown]
# Pooled gradients of a segmentation network are small by nature, because they are divided by the number of cells. Small
# does not mean vanishing.
#
# Behind this layer there is only the 1x1 convolution. Then the pooled gradient of a plain logit is a weight of that
# convolution, divided by the number of cells:

# %%
kernel, bias = textures.model.get_layer("tail_logits").get_weights()
kernel = kernel.reshape(2, 3)  # channel, class
print("the file's two weights from the channels to brick:", numbers(kernel[:, 0], "+.4f"))
for score in ("logit", "margin"):
    asked = sc.CamQuery("tail_conv2", "brick", score=score)
    slopes = np.array([cells * sc.explain(one, asked).pooled_gradients for one in probes])
    print(f"{score}, times cells, 8 images:", span(slopes[:, 0], "+.4f"), "and", span(slopes[:, 1], "+.4f"))

# %% [markdown]
# **There is no image in the logit's numbers.** They are the same for every picture and every region. (For the mean over
# the region, that is. The paper *sums* over it; that multiplies all of them by its number of pixels and changes no sign.)
# The margin's vary a little, as it depends on the picture which rival is the strongest. "All pooled gradients are
# negative" is a statement about two weights, which you can read off the file.
#
# Why, then, is the map at the *last* convolution so often fine? That layer is the logits themselves. A logit's pooled
# gradient there is 1 for the class and 0 for all others, so the map is the class's own logit: fine wherever that is above
# zero, which a softmax does not promise. Take 10 from all three biases, and no prediction changes.

# %%
import keras


def with_last_layer(*, shift=0.0, times=1.0, offset=0.0):
    """The textures' network with other numbers in its last convolution, opened on the first picture."""
    copy = keras.models.clone_model(textures.model)
    copy.set_weights(textures.model.get_weights())
    weights, offsets = copy.get_layer("tail_logits").get_weights()
    copy.get_layer("tail_logits").set_weights([times * (weights + shift), times * offsets + offset])
    return sc.open_probe(copy, textures.images[0], class_names=textures.class_names)


for name, one in (("as trained", probe), ("biases -10", with_last_layer(offset=-10))):
    assert (one.labels == probe.labels).all()
    assert np.abs(one.probabilities - probe.probabilities).max() < 1e-6  # float32's rounding
    last = [sc.explain(one, sc.CamQuery("tail_logits", index, score="logit")) for index in range(3)]
    print(f"{name}: blank at the last convolution: {sum(each.is_empty for each in last)} of 3 classes")

# %% [markdown]
# ## 3. Why all of them are negative
#
# **The mirror.** With two classes in competition the score of one is minus that of the other. So is every gradient, every
# weight and every map, as long as the region is the same:

# %%
mirrored = sc.explain(circle, sc.CamQuery("tail_conv2", "background", region=sc.PredictedClass("circle")))
assert np.array_equal(mirrored.cam, -answer.cam)
print("weights times cells, circle:    ", numbers(answer.weights * answer.cam.size))
print("weights times cells, background:", numbers(mirrored.weights * answer.cam.size))
print(
    f"least activation of the layer, all pictures: {min(one.activations('tail_conv2').min() for one in with_ten):.1f}"
)

# %% [markdown]
# Activations are never negative here. So if one class's weights are all positive, the other's are all negative, and its
# map is blank. It could not be otherwise. With more than two classes the mirror is not exact, but the reason stays: what
# speaks for one class speaks against another.
#
# **How surprising is it?** Draw the weights of the last convolution at random, and count how often some class has only
# negative ones.


# %% jupyter={"source_hidden": true} tags=["remove-input"]
def all_negative(channels, classes, against, draws=20_000):
    """Share of random heads in which all weights of some class lie below the other classes' mean, or below each of them."""
    weights = np.random.default_rng(0).normal(size=(draws, channels, classes))
    other = (weights.sum(-1, keepdims=True) - weights) / (classes - 1) if against == "mean" else np.inf
    if against == "each":
        other = np.stack([np.delete(weights, index, -1).min(-1) for index in range(classes)], -1)
    return f"{100 * (weights < other).all(1).any(1).mean():.2g} %"


table(
    ["channels", "2 classes", "3 classes, against the others' mean", "3 classes, against each other class"],
    *(
        [count, all_negative(count, 2, "each"), all_negative(count, 3, "mean"), all_negative(count, 3, "each")]
        for count in (2, 4, 8, 16)
    ),
)

# %% [markdown]
# Trained weights are not random, but the table says where to look. Two channels make one class all-negative as often as
# not; sixteen, hardly ever by chance. What comes before has to pass through the two, so the sign can reach back: in the
# question's network *circle* is blank at `tail_conv8` and `dec1_relu`, too, by absence again.

# %% tags=["hide-input"]
for layer in ("tail_conv2", "tail_convT2", "tail_conv8", "dec1_relu"):
    told = sc.explain(circle, sc.CamQuery(layer, "circle"))
    headline = sc.diagnose(circle, told.query).headline
    print(
        f"{layer}: {(told.weights < 0).sum()} of {told.weights.size} weights negative; {headline.code} {headline.name}"
    )

# %% [markdown]
# ## 4. Absence is shown by experiment
#
# A negative weight says: *where this channel is active, it is not brick.* So where is it active?

# %% jupyter={"source_hidden": true} tags=["remove-input"]
maps = probe.activations("tail_conv2")
lines = []
for index, name in enumerate(textures.class_names):
    inside = maps[probe.labels == index]
    lines.append([name, *(f"{value:.2f}" for value in inside.mean(0)), f"{(inside == 0).all(1).mean():.0%}"])
table(["predicted as", "mean of channel 0", "mean of channel 1", "cells where both are exactly zero"], *lines)

# %% jupyter={"source_hidden": true} tags=["remove-input"]
row(
    (photo(probe), "predicted"),
    (grey(maps[..., 0], maps.max()), "channel 0, black is zero"),
    (grey(maps[..., 1], maps.max()), "channel 1, black is zero"),
    alt="The predicted segmentation and the two channels of tail_conv2 as grey pictures. Channel 0 is bright on gravel, "
    "channel 1 on gravel and grass; both are black on brick.",
)

# %% [markdown]
# With two channels the network writes down three classes, as *neither*, *one* and *both*. Brick is *neither*. A softmax
# only sees differences between logits, so `C` classes need `C - 1` directions, and one class is free to be what remains
# when nobody objects.
#
# Low activations under negative weights are a hint, no proof: the class may hang on something else altogether. What
# settles it is to change the layer and run the network on, as in the table at the top.

# %%
here = probe.labels == 0
activations = probe.activations("tail_conv2")
more = activations.copy()
more[here] = np.maximum(activations[here], activations[~here].mean(0))  # at least what they are elsewhere
after = probe.replay("tail_conv2", more).argmax(-1)
print(f"lifted inside the region: {np.mean(after[here] != 0):.0%} of brick is lost")

off = probe.replay("tail_conv2", 0 * activations).argmax(-1)
print(f"layer off: {np.mean(off[here] != 0):.0%} of brick is lost, and {np.mean(off == 0):.0%} of the image is brick")
sheet = sc.open_probe(textures.model, np.full_like(textures.images[0], 0.5), class_names=textures.class_names)
print(f"an even grey picture, with no texture at all: {np.mean(sheet.labels == 0):.0%} brick")

# %% [markdown]
# *The low activation is what makes these pixels brick.* Hesse et al. [4] speak of an **encoded absence** where the absence
# of a concept increases an activation. That is a statement about causes, and here it holds at this layer: one layer
# further back the same class may be coded by the presence of something. (What must be absent from an image as a whole has
# been asked before, as *pertinent negatives* [5].)
#
# What makes the score? The **ledger** splits it into parts that add up: gradient times activation for each channel, the
# same for what goes round the layer, and the rest. Behind this layer everything is piecewise linear, so the rest is what
# the biases carry, as in full gradients [6]. (Full ReLU6s, clips and other constants would be a part of their own.)

# %%
for one, asked in ((probe, brick.query), (circle, query)):
    book = sc.ledger(one, asked)
    assert book.exact
    print(f"{sc.explain(one, asked).class_name}: margin {book.score:.2f}; {book.contrast_words()}")

# %% [markdown]
# Inside the region all of brick's score is bias. But the bias is as large on grass and gravel, so it cannot be why these
# pixels are brick and those are not. Look at inside and outside together. What differs is the channels: they take away
# next to nothing here, and 13 elsewhere. Bias matters [7]; here it is a head start that every pixel gets.

# %% [markdown]
# ## 5. First, your own script
#
# Before you suspect the network, look for these. Each turns or moves the map without an error.
#
# - **The gradient of the loss.** A loss falls where the class rises, so every sign is turned. Below, *circle* then looks
#   fine, and it is *background* whose map is blank.
# - **The wrong output.** Ten outputs, counted from 0 or from 1, background or not: the index of a class that nobody uses.
# - **The sum over all pixels** instead of those predicted as the class. Most pixels are another class.
# - **The softmax inside the last layer.** Then "the output" is a probability, and its gradient fades where it is sure.
# - **Training mode.** Dropout and batch normalisation give other activations than prediction does.
# - **The convolution instead of the ReLU behind it** as the target layer: other activations, and other gradients.
# - **Scaling to 0..1 before the ReLU.** The most negative cell becomes zero, and all others count as evidence.
#
# You have the pooled gradients of your own script at hand. Paste them, and `sc.recognise`
# [says which recipe gives them](how-to/recognise-your-own-gradients.md). Here is a loss, summed over all pixels:

# %%
import tensorflow as tf

inner = textures.model.get_layer("tail_conv8").output
cut = keras.Model(textures.model.input, [inner, textures.model.output])
with tf.GradientTape() as tape:
    activations, probabilities = cut(textures.images[:1])
    loss = -tf.reduce_sum(tf.math.log(probabilities[..., 0]))  # somebody's own twenty lines
pooled = tf.reduce_mean(tape.gradient(loss, activations), axis=(0, 1, 2))

for name in circle.class_names[:2]:
    turned = -sc.explain(circle, sc.CamQuery("tail_conv2", name, score="log_probability")).cam
    print(f"question, {name}: the map from -log p is {'blank' if turned.max() <= 0 else 'not blank'}")

recognition = sc.recognise(probe, "tail_conv8", pooled.numpy())
print(recognition.summary())

# %% [markdown]
# ## 6. What the sign does not mean
#
# ### A number added to all logits
#
# A softmax cannot see a number that is added to all logits of a pixel. So take the network and subtract, at each pixel,
# the sum of both channels from *all* logits. It is one line: lower all six weights by 1. No prediction changes. Now raise
# them by 1 instead.

# %% jupyter={"source_hidden": true} tags=["remove-input"]
lines = []
for shift in (0, -1, 1):
    shifted = with_last_layer(shift=shift)
    assert (shifted.labels == probe.labels).all()
    assert np.abs(shifted.probabilities - probe.probabilities).max() < 1e-6  # float32's rounding
    blank_with = []
    for kind in ("logit", "margin"):
        answers = [sc.explain(shifted, sc.CamQuery("tail_conv2", name, score=kind)) for name in textures.class_names]
        blank_with.append(", ".join(one.class_name for one in answers if one.is_empty) or "none")
    lines.append([f"all weights {shift:+d}" if shift else "as trained", *blank_with])
table(["network", "blank with the logit", "blank with the margin"], *lines)

# %% [markdown]
# Three networks that cannot be told apart by anything they predict. Asked for the plain logit, one has a blank map for
# brick, one for *every* class, one for none. Lerma and Lucas [8] use this freedom to distort the Grad-CAM maps of a VGG19
# without changing an output. The margin is blind to the shift, as the softmax is, and brick is blank in all three.
#
# ### Zero is one reference of many
#
# "How much has this channel contributed?" always means "compared with what?". Grad-CAM compares with zero. DeepLIFT [9]
# and integrated gradients [10] made the reference a choice that has to be stated, and the choice matters [11]. Compared
# with the channel's mean over the image, or with the midpoint between its means inside and outside the region, low
# activation under a negative weight is evidence for the class.

# %% jupyter={"source_hidden": true} tags=["remove-input"]
from segcam_widgets.diagnosis.chance import share_by_chance


def references(name, probes, layer, target):
    """Gains on all pictures: of the map, of random weights with the same signs, and of the same question asked elsewhere."""
    lines = []
    for baseline in ("mean", "midpoint"):
        told = [sc.explain(one, sc.CamQuery(layer, target, baseline=baseline)) for one in probes]
        chance = [share_by_chance(one, floor=0.5) for one in told]
        elsewhere = [np.roll(one.mask, np.array(one.mask.shape) // 2, (0, 1)) for one in told]
        asked = [sc.CamQuery(layer, target, region=sc.Mask(mask), baseline=baseline) for mask in elsewhere]
        moved = [sc.explain(one, there).gain for one, there in zip(probes, asked, strict=True)]
        gains = [one.gain for one in told]
        lines.append(
            [
                name,
                baseline,
                f"{np.median(gains):.2f}",
                span(gains, ".2f"),
                f"{np.mean(chance):.0%}",
                f"{np.median(moved):.2f}",
            ]
        )
    return lines


table(
    ["", "compared with", "gain, median of 8", "range", "random weights reach 0.5", "gain, region moved"],
    *references("textures, brick", probes, "tail_conv2", "brick"),
    *references("question, circle", with_ten, "tail_conv2", "circle"),
)

# %% jupyter={"source_hidden": true} tags=["remove-input"]
titles = {"zero": "compared with zero", "mean": "with the mean", "midpoint": "with the midpoint"}
row(
    *(
        (signed(sc.explain(probe, sc.CamQuery("tail_conv2", "brick", baseline=baseline))), title)
        for baseline, title in titles.items()
    ),
    alt="Three signed maps of brick. Compared with zero: blue outside the region, white inside. Compared with the mean or "
    "with the midpoint: red inside the region, blue outside.",
)

# %% [markdown]
# Read such a map with care. With the mean as reference it sums to zero by construction, so something is always red; what
# it says is *where*. The midpoint even uses the region to choose its reference. Moved to other pixels, the same question
# gives nothing, so the red is no artefact of the region. But random weights with the same signs do as well, once all are
# negative and the channels are quiet here. The gain shows *where* activations are low. That the class hangs on it, only
# the experiment of section 4 shows.
#
# ### Pooling can cancel
#
# The mean of a gradient is not the gradient. Here is a network of one channel that looks for lonely dots: a cell counts
# in favour, its eight neighbours count against, and the kernel sums to -1. So raise the channel *everywhere*, and the
# score falls. Yet wherever the channel is active, it speaks for the class. HiResCAM [12] takes each cell's own gradient
# and does not pool.

# %% jupyter={"source_hidden": true} tags=["remove-input"]
from keras import layers

around = np.full((3, 3), -0.25)
around[1, 1] = 1
pixels = keras.Input((12, 12, 1))
feature = layers.ReLU(name="feature")(pixels)
output = layers.Conv2D(2, 3, padding="same", activation="softmax", name="output")(feature)
dots_model = keras.Model(pixels, output)
kernels = np.stack([np.zeros((3, 3)), around], -1)[:, :, None]
dots_model.get_layer("output").set_weights([kernels, np.array([0.5, 0.0])])

dots = np.zeros((12, 12, 1), np.float32)
dots[[2, 5, 9], [3, 9, 4]] = 1
dots_probe = sc.open_probe(dots_model, dots, class_names=["background", "dot"])
by_mean = sc.explain(dots_probe, sc.CamQuery("feature", "dot"))
by_cell = sc.explain(dots_probe, sc.CamQuery("feature", "dot", method="hirescam"))
assert by_mean.is_empty
assert not by_cell.is_empty
print("pooled gradient times cells:", numbers(by_mean.pooled_gradients * by_mean.cam.size))
print("gradient at the three dots: ", numbers(by_mean.gradients[dots > 0]))
print(sc.ledger(dots_probe, sc.CamQuery("feature", "dot")).summary())

# %% jupyter={"source_hidden": true} tags=["remove-input"]
row(
    (photo(dots_probe, by_mean.mask), "predicted; outlined: dot"),
    (signed(by_mean), "Seg-Grad-CAM"),
    (signed(by_cell), "HiResCAM"),
    alt="Left: three lonely bright cells, predicted as dots. Middle: Seg-Grad-CAM is blue on the dots and white elsewhere. "
    "Right: HiResCAM is red on the dots.",
)

# %% [markdown]
# But do not take a pixelwise map's place in the picture for evidence. The score reads the region alone, so the gradient
# lives near the region whatever the network has learned. Its **footprint**, the sum of `abs(G)` over all channels, tells
# how much of a gain that is. Brick at `dec2_relu`, further back:

# %%
from segcam_widgets.diagnosis.chance import footprint

for method in ("seg-grad-cam", "hirescam"):
    told = sc.explain(probe, sc.CamQuery("dec2_relu", "brick", method=method))
    print(f"{sc.METHODS[method].title}: {told.positive_share:.0%} positive, gain {told.gain:+.2f}")
print(f"the footprint alone: gain {footprint(told):+.2f}")

# %% [markdown]
# Most of HiResCAM's gain is footprint, so the diagnosis would not offer it here. A pooled map has the opposite fault: its
# weight is spread over all cells, also those that the score does not depend on. The deep blue outside the region reads:
# *if the question were asked there, these channels would say no.* What belongs to this region's score is in
# `explanation.region_contributions`.
#
# ### Activations may be negative, too
#
# Is there a ReLU behind the layer at all? At `dec1_bn`, just before one, activations have either sign. Nearly all of the 16
# weights of *circle* are negative there, and its map is not blank. Behind that ReLU, at `dec1_relu`, it is.

# %% tags=["hide-input"]
for layer in ("dec1_bn", "dec1_relu"):
    told = [sc.explain(one, sc.CamQuery(layer, "circle")) for one in with_ten]
    print(
        f"{layer}: {span([(one.weights < 0).sum() for one in told], 'g')} of 16 weights negative; "
        f"blank on {sum(one.is_empty for one in told)} of 8; gain {span([one.gain for one in told], '+.2f')}"
    )

# %% jupyter={"source_hidden": true} tags=["remove-input"]
before = sc.explain(circle, sc.CamQuery("dec1_bn", "circle"))
assert (before.weights < 0).all()
row(
    (photo(circle, before.mask, 0.35), "predicted; outlined: circle"),
    (signed(before), "circle at dec1_bn"),
    (signed(told[0]), "circle at dec1_relu"),
    alt="Left: the picture with circles outlined. Middle: the map of circle before the ReLU, made with negative weights alone: "
    "red on the circles, blue elsewhere. Right: behind the ReLU: blue elsewhere, white on the circles.",
)

# %% [markdown]
# Minus times minus is plus. Without a ReLU (a linear layer, before one, GELU) the weights' sign alone says nothing about
# the map. The other way round a positive weight on a negative activation counts against the class. Look at both.
#
# ### Saturation
#
# The *probability*'s gradient holds the softmax's slope, `p * (1 - p)`. Where the network is sure, that is nearly nothing.
# Here are the network as trained and a copy whose logits are twenty times as large. Both predict the same classes.

# %% jupyter={"source_hidden": true} tags=["remove-input"]
lines = []
for times in (1, 20):
    sure = with_last_layer(times=times)
    assert (sure.labels == probe.labels).all()
    peaks = [
        np.abs(sc.explain(sure, sc.CamQuery("tail_conv2", "gravel", score=kind)).cam).max()
        for kind in ("margin", "probability")
    ]
    exactly = (sure.probabilities[..., 2][sure.labels == 2] == 1).mean()
    lines.append([f"times {times}", *(f"{peak:.1e}" for peak in peaks), f"{peaks[0] / peaks[1]:.0f}", f"{exactly:.0%}"])
table(
    ["logits", "largest value, margin", "largest value, probability", "ratio", "pixels with p = 1 in float32"], *lines
)

# %% [markdown]
# Where `p` has been rounded to 1, the pixel drops out of the gradient altogether, and the few unsure pixels decide the
# map. Saturation makes a map small; by itself it turns no sign.
#
# ### What goes round the layer
#
# In a U-Net, skip connections go round the deeper layers. A map of such a layer shows what comes through it, and keeps
# quiet about the rest. The ledger names what goes round, and the experiment is to set it to its mean over the rest:

# %%
for one, layer, name in ((circle, "enc1_pool", "circle"), (probe, "enc2_conv", "brick")):
    headline = sc.diagnose(one, sc.CamQuery(layer, name)).headline
    print(f"{headline.code}: {headline.title}. {headline.message}")

# %% [markdown]
# ### A cause that lies elsewhere
#
# A class may be decided by something far away in the picture. In most layers no map can show that: what was known over
# there has already reached the region, and the cells over there decide nothing any more. A map that stays in the region
# is then right about the layer, and wrong about the image. One that lights up over there is no evidence either. Look at
# layers before the bottleneck's end, exchange the cells, and run on: [measured on networks where the cause is
# known](faithfulness.md#a-cause-outside-the-region).

# %% [markdown]
# ## 7. No contrast, padding, the scale of the input
#
# The [answer that the question got](https://stackoverflow.com/questions/71907967) suspected three other things: inputs
# without contrast make the channels merge, padding spreads the sameness, and the images may not have had their true scale.
# All three are real effects, and all three can be measured. The class is brick, the region is where the *truth* says so.


# %% jupyter={"source_hidden": true} tags=["remove-input"]
def changed(change):
    """What a change of the pictures does: pixels right; weights and blank maps at tail_conv2; signs at tail_conv8."""
    right, pooled, blank, signs = [], [], [], []
    for x, truth in zip(textures.images, textures.truth, strict=True):
        one = sc.open_probe(textures.model, change(x), truth=truth, class_names=textures.class_names)
        region = sc.TruthClass("brick")
        right.append(np.mean(one.labels == truth))
        told = sc.explain(one, sc.CamQuery("tail_conv2", "brick", region=region, score="logit"))
        pooled.append(told.pooled_gradients * cells)
        blank.append(sc.explain(one, sc.CamQuery("tail_conv2", "brick", region=region)).is_empty)
        signs.append(np.sign(sc.explain(one, sc.CamQuery("tail_conv8", "brick", region=region, score="logit")).weights))
    return np.mean(right), np.mean(pooled, 0), sum(blank), np.array(signs)


def contrast(factor):
    return lambda x: x.mean() + factor * (x - x.mean())


def scale(factor):
    return lambda x: x * np.float32(factor)


changes = {
    "as trained": scale(1),
    "contrast times 0.5": contrast(0.5),
    "contrast times 0.25": contrast(0.25),
    "no contrast": contrast(0),
    "input times 255": scale(255),
    "input times 2": scale(2),
    "input times 0.5": scale(0.5),
    "input divided by 255": scale(1 / 255),
}
found = {name: changed(change) for name, change in changes.items()}
trained = found["as trained"][-1]
print(f"correlation of the two channels of tail_conv2: {np.corrcoef(maps.reshape(-1, 2).T)[0, 1]:.2f}")
table(
    [
        "change",
        "pixels right",
        "the logit's two weights",
        "blank maps (margin)",
        "signs turned at `tail_conv8` (logit)",
    ],
    *(
        [name, f"{right:.0%}", numbers(pooled, "+.4f"), f"{blank} of 8", f"{(signs != trained).sum()} of {signs.size}"]
        for name, (right, pooled, blank, signs) in found.items()
    ),
)

# %% [markdown]
# Without contrast, or at a wrong scale, the *prediction* breaks, and you would see that. The two weights do not move at
# all, as no picture is in them, and the map stays as blank as it was. Further back, where the picture decides which ReLUs
# are open, signs can turn: few while most pixels are still right, most of them once the prediction is gone.
#
# Merged channels are another matter. If two say the same, only the *sum* of their weights counts, and weights of opposite
# sign cancel. These two do not (their correlation is 0.42); [SC210](rules.md#sc210-merged-channels) looks for it.
#
# Padding is next. To take the zeros away, continue four mosaics by reflection, 64 pixels to each side, and cut the middle
# out of the result.

# %% jupyter={"source_hidden": true} tags=["remove-input"]
wide_by = 64
inner = slice(wide_by, -wide_by)
share, depth, other = [], [], []
for number in range(4):
    wide = np.pad(textures.images[number], ((wide_by, wide_by), (wide_by, wide_by), (0, 0)), mode="reflect")
    one = sc.open_probe(textures.model, wide, class_names=textures.class_names)
    zeros, mirror = probes[number].activations("tail_conv2"), one.activations("tail_conv2")[inner, inner]
    difference = np.abs(zeros - mirror).max(-1) / zeros.max()
    rows_, cols_ = np.nonzero(difference > 1e-3)
    depth.append(np.minimum.reduce([rows_, cols_, 159 - rows_, 159 - cols_]).max() + 1)
    share.append(np.mean(difference > 0.01))
    other.append(np.mean(probes[number].labels != one.labels[inner, inner]))
    assert sc.explain(one, brick.query).is_empty
print(f"reaches in: {max(depth)} px; cells changed by over 1 %: {span(share)}; other class: at most {max(other):.1%}")

# %% [markdown]
# Padding reaches far into the image [13], and the map is blank without it as well. A map whose positive part sits in the
# border cells alone deserves suspicion for this reason ([SC211](rules.md#sc211-padding-artefact)); a map that is blank
# everywhere has another one.
#
# ## 8. Your own network
#
# One call runs the experiments and says what they show. Where there is a remedy, it has tried it:

# %%
diagnosis = sc.diagnose(circle, query)
Markdown(diagnosis.to_markdown())

# %% [markdown]
# With the mouse: `sc.explore(model, x)`; the panel under the map says the same, and a button applies the remedy.
#
# If you would rather stay with your own twenty lines of Grad-CAM, change four of them:
#
# - Take the margin: the logit minus that of the strongest other class at each pixel, before any softmax.
# - Leave the ReLU out, and draw the map on a blue-to-red scale that is symmetric about zero. A blank map is then blue or
#   white, and the two mean different things.
# - Lift the channels inside the region to their mean outside, and run the network on. Then switch the layer off.
# - Subtract a reference: `(weights * (A - A.mean((0, 1)))).sum(-1)`. And say in the caption which one it was.
#
# | what you see | what it may be | what to do | rule |
# | --- | --- | --- | --- |
# | all weights negative; lifting the channels loses the class, switching off does not | coded by absence at this layer | compare with the mean or the midpoint; show the signed map | [SC205](rules.md#sc205-coded-by-absence) |
# | red everywhere, or most of all outside; outputs that nobody uses | the score compares with classes that do not compete | the margin | [SC212](rules.md#sc212-diluted-score), [SC214](rules.md#sc214-stronger-outside) |
# | blank with the plain logit, not with the margin | a number added to all logits | the margin | [SC202](rules.md#sc202-shared-logit-shift) |
# | blank with a probability, not with the margin | saturation | the margin | [SC201](rules.md#sc201-saturated-score) |
# | weights negative, activations negative | nothing is wrong | look at the map, not at the weights | [SC204](rules.md#sc204-signed-activations) |
# | activations of either sign, and the map blank | negative activations undo the positive evidence | the ReLU that follows | [SC204](rules.md#sc204-signed-activations) |
# | all gradients exactly zero | an arg max or rounding on the way; dead, closed or full units; a branch times zero; a ReLU on the logits; 16 bits | another layer; float32; repair the model | [SC107](rules.md#sc107-no-gradient-step), [SC102](rules.md#sc102-disconnected-layer), [SC104](rules.md#sc104-dead-channels), [SC215](rules.md#sc215-zero-weight-branch), [SC302](rules.md#sc302-rectified-logits), [SC209](rules.md#sc209-half-precision) |
# | small gradients everywhere, never sure | a softmax on a softmax | take one away, and train again | [SC216](rules.md#sc216-two-softmaxes) |
# | all weights negative, and lowering the channels loses the class | pooling cancels | HiResCAM, where it shows more than its footprint | [SC203](rules.md#sc203-pooling-cancels) |
# | mixed signs, blank or faint all the same | the channels against it outweigh, or those for it are silent here | the map of the positive channels; the table of channels | [SC208](rules.md#sc208-outweighed), [SC106](rules.md#sc106-positive-channels-silent) |
# | the class hangs on a skip connection | it does not come through this layer | a layer after the join | [SC206](rules.md#sc206-carried-by-bypass) |
# | the class is not predicted there | evidence against it is the right answer | ask about the predicted class | [SC207](rules.md#sc207-not-predicted-here) |
# | nothing you do to the layer changes the class | this layer does not decide it | another layer | [SC213](rules.md#sc213-not-decided-here) |
# | the layer is the same inside and outside | there is nothing to compare | another layer; check the input's scale | [SC105](rules.md#sc105-no-contrast) |
# | the experiments disagree | undecided: the numbers, and no cause | another region or layer | [SC217](rules.md#sc217-undecided) |
#
# ## Sources
#
# 1. Selvaraju et al., Grad-CAM: Visual explanations from deep networks via gradient-based localization,
#    [arXiv 1610.02391](https://arxiv.org/abs/1610.02391): the pooled gradient, the ReLU, counterfactual explanations.
# 2. Zhang et al., Finer-CAM: Spotting the difference reveals finer details for visual explanation,
#    [arXiv 2501.11309](https://arxiv.org/abs/2501.11309): the gradient of a difference of two logits.
# 3. Vinogradova, Dibrov and Myers, Towards interpretable semantic segmentation via gradient-weighted class activation
#    mapping, [arXiv 2002.11434](https://arxiv.org/abs/2002.11434): Seg-Grad-CAM.
# 4. Hesse et al., What is missing? Explaining neurons activated by absent concepts,
#    [arXiv 2603.09787](https://arxiv.org/abs/2603.09787): encoded absences, and how to see them where attribution in its usual form hardly does.
# 5. Dhurandhar et al., Explanations based on the missing: Towards contrastive explanations with pertinent negatives,
#    [arXiv 1802.07623](https://arxiv.org/abs/1802.07623).
# 6. Srinivas and Fleuret, Full-gradient representation for neural network visualization,
#    [arXiv 1905.00780](https://arxiv.org/abs/1905.00780): gradients with respect to inputs and biases add up to the output.
# 7. Wang, Zhou and Bilmes, Bias also matters: Bias attribution for deep neural network explanation,
#    [ICML 2019](https://proceedings.mlr.press/v97/wang19p.html).
# 8. Lerma and Lucas, A vulnerability of attribution methods using pre-softmax scores,
#    [arXiv 2307.03305](https://arxiv.org/abs/2307.03305).
# 9. Shrikumar, Greenside and Kundaje, Learning important features through propagating activation differences,
#    [arXiv 1704.02685](https://arxiv.org/abs/1704.02685): DeepLIFT, differences from a reference.
# 10. Sundararajan, Taly and Yan, Axiomatic attribution for deep networks,
#     [arXiv 1703.01365](https://arxiv.org/abs/1703.01365): integrated gradients and their baseline.
# 11. Sturmfels, Lundberg and Lee, Visualizing the impact of feature attribution baselines,
#     [Distill 2020](https://distill.pub/2020/attribution-baselines/).
# 12. Draelos and Carin, Use HiResCAM instead of Grad-CAM for faithful explanations of convolutional neural networks,
#     [arXiv 2011.08891](https://arxiv.org/abs/2011.08891).
# 13. Alsallakh et al., Mind the pad: CNNs can develop blind spots,
#     [arXiv 2010.02178](https://arxiv.org/abs/2010.02178).
