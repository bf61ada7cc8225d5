"""The mathematics, on plain numpy arrays: no TensorFlow, no widgets."""
