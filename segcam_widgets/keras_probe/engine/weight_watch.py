"""Detect in a fraction of a millisecond, without reading values, whether a model's weights have changed."""

import threading
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf


class WeightWatch:
    """Counts the states in which the variables were seen.

    TensorFlow never writes into memory that is referenced elsewhere: an update of a variable whose value is held goes into new
    memory, whatever makes it (assign, an optimizer, a scatter, a slice, compiled code). So the values are held, and the same
    place means the same values; nothing is summed or sampled, and the size of the variables costs nothing: 46 of them
    0.3 ms, where checksums of their 1.9 million numbers took 2 to 6.

    A device whose memory the host cannot see answers every read with a copy in another place: such variables are compared
    by value, on the device.

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
        # one call of one function is quicker than a loop of reads
        self._read = tf.function(
            lambda: [v.read_value() for v in self._variables], autograph=False
        ).get_concrete_function()
        self._held: list[tf.Tensor] = []
        self._places: list[Any] = []
        self._hold(self._read())
        again = self._read()
        stable = [_same_place(place, new) for place, new in zip(self._places, again, strict=True)]
        self._seen = [i for i, ok in enumerate(stable) if ok]
        self._unseen = [i for i, ok in enumerate(stable) if not ok]

    def read(self) -> list[tf.Tensor]:
        """The values, read into the graph that is being traced: for a function that looks at the weights on its way."""
        return [variable.read_value() for variable in self._variables]

    def version(self, values: Sequence[tf.Tensor] | None = None) -> int:
        """A number that differs from the last one exactly if some weight was written since.

        Parameters
        ----------
        values : sequence of tensor, optional
            What a function got from :meth:`read` just now; default: read here, which takes a call of its own.
        """
        with self._lock:
            values = self._read() if values is None else values
            if self._changed(values):
                self._hold(values)
                self._count += 1
            return self._count

    def _hold(self, values: Sequence[tf.Tensor]) -> None:
        self._held, self._places = list(values), [_place(tensor) for tensor in values]

    def _changed(self, values: Sequence[tf.Tensor]) -> bool:
        if not all(_same_place(self._places[i], values[i]) for i in self._seen):
            return True
        return any(not bool(tf.reduce_all(values[i] == self._held[i])) for i in self._unseen)


def _place(tensor: tf.Tensor) -> Any:
    """The tensor's memory as the host sees it, not copied; None where it does not."""
    try:
        return np.asarray(tensor)
    except (TypeError, ValueError, BufferError):
        return None


def _same_place(place: Any, tensor: tf.Tensor) -> bool:
    """Whether a tensor lies where a held one does. Two that are held at once do not overlap, so their bounds say it."""
    return place is not None and np.may_share_memory(place, np.asarray(tensor))
