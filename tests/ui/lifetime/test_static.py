"""A notebook that is exported, or seen where no widget runs: a picture and a sentence stand in for the explorer."""

import base64
import html
import io
import re

import nbformat
import numpy as np
import pytest
from PIL import Image

from tests.ui.lifetime.cells import ROOT

pytestmark = [pytest.mark.notebook]

CODE = f"""
import sys
sys.path.insert(0, {ROOT!r})
import segcam_widgets as sc
from tests.ui.explorer.array_probe import ArrayProbe
explorer = sc.explore(ArrayProbe(classes=("sky", "<b>sea</b>", "land"), display=(64, 96)))
explorer.query = sc.CamQuery("deep", 1)
explorer
"""
SENTENCE = "Seg-Grad-CAM of <b>sea</b> at deep"


@pytest.fixture(scope="module")
def notebook():
    """As JupyterLab saves it: outputs, and no state of widgets."""
    from nbclient import NotebookClient

    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(CODE)])
    NotebookClient(made, kernel_name="python3", timeout=300, store_widget_state=False).execute()
    return made


def pictures(text):
    found = re.findall(r"data:image/png;base64,([A-Za-z0-9+/=]+)", text)
    return [np.asarray(Image.open(io.BytesIO(base64.b64decode(each)))) for each in found]


def test_the_output_offers_the_widget_a_picture_and_the_sentence(notebook):
    (output,) = notebook.cells[0].outputs
    assert output.output_type == "execute_result"
    assert set(output.data) == {"application/vnd.jupyter.widget-view+json", "image/png", "text/html", "text/plain"}
    assert output.data["text/plain"].startswith(SENTENCE)
    picture = np.asarray(Image.open(io.BytesIO(base64.b64decode(output.data["image/png"]))))
    assert picture.shape[:2] == (64, 96)
    assert picture.std() > 20  # not an empty one


@pytest.mark.parametrize("kind", ["html", "markdown"])
def test_an_export_shows_the_picture_and_the_sentence(notebook, kind):
    from nbconvert import get_exporter

    text, _ = get_exporter(kind)().from_notebook_node(notebook)
    said = html.escape(SENTENCE)
    assert f"<figcaption>{said}" in text
    assert SENTENCE not in text  # a name's tags stay text
    (picture,) = pictures(text.split("<figcaption>")[0])[-1:]
    assert picture.shape[:2] == (64, 96)
    assert f'alt="{said}' in text
