"""A picture and a sentence to show where the widget cannot run: on a web page, in an exported notebook."""

import base64
from html import escape
from typing import Any

from segcam_widgets.core.explanation import Explanation
from segcam_widgets.core.probe import Probe
from segcam_widgets.core.render import encode_png, overlay


def picture(probe: Probe, explanation: Explanation) -> bytes:
    """The view as PNG: image, map and the region's outline."""
    return encode_png(overlay(probe.image, cam=explanation.cam, mask=explanation.mask))


def beside(bundle: Any, probe: Probe, explanation: Explanation | None) -> Any:
    """A widget's mime bundle with a static picture and the sentence added.

    Parameters
    ----------
    bundle : dict or (dict, dict)
        What ipywidgets makes.
    """
    if bundle is None or explanation is None:
        return bundle
    data = bundle[0] if isinstance(bundle, tuple) else bundle
    png = picture(probe, explanation)
    sentence = explanation.summary()
    data["text/plain"] = sentence
    data["image/png"] = base64.b64encode(png).decode()
    data["text/html"] = (
        f'<figure><img src="data:image/png;base64,{data["image/png"]}" alt="{escape(sentence)}" style="max-width:480px">'
        f"<figcaption>{escape(sentence)}</figcaption></figure>"
    )
    return bundle
