"""Workarounds for TensorFlow's bugs, each with its version and a reproduction."""

from typing import Any

import keras


def _breaks_eagerly(layer: Any) -> bool:
    """Whether a tape that runs eagerly would end the process: 1x1 kernels with strides on few channels.

    TensorFlow 2.21 with oneDNN writes past an array in the gradient of such a kernel (seen with 6 and 8 input channels, not
    with 16). Nobody asks for that gradient; a compiled function leaves it out, an eager tape computes it all the same.
    """
    if not isinstance(layer, keras.layers.Conv2D) or not layer.built:
        return False
    return layer.kernel_size == (1, 1) and max(layer.strides) > 1 and int(layer.kernel.shape[2]) < 16
