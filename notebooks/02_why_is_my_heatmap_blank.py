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
# [beside a well-known library](https://github.com/jacobgil/pytorch-grad-cam/issues/235), about a network that ends
# like this: 3x3 convolution with 8 channels, transposed convolution with 2, 3x3 convolution with 2, 1x1 convolution to
# the classes, softmax. The network that ships with this package ends in the same five layers. It is small, it is really
# trained, and it has the same symptom. Every number and every picture below is computed by the code beside it, from that
# network (and once from a network of a single kernel).
#
# **The short answer.**
#
# - A pooled gradient is a forecast: raise this channel a little, everywhere, and the score of the class goes up, or
#   down. It says nothing about how much the channel has given so far.
# - If all of them are negative, then each channel of this layer, when it speaks, speaks against the class. The network
#   says this class where these channels are *silent*. The class is coded by the absence of features, and a bias
#   carries its score.
# - Grad-CAM counts activation from zero and then drops all that is negative. For such a class nothing is left. The map
#   is blank because the question has a blank answer: neither the gradients nor the network are broken.
# - Count from another reference, the channel's mean over the image, say, and silence becomes visible as what it is:
#   evidence.
#
# That is the cause in this network, and the likely one in a network that ends like this. It is not the only possible
# one: section 4 goes through what else the sign can and cannot tell, each with its picture and its number, and section 5
# through what was suspected first, with a number each.

# %% jupyter={"source_hidden": true} tags=["hide-input"]
# Drawing and tables only.
import io

import numpy as np
from IPython.display import Image, Markdown
from PIL import Image as Picture, ImageDraw

import segcam_widgets as sc
from segcam_widgets.core.render import class_colours, diverging_lut, draw_outline, overlay, render, symmetric_limit

SIDE, GAP, LINE, EDGE = 320, 24, 30, 12


def photo(probe, mask=None):
    """The image, enlarged without smoothing, under the predicted labels and a region's outline; names of the classes."""
    times = SIDE // len(probe.image)
    pixels = probe.image.repeat(times, 0).repeat(times, 1)
    return overlay(pixels, labels=probe.labels, mask=mask, label_opacity=0.55), probe.class_names


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


# %% [markdown]
# ## 1. The symptom
#
# One probe for each of the eight shipped mosaics: a probe is one model bound to one image. The class is *brick*, the
# layer is `tail_conv2`: the second-last convolution, with two channels and a ReLU.

# %%
demo = sc.load_demo()


def opened(model):
    """One probe an image."""
    pairs = zip(demo.images, demo.truth, strict=True)
    return [sc.open_probe(model, x, truth=truth, class_names=demo.class_names) for x, truth in pairs]


probes = opened(demo.model)
probe = probes[0]
query = sc.CamQuery(layer="tail_conv2", class_index="brick")
answer = sc.explain(probe, query)

both = [(one.labels == 0) & (one.truth == 0) for one in probes]
either = [(one.labels == 0) | (one.truth == 0) for one in probes]
print(f"intersection over union of brick, all mosaics: {np.sum(both) / np.sum(either):.2f}")
print(answer.summary())
print("blank on", sum(sc.explain(one, query).is_empty for one in probes), "of", len(probes), "mosaics")

# %% jupyter={"source_hidden": true} tags=["remove-input"]
row(
    (photo(probe, answer.mask), "predicted; outlined: brick"),
    (signed(answer), "the map, with its sign"),
    (signed(answer, relu=True), "after the ReLU"),
    alt="Left: a mosaic of three textures with its predicted segmentation; the parts predicted as brick are outlined. "
    "Middle: the signed map of brick, blue outside the outline and white inside. Right: the same after the ReLU: empty.",
)

# %% [markdown]
# *Brick* is segmented very well, 0.98 intersection over union, and its map is blank on all eight mosaics. But look at
# the middle picture: with its sign the map is not empty at all. It is blue everywhere *except* on brick. The ReLU of
# Grad-CAM throws away the half that holds the answer. (The paper calls the other half, the ReLU of minus the map, the
# counterfactual explanation [1].) This package never drops the sign in its numbers; hiding the negative half is a
# choice of the display.

# %% [markdown]
# ## 2. What a pooled gradient is
#
# Let `A_k(u, v)` be channel `k` of the layer and `S` the score of the class in the region that is asked about, here
# where *brick* is predicted. The gradient `G_k(u, v) = dS/dA_k(u, v)` says what a small change of one cell does to
# `S`. Grad-CAM [1], and Seg-Grad-CAM [2] for segmentation, pool it into one number a channel:
#
#     alpha_k = mean over (u, v) of G_k(u, v)          map = sum over k of alpha_k * A_k
#
# So `alpha_k` is a slope. Raise channel `k` by a small `e` at all `h * w` cells at once, and `S` changes by
# `h * w * alpha_k * e`. Nothing has to be believed here: the network can be run on from this layer with a channel
# raised.

# %% tags=["hide-input"]
cells = answer.cam.size
step = 0.01


def score(logits):
    """The centered logit of brick, averaged over the region: the score that was asked about."""
    inside = logits[answer.mask].astype(float)
    return (inside[:, 0] - inside.mean(1)).mean()


lines = []
for channel, pooled in enumerate(answer.pooled_gradients):
    raised = answer.activations.copy()
    raised[..., channel] += step
    measured = (score(probe.replay(query.layer, raised)) - score(probe.logits)) / step
    lines.append([channel, f"{pooled:.3g}", f"{cells * pooled:.4f}", f"{measured:.4f}"])
table(["channel", "pooled gradient", "times the number of cells", "measured slope of S"], *lines)

# %% [markdown]
# Two remarks. The paper *sums* the class's logit over the region, this package takes the *mean*: that divides all
# pooled gradients by the region's number of pixels and changes no sign. And pooled gradients of a segmentation network
# are small numbers by nature, because they are divided by the number of cells: -0.3085 becomes -1.21e-05. Small does
# not mean vanishing.
#
# Now the point that settles half of the question. After `tail_conv2` only the 1x1 convolution follows. Then the pooled
# gradient of the plain logit is nothing but a weight of that convolution, divided by the number of cells:

# %%
kernel, bias = demo.model.get_layer("tail_logits").get_weights()
kernel = kernel.reshape(2, 3)  # channel, class
logit = sc.CamQuery(layer="tail_conv2", class_index="brick", score="logit")
slopes = np.array([cells * sc.explain(one, logit).pooled_gradients for one in probes])

print("the file's two weights from the channels to brick:", numbers(kernel[:, 0], "+.4f"))
print("pooled gradients times cells, smallest of 8 images:", numbers(slopes.min(0), "+.4f"))
print("pooled gradients times cells, largest of 8 images: ", numbers(slopes.max(0), "+.4f"))

# %% [markdown]
# **There is no image in these numbers.** At a layer like this the pooled gradients of a logit, plain or centered, are the
# same for every picture and every region. (Centered, they are these weights minus the mean of the channel's weights to
# all classes: the -0.3085 and -0.8032 of the table above.) "All pooled gradients are negative" is a statement about two
# weights of the network, and you can read them off its file. It also explains why the map at the *last* convolution is
# always fine. That layer is the logits themselves: the pooled gradient is 1 for the class and 0 for the others, so the
# map is the class's own logit.

# %%
last = sc.explain(probe, sc.CamQuery(layer="tail_logits", class_index="brick", score="logit"))
print("pooled gradients times cells at the last convolution:", numbers(last.pooled_gradients * cells))
print(f"focus {last.focus:.2f}: that share of the map's positive mass lies inside the region")

# %% [markdown]
# ## 3. What it means that all are negative
#
# A negative weight says: *where this channel is active, it is not brick.* So where is it active?

# %% tags=["hide-input"]
maps = probe.activations("tail_conv2")
lines = []
for index, name in enumerate(demo.class_names):
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
# Channel 1 fires on grass and gravel, channel 0 on gravel. On brick both are silent. With two channels the network has
# three classes to write down, and it wrote them as *neither*, *one* and *both*. Brick is *neither*. That is no defect.
# A softmax only sees differences between logits, so `C` classes need `C - 1` directions, and one class is free to be
# the one that remains when nobody objects. Training had no reason to do otherwise.
#
# What then makes the score? The **ledger** splits it into parts that add up: gradient times activation for each channel,
# the same for every skip connection that goes round the layer, and the rest. Where everything behind the layer is
# piecewise linear, the rest is exactly what the biases bring. This is the completeness of full gradients [3].

# %%
book = sc.ledger(probe, query)
print(book.summary())
print("the two channels:", numbers(book.channels, "+.3f"))
print(book.remark)

# %% [markdown]
# The bias carries 2.19 of a score of 2.15. The two channels take 0.04 away: they are nearly silent on brick, as the
# table above says. So "every channel contributes negatively" is true and says next to nothing: the contributions are
# -0.017 and -0.027.
#
# Switch the two channels off and run the network on from there. If silence means brick, then all must become brick.

# %%
off = sc.ablate(probe, query)
print(off.summary())
print(
    f"predicted as brick: {np.mean(off.labels_before == 0):.0%} of the image before, {np.mean(off.labels == 0):.0%} after"
)

sheet = sc.open_probe(demo.model, np.full_like(demo.images[0], 0.5), class_names=demo.class_names)
print(f"an even grey picture, with no texture at all: {np.mean(sheet.labels == 0):.0%} brick")

at_mean = sc.ablate(probe, query, to="mean")
print(at_mean.summary())

# %% [markdown]
# Three experiments, one answer. Without the two channels the whole image is brick. A blank grey sheet is brick. And the
# other way round: lift both channels to their mean over the image, and not a single pixel of the region stays brick;
# the score falls by 4.84, just as the gradient forecast. *The low activation is what makes these pixels brick.* It is
# evidence, and strong evidence. Grad-CAM cannot show it, because it counts from zero, and from there the channels
# can only go up.

# %% [markdown]
# ## 4. What the sign does not mean
#
# Six things hide behind "all pooled gradients are negative" or behind a blank map. Each has its own number.
#
# ### A number added to all logits
#
# A softmax cannot see a number that is added to all logits of a pixel. So take the network and subtract, at each pixel,
# the sum of both channels from *all* logits. It is one line: lower all six weights by 1. Not one prediction changes. Now
# raise them by 1 instead.

# %% tags=["hide-input"]
import keras


def with_last_layer(*, shift=0.0, times=1.0):
    """A copy of the network with other weights in its last convolution."""
    copy = keras.models.clone_model(demo.model)
    copy.set_weights(demo.model.get_weights())
    weights, offsets = copy.get_layer("tail_logits").get_weights()
    copy.get_layer("tail_logits").set_weights([times * (weights + shift), times * offsets])
    return sc.open_probe(copy, demo.images[0], class_names=demo.class_names)


lines = []
for shift in (0, -1, 1):
    shifted = with_last_layer(shift=shift)
    assert (shifted.labels == probe.labels).all()
    assert np.abs(shifted.probabilities - probe.probabilities).max() < 1e-6  # float32's rounding
    blank_with = []
    for kind in ("logit", "centered_logit"):
        answers = [sc.explain(shifted, sc.CamQuery("tail_conv2", name, score=kind)) for name in demo.class_names]
        blank_with.append(", ".join(one.class_name for one in answers if one.is_empty) or "none")
    lines.append([f"all weights {shift:+d}" if shift else "as trained", *blank_with])
table(["network", "blank with the logit", "blank with the centered logit"], *lines)

# %% jupyter={"source_hidden": true} tags=["remove-input"]
lowered = with_last_layer(shift=-1)
row(
    (signed(sc.explain(probe, sc.CamQuery("tail_conv2", "gravel", score="logit"))), "as trained, logit of gravel"),
    (signed(sc.explain(lowered, sc.CamQuery("tail_conv2", "gravel", score="logit"))), "all weights -1, the logit"),
    (signed(sc.explain(lowered, sc.CamQuery("tail_conv2", "gravel"))), "all weights -1, centered"),
    alt="Three signed maps of gravel. Left, the plain logit of the network as trained: red on gravel. Middle, the plain logit "
    "with all weights lowered by 1: blue on gravel and grass, nowhere red. Right, the centered logit of that network: red on gravel.",
)

# %% [markdown]
# Three networks that cannot be told apart by anything they predict. Asked for the plain logit, one has a blank map for
# brick, one for *every* class, one for none. The sign of a plain logit's gradient is not determined by what the network
# predicts: Lerma and Lucas [4] use this freedom to distort the Grad-CAM maps of a VGG19 without changing an output. The
# cure is a score that is blind to the shift, as the softmax is: the **centered logit** (the logit minus the mean of all
# classes' logits), which is the default here, or the **margin** over the strongest rival. With either the three networks
# give the same answer, and brick is still blank. So in this network it is more than a shift. (Has your network more
# outputs than classes in use, as the one of the question, which has ten? Outputs that are never used dilute the mean;
# take the margin.)
#
# ### Zero is one reference of many
#
# "How much has this channel contributed?" always means "compared with what?". Grad-CAM compares with zero. DeepLIFT [5]
# and integrated gradients [6] made the reference point a choice that has to be stated, and the choice matters [7].
# Compared with the channel's mean over the image, low activation under a negative weight is positive evidence: minus
# times minus.

# %% tags=["hide-input"]
lines = []
for baseline in ("zero", "mean", "midpoint"):
    answers = [sc.explain(one, sc.CamQuery("tail_conv2", "brick", baseline=baseline)) for one in probes]
    blank = sum(one.is_empty for one in answers)
    gain, focus = [one.gain for one in answers], [one.focus for one in answers]
    lines.append([baseline, f"{blank} of {len(answers)}", f"{np.median(focus):.2f}", f"{min(gain):.2f}"])
table(["compared with", "blank", "focus, median of 8 mosaics", "smallest gain"], *lines)

# %% jupyter={"source_hidden": true} tags=["remove-input"]
row(
    *(
        (signed(sc.explain(probe, sc.CamQuery("tail_conv2", "brick", baseline=baseline))), title)
        for baseline, title in (
            ("zero", "compared with zero"),
            ("mean", "with the mean"),
            ("midpoint", "with the midpoint"),
        )
    ),
    alt="Three signed maps of brick. Compared with zero: blue outside the region, white inside. Compared with the mean or "
    "with the midpoint: red inside the region, blue outside.",
)

# %% [markdown]
# *Focus* is the share of the map's positive mass that lies inside the region, *gain* is what of it goes beyond an evenly
# spread map (0: no better than even, 1: all inside). `mean` is the channel's mean over the image, `midpoint` lies half-way
# between its mean inside and outside the region.
#
# Read such a map with care. With the mean as reference it sums to zero by construction, so something is always red; what
# the map says is *where*. The midpoint even uses the region to choose its reference. That the red falls on the region is
# the finding, and the gain measures it. The weights are the same in all three pictures; only the point of comparison
# moved, and the picture says where to.
#
# ### Pooling can cancel
#
# The mean of a gradient is not the gradient. Here is a network of one channel that looks for lonely dots: a cell counts
# in favour, its eight neighbours count against, and the kernel sums to -1. So raise the channel *everywhere*, and the
# score falls: the pooled gradient is negative. (It is -0.50 here: with two classes the centered logit is half the
# margin.) Yet wherever the channel is active, it speaks for the class. HiResCAM [8] takes each cell's own gradient and
# does not pool.

# %%
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
pooled = sc.explain(dots_probe, sc.CamQuery("feature", "dot"))
unpooled = sc.explain(dots_probe, sc.CamQuery("feature", "dot", method="hirescam"))
assert pooled.is_empty
assert not unpooled.is_empty
print("pooled gradient times cells:", numbers(pooled.pooled_gradients * pooled.cam.size))
print("gradient at the three dots: ", numbers(pooled.gradients[dots > 0]))
print(sc.ledger(dots_probe, sc.CamQuery("feature", "dot")).summary())

# %% jupyter={"source_hidden": true} tags=["remove-input"]
row(
    (photo(dots_probe, pooled.mask), "predicted; outlined: dot"),
    (signed(pooled), "Seg-Grad-CAM"),
    (signed(unpooled), "HiResCAM"),
    alt="Left: three lonely bright cells, predicted as dots. Middle: Seg-Grad-CAM is blue on the dots and white elsewhere. "
    "Right: HiResCAM is red on the dots.",
)

# %% [markdown]
# The channel carries +0.50 of this score, and its map is blank: it is the pooling that empties it. In the demo pooling
# costs a map its place rather than its colour. At `dec2_relu`, with activations that are never negative, the pooled map of
# brick is positive everywhere and prefers what is *not* brick; cell by cell it does not.

# %% tags=["hide-input"]
lines = []
for method in ("seg-grad-cam", "hirescam"):
    told = sc.explain(probe, sc.CamQuery("dec2_relu", "brick", method=method))
    lines.append([sc.METHODS[method].title, f"{told.positive_share:.0%}", f"{told.gain:+.2f}"])
survives = np.abs(told.gradients.mean((0, 1))) / np.abs(told.gradients).mean((0, 1))
print(f"what pooling leaves of a gradient, |mean of G| / mean of |G|: {np.median(survives):.2f} in the median")
table(["method at dec2_relu", "positive share of the map", "gain"], *lines)

# %% [markdown]
# At `tail_conv2` pooling hides something else. The score looks at the region's pixels only, and only a 1x1 convolution
# follows, so cells outside the region have no influence on it at all: there the gradient is zero. The pooled weight is
# spread over them all the same.

# %%
outside = np.abs(answer.cam[~answer.mask]).sum() / np.abs(answer.cam).sum()
print(f"largest gradient outside the region: {np.abs(answer.gradients[~answer.mask]).max():.1f}")
print(f"share of the pooled map's magnitude that lies out there: {outside:.1%}")

# %% [markdown]
# So the deep blue in the first picture reads: *if the question were asked there, these channels would say no.* It is not
# a part of this region's score. That part is in `explanation.region_contributions`; the explorer's bars can show it.
#
# ### Activations may be negative too
#
# One layer further back there is no ReLU: `tail_convT2` has activations of either sign. For *grass* all its pooled
# gradients are negative on every mosaic, and all is well.

# %% tags=["hide-input"]
lines = []
for number, one in enumerate(probes):
    grass = sc.explain(one, sc.CamQuery("tail_convT2", "grass"))
    assert (grass.weights < 0).all()
    assert not grass.is_empty
    inside = grass.activations[grass.mask].mean(0)
    lines.append(
        [number, numbers(grass.weights * cells), numbers(inside), f"{grass.positive_share:.0%}", f"{grass.gain:.2f}"]
    )
table(["mosaic", "pooled gradients times cells", "mean activation on grass", "positive share", "gain"], *lines)

# %% jupyter={"source_hidden": true} tags=["remove-input"]
grass = sc.explain(probe, sc.CamQuery("tail_convT2", "grass"))
row(
    *((painted(grass.activations[..., k], grass.mask), f"activation of channel {k}") for k in (0, 1)),
    (signed(grass), "map of grass, weights negative"),
    alt="Left and middle: the two channels of tail_convT2, blue on grass, where they are negative. Right: the map of grass, "
    "made with two negative weights: red on grass.",
)

# %% [markdown]
# Minus times minus is plus. A negative pooled gradient only pulls the map down where the activation is positive, so on a
# layer without ReLU (linear, before a batch normalisation, GELU) its sign alone says nothing about the map.
#
# It works the other way round, too. At `dec2_conv`, before batch normalisation and ReLU, the map of brick is blank, and
# most of the pooled gradients are positive.

# %%
deep = sc.explain(probe, sc.CamQuery("dec2_conv", "brick"))
print(f"{int((deep.weights > 0).sum())} of {deep.weights.size} pooled gradients are positive")
print(f"{np.mean(deep.activations < 0):.0%} of the activations are negative")
rectified = np.maximum(deep.activations, 0) @ deep.weights
print(f"share of the map's mass that is positive: {deep.positive_share:.1%}")
print(f"the same with the negative activations at zero: {np.maximum(rectified, 0).sum() / np.abs(rectified).sum():.1%}")

# %% [markdown]
# So look at weights and activations together, or choose the ReLU that follows as the target layer.
#
# ### Saturation
#
# Who explains the *probability* instead of the logit differentiates the softmax as well, and its slope is `p * (1 - p)`.
# Where the network is sure, that is nearly nothing. Here are the network as trained and a copy whose logits are twenty
# times as large. Both predict the same classes.

# %% tags=["hide-input"]
lines = []
for times in (1, 20):
    sure = with_last_layer(times=times)
    assert (sure.labels == probe.labels).all()
    peaks = [
        np.abs(sc.explain(sure, sc.CamQuery("tail_conv2", "gravel", score=kind)).cam).max()
        for kind in ("centered_logit", "probability")
    ]
    exactly = (sure.probabilities[..., 2][sure.labels == 2] == 1).mean()
    lines.append([f"times {times}", *(f"{peak:.1e}" for peak in peaks), f"{peaks[0] / peaks[1]:.0f}", f"{exactly:.0%}"])
for kind in (np.float32, np.float16):
    print(f"{kind.__name__} rounds to 1 what is nearer to it than {np.finfo(kind).epsneg / 2:.1e}")
table(
    ["logits", "largest value, centered logit", "largest value, probability", "ratio", "pixels with p = 1 in float32"],
    *lines,
)

# %% jupyter={"source_hidden": true} tags=["remove-input"]
asked = [
    (probe, "centered_logit", ""),
    (probe, "probability", ""),
    (with_last_layer(times=20), "probability", ", 20 times"),
]
row(
    *(
        (
            painted(sc.explain(one, sc.CamQuery("tail_conv2", "gravel", score=kind)).gradients[..., 0]),
            f"gradient, {kind.replace('_', ' ')}{more}",
        )
        for one, kind, more in asked
    ),
    alt="The gradient of gravel's score at channel 0, three times. Centered logit: the same red all over gravel. Probability: "
    "red along the edges of gravel, pale inside. Probability with logits twenty times as large: a few dots at the edge.",
)

# %% [markdown]
# Where `p` has been rounded to 1, `1 - p` is zero, and the pixel drops out of the gradient altogether. What is left of the
# map is decided by the few unsure pixels, mostly at the region's edge. In half precision this comes much sooner, at 2.4e-4
# instead of 3.0e-8. If your pooled gradients are all *zero* rather than negative, look here first, and explain the logit.
#
# ### Biases and skip connections
#
# A layer can be silent about a class because the class does not come through it. In a U-Net, skip connections go round
# the deeper layers. The ledger lists each of them by name:

# %%
for layer, name in (("dec2_relu", "brick"), ("dec1_relu", "brick"), ("tail_conv2", "brick"), ("dec2_conv", "gravel")):
    print(f"{name} at {layer}: {sc.ledger(probe, sc.CamQuery(layer, name)).summary()}")

# %% [markdown]
# The same for each output pixel, of the last line: what comes through the layer, what goes round it, and what the biases
# bring.

# %% jupyter={"source_hidden": true} tags=["remove-input"]
book = sc.ledger(probe, sc.CamQuery("dec2_conv", "gravel"))
fields = {}
for part, title in (("channels", "through dec2_conv"), ("bypass", "round it: enc1_relu"), ("residual", "biases")):
    of_each = np.stack([book.field(part, index) for index in range(3)], -1)
    fields[title] = of_each[..., 2] - of_each.mean(-1)  # gravel, centered
gravel = probe.labels == 2
assert np.isclose(sum(field[gravel].mean() for field in fields.values()), book.score, atol=1e-4)
end = symmetric_limit(np.concatenate(list(fields.values())))
row(
    *((painted(field, gravel, end), title) for title, field in fields.items()),
    alt="Three parts of the centered logit of gravel, pixel by pixel, on one scale; gravel is outlined. Through "
    "the layer: pale red and blue on gravel. Round it: red on gravel. Biases: deep red on gravel, pale blue on brick.",
)

# %% [markdown]
# At `dec2_relu` the skip connection from `enc1_relu` brings 0.186 to brick and the layer itself 0.0416; the biases bring
# most. For gravel at `dec2_conv` the skip connection outweighs the layer, too. A map of such a layer shows the part that
# goes through it and keeps quiet about the rest. (What the biases bring has the shape of the class as well: further on,
# ReLUs let it through or do not.) And what a bias carries, no product of activations and gradients can show, as long as
# it counts from zero: it is not in the activations.

# %% [markdown]
# ## 5. No contrast, padding, the scale of the input
#
# The [answer that the question got](https://stackoverflow.com/questions/71907967) suspected three other things: that
# inputs without contrast make the channels merge, that padding spreads the sameness, and that the images did not have
# their true scale. All three are real effects, and all three can be measured. Region: where the *truth* says brick, so
# that it stays the same whatever the network makes of the changed picture.


# %% tags=["hide-input"]
def changed(change):
    """What a change of the pictures does at tail_conv2."""
    found = []
    for x, truth in zip(demo.images, demo.truth, strict=True):
        one = sc.open_probe(demo.model, change(x), truth=truth, class_names=demo.class_names)
        told = sc.explain(one, sc.CamQuery("tail_conv2", "brick", region=sc.TruthClass("brick")))
        flat = told.activations.reshape(-1, 2)
        found.append(
            (np.mean(one.labels == truth), np.mean(one.labels == 0), *flat.mean(0), *told.weights, told.is_empty)
        )
    right, brick, first, second, alpha, beta, _ = np.mean(found, 0)
    pooled = numbers((alpha * cells, beta * cells), "+.4f")
    return [
        f"{right:.0%}",
        f"{brick:.0%}",
        f"{first:.2f}, {second:.2f}",
        pooled,
        f"{sum(f[-1] for f in found):.0f} of 8",
    ]


def contrast(factor):
    return lambda x: x.mean() + factor * (x - x.mean())


header = ["pixels right", "predicted brick", "mean activation", "pooled gradients times cells", "blank"]
table(["contrast", *header], *([f"times {factor:g}", *changed(contrast(factor))] for factor in (1, 0.5, 0.25, 0.1, 0)))

# %% tags=["hide-input"]
scales = ((1, "as trained, 0 to 1"), (255, "0 to 255"), (2, "0 to 2"), (0.5, "0 to 0.5"), (1 / 255, "0 to 1/255"))
table(["input", *header], *([name, *changed(lambda x, s=s: x * np.float32(s))] for s, name in scales))

# %% [markdown]
# Take away the contrast, and the channels fall silent: at a quarter of it three quarters of the image are called brick,
# and without any contrast everything is. That is a failure of the *prediction*, and you would see it. A wrong scale
# ruins the prediction as well. What neither changes is the pooled gradients, to the last digit shown: they are two
# weights, and no picture is in them. **Contrast and scale can flatten this map. They cannot turn a sign in it.**
#
# Can channels that have merged blank a map at all? Yes, in another way: if two channels say the same, only the *sum* of
# their weights counts. Grass has one weight of either sign. Give both channels their common mean and see what is left:

# %%
grass = sc.explain(probe, sc.CamQuery("tail_conv2", "grass"))
together = grass.activations.mean(-1) * grass.weights.sum()
print("pooled gradients of grass times cells:", numbers(grass.weights * cells, "+.4f"))
print("their sum:", numbers([grass.weights.sum() * cells], "+.4f"))
print(f"largest value of the map: {grass.cam.max():.1e}; with merged channels {together.max():.1e}")
correlation = np.corrcoef(maps.reshape(-1, 2).T)[0, 1]
print(f"how alike the two channels really are (correlation): {correlation:.2f}")

# %% [markdown]
# Merged channels with weights of opposite sign cancel: the map of grass would fade by a factor of more than two hundred.
# Its weights would keep their signs, though, and in this network the channels are not merged.
#
# Padding is next. Zeros around the image are seen by every convolution, and each layer carries them further in. To take
# them away, continue four of the mosaics by reflection, 64 pixels to each side, and cut the middle out of the result.

# %% tags=["hide-input"]
margin = 64
inner = slice(margin, -margin)
lines = []
for number in range(4):
    wide = np.pad(demo.images[number], ((margin, margin), (margin, margin), (0, 0)), mode="reflect")
    one = sc.open_probe(demo.model, wide, class_names=demo.class_names)
    zeros, mirrored = probes[number].activations("tail_conv2"), one.activations("tail_conv2")[inner, inner]
    difference = np.abs(zeros - mirrored).max(-1) / zeros.max()
    rows_, cols_ = np.nonzero(difference > 1e-3)
    depth = np.minimum.reduce([rows_, cols_, 159 - rows_, 159 - cols_]).max() + 1
    weights = sc.explain(one, query).pooled_gradients * one.labels.size
    labels = np.mean(probes[number].labels != one.labels[inner, inner])
    lines.append([number, f"{np.mean(difference > 0.01):.0%}", depth, f"{labels:.1%}", numbers(weights, "+.4f")])
table(
    ["mosaic", "cells changed by over 1 %", "reaches in, px", "other class", "pooled gradients times cells"],
    *lines,
)

# %% [markdown]
# Padding reaches 25 pixels into the image and changes up to 27 % of the cells [9]. Again no pooled gradient moves. A map
# whose positive part sits in the border cells alone deserves suspicion for this reason; a map that is blank everywhere
# has another one.
#
# Further back the pooled gradients do depend on the picture, because the picture decides which ReLUs behind the layer are
# open. Does contrast or scale turn their signs there? At `tail_conv8` there are 8 channels on 8 mosaics, 64 signs to
# compare.


# %% tags=["hide-input"]
def signs(change):
    """Signs of the pooled gradients at tail_conv8, and the share of pixels that are right."""
    found, right = [], []
    for x, truth in zip(demo.images, demo.truth, strict=True):
        one = sc.open_probe(demo.model, change(x), truth=truth, class_names=demo.class_names)
        told = sc.explain(one, sc.CamQuery("tail_conv8", "brick", region=sc.TruthClass("brick")))
        found.append(np.sign(told.pooled_gradients))
        right.append(np.mean(one.labels == truth))
    return np.array(found), np.mean(right)


trained, _ = signs(lambda x: x)
lines = []
for name, change in (
    ("contrast times 0.5", contrast(0.5)),
    ("contrast times 0.25", contrast(0.25)),
    ("input times 2", lambda x: x * 2),
    ("input times 0.5", lambda x: x / 2),
):
    now, right = signs(change)
    lines.append([name, f"{right:.0%}", f"{int((now != trained).sum())} of {trained.size}"])
table(["change", "pixels right", "signs that changed"], *lines)

# %% [markdown]
# They hardly move, even where nearly half of the pixels are wrong already. It is the prediction that breaks first.

# %% [markdown]
# ## 6. What to do with your own network
#
# One call measures all of this and says which of the causes it is. Where there is a remedy, it has tried it:

# %%
diagnosis = sc.diagnose(probe, query)
Markdown(diagnosis.to_markdown())

# %%
remedy = diagnosis.headline.remedy
sc.explain(probe, remedy).summary()

# %% [markdown]
# With the mouse: `sc.explore(model, x)`; the panel under the map says the same, and a button applies the remedy.
#
# If you would rather stay with your own twenty lines of Grad-CAM, change three of them:
#
# - Leave the ReLU out, and draw the map on a blue-to-red scale that is symmetric about zero. A blank map then is blue or
#   it is white, and the two mean different things.
# - Print the pooled gradients, and beside them the weights of the layers that follow. If only a 1x1 convolution follows,
#   they are the same numbers.
# - Subtract a reference: `(weights * (A - A.mean((0, 1)))).sum(-1)`. And say in the caption which one it was.
#
# | what you see | what it may be | what to do | rule |
# | --- | --- | --- | --- |
# | all weights negative, activations zero in the region, a large bias | the class is coded by absence | compare with the mean or the midpoint; show the signed map | SC205 |
# | all weights negative for *several* classes, only with the plain logit | a number added to all logits | centered logit, or margin | SC202 |
# | weights negative and activations negative | nothing is wrong | look at the map, not at the weights | SC204 |
# | activations of either sign, and the map blank | negative activations undo the positive evidence | the ReLU that follows; HiResCAM | SC204 |
# | all gradients zero, or nearly | saturation; dead or disconnected channels; half precision | explain the logit; another layer; float32 | SC201, SC104, SC102, SC209 |
# | all weights negative, and yet the channels carry the score | pooling cancels | HiResCAM | SC203 |
# | mixed signs, and the map blank all the same | the negative ones outweigh, or the positive ones are silent here | LayerCAM; the table of channels | SC208, SC106 |
# | little from the layer, much from a skip connection | the class does not come through this layer | a layer after the join | SC206 |
# | the class is not predicted there | negative evidence is the right answer | ask about the predicted class | SC207 |
#
# ## Sources
#
# 1. Selvaraju et al., Grad-CAM: Visual explanations from deep networks via gradient-based localization,
#    [arXiv 1610.02391](https://arxiv.org/abs/1610.02391): the pooled gradient, the ReLU, counterfactual explanations.
# 2. Vinogradova, Dibrov and Myers, Towards interpretable semantic segmentation via gradient-weighted class activation
#    mapping, [arXiv 2002.11434](https://arxiv.org/abs/2002.11434): Seg-Grad-CAM.
# 3. Srinivas and Fleuret, Full-gradient representation for neural network visualization,
#    [arXiv 1905.00780](https://arxiv.org/abs/1905.00780): gradients with respect to inputs and biases add up to the output.
# 4. Lerma and Lucas, A vulnerability of attribution methods using pre-softmax scores,
#    [arXiv 2307.03305](https://arxiv.org/abs/2307.03305).
# 5. Shrikumar, Greenside and Kundaje, Learning important features through propagating activation differences,
#    [arXiv 1704.02685](https://arxiv.org/abs/1704.02685): DeepLIFT, differences from a reference.
# 6. Sundararajan, Taly and Yan, Axiomatic attribution for deep networks,
#    [arXiv 1703.01365](https://arxiv.org/abs/1703.01365): integrated gradients and their baseline.
# 7. Sturmfels, Lundberg and Lee, Visualizing the impact of feature attribution baselines,
#    [Distill 2020](https://distill.pub/2020/attribution-baselines/).
# 8. Draelos and Carin, Use HiResCAM instead of Grad-CAM for faithful explanations of convolutional neural networks,
#    [arXiv 2011.08891](https://arxiv.org/abs/2011.08891).
# 9. Alsallakh et al., Mind the pad: CNNs can develop blind spots,
#    [arXiv 2010.02178](https://arxiv.org/abs/2010.02178).
