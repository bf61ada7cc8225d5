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
# # Quick start
#
# Which evidence made a segmentation network decide as it did, layer by layer and channel by channel, with its sign.
# Everything here runs on the demo that ships with the package; the last section says what to change for your own network.

# %%
import segcam_widgets as sc

demo = sc.load_demo()
demo.class_names, demo.images.shape

# %% [markdown]
# ## One probe, one question, one answer
#
# A *probe* is one model bound to one image. The forward pass is done once, here; every question after that runs only
# what comes after its layer.

# %%
probe = sc.open_probe(demo.model, demo.images[0], class_names=demo.class_names, truth=demo.truth[0])
probe

# %% [markdown]
# The target layers, in graph order. Any of these names will do.

# %%
[f"{layer.name} {layer.shape}" for layer in probe.layers][-6:]

# %% [markdown]
# A *query* says everything that an answer depends on: layer, class, region, score, method, baseline. What is left out
# is filled in: the region is what the network predicts as the class, the score is the margin, the logit over that of the
# strongest other class at each pixel.

# %%
explanation = sc.explain(probe, sc.CamQuery(layer="tail_conv8", class_index="grass"))
explanation

# %%
print(explanation.summary())
print(f"score {explanation.score:.2f}, {explanation.positive_share:.0%} of the map is positive")
print(
    f"{explanation.focus:.0%} of the positive evidence lies inside the region, which covers {explanation.region_share:.0%}"
)

# %% [markdown]
# The map keeps its **sign** and its own numbers: blue is evidence against the class, red is evidence for it. Whether
# negative values are hidden (the ReLU of Grad-CAM) is a choice of the display, made in sight. Per channel:

# %%
explanation.to_frame().sort_values("region_contribution", ascending=False)

# %% [markdown]
# ## The same with the mouse
#
# Draw on the picture, drag the sliders for layer and class, click a bar to look at a channel. The explorer can also be
# set from Python: `explorer.query = ...` moves its widgets and draws the region.

# %%
explorer = sc.explore(probe)
explorer

# %%
explorer.query = sc.CamQuery(
    layer="tail_conv2", class_index="gravel", region=sc.Rectangle(top=40, left=40, bottom=100, right=120)
)
explorer.flush()  # wait for the answer; only scripts need this
explorer.explanation.summary()

# %% [markdown]
# ## Regions
#
# A region is a value: it can be combined, compared, stored. Rows come first, columns second.

# %%
segment = sc.Component(row=80, col=80)  # the predicted segment that this pixel lies in
border = sc.Border(sc.PredictedClass("brick"), width=3)
for region in (segment, border, segment & border, ~segment, sc.Errors("brick", "false_negative") | sc.Pixel(3, 4)):
    print(f"{int(region.rasterize(probe).sum()):6d} px  {region!r:.90}")

# %% [markdown]
# ## Keep an answer

# %%
import tempfile
from pathlib import Path

with tempfile.TemporaryDirectory() as folder:
    saved = explanation.save(Path(folder) / "grass")
    print(sorted(path.name for path in saved.iterdir()))
    again = sc.load_explanation(saved)
    print(again.isclose(explanation))

# %% [markdown]
# ## Your own network
#
# ```python
# explorer = sc.explore("model.keras", x, class_names=[...])  # x: (H, W, C), as the model eats it
# explorer = sc.explore(model, image=photo, preprocess=my_preprocess)
# ```
#
# A layer of your own must be registered with Keras (`keras.saving.register_keras_serializable`) before its file is
# opened; nothing that is stored in a file is ever executed. When a map stays blank, go on with the next notebook.
