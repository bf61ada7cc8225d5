"""A picture of one's own, as the browser sends it to an explorer."""

import datetime as dt
import io

from PIL import Image

from segcam_widgets.ui.controls.upload import UploadPanel
from segcam_widgets.ui.page.lifetime import family


def upload_panel(explorer):
    """Where it arrives."""
    return next(widget for widget in family(explorer) if isinstance(widget, UploadPanel))


def upload(panel, name, content):
    """As the browser sends a chosen file."""
    now = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
    given = {
        "name": name,
        "type": "image/png",
        "size": len(content),
        "content": memoryview(content),
        "last_modified": now,
    }
    panel.file.value = (given,)


def png_of(pixels):
    """The bytes of a PNG file."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()
