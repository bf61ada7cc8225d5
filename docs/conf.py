"""Configuration of the documentation."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import tables

import segcam_widgets

project = "segcam_widgets"
author = "segcam_widgets contributors"
copyright = author
version = release = segcam_widgets.__version__

extensions = ["mathml", "myst_parser", "sphinx.ext.autodoc", "numpydoc"]
exclude_patterns = ["_build", "generated"]  # what is generated is included by the pages

myst_enable_extensions = ["dollarmath", "html_image"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the docstrings say type, shape, unit and range
numpydoc_class_members_toctree = False
numpydoc_show_class_members = False

html_math_renderer = "mathml"
html_theme = "furo"
html_title = f"segcam_widgets {release}"
html_static_path = ["_static"]
html_css_files = ["pages.css"]

tables.write()
