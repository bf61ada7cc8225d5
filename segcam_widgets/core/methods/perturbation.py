"""Methods that change something and run the network again: no gradient is trusted, and every answer costs a pass."""

import numpy as np

from segcam_widgets.core.answers import input_layer
from segcam_widgets.core.grid import resize_bilinear
from segcam_widgets.core.methods.batches import Indices, replayed_scores
from segcam_widgets.core.methods.method import Float, MapInput, MapResult, Method, Option

FLAT = 1e-6
"""A map whose values differ by this little beside its largest magnitude is constant up to rounding."""
WINDOWS = 8
"""Windows along the layer's shorter side, if no window size is given."""


def ablation_cam(given: MapInput) -> MapResult:
    """Ablation-CAM (Desai & Ramaswamy, WACV 2020, equation 3): by how much the score falls without the channel.

    alpha_k = S - S with A_k := B_k, the network run on from the layer. The paper divides by S: a constant, but one that
    flips every sign where S is negative, so it is left out. With baseline zero the channel is switched off, as in the
    paper; pytorch-grad-cam sets it far below its minimum instead. A channel that is at its baseline everywhere has
    weight 0 and costs nothing. The unmodified activations are replayed, too, so that rounding is the same on both sides.
    """
    activations, baseline = given.activations, given.baseline
    moved = np.flatnonzero((activations != baseline).any((0, 1)))

    def without(indices: Indices) -> Float:
        batch = np.repeat(activations[None], len(indices), 0)
        for item, index in zip(batch, indices, strict=True):
            if index:  # the first stays as it is
                item[:, :, moved[index - 1]] = baseline[moved[index - 1]]
        return batch

    scores = replayed_scores(given, given.query.layer, moved.size + 1, without, "channel")
    weights = np.zeros(activations.shape[-1])
    weights[moved] = scores[0] - scores[1:]
    return MapResult(weights.astype(np.float32), evidence={"replays": moved.size + 1})


def score_cam(given: MapInput) -> MapResult:
    """Score-CAM (Wang et al., arXiv 1910.01279, equation 6): what the score is where the channel lets the image through.

    alpha_k = S(x * H_k) - S(0 * x): H_k is the channel's activation, bilinearly upsampled to the input and then scaled to
    [0, 1]. Flat channels have weight 0. The paper puts a softmax over the channels, which makes weights positive and,
    for a score summed over pixels, one-hot: it is left out. Outside of H_k the input goes to 0 as the model expects it,
    which is black only where the model's input is not shifted.
    """
    image = input_layer(given.probe.layers)
    assert image is not None  # resolved: the method applies
    x = given.probe.activations(image.name)
    low, high = _upsampled_range(given.activations, (x.shape[0], x.shape[1]))
    varies = np.flatnonzero(high - low > FLAT * np.maximum(np.abs(low), np.abs(high)))

    def masked(indices: Indices) -> Float:
        chosen = varies[np.maximum(indices, 1) - 1] if varies.size else np.zeros(len(indices), int)
        maps = resize_bilinear(given.activations[:, :, chosen], (x.shape[0], x.shape[1]))
        spread = np.where(high > low, high - low, 1)
        maps = (maps - low[chosen]) / spread[chosen] * (indices > 0)  # the first lets nothing through
        return np.moveaxis(maps, -1, 0)[..., None] * x

    scores = replayed_scores(given, image.name, varies.size + 1, masked, "channel")
    weights = np.zeros(given.activations.shape[-1])
    weights[varies] = scores[1:] - scores[0]
    evidence = {"replays": varies.size + 1, "score_of_nothing": float(scores[0])}
    return MapResult(weights.astype(np.float32), evidence=evidence)


def _upsampled_range(activations: Float, size: tuple[int, int], at_once: int = 16) -> tuple[Float, Float]:
    """(K,) smallest and largest value of each channel after upsampling, a few channels at a time."""
    ends = []
    for start in range(0, activations.shape[-1], at_once):
        maps = resize_bilinear(activations[:, :, start : start + at_once], size)
        ends.append((maps.min((0, 1)), maps.max((0, 1))))
    return np.concatenate([low for low, _ in ends]), np.concatenate([high for _, high in ends])


def occlusion(given: MapInput) -> MapResult:
    """Occlusion (Zeiler & Fergus, arXiv 1311.2901, section 4.2): by how much the score falls with a window covered.

    A window of the layer (of the image, at the input) is set to the baseline in all channels, the network is run on, and the
    fall of S is spread evenly over the window's cells; a cell that several windows cover has the mean of what they give
    it. The paper writes the score itself at the window's centre, Captum the whole fall at each cell; spread out, windows
    of different sizes compare, and without overlap the map sums to the sum of the falls. For a linear network, a window of
    one cell is HiResCAM. The last windows are cut at the edge.
    """
    activations, baseline = given.activations, given.baseline
    height, width, _ = activations.shape
    window, stride = _window(given)
    rows, cols = (range(0, max(side - window, 0) + stride, stride) for side in (height, width))
    places = [(slice(r, min(r + window, height)), slice(c, min(c + window, width))) for r in rows for c in cols]

    def covered(indices: Indices) -> Float:
        batch = np.repeat(activations[None], len(indices), 0)
        for item, index in zip(batch, indices, strict=True):
            if index:
                item[places[index - 1]] = baseline
        return batch

    scores = replayed_scores(given, given.query.layer, len(places) + 1, covered, "window")
    total, count = np.zeros((height, width)), np.zeros((height, width))
    for place, score in zip(places, scores[1:], strict=True):
        total[place] += (scores[0] - score) / total[place].size
        count[place] += 1
    notes = (f"Windows of {window} x {window} cells, a step of {stride}: {len(places)} of them.",)
    evidence = {"replays": len(places) + 1, "window": window, "stride": stride}
    return MapResult(np.zeros(0, np.float32), notes, (total / count).astype(np.float32), evidence)


def _window(given: MapInput) -> tuple[int, int]:
    """Side and step of the windows, in cells. A longer step would leave cells that no window covers."""
    height, width, _ = given.activations.shape
    window = min(given.options["window"] or max(1, min(height, width) // WINDOWS), max(height, width))
    return window, min(given.options["stride"] or max(1, window // 2), window)


ENTRIES = (
    Method("ablation-cam", "Ablation-CAM", "S - S with A_k := B_k", "Desai & Ramaswamy, WACV 2020",
           "slow: a forward pass from the layer for each channel", ablation_cam, slow=True, unit="score x activation"),
    Method("score-cam", "Score-CAM", "S(x H_k) - S(0 x), H_k the upsampled A_k scaled to [0, 1]",
           "Wang et al. 2019, arXiv 1910.01279", "slow: a forward pass of the whole network for each channel", score_cam,
           baselines=("zero",), slow=True, masks_input=True, unit="score x activation"),
    Method("occlusion", "Occlusion", "map: S - S with a window of A := B, spread over the window",
           "Zeiler & Fergus 2013, arXiv 1311.2901", "slow: a forward pass from the layer for each window", occlusion,
           {
               "window": Option("window", 0, "side of a window in cells of the layer; 0: an eighth of its shorter side",
                                minimum=0),
               "stride": Option("stride", 0, "step from window to window, at most its side; 0: half of it", minimum=0),
           }, slow=True),
)  # fmt: skip
