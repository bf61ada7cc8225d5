import numpy as np
import pytest

from tests.diagnosis import nets
from tests.diagnosis.nets import INSIDE, inside, offset
from tests.diagnosis.outcomes import headline, not_applicable, passed, tip


def test_fires_and_names_what_goes_round():
    finding = headline(nets.bypass(), "SC206")
    assert finding.title == "At feat, brick hangs on what goes round the layer"
    assert finding.message.startswith(
        "Set what goes round the layer (around) to its mean elsewhere: 100 % of brick is lost."
    )
    assert finding.evidence["skip_lost"] == 1
    assert finding.evidence["round: around"] == pytest.approx(6)
    assert finding.advice == "Choose a layer after the one that joins around in, or around itself."


def test_its_fall_on_paper():
    net = nets.bypass()
    margin = 6 - 1 + (net.activations * [-0.1, -0.2]).sum(-1)[3:7, 2:8].mean()
    assert headline(net, "SC206").evidence["skip_fall"] == pytest.approx(6 / margin, rel=1e-5)


def test_it_leans_where_no_pixel_hangs_on_it():
    finding = headline(nets.leaning_bypass(), "SC206")
    assert finding.title == "At feat, part of what speaks for brick goes round the layer"
    assert finding.evidence["skip_fall"] == pytest.approx(5 / 14.98, rel=1e-5)


@pytest.mark.parametrize(("carried", "code"), [(5.1, "SC206"), (4.9, "SC213")])
def test_a_quarter_of_the_margin(carried, code):
    net = nets.leaning_bypass().but(around=inside([carried, 0, 0], [0, 0, 0]), bias=offset(0.02 + 20 - carried))
    net = net.but(around=inside([carried, 0, 0], [0, 0, 0]))
    assert net.case().mean_margin == pytest.approx(20, rel=1e-5)
    assert net.diagnose().headline.code == code


def test_beside_an_absence_that_is_as_strong_it_is_the_second_line():
    finding = tip(nets.absence_and_bypass(), "SC206")
    assert finding.evidence["skip_lost"] == 1


def test_what_is_the_same_everywhere_is_no_cause():
    """It carries nearly all of the score, inside as well as elsewhere."""
    net = nets.absence().but(bias=offset(-18), around=np.full((nets.SIZE, nets.SIZE, 3), [20.0, 0, 0]))
    diagnosis = net.diagnose()
    assert diagnosis.headline.code == "SC205"
    assert passed(diagnosis, "SC206").startswith("the experiments do not show it:")
    assert ", 0 % without what goes round (margin 0 %)" in passed(diagnosis, "SC206")


def test_a_layer_after_it_when_asked_to_be_thorough():
    assert headline(nets.bypass(), "SC206").remedy is None
    finding = headline(nets.bypass(), "SC206", thorough=True)
    assert finding.remedy.layer in ("around", "logits")
    assert finding.remedy_result.gain >= 0.5


def test_quiet_before_the_experiments():
    net = nets.bypass().but(bias=offset(-99), region=INSIDE)
    assert passed(net.diagnose(), "SC206") == "line 5 of the decision table holds before any experiment is weighed"


def test_not_applicable():
    assert not_applicable(nets.healthy().diagnose(), "SC206") == "the map is not blank"
    assert not_applicable(nets.absence().diagnose(), "SC206") == "nothing goes round the layer"
    assert not_applicable(nets.bypass().but(layer="aside").diagnose(), "SC206").startswith("no path")
    assert not_applicable(nets.nowhere().diagnose(), "SC206") == "the region has no pixel"
