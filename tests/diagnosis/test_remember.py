"""What a diagnosis remembers of pullbacks: equal fields in the same form are one, others are not."""

import numpy as np

import segcam_widgets as sc
from segcam_widgets.core.answers import Cotangent
from segcam_widgets.core.resolve import resolve, score_input
from segcam_widgets.diagnosis.caching_probe import Remembering, fingerprint
from tests.core.fake_probe import random_network


def test_the_rivals_are_part_of_a_field():
    mask, contrast = np.ones((2, 2), np.float32), np.array([1, 0, 0], np.float32)
    one, two = (Cotangent(mask, contrast, rivals=np.full((2, 2), r, np.uint8)) for r in (1, 2))
    assert fingerprint(one) == fingerprint(Cotangent(mask.copy(), contrast.copy(), rivals=one.rivals.copy()))
    assert len({fingerprint(one), fingerprint(two), fingerprint(Cotangent(mask, contrast))}) == 3


def test_a_margin_is_asked_once():
    probe = random_network(1)
    memory = Remembering(probe)
    for query in (sc.CamQuery("deep", 1, sc.Everything()), sc.CamQuery("deep", 1, sc.Everything(), method="hirescam")):
        asked = resolve(query, probe)
        given = score_input(memory, asked, asked.region.rasterize(probe))
        memory.pullback("deep", sc.SCORES["margin"].cotangent(given))
    assert memory.asked == {"deep": 1}
    assert probe.calls["pullback"] == 1
