"""Networks made by hand: every number that a rule looks at is put there on purpose.

The target layer "feat" holds given activations; a convolution leads to the logits, after a bend or a field of gains where one
is given; a tensor "around" may go round the layer. In each network the cause that it is named after is really there: the class
is lost, or not, as the decision table has it.
"""

from dataclasses import dataclass, field, replace

import numpy as np

import segcam_widgets as sc
from segcam_widgets.diagnosis.case import Case
from tests.core.fake_probe import IMAGE, Conv, Gain, NumpyProbe, Pointwise, Round, relu

SIZE = 10  # 100 pixels: one of them is a hundredth


class Take:
    """Some channels; unlike a convolution with zeros it takes infinity without making NaN."""

    def __init__(self, start, stop):
        self.part = slice(start, stop)

    def forward(self, x):
        return x[..., self.part]

    def jvp(self, _, tangents):
        return tangents[0][..., self.part]

    def vjp(self, inputs, g):
        back = np.zeros((*g.shape[:-1], inputs[0].shape[-1]))
        back[..., self.part] = g
        return [back]


class Scale:
    """Every cell times a fixed number of its own: linear, and its gradient varies over the map."""

    def __init__(self, values):
        self.values = np.asarray(values, float)[:, :, None]

    def forward(self, x):
        return x * self.values

    def jvp(self, _, tangents):
        return tangents[0] * self.values

    def vjp(self, _, g):
        return [g * self.values]


class Plus:
    """The sum of its inputs and a fixed field."""

    def __init__(self, offset):
        self.offset = np.asarray(offset, float)

    def forward(self, *inputs):
        return sum(inputs) + self.offset

    def jvp(self, _, tangents):
        return sum(tangents)

    def vjp(self, inputs, g):
        return [g for _ in inputs]


def clip():
    """min(x, 1): what is infinite becomes 1, and its gradient 0."""
    return Pointwise(lambda x: np.minimum(x, 1), lambda x: (x < 1).astype(float))


def root():
    """sqrt: fine at zero, and its gradient is not."""

    def slope(x):
        with np.errstate(divide="ignore"):
            return 0.5 / np.sqrt(x)

    return Pointwise(np.sqrt, slope)


def hat():
    """min(x, 4 - x): its peak is at 2."""
    return Pointwise(lambda x: np.minimum(x, 4 - x), lambda x: np.where(x < 2, 1.0, -1.0))


class HalfProbe(NumpyProbe):
    """Its gradients are rounded to 16 bits, as a network's of half precision are."""

    def pullback(self, layer, cotangent, at=None):
        pulled = super().pullback(layer, cotangent, at)
        return replace(pulled, gradients=pulled.gradients.astype(np.float16).astype(np.float32))

    def pullback_float32(self, layer, cotangent):
        self.calls["pullback_float32"] += 1
        return super().pullback(layer, cotangent)


@dataclass(frozen=True)
class Net:
    """A network and a question about class 0 of it.

    ``logits = conv(bend(activations) * scale) + bias + around``; the default region is where class 0 is predicted.
    """

    activations: np.ndarray
    kernel: np.ndarray  # (K, C), or (a, b, K, C)
    bias: np.ndarray = field(default_factory=lambda: np.zeros(3))  # (C,) or (H, W, C)
    scale: np.ndarray | None = None  # (H, W)
    around: np.ndarray | None = None  # (H, W, C): what goes round the layer adds to the logits
    bend: object = None
    rectified: bool = False
    half: bool = False
    multilabel: bool = False
    truth: np.ndarray | None = None
    query: sc.CamQuery = sc.CamQuery("feat", 0)  # noqa: RUF009 - frozen

    def but(self, **changes):
        asked = {k: changes.pop(k) for k in ("layer", "score", "region", "method", "baseline") if k in changes}
        return replace(self, **changes, query=replace(self.query, **asked))

    @property
    def probe(self):
        given = np.asarray(self.activations, float)
        count, classes, last = given.shape[2], self.kernel.shape[-1], "feat"
        image = given if self.around is None else np.concatenate([given, self.around], -1)
        nodes = [("feat", Take(0, count), IMAGE), ("aside", Take(0, 1), IMAGE)]
        for name, operation in (("bent", self.bend), ("scaled", None if self.scale is None else Scale(self.scale))):
            if operation is not None:
                nodes.append((name, operation, last))
                last = name
        nodes.append(("own", Conv(self.kernel), last))
        sources = ["own"]
        if self.around is not None:
            nodes.append(("around", Take(count, count + classes), IMAGE))
            sources.append("around")
        nodes.append(("logits", Plus(self.bias), sources))
        if self.rectified:
            nodes.append(("rectified", relu(), "logits"))
        kind = HalfProbe if self.half else NumpyProbe
        names = ("brick", "grass", "gravel", "sand", "water")
        more = {"half_precision": self.half, "multilabel": self.multilabel, "truth": self.truth}
        return kind(image, nodes, class_names=names[:classes] if classes <= len(names) else None, **more)

    def diagnose(self, **keywords):
        return sc.diagnose(self.probe, self.query, **keywords)

    def explain(self):
        return sc.explain(self.probe, self.query)

    def case(self, **keywords):
        return Case(self.probe, self.query, **keywords)


# ------------------------------------------------------------------ fields, and how they pull

INSIDE = sc.Rectangle(3, 2, 7, 8)
"""24 cells of 100, none on the border."""
CELLS = 24


def inside(values, elsewhere):
    """(SIZE, SIZE, n): some numbers in INSIDE, others elsewhere."""
    block = np.zeros((SIZE, SIZE, 1), bool)
    block[INSIDE.top : INSIDE.bottom, INSIDE.left : INSIDE.right] = True
    return np.where(block, np.asarray(values, float), np.asarray(elsewhere, float))


def pull(*weights, classes=3):
    """(K, C): each channel's weight on class 0; no other class is touched."""
    kernel = np.zeros((len(weights), classes))
    kernel[:, 0] = weights
    return kernel


def offset(own, grass=0.0, gravel=-9.0):
    """(3,): class 0 is compared with grass; gravel is far below."""
    return np.array([own, grass, gravel])


def ramps(channels=2, low=1.0, high=3.0):
    """(SIZE, SIZE, channels) positive, different in each cell and channel; the first two are on average alike in INSIDE."""
    rows, cols = np.mgrid[0:SIZE, 0:SIZE] / (SIZE - 1)
    fields = [rows, cols, rows * cols, (1 - rows) * cols][:channels]
    return low + (high - low) * np.stack(fields, -1)


def textured():
    """(SIZE, SIZE, 2): the first channel alternates between 3 and 4, the second goes 2, 3, 4."""
    rows, cols = np.mgrid[0:SIZE, 0:SIZE]
    return np.stack([3.0 + rows % 2, 2.0 + cols % 3], -1)


# ------------------------------------------------------------------ a map as it should be


def healthy():
    """Both channels speak for class 0 inside the left half, which is where it is predicted."""
    left = np.zeros((SIZE, SIZE, 2))
    left[:, :5, 0], left[1:, :4, 1] = 2.0, 3.0
    return Net(left, pull(1, 1), offset(-1, gravel=-5))


def with_gain(gain):
    """One channel: some of what is positive inside, the rest of it in one cell outside, so that the map has this gain."""
    share = CELLS / SIZE**2
    focus = gain * (1 - share) + share
    field = inside([focus / CELLS], [0])
    field[0, 0] = 1 - focus
    return Net(field, pull(1), inside(offset(9), offset(-9)))


def faint():
    """Positive in INSIDE and nowhere else, and 0.24 % of the map all the same: elsewhere it is loud and negative."""
    return Net(inside([3, 1], [0, 19.76]), pull(1, -2), inside(offset(1), offset(0)))


# ------------------------------------------------------------------ nothing to draw (lines 1 to 3)


def nowhere():
    """SC101: the region has no pixel."""
    return healthy().but(region=sc.Rectangle(0, 0, 0, 0))


def broken():
    """SC103: one activation is infinite; what follows clips it, so that the logits are finite."""
    values = ramps(low=0.1, high=0.9)
    values[2, 2, 0] = np.inf
    return Net(values, pull(-1, -2), offset(20), bend=clip())


def dead():
    """SC104: every channel is zero."""
    return Net(np.zeros((SIZE, SIZE, 2)), pull(1, 1), inside(offset(1), offset(-1)))


def clipped():
    """SC302: a ReLU on the head clips every logit."""
    return Net(ramps(), pull(1, 1), np.full(3, -50.0), rectified=True)


def underflow():
    """SC209: the gradient is 1e-9 / 24, less than a float16 can hold."""
    return Net(inside([3, 2], [0, 0]), pull(1e-9, 1e-9), inside(offset(1), offset(-1)), half=True)


def ignored():
    """SC102: a path leads on, and nothing comes back through it."""
    return Net(absence().activations, np.zeros((2, 3)), inside(offset(1), offset(-1)))


def multiplied_by_zero():
    """SC102 and SC215: the layer's branch is scaled by a weight that is zero."""
    return ignored().but(kernel=pull(1, 1), bend=Gain(0.0))


def closed():
    """SC102: a ReLU behind the layer is closed inside, and opens for activations as high as elsewhere."""
    shifted = Pointwise(lambda x: np.maximum(x - 1, 0), lambda x: (x > 1).astype(float))
    return Net(inside([0.5, 0.2], [3, 2]), pull(-1, -1), offset(2), bend=shifted)


def rounded():
    """SC107: the layer decides, and the step behind it has no gradient."""
    return Net(inside([3.2, 0.1], [0.1, 0.1]), pull(1, 1), offset(-1), bend=Round())


# ------------------------------------------------------------------ another score's map is not blank (line 4)


def shifted():
    """SC202: all logits fall with the layer, class 0 the least: over its rivals it wins by what the layer shows."""
    return healthy().but(kernel=healthy().kernel - 5, score="logit")


def saturated():
    """SC201: at 23 of 24 pixels gravel is the rival, and falls; at the one that is in doubt it is grass, and rises faster."""
    bias = inside([20, -30, 5], [-20, -30, 5])
    bias[4, 4, 1] = 6
    kernel = np.array([[1.0, 3, -2], [1.0, 3, -2]])
    return Net(inside([1, 2], [0.1, 0.1]), kernel, bias).but(score="log_probability")


def diluted():
    """SC212: sand and water are never used, and rise with what speaks for class 0."""
    kernel = np.array([[1.0, 0, 0, 9, 9], [1.0, 0, 0, 9, 9]])
    return Net(inside([2, 1], [0, 0]), kernel, np.array([-1.0, 0, -1, -99, -99])).but(score="centered_logit")


def three_of_one_feature():
    """Won by presence: without the feature grass wins. Its weights -2, -4, 4 make the centered logit's map blank."""
    feature = inside([1.0], [0.0]) * (1 + 0.2 * ramps(1, 0, 1))
    return Net(feature, np.array([[-2.0, -4, 4]]), np.array([6.0, 7, -10]))


# ------------------------------------------------------------------ not predicted, or nowhere (lines 5 and 6)


def unlikely():
    """SC207: class 0 loses everywhere in the region, with the layer and without it."""
    return absence().but(bias=offset(-1), region=INSIDE)


def kept_away():
    """SC207, and the features that are there keep class 0 away: with the layer off the whole image is class 0."""
    return absence().but(bias=offset(0.2), region=INSIDE)


def tied():
    """Line 6: the probabilities tie in 32 bits, so that class 0 is predicted; by the logits it is 1e-9 behind everywhere."""
    return Net(ramps(), pull(-1e-10, -1e-10), offset(-1e-9))


# ------------------------------------------------------------------ causes that an experiment shows (lines 7 to 9)


def absence():
    """SC205: features low where class 0 is and high elsewhere, negative weights, and a bias."""
    return Net(inside([0.1, 0.2], textured()), pull(-1, -1), offset(2))


def leaning_absence():
    """SC205 leans: the bias is so large that no pixel hangs on the layer, but two thirds of the margin do."""
    return absence().but(bias=offset(9), region=INSIDE)


def silent():
    """SC106: of a leaning absence the one channel that would speak for class 0 is dead."""
    net = leaning_absence()
    return net.but(activations=np.concatenate([net.activations, np.zeros((SIZE, SIZE, 1))], -1), kernel=pull(-1, -1, 5))


def bypass():
    """SC206: what goes round the layer says where class 0 is; the layer is inside as it is elsewhere."""
    return Net(ramps(), pull(-0.1, -0.2), offset(-1), around=inside([6, 0, 0], [0, 0, 0]))


def leaning_bypass():
    """SC206 leans: a third of the margin goes round the layer."""
    around = inside([5, 0, 0], [0, 0, 0])
    return Net(inside([1, 1], [2, 1.5]), pull(-0.01, -0.01), offset(10), around=around).but(region=INSIDE)


def absence_and_bypass():
    """SC205 and SC206: lifting the layer takes the class away, and so does levelling what goes round it."""
    return absence().but(bias=offset(0), around=inside([2, 0, 0], [0, 0, 0]))


def cancelling():
    """SC203: at four loud cells the gradient is 1, at the twenty quiet ones -1/2: on average it is negative."""
    loud, scale = np.full((SIZE, SIZE, 1), 0.1), np.full((SIZE, SIZE), -0.5)
    loud[4:6, 4:6], scale[4:6, 4:6] = 10, 1
    return Net(loud, pull(1), offset(-1), scale=scale).but(region=INSIDE)


def more_would_hurt():
    """SC203 with its other title: 3 is past the peak, where the gradient is negative, and yet without it the class is lost."""
    return Net(inside([3], [0]), pull(1), offset(-0.5), bend=hat())


def less_negative():
    """SC204: class 0 is where the channels are less negative than elsewhere."""
    return Net(inside([-1, -1], [-4, -4]), pull(1, 1), offset(5))


def undone():
    """SC204: channel 0 speaks for class 0 inside; channel 1, negative there, undoes it in the map."""
    return Net(inside([2, -3], [-4, 0]), pull(1, 1), offset(2))


def outweighed():
    """SC208: channel 0 tells the region and speaks for it, channel 1 is everywhere and speaks louder against it."""
    return Net(inside([3, 2], [0, 2]), pull(1, -2), offset(2))


def outweighed_absence():
    """SC205, though channel 0 has a positive weight: it is low inside as well, and channel 1 decides."""
    return Net(inside([0.2, 0.5], [2, 5]), pull(1, -1), offset(2))


# ------------------------------------------------------------------ no cause (lines 8, 10 and 11)


def flat():
    """SC105: the channels are constant; where class 0 is, the biases say."""
    return Net(np.full((SIZE, SIZE, 2), [2.0, 3.0]), pull(-1, -1), inside(offset(9), offset(-9)))


def not_decided():
    """SC213: class 0 is predicted everywhere, by its bias; the layer differs inside, and moves nothing."""
    return Net(inside([1, 1], [2, 1.5]), pull(-0.01, -0.01), offset(9)).but(region=INSIDE)


def always():
    """SC213: the same, asked about the whole image: there is nothing to compare with."""
    return not_decided().but(region=sc.Everything())


def moderate():
    """SC217: class 0 is a moderate activation. More of it is another class, and so is less."""
    return Net(inside([3], [6]), pull(1), offset(-0.5), bend=hat())


def full():
    """Units that are full: min(max(x, 0), 6), no bias anywhere. What is there is needed, and no gradient comes through it."""
    six = Pointwise(lambda x: np.clip(x, 0, 6), lambda x: ((x > 0) & (x < 6)).astype(float))
    return Net(inside([10, 1], [0, 1]), np.array([[1.0, -1], [-0.5, 0.5]]), np.zeros(2), bend=six)


HEADLINES = {
    nowhere: "SC101", broken: "SC103", dead: "SC104", clipped: "SC302", underflow: "SC209", ignored: "SC102",
    multiplied_by_zero: "SC102", closed: "SC102", rounded: "SC107", shifted: "SC202", saturated: "SC201",
    diluted: "SC212", unlikely: "SC207", kept_away: "SC207", tied: "SC217", absence: "SC205", leaning_absence: "SC205",
    silent: "SC106", bypass: "SC206", leaning_bypass: "SC206", cancelling: "SC203", more_would_hurt: "SC203",
    less_negative: "SC204", undone: "SC204", outweighed: "SC208", outweighed_absence: "SC205", flat: "SC105",
    not_decided: "SC213", always: "SC213", moderate: "SC217", full: "SC203",
}  # fmt: skip
"""Each network whose map is blank, and the headline that the decision table gives it."""
MAKERS = (healthy, faint, absence_and_bypass, *HEADLINES)
