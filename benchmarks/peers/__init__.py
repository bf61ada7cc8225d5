"""This package beside the other ways to get a Grad-CAM of a Keras segmentation network."""
