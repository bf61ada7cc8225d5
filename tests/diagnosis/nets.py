"""Networks made by hand: every number that a rule looks at is put there on purpose.

The target layer "feat" holds given activations; a 1x1 convolution, fixed in space or scaled by a field, leads to the logits;
a tensor "around" may go round the layer.
"""

from dataclasses import dataclass, field, replace

import numpy as np

import segcam_widgets as sc
from tests.core.fake_probe import IMAGE, Conv, NumpyProbe, Pointwise, relu

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
    """A network and a question about class 0 of it."""

    activations: np.ndarray
    kernel: np.ndarray  # (K, C)
    bias: np.ndarray = field(default_factory=lambda: np.zeros(3))  # (C,) or (H, W, C)
    scale: np.ndarray | None = None  # (H, W)
    around: np.ndarray | None = None  # (C,): what goes round adds to the logits
    bend: object = None
    rectified: bool = False
    half: bool = False
    multilabel: bool = False
    truth: np.ndarray | None = None
    query: sc.CamQuery = sc.CamQuery("feat", 0, sc.Everything())  # noqa: RUF009 - frozen

    def but(self, **changes):
        asked = {k: changes.pop(k) for k in ("layer", "score", "region", "method", "baseline") if k in changes}
        return replace(self, **changes, query=replace(self.query, **asked))

    @property
    def probe(self):
        given = np.asarray(self.activations, float)
        count, last = given.shape[2], "feat"
        image = np.concatenate([given, np.ones((*given.shape[:2], 1))], -1)
        nodes = [("feat", Take(0, count), IMAGE), ("aside", Take(0, 1), IMAGE)]
        for name, operation in (("bent", self.bend), ("scaled", None if self.scale is None else Scale(self.scale))):
            if operation is not None:
                nodes.append((name, operation, last))
                last = name
        nodes.append(("own", Conv(self.kernel), last))
        sources = ["own"]
        if self.around is not None:
            nodes += [("ones", Take(count, count + 1), IMAGE), ("around", Conv(np.asarray(self.around)[None]), "ones")]
            sources.append("around")
        nodes.append(("logits", Plus(self.bias), sources))
        if self.rectified:
            nodes.append(("rectified", relu(), "logits"))
        kind = HalfProbe if self.half else NumpyProbe
        more = {"half_precision": self.half, "multilabel": self.multilabel, "truth": self.truth}
        return kind(image, nodes, class_names=("brick", "grass", "gravel")[: self.kernel.shape[1]], **more)

    def diagnose(self, **keywords):
        return sc.diagnose(self.probe, self.query, **keywords)

    def explain(self):
        return sc.explain(self.probe, self.query)


def ramps(channels=2, low=1.0, high=3.0):
    """(SIZE, SIZE, channels) positive activations that differ from cell to cell and from channel to channel."""
    rows, cols = np.mgrid[0:SIZE, 0:SIZE] / (SIZE - 1)
    fields = [rows, cols, rows * cols, (1 - rows) * cols][:channels]
    return low + (high - low) * np.stack(fields, -1)


def healthy():
    """Both channels speak for class 0 inside the left half, which is where it is predicted."""
    left = np.zeros((SIZE, SIZE, 2))
    left[:, :5, 0], left[1:, :4, 1] = 2.0, 3.0
    return Net(left, np.array([[1.0, 0, 0], [1.0, 0, 0]]), np.array([-1.0, 0, -5]), query=sc.CamQuery("feat", 0))


def absence():
    """SC205: both channels pull class 0 down, the bias carries it."""
    return Net(ramps(), np.array([[-1.0, 0, 0], [-2.0, 0, 0]]), np.array([20.0, 0, 0]))


def bypass():
    """SC206: the same, but what goes round the layer carries it."""
    return Net(ramps(), np.array([[-1.0, 0, 0], [-2.0, 0, 0]]), np.zeros(3), around=np.array([20.0, 0, 0]))


def cancelling():
    """SC203: the gradient is +1 at the single cell where the channel is loud, and -1/2 elsewhere."""
    scale = np.full((SIZE, SIZE), -0.5)
    scale[3, 3] = 1
    loud = np.full((SIZE, SIZE, 1), 0.01)
    loud[3, 3] = 1000
    return Net(loud, np.array([[3.0, 0, 0]]), np.array([0.0, 0, 0]), scale=scale)


def outweighed():
    """SC208: channel 0 speaks for class 0, channel 1 louder against it; the bias carries it."""
    return Net(ramps(), np.array([[0.1, 0, 0], [-5.0, 0, 0]]), np.array([40.0, 0, 0]))


def silent():
    """SC106: only the dead channel 2 speaks for class 0."""
    dead = np.concatenate([ramps(), np.zeros((SIZE, SIZE, 1))], -1)
    return Net(dead, np.array([[-1.0, 0, 0], [-2.0, 0, 0], [5.0, 0, 0]]), np.array([20.0, 0, 0]))


def signed():
    """SC204: channel 0 speaks for class 0 and is positive in the first row; its negative rest and channel 1 undo it."""
    values = np.stack([np.full((SIZE, SIZE), -4.0), np.zeros((SIZE, SIZE))], -1)
    values[0, :, 0], values[0, :, 1] = 1.0, -3.0
    return Net(values, np.array([[1.0, 0, 0], [1.0, 0, 0]]), np.array([20.0, 0, 0]))


def shifted():
    """SC202: all logits fall with the layer, class 0 the least: over its rivals it wins by what the layer shows."""
    return Net(ramps(), np.array([[-1.0, -3, -4], [-2.0, -5, -6]])).but(score="logit")


def ignored():
    """SC102: a path leads on, and nothing comes back through it."""
    return Net(ramps(), np.zeros((2, 3)), np.array([1.0, 0, 0]))


def dead():
    """SC104: every channel is zero."""
    return Net(np.zeros((SIZE, SIZE, 2)), np.array([[1.0, 0, 0], [1.0, 0, 0]]), np.array([1.0, 0, 0]))


def clipped():
    """SC302: a ReLU on the head clips every logit."""
    return Net(ramps(), np.array([[1.0, 0, 0], [1.0, 0, 0]]), np.full(3, -50.0), rectified=True)


def underflow():
    """SC209: the gradient is 1e-11, less than a float16 can hold."""
    return Net(ramps(), np.array([[1e-9, 0, 0], [1e-9, 0, 0]]), np.array([1.0, 0, 0]), half=True)


def saturated():
    """SC201: the network is sure to 2e-9; both channels pull class 0 down, so the map is blank."""
    return absence().but(bias=np.array([30.0, 0, 0]), score="log_probability")


def unlikely():
    """SC207: class 0 loses everywhere in the region."""
    return absence().but(bias=np.array([-1.0, 0, 0]))


def broken():
    """SC103: one activation is infinite; what follows clips it, so that the logits are finite."""
    values = ramps(low=0.1, high=0.9)
    values[2, 2, 0] = np.inf
    return Net(values, np.array([[-1.0, 0, 0], [-2.0, 0, 0]]), np.array([20.0, 0, 0]), bend=clip())


def nowhere():
    """SC101: the region has no pixel."""
    return healthy().but(region=sc.Rectangle(0, 0, 0, 0))
