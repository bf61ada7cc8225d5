"""A channel looked at closely: which output pixels give it its weight."""

import base64
import io
import re
from html import unescape

import numpy as np
import pytest
from PIL import Image

import segcam_widgets as sc
from segcam_widgets.core.votes.channel import channel_votes
from tests.ui.explorer.array_probe import ArrayProbe


def votes(explorer):
    assert explorer.flush()
    assert explorer.channels.worker.flush()
    return unescape(explorer.channels.votes.value)


def picture(html):
    data = re.search(r"data:image/png;base64,([^\"]+)", html)[1]
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB")).astype(int)


class Counting(ArrayProbe):
    pushes = 0

    def pushforward(self, layer, tangent, bypass=None):
        self.pushes += 1
        return super().pushforward(layer, tangent, bypass)


def test_the_pixels_that_give_a_channel_its_weight(show):
    explorer = show()
    explorer.query = query = sc.CamQuery("deep", 1, sc.Rectangle(2, 3, 12, 20), "margin")
    assert explorer.flush()
    assert explorer.channels.votes.value == ""
    explorer.histogram.channel.value = 5
    html = votes(explorer)
    found = channel_votes(explorer.probe, query, 5)
    assert found.summary() in html
    assert f"pooled gradient {explorer.explanation.pooled_gradients[5]:+.3g}" in html
    assert (
        "blue pixels pull the channel's weight for <i>sea</i> down, red ones up; outside of the region it is dark"
        in html
    )
    limit = np.percentile(np.abs(found.values[found.values != 0]), 90)
    assert f'alt="votes on channel 5: one per pixel, full colour from ±{limit:.3g} on"' in html
    pixels = picture(html)
    assert pixels.shape == (*explorer.probe.image.shape[:2], 3)
    red, blue = pixels[..., 0] - pixels[..., 2] > 60, pixels[..., 2] - pixels[..., 0] > 60
    assert not red[found.values <= 0].any()
    assert not blue[found.values >= 0].any()
    assert (red | blue)[5, 5:15].any()
    assert not (red | blue)[~found.mask].any()  # outside of the region nobody votes
    assert pixels[~found.mask].max() <= 102 < pixels[found.mask].min(-1).mean()


def test_another_channel_region_and_layer(show):
    explorer = show()
    explorer.query = sc.CamQuery("deep", 0, sc.Everything())
    assert explorer.flush()  # the layer before has fewer channels
    explorer.histogram.channel.value = 2
    assert "Channel 2 has pooled gradient" in votes(explorer)
    explorer.histogram.channel.value = 7
    assert "Channel 7 has pooled gradient" in votes(explorer)
    before = votes(explorer)
    explorer.query = sc.CamQuery("deep", 0, sc.Rectangle(0, 0, 4, 4))
    assert votes(explorer) != before
    explorer.query = sc.CamQuery("tail", 0, sc.Rectangle(0, 0, 4, 4))
    assert channel_votes(explorer.probe, explorer.query, 1).summary() in votes(explorer)  # the last there is


def test_nothing_is_pushed_for_a_closed_panel_and_once_for_an_open_one(show):
    probe = Counting()
    explorer = show(probe)
    for region in (sc.Rectangle(0, 0, 4, 4), sc.Everything()):
        explorer.query = sc.CamQuery("deep", 0, region)
        assert explorer.flush()
    explorer.channels.selected_index = 1  # the table needs none
    assert explorer.channels.worker.flush()
    assert probe.pushes == 0
    explorer.channels.selected_index = 0
    votes(explorer)
    assert probe.pushes == 1
    for edge in range(2, 8):  # a hand that draws
        explorer.query = sc.CamQuery("deep", 0, sc.Rectangle(0, 0, edge, edge))
    votes(explorer)
    assert probe.pushes <= 3


def test_what_cannot_be_pushed_is_said(show):
    class Stiff(ArrayProbe):
        def pushforward(self, layer, tangent, bypass=None):
            raise sc.UnsupportedModelError("`layer` 'deep' is followed by an op that <cannot>.")

    explorer = show(Stiff())
    explorer.query = sc.CamQuery("deep", 0)
    assert explorer.flush()
    explorer.histogram.channel.value = 1
    votes(explorer)
    html = explorer.channels.votes.value
    assert "No votes for channel 1: `layer` &#x27;deep&#x27; is followed by an op that &lt;cannot&gt;." in html
    assert "activation of channel 1" in explorer.channels.maps.value


def test_a_loud_pixel_does_not_hide_the_rest(show):
    class Loud(ArrayProbe):
        def pushforward(self, layer, tangent, bypass=None):
            pushed = super().pushforward(layer, tangent, bypass).copy()
            pushed[3, 3] *= 1000
            return pushed

    explorer = show(Loud())
    explorer.query = sc.CamQuery("deep", 0, sc.Everything())
    assert explorer.flush()
    explorer.channels.selected_index = 0
    pixels = picture(votes(explorer))
    coloured = np.abs(pixels[..., 0] - pixels[..., 2]) > 40
    assert coloured.mean() > 0.3


def test_a_channel_without_votes_says_so(show):
    class Deaf(ArrayProbe):
        def pushforward(self, layer, tangent, bypass=None):
            return 0 * super().pushforward(layer, tangent, bypass)

    explorer = show(Deaf())
    explorer.query = sc.CamQuery("deep", 0, sc.Everything())
    assert explorer.flush()
    explorer.channels.selected_index = 0
    assert "No pixel of the region pulls on channel 0." in votes(explorer)


def test_names_are_escaped(show):
    explorer = show(classes=("<b>a</b>", "b"))
    explorer.query = sc.CamQuery("deep", 0, sc.Everything())
    explorer.channels.selected_index = 0
    votes(explorer)
    assert "<i>&lt;b&gt;a&lt;/b&gt;</i>" in explorer.channels.votes.value


@pytest.mark.parametrize("display", [(32, 48), (9, 700)])
def test_a_picture_of_another_size(show, display):
    explorer = show(display=display)
    explorer.query = sc.CamQuery("deep", 0, sc.Everything())
    explorer.channels.selected_index = 0
    assert picture(votes(explorer)).shape == (*display, 3)
