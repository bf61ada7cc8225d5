"""Everything that knows Keras and TensorFlow."""

from segcam_widgets.models.startup import load_tensorflow, must_be_tensorflow

load_tensorflow()
must_be_tensorflow()
