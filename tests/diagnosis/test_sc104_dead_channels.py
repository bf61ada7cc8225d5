import numpy as np

from segcam_widgets.diagnosis.decide import Decision
from tests.diagnosis import nets
from tests.diagnosis.outcomes import findings, fired, not_applicable, passed


def test_fires():
    diagnosis = nets.dead().diagnose()
    finding = diagnosis.headline
    assert finding.code == "SC104"
    assert finding.severity == "issue"
    assert (
        finding.message
        == "Both channels of feat are zero everywhere on this image, so every map at this layer is zero."
    )
    assert finding.channels == (0, 1)
    assert finding.remedy is None


def test_another_layer_when_asked_to_be_thorough():
    finding = fired(nets.dead().diagnose(thorough=True), "SC104")
    assert finding.remedy.layer in ("own", "logits", "image")
    assert not finding.remedy_result.is_empty


def test_quiet_where_one_channel_lives():
    activations = np.zeros((nets.SIZE, nets.SIZE, 2))
    activations[4, 4, 1] = 1e-3  # however small: small is measured beside the layer's largest
    assert passed(nets.dead().but(activations=activations).diagnose(), "SC104") == "1 of 2 channels is live"


def test_what_goes_round_and_a_class_that_loses_are_said_besides():
    around = nets.inside([4, 0, 0], [0, 0, 0])
    silent = nets.dead().but(bias=nets.offset(-1), around=around)
    assert findings(silent) == [("SC104", "issue"), ("SC206", "tip")]
    assert findings(silent.but(bias=nets.offset(9), region=nets.INSIDE)) == [
        ("SC104", "issue"),
        ("SC206", "tip"),
    ]  # it leans
    assert findings(silent.but(bias=nets.offset(99), region=nets.INSIDE)) == [("SC104", "issue")]
    assert findings(nets.dead().but(region=nets.INSIDE, bias=nets.offset(-1))) == [("SC104", "issue"), ("SC207", "tip")]


def test_not_applicable():
    assert "no path" in not_applicable(nets.dead().but(layer="aside").diagnose(), "SC104")
    assert not_applicable(nets.broken().diagnose(), "SC104") == "the activations are not finite"


def test_the_line_names_them_too():
    silent = nets.dead().but(bias=nets.offset(-1), around=nets.inside([4, 0, 0], [0, 0, 0]))
    assert silent.case().decision == Decision("1", "SC104", ("SC206",))
    losing = nets.dead().but(region=nets.INSIDE, bias=nets.offset(-1))
    assert losing.case().decision == Decision("1", "SC104", ("SC207",))
    clipped = nets.clipped().but(region=nets.INSIDE, bias=nets.offset(-99, -50, -50), kernel=np.zeros((2, 3)))
    assert clipped.case().decision.line == "1"
