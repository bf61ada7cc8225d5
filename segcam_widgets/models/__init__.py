"""Everything that knows Keras and TensorFlow."""
