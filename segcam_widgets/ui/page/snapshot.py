"""A picture and a sentence to show where the widget cannot run: on a web page, in an exported notebook."""

from html import escape
from typing import Any

from segcam_widgets.core.explanation.explanation import Explanation
from segcam_widgets.core.picture.render import data_uri, overlay
from segcam_widgets.core.probe import Probe


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
    address = data_uri(overlay(probe.image, cam=explanation.cam, mask=explanation.mask))  # map and the region's outline
    sentence = explanation.summary()
    data["text/plain"] = sentence
    data["image/png"] = address.partition(",")[2]
    data["text/html"] = (
        f'<figure><img src="{address}" alt="{escape(sentence)}" style="max-width:480px">'
        f"<figcaption>{escape(sentence)}</figcaption></figure>"
    )
    return bundle
