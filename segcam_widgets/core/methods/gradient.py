"""Methods that weigh channels, windows or cells by the gradient: one pullback, and arithmetic."""

import numpy as np

from segcam_widgets.core.methods.method import Array64, Float, MapInput, MapResult, Method, Option, pooled

CANCELS = 1e-6
"""A sum of activations this small beside the sum of their magnitudes is rounding, and nothing to divide by."""


def seg_grad_cam(given: MapInput) -> MapResult:
    """Seg-Grad-CAM (Vinogradova et al., arXiv 2002.11434, equation 2): each channel weighs its gradient's mean.

    alpha_k = mean_uv dS/dA_k. The paper's ReLU is left to the display, its sum over the region is a mean here.
    """
    return MapResult(pooled(given.gradients).astype(np.float32))


def positive_seg_grad_cam(given: MapInput) -> MapResult:
    """Seg-Grad-CAM of the channels that pull up alone: max(alpha_k, 0).

    What the other channels take away again is left out, so this map says where these channels are active and no more.
    """
    return MapResult(np.maximum(pooled(given.gradients), 0).astype(np.float32))


def hirescam(given: MapInput) -> MapResult:
    """HiResCAM (Draelos & Carin, arXiv 2011.08891; for segmentation arXiv 2409.20287): the gradient itself.

    At the input this is gradient x input (Shrikumar et al., arXiv 1605.01713): with baseline zero the map is
    sum_k G_k A_k, A the image as the model expects it.
    """
    return MapResult(given.gradients)


def seg_xres_cam(given: MapInput) -> MapResult:
    """Seg-XRes-CAM (Hasany, Petitjean & Meriaudeau, CVPR Workshops 2023): the gradient pooled in windows.

    Weights are Up(Pool(G_k)), each cell its window's pooled gradient. A window of one cell is HiResCAM; with mean pooling,
    one that covers the map is Seg-Grad-CAM. The paper's ReLU and min-max are left to the display. Where windows do not
    divide the map, the authors' code fills up with zeros and stretches; here the last window pools what exists, and
    every cell gets the value of the window that it lies in.
    """
    size = given.options["window"]
    height, width, _ = given.gradients.shape
    rows, cols = np.arange(0, height, size), np.arange(0, width, size)
    tall, wide = np.diff(np.append(rows, height)), np.diff(np.append(cols, width))
    if given.options["pooling"] == "max":
        windows: Float | Array64 = np.maximum.reduceat(np.maximum.reduceat(given.gradients, rows, 0), cols, 1)
    else:
        sums = np.add.reduceat(np.add.reduceat(given.gradients, rows, 0, dtype=np.float64), cols, 1)
        windows = sums / (tall[:, None, None] * wide[None, :, None])
    return MapResult(windows.repeat(tall, 0).repeat(wide, 1).astype(np.float32))


def layercam(given: MapInput) -> MapResult:
    """LayerCAM (Jiang et al., IEEE TIP 2021, equation 4): the positive part of the gradient, per pixel."""
    return MapResult(np.maximum(given.gradients, 0))


def xgrad_cam(given: MapInput) -> MapResult:
    """XGrad-CAM (Fu et al., arXiv 2008.02312, equation 8): the mean of the gradient, weighed by the activation.

    alpha_k = sum_uv A_k G_k / sum_uv A_k, so that with baseline zero the map sums to HiResCAM's (the paper's axiom of
    conservation). The authors' code adds 1e-6 to the denominator, which means something else for every scale of the
    activations; here a channel whose activations cancel, abs(sum A) <= 1e-6 sum abs(A), has weight 0, and it is said.
    """
    activations = given.activations
    products = np.einsum("hwk,hwk->k", activations, given.gradients, dtype=np.float64)
    sums = activations.sum((0, 1), dtype=np.float64)
    magnitudes = np.abs(activations).sum((0, 1), dtype=np.float64)
    cancels = np.abs(sums) <= CANCELS * magnitudes
    weights = np.divide(products, sums, out=np.zeros_like(sums), where=~cancels)
    lost = int((cancels & (magnitudes > 0)).sum())
    said = f"{lost} of {sums.size} channels {'has' if lost == 1 else 'have'} activations that sum to zero, and get no weight."
    return MapResult(weights.astype(np.float32), (said,) if lost else (), evidence={"channels_that_cancel": lost})


def grad_cam_plus_plus(given: MapInput) -> MapResult:
    """Grad-CAM++ (Chattopadhay et al., arXiv 1710.11063, equations 10 and 19): positive gradients, the rare ones more.

    a = G^2 / (2 G^2 + G^3 sum_uv A_k) = 1 / (2 + G sum_uv A_k) where G > 0, else 0; normalised to sum to one over the map
    as in the authors' code; alpha_k = sum_uv a G. As in the paper all derivatives are those of exp(S); the factor exp(S),
    the same for every channel, is dropped. A denominator that is zero or below, which takes signed activations, gives 0
    (the authors' code replaces zeros by 1 and lets negative ones through), and it is said. Of all methods this one alone
    depends on the unit of the score: S is a mean over the region, not a sum.
    """
    gradients = given.gradients.astype(np.float64)
    positive = gradients > 0
    denominators = 2 + gradients * given.activations.sum((0, 1), dtype=np.float64)
    usable = positive & (denominators > 0)
    share = np.divide(1.0, denominators, out=np.zeros_like(gradients), where=usable)
    total = share.sum((0, 1))
    weights = np.divide((share * gradients).sum((0, 1)), total, out=np.zeros_like(total), where=total > 0)
    lost, of = int((positive & ~usable).sum()), int(positive.sum())
    notes = (
        (f"At {lost} of {of} positive gradients the denominator is zero or below: they count as none.",) if lost else ()
    )
    return MapResult(weights.astype(np.float32), notes, evidence={"denominators_below_zero": lost})


ENTRIES = (
    Method("seg-grad-cam", "Seg-Grad-CAM", "mean_uv G_k", "Vinogradova et al. 2020, arXiv 2002.11434", "one pullback",
           seg_grad_cam),
    Method("seg-grad-cam-positive", "Seg-Grad-CAM of the positive channels", "max(mean_uv G_k, 0)",
           "Vinogradova et al. 2020, arXiv 2002.11434, without its negative channels", "one pullback", positive_seg_grad_cam),
    Method("hirescam", "HiResCAM", "G_k", "Draelos & Carin 2020, arXiv 2011.08891", "one pullback", hirescam),
    Method("seg-xres-cam", "Seg-XRes-CAM", "G_k, pooled in windows", "Hasany et al., CVPR Workshops 2023", "one pullback",
           seg_xres_cam,
           {
               "window": Option("window", 4, "side of a window in cells of the layer; 1 is HiResCAM", minimum=1),
               "pooling": Option("pooling", "mean", "what a window keeps", choices=("mean", "max")),
           }),
    Method("layercam", "LayerCAM", "max(G_k, 0)", "Jiang et al., IEEE TIP 2021", "one pullback", layercam),
    Method("xgrad-cam", "XGrad-CAM", "sum_uv A_k G_k / sum_uv A_k", "Fu et al. 2020, arXiv 2008.02312", "one pullback",
           xgrad_cam),
    Method("grad-cam++", "Grad-CAM++", "sum_uv a G_k / sum_uv a, a = 1 / (2 + G_k sum_uv A_k) where G_k > 0",
           "Chattopadhay et al. 2017, arXiv 1710.11063", "one pullback", grad_cam_plus_plus),
)  # fmt: skip
