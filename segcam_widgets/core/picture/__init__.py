"""Arrays as pictures: colours, maps laid over an image, HTML."""
