import numpy as np
import pytest

from tests.diagnosis import nets
from tests.diagnosis.outcomes import fired, not_applicable, numbers_in_message, passed


def test_fires_and_names_what_goes_round():
    finding = nets.bypass().diagnose().headline
    assert finding.code == "SC206"
    assert "is carried past the layer, by around: channels -4, around +13.3" in finding.message
    assert finding.evidence["round: around"] == pytest.approx(20 * 2 / 3)
    assert numbers_in_message(finding, "score", "channels")
    assert "around" in finding.advice


def test_a_layer_after_it_when_asked_to_be_thorough():
    assert nets.bypass().diagnose().headline.remedy is None
    finding = nets.bypass().diagnose(thorough=True).headline
    assert finding.remedy.layer in ("ones", "around", "own", "logits")
    assert not finding.remedy_result.is_empty


def test_quiet():
    assert passed(nets.absence().diagnose(), "SC206") == "of the ledger's parts the residual (bias) is the largest"
    weaker = nets.bypass().but(around=np.array([3.0, 0, 0]), bias=np.array([20.0, 0, 0]))
    assert passed(weaker.diagnose(), "SC206") == "of the ledger's parts the residual (bias) is the largest"
    assert fired(weaker.diagnose(), "SC205").evidence["bypass"] == pytest.approx(2)


def test_what_goes_round_counts_only_where_something_does():
    """The residual is negative, and nothing goes round: that nothing is larger does not make it the carrier."""
    finding = nets.unlikely().diagnose()
    assert passed(finding, "SC206") == "of the ledger's parts the residual (bias) is the largest"


def test_not_applicable():
    assert not_applicable(nets.healthy().diagnose(), "SC206") == "the map is not blank"
    assert not_applicable(nets.bypass().but(layer="aside").diagnose(), "SC206").startswith("no path")


def test_where_the_class_is_not_predicted_nothing_is_carried():
    finding = fired(nets.bypass().but(around=np.array([5.0, 0, 0]), bias=np.array([0.0, 4, 0])).diagnose(), "SC206")
    assert (
        "What speaks for it in the score -2 goes past the layer, by around: channels -4, around +3.33"
        in finding.message
    )
    finding = fired(nets.bypass().but(around=np.array([-1.0, 0, 0]), bias=np.array([-9.0, 0, 0])).diagnose(), "SC206")
    assert finding.title == "Nothing here speaks for the class"
    assert "carried past" not in finding.message


def test_a_part_that_is_rounding_is_called_zero():
    finding = nets.bypass().diagnose().headline
    assert finding.evidence["residual"] != 0  # float32
    assert finding.message.endswith("channels -4, around +13.3, bias 0.")
