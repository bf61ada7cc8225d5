"""What is compiled once for all images of a model."""
