"""Load TensorFlow without its start-up chatter, which a notebook would show as red boxes above the widget."""

import os
import re
import sys
import tempfile

from segcam_widgets.errors import UnsupportedModelError, first_line

_CHATTER = re.compile(
    rb"WARNING: All log messages before absl::InitializeLog\(\)"
    rb"|^I\d{4} .*(oneDNN custom operations|Could not find cuda drivers|TensorFlow binary is optimized)"
    rb"|^To enable the following instructions"
    rb"|^E\d{4} .*failed call to cuInit"
)

SET_BACKEND = (
    "Set the environment variable KERAS_BACKEND=tensorflow before Keras is first imported (in a notebook: restart the kernel "
    "first)."
)


def must_be_tensorflow() -> None:
    """Raise UnsupportedModelError where Keras runs on something else, or is to run on what is not installed."""
    try:
        import keras
    except ImportError as error:
        raise UnsupportedModelError(
            f"Keras must run on TensorFlow. Received: {first_line(error)}. {SET_BACKEND}"
        ) from error
    if keras.config.backend() != "tensorflow":
        raise UnsupportedModelError(
            f"Keras must run on TensorFlow. Received: the backend {keras.config.backend()!r}. {SET_BACKEND}"
        )


def load_tensorflow() -> None:
    """Import TensorFlow; lines of its C++ start-up that say nothing about the user's work are left out.

    TF_CPP_MIN_LOG_LEVEL does not reach them: they are written before logging is set up. Everything else that is written to
    standard error meanwhile is passed on.
    """
    if "tensorflow" in sys.modules:
        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    try:
        kept = os.dup(2)
    except OSError:  # no standard error at all: nothing to keep quiet
        import tensorflow  # noqa: F401

        return
    with tempfile.TemporaryFile() as written:
        os.dup2(written.fileno(), 2)
        try:
            import tensorflow as tf

            tf.config.list_physical_devices()  # looks for a GPU now; allocates nothing
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            written.seek(0)
            for line in written:
                if not _CHATTER.search(line):
                    os.write(2, line)
