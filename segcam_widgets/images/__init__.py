"""Pictures as a model expects them: read, fitted, prepared. Numpy and Pillow."""
