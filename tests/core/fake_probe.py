"""A probe in plain numpy: small networks whose every number can be worked out by hand.

It computes in float64 and answers in float32, as the protocol says. Nothing is recorded or compiled: forward and reverse
mode walk the list of nodes.
"""

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
from scipy.special import expit, softmax

from segcam_widgets.core.answers import Cotangent, LayerInfo, LayerSweep, Pullback, Tail
from segcam_widgets.errors import DisconnectedLayerError, SegCamError, UnknownLayerError, must_be_one_of

IMAGE = "image"


def frozen(values, dtype=np.float32):
    """As the protocol hands arrays out: of one type, read-only."""
    array = np.array(values, dtype)
    array.flags.writeable = False
    return array


def checked(argument, values, shape):
    """An argument in float64, of a shape or of that with a leading batch axis."""
    array = np.asarray(values, float)
    if array.shape[-3:] != shape or array.ndim not in (3, 4) or not array.size:
        raise SegCamError(f"`{argument}` must have shape {shape}, or with a batch axis. Received: {array.shape}.")
    return array


def common_lead(*arrays):
    """The batch axis that arguments have together: () or (B,)."""
    lengths = {len(array) for array in arrays if array.ndim == 4}
    if lengths - {1, max(lengths, default=1)}:
        raise SegCamError(f"All arguments must have batches of one length. Received: {sorted(lengths)}.")
    return (max(lengths),) if lengths else ()


class Conv:
    """Cross-correlation of (..., h, w, Cin) with a kernel (a, b, Cin, Cout), stride 1; padding "same" or "valid"."""

    def __init__(self, kernel, bias=0.0, padding="same"):
        kernel = np.asarray(kernel, float)
        self.kernel = kernel[None, None] if kernel.ndim == 2 else kernel
        self.bias = np.broadcast_to(np.asarray(bias, float), self.kernel.shape[-1:])
        a, b = self.kernel.shape[:2]
        self.pad = ((a - 1) // 2, (b - 1) // 2) if padding == "same" else (0, 0)

    def _taps(self, height, width):
        a, b = self.kernel.shape[:2]
        rows, cols = height + 2 * self.pad[0] - a + 1, width + 2 * self.pad[1] - b + 1
        return [(i, j, slice(i, i + rows), slice(j, j + cols)) for i in range(a) for j in range(b)]

    def linear(self, x):
        (p, q), lead = self.pad, [(0, 0)] * (x.ndim - 3)
        padded = np.pad(x, [*lead, (p, p), (q, q), (0, 0)])
        return sum(padded[..., r, c, :] @ self.kernel[i, j] for i, j, r, c in self._taps(*x.shape[-3:-1]))

    def forward(self, x):
        return self.linear(x) + self.bias

    def jvp(self, _, tangents):
        return self.linear(tangents[0])

    def vjp(self, inputs, g):
        shape, (p, q) = inputs[0].shape, self.pad
        lead = g.shape[:-3]
        padded = np.zeros((*lead, shape[-3] + 2 * p, shape[-2] + 2 * q, shape[-1]))
        for i, j, r, c in self._taps(*shape[-3:-1]):
            padded[..., r, c, :] += g @ self.kernel[i, j].T
        return [padded[..., p : p + shape[-3], q : q + shape[-2], :]]


class Pointwise:
    """A function of each number, and its derivative."""

    def __init__(self, function, derivative, curved=False, rectifies=False):
        self.forward, self.derivative = function, derivative
        self.curved, self.rectifies = curved, rectifies

    def jvp(self, inputs, tangents):
        return self.derivative(inputs[0]) * tangents[0]

    def vjp(self, inputs, g):
        return [self.derivative(inputs[0]) * g]


class Clip(Pointwise):
    """Between two bounds: a unit that is full gives its bound, whatever it reads."""

    def __init__(self, low, high):
        super().__init__(lambda x: np.clip(x, low, high), lambda x: ((x > low) & (x < high)).astype(float))
        self.low, self.high = low, high

    def constant(self, inputs):
        return np.where(inputs[0] >= self.high, self.high, np.where(inputs[0] <= self.low, self.low, 0.0))


def relu6():
    return Clip(0.0, 6.0)


class Shift:
    """A number added that is no weight."""

    def __init__(self, offset):
        self.offset = offset

    def forward(self, x):
        return x + self.offset

    def jvp(self, _, tangents):
        return tangents[0]

    def vjp(self, inputs, g):
        return [g]

    def constant(self, inputs):
        return np.full_like(inputs[0], self.offset)


def relu():
    return Pointwise(lambda x: np.maximum(x, 0), lambda x: (x > 0).astype(float), rectifies=True)


def softplus():
    return Pointwise(lambda x: np.logaddexp(0, x), expit, curved=True)


class Round(Pointwise):
    """To whole numbers: no gradient comes through, whatever the image."""

    no_gradient = True

    def __init__(self):
        super().__init__(np.round, np.zeros_like)


class Gain:
    """Every number times one weight; with a weight of zero nothing comes through, whatever the image."""

    def __init__(self, weight):
        self.weight, self.zero_weight = weight, weight == 0

    def forward(self, x):
        return x * self.weight

    def jvp(self, _, tangents):
        return tangents[0] * self.weight

    def vjp(self, _, g):
        return [g * self.weight]


class Upsample:
    """Every cell repeated `factor` times along both axes."""

    def __init__(self, factor):
        self.factor = factor

    def forward(self, x):
        return x.repeat(self.factor, -3).repeat(self.factor, -2)

    def jvp(self, _, tangents):
        return self.forward(tangents[0])

    def vjp(self, inputs, g):
        h, w, k = inputs[0].shape[-3:]
        return [g.reshape(*g.shape[:-3], h, self.factor, w, self.factor, k).sum((-4, -2))]


class Concatenate:
    """Channels side by side."""

    def forward(self, *inputs):
        shape = np.broadcast_shapes(*(x.shape[:-1] for x in inputs))
        return np.concatenate([np.broadcast_to(x, (*shape, x.shape[-1])) for x in inputs], -1)

    def jvp(self, _, tangents):
        return self.forward(*tangents)

    def vjp(self, inputs, g):
        return np.split(g, np.cumsum([x.shape[-1] for x in inputs])[:-1], -1)


@dataclass
class NumpyProbe:
    """Nodes are (name, operation, name of its input or names), in order; the last gives the logits.

    `calls` counts what was asked.
    """

    x: np.ndarray
    nodes: list
    class_names: tuple = None
    truth: np.ndarray = None
    multilabel: bool = False
    image: np.ndarray = None
    half_precision: bool = False
    calls: Counter = field(default_factory=Counter)

    def __post_init__(self):
        self.x = frozen(self.x, float)
        self.nodes = [(name, op, (of,) if isinstance(of, str) else tuple(of)) for name, op, of in self.nodes]
        self._values = self._run({IMAGE: self.x})
        count = self.logits.shape[-1]
        self.class_names = self.class_names or tuple(f"class {i}" for i in range(count))
        self.image = frozen(np.zeros((*self.x.shape[:2], 3)) if self.image is None else self.image, np.uint8)
        self.truth = None if self.truth is None else frozen(self.truth, np.int64)

    def _run(self, known):
        values = dict(known)
        for name, op, of in self.nodes:
            if name not in values:
                values[name] = op.forward(*(values[n] for n in of))
        return values

    def _after(self, layer, closed=()):
        """Names of the nodes that the layer has a part in, in order; not through the closed ones."""
        found = [layer]
        for name, _, of in self.nodes:
            if name not in found and name not in closed and set(of) & set(found):
                found.append(name)
        return found[1:]

    # -------------------------------------------------------------- the protocol

    @property
    def _last(self):
        return self.nodes[-1][0]

    @property
    def layers(self):
        names = [IMAGE, *(name for name, _, _ in self.nodes)]
        reach = [n for n in names if n == self._last or self._last in self._after(n)]
        kinds = {IMAGE: "InputLayer"}
        return tuple(LayerInfo(n, self._values[n].shape, kinds.get(n, "Fake")) for n in reach)

    @property
    def logits(self):
        return frozen(self._values[self._last])

    @property
    def probabilities(self):
        with np.errstate(invalid="ignore"):  # some tests have infinite logits
            return frozen(expit(self.logits) if self.multilabel else softmax(self.logits, -1))

    @property
    def labels(self):
        best = self.probabilities.argmax(-1)
        return frozen(np.where(self.probabilities.max(-1) > 0.5, best, -1) if self.multilabel else best, np.int64)

    @property
    def head(self):
        return "sigmoid" if self.multilabel else "softmax"

    @property
    def default_score(self):
        return "logit" if self.multilabel or len(self.class_names) < 2 else "margin"

    def layer(self, name):
        known = {info.name: info for info in self.layers}
        if not isinstance(name, str) or name not in known:
            if isinstance(name, str) and name in self._values:
                raise DisconnectedLayerError(f"`layer` {name!r} does not reach the logits.")
            raise UnknownLayerError(must_be_one_of("layer", known, name))
        return known[name]

    def refresh(self):
        return False

    def activations(self, layer):
        self.calls["activations"] += 1
        return frozen(self._values[self.layer(layer).name])

    def bypass(self, layer):
        after = self._after(self.layer(layer).name)
        read = {source for name, _, of in self.nodes if name in after for source in of}
        return {n: frozen(v) for n, v in self._values.items() if n in read - {layer, *after}}

    def tail(self, layer):
        after = self._after(self.layer(layer).name)
        kinds = {name: op for name, op, _ in self.nodes}
        curved = {name: "Pointwise" for name in after if getattr(kinds[name], "curved", False)}
        blind = {name: type(kinds[name]).__name__ for name in after if getattr(kinds[name], "no_gradient", False)}
        zero = [name for name in after if getattr(kinds[name], "zero_weight", False)]
        ends = zero if self._last not in (layer, *self._after(layer, closed=zero)) else []
        rectified = getattr(kinds[self._last], "rectifies", False)
        giving = [name for name in after if hasattr(kinds[name], "constant")]
        constants = {name: "full units" if isinstance(kinds[name], Clip) else "constants" for name in giving}
        return Tail(curved, rectified, self.half_precision, blind, tuple(ends), constants)

    def units(self, layer):
        self.calls["units"] += 1
        after = self._after(self.layer(layer).name)
        given = {}
        for name, op, of in self.nodes:
            if name in after:
                read = [self._values[n] for n in of]
                given[name] = op.jvp(read, [given.get(n, np.zeros_like(v)) for n, v in zip(of, read, strict=True)])
                if hasattr(op, "constant"):
                    given[name] = given[name] + op.constant(read)
        return frozen(given.get(self._last, np.zeros_like(self._values[self._last])))

    def _field(self, cotangent):
        field = cotangent.to_array() if isinstance(cotangent, Cotangent) else cotangent
        return checked("cotangent", field, self.logits.shape)

    def pullback(self, layer, cotangent, at=None):
        self.calls["pullback"] += 1
        shape, seed = self.layer(layer).shape, self._field(cotangent)
        after = self._after(layer)
        around = {n: v for n, v in self._values.items() if n not in after}
        lead = common_lead(seed)
        if at is not None:
            around[layer] = checked("at", at, shape)
            lead = common_lead(seed, around[layer])
        values = self._run(around)
        pulls = {self._last: seed}
        for name, op, of in reversed(self.nodes):
            if name in after and name in pulls:
                for source, pull in zip(of, op.vjp([values[n] for n in of], pulls[name]), strict=True):
                    pulls[source] = pulls.get(source, 0) + pull
        gradients = frozen(np.broadcast_to(pulls[layer], (*lead, *shape)))  # one field may go to several points
        if self._last == layer:
            return Pullback(gradients, {})
        bypass = {n: (pulls[n] * values[n]).sum((-3, -2, -1)) for n in pulls if n not in after and n != layer}
        return Pullback(gradients, {n: np.broadcast_to(v, lead) if lead else float(v) for n, v in bypass.items()})

    def pullback_float32(self, layer, cotangent):
        self.calls["pullback_float32"] += 1
        self._one_field(cotangent)
        return self.pullback(layer, cotangent)

    def _one_field(self, cotangent):
        if self._field(cotangent).ndim == 4:
            raise SegCamError(f"`cotangent` must have shape {self.logits.shape}. Received: one with a batch axis.")

    def pushforward(self, layer, tangent, bypass=None):
        self.calls["pushforward"] += 1
        others = self._replaced(layer, bypass or {})
        tangents = {layer: checked("tangent", tangent, self.layer(layer).shape)} | others
        lead = common_lead(*tangents.values())
        for name, op, of in self.nodes:
            if name in self._after(layer):
                zeros = [tangents.get(n, np.zeros_like(self._values[n])) for n in of]
                tangents[name] = op.jvp([self._values[n] for n in of], zeros)
        return frozen(np.broadcast_to(tangents[self._last], (*lead, *self.logits.shape)))

    def replay(self, layer, activations, bypass=None):
        self.calls["replay"] += 1
        after = self._after(self.layer(layer).name)
        others = self._replaced(layer, bypass or {})
        source = checked("activations", activations, self.layer(layer).shape)
        lead = common_lead(source, *others.values())
        around = {n: v for n, v in self._values.items() if n not in after} | others
        logits = self._run(around | {layer: source})[self._last]
        return frozen(np.broadcast_to(logits, (*lead, *logits.shape[-3:])))

    def _replaced(self, layer, bypass):
        shapes = {n: v.shape for n, v in self.bypass(layer).items()}
        for name in bypass:
            if name not in shapes:
                raise SegCamError(must_be_one_of("bypass", shapes, name))
        return {name: checked(f"bypass[{name!r}]", values, shapes[name]) for name, values in bypass.items()}

    def sweep(self, cotangent, layers=None):
        self.calls["sweep"] += 1
        self._one_field(cotangent)
        found = {}
        for name in [info.name for info in self.layers] if layers is None else layers:
            gradients, activations = self.pullback(name, cotangent).gradients, self.activations(name)
            weights = gradients.mean((0, 1))
            maps = activations @ weights, (activations * gradients).sum(-1)
            found[name] = LayerSweep(frozen(weights), *map(frozen, maps))
        return found


# ------------------------------------------------------------------ networks that several tests use


def linear_head(activations, kernel, bias=0.0, **more):
    """A 1x1 convolution straight onto the image: alpha_k is the kernel, scaled by |M| / (h w)... and nothing else."""
    return NumpyProbe(np.asarray(activations, float), [("logits", Conv(kernel, bias), IMAGE)], **more)


def captum_network():
    """The convolutional network of Captum's own tests: conv (ones, biases -50 and -75), ReLU, linear (5 ones, -3 ones)."""
    weights = np.array([1, 1, 1, 1, 1, -1, -1, -1.0]).reshape(2, 2, 2)  # channel, row, column: torch's flattening
    nodes = [
        ("conv1", Conv(np.ones((3, 3, 1, 2)), [-50, -75], "valid"), IMAGE),
        ("relu1", relu(), "conv1"),
        ("fc1", Conv(weights.transpose(1, 2, 0)[..., None].repeat(4, -1), 0, "valid"), "relu1"),
    ]
    return NumpyProbe(np.arange(16.0).reshape(4, 4, 1), nodes)


def random_network(seed=0, classes=3, size=6, channels=4, tail=relu, **more):
    """Convolutions, an upsampling and a skip connection with seeded weights; (2 size, 2 size) logits."""
    rng = np.random.default_rng(seed)
    nodes = [
        ("features", Conv(rng.normal(size=(3, 3, 2, channels)), rng.normal(size=channels)), IMAGE),
        ("relu", tail(), "features"),
        ("deep", Conv(rng.normal(size=(3, 3, channels, channels)) / 3, rng.normal(size=channels)), "relu"),
        ("deep_relu", tail(), "deep"),
        ("join", Concatenate(), ("deep_relu", "relu")),
        ("up", Upsample(2), "join"),
        ("logits", Conv(rng.normal(size=(3, 3, 2 * channels, classes)) / 3, rng.normal(size=classes)), "up"),
    ]
    return NumpyProbe(rng.normal(size=(size, size, 2)), nodes, **more)
