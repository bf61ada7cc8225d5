"""Whether a model's weights have changed, found out in a fraction of a millisecond and without reading their values."""

import threading
from collections.abc import Iterable
from typing import Any

import numpy as np
import tensorflow as tf


class WeightWatch:
    """Counts the states in which the variables were seen.

    TensorFlow never writes into a buffer that somebody else holds: an update of a variable whose value is held goes into a
    new buffer, whatever makes it (assign, an optimizer, a scatter, a slice, compiled code). So the values are held, and
    the same address means the same values; nothing is summed or sampled. Measured: 0.2 ms for 46 variables, whatever their
    size, where checksums of 1.9 million weights take 2 to 6.

    A device whose memory the host cannot see answers every read with a copy at another address: such variables are
    compared by value, on the device.

    Parameters
    ----------
    variables : iterable of tf.Variable

    Notes
    -----
    While weights are trained, the held values live beside the new ones until :meth:`version` is next asked.
    """

    def __init__(self, variables: Iterable[tf.Variable]) -> None:
        self._variables = list(variables)
        self._lock = threading.Lock()
        self._count = 0
        # one call of one function reads them five times as fast as a loop of reads
        self._read = tf.function(
            lambda: [v.read_value() for v in self._variables], autograph=False
        ).get_concrete_function()
        self._held: list[tf.Tensor] = self._read()
        again = self._read()
        self._addresses = [_address(tensor) for tensor in self._held]
        stable = [
            _address(tensor) == address is not None for tensor, address in zip(again, self._addresses, strict=True)
        ]
        self._seen = [i for i, ok in enumerate(stable) if ok]
        self._unseen = [i for i, ok in enumerate(stable) if not ok]

    def version(self) -> int:
        """A number that differs from the last one exactly if some weight was written since."""
        with self._lock:
            values = self._read()
            if self._changed(values):
                self._held = values
                self._addresses = [_address(tensor) for tensor in values]
                self._count += 1
            return self._count

    def _changed(self, values: list[tf.Tensor]) -> bool:
        addresses = self._addresses
        if any(_address(values[i]) != addresses[i] for i in self._seen):
            return True
        return any(not bool(tf.reduce_all(values[i] == self._held[i])) for i in self._unseen)


def _address(tensor: tf.Tensor) -> Any:
    """Where the host sees the tensor's values; None where it does not."""
    try:
        return np.asarray(tensor).__array_interface__["data"][0]
    except (TypeError, ValueError, BufferError):
        return None
