"""Configuration of the documentation."""

import segcam_widgets

project = "segcam_widgets"
author = "segcam_widgets contributors"
copyright = author
version = release = segcam_widgets.__version__

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.mathjax", "numpydoc"]
exclude_patterns = ["_build"]

myst_enable_extensions = ["amsmath", "dollarmath"]
myst_heading_anchors = 3
nb_execution_mode = "off"  # the tests run the notebooks

numpydoc_class_members_toctree = False
numpydoc_show_class_members = False

html_theme = "furo"
html_title = f"segcam_widgets {release}"
