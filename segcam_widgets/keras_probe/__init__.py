"""Keras models as probes, the one room where TensorFlow lives: record -> cut -> engine -> answers -> probe."""

from segcam_widgets.keras_probe.startup import load_tensorflow, must_be_tensorflow

load_tensorflow()
must_be_tensorflow()
