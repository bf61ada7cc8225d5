"""A network that only adds: what taking a pixel away costs is what the pixel gives, and can be worked out by hand."""

import numpy as np

from tests.core.fake_probe import Conv, NumpyProbe

IMAGE = "image"


def additive(values, **more):
    """Two classes of logits (x, 0) for the image x: the centered logit of class 0 at a pixel is x / 2."""
    x = np.asarray(values, float)[:, :, None]
    return NumpyProbe(x, [("logits", Conv([[1.0, 0.0]]), IMAGE)], **more)


def pooled(values, **more):
    """The same, with every pixel's logit the sum over the image: a region's score depends on its context too."""
    x = np.asarray(values, float)[:, :, None]
    size = x.shape[0]
    assert x.shape[1] == size
    assert size % 2  # a kernel of odd size that reaches everywhere from everywhere
    kernel = np.zeros((2 * size - 1, 2 * size - 1, 1, 2))
    kernel[:, :, 0, 0] = 1
    return NumpyProbe(x, [("logits", Conv(kernel), IMAGE)], **more)


class Forgetful(NumpyProbe):
    """A probe whose kernels can be drawn at random: the protocol of the cascade, in numpy."""

    @property
    def weighted_layers(self):
        return tuple(name for name, op, _ in reversed(self.nodes) if isinstance(op, Conv))

    def randomised(self, layers, seed=0):
        drawn = []
        for place, (name, op, of) in enumerate(self.nodes):
            if name in layers:
                rng = np.random.default_rng([seed, place])
                drawn.append((name, _redrawn(op, rng), of))
            else:
                drawn.append((name, op, of))
        return Forgetful(self.x, drawn, class_names=self.class_names)


def _redrawn(op, rng):
    fresh = Conv(rng.normal(size=op.kernel.shape) * op.kernel.std(), op.bias)
    fresh.pad = op.pad
    return fresh


def forgetful(probe):
    """The same network as one that can forget."""
    return Forgetful(probe.x, probe.nodes, class_names=probe.class_names)
