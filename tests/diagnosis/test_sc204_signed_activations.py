import numpy as np
import pytest

import segcam_widgets as sc
from segcam_widgets.core.answers import LayerInfo
from segcam_widgets.diagnosis.case import Case
from segcam_widgets.diagnosis.remedies import rectified_layer
from tests.core.fake_probe import IMAGE, Conv, NumpyProbe, linear_head, relu
from tests.diagnosis import nets
from tests.diagnosis.nets import INSIDE, SIZE, Net, inside, offset, pull
from tests.diagnosis.outcomes import findings, headline, not_applicable, passed, tip

# ------------------------------------------------------------------ blank maps


def test_fires_where_negative_activations_undo_what_the_class_needs():
    finding = headline(nets.undone(), "SC204")
    assert finding.title == "At feat, negative activations undo the positive evidence"
    assert finding.message == (
        "50 % of the live activations of feat are negative. Without them the map would be positive in 24 % of its cells: a "
        "positive weight times a negative activation counts as evidence against. Lower both channels to what they are elsewhere: "
        "100 % of brick is lost."
    )
    assert finding.evidence["negative_activations"] == 0.5
    assert finding.evidence["cells_positive_without"] == pytest.approx(0.24)
    assert finding.evidence["sink_lost"] == 1


def test_fires_where_less_negative_is_what_speaks_for_the_class():
    finding = headline(nets.less_negative(), "SC204")
    assert finding.message == (
        "Both channels have positive weights and are negative on average: being higher here than elsewhere speaks for brick, and "
        "the map compares with zero instead. Lower both channels to what they are elsewhere: 100 % of brick is lost."
    )
    assert finding.channels == (0, 1)
    assert finding.evidence["channels_below_zero"] == 2
    one = nets.less_negative().but(kernel=pull(1, 0), bias=offset(2))
    assert headline(one, "SC204").message.startswith("Channel 0 has a positive weight and is negative on average:")


@pytest.mark.parametrize(("elsewhere", "code"), [(-0.33, "SC204"), (-0.3, "SC208")])
def test_a_mean_below_zero_decides(elsewhere, code):
    """24 cells of 1 and 76 of -0.316 sum to zero."""
    net = Net(inside([1, 2], [elsewhere, 2]), pull(1, -1), offset(1.5))
    assert headline(net, code).evidence["sink_lost"] == 1


def test_a_tip_beside_an_absence():
    """In one corner a channel that speaks for class 0 is loud, and another, negative, undoes it: nothing hangs on them."""
    corner = np.zeros((SIZE, SIZE, 2))
    corner[0, 0] = [9.0, -19.0]
    values = np.concatenate([nets.absence().activations, corner], -1)
    finding = tip(nets.absence().but(activations=values, kernel=pull(-1, -1, 1, 1)), "SC204")
    assert finding.evidence["cells_positive_without"] == 0.01
    assert "Lower" not in finding.message
    assert finding.remedy is None


def test_hirescam_is_no_remedy_where_its_gradient_stays_in_the_region():
    assert headline(nets.undone(), "SC204").remedy is None
    assert headline(nets.less_negative(), "SC204").remedy is None


class Labelled(NumpyProbe):
    """It says which of its layers is a ReLU."""

    @property
    def layers(self):
        return tuple(LayerInfo(i.name, i.shape, i.kind, "relu" if i.name == "relu" else None) for i in super().layers)


def before_a_relu():
    """Inside, one of two channels is above zero and the other far below, by turns; in one cell a third one is loud, and
    speaks against class 0."""
    chess = np.indices((SIZE, SIZE)).sum(0)[..., None] % 2
    values = inside([0.0, 0.0, 0.0], [-9.0, -9.0, 0.0])
    values[3:7, 2:8] = np.where(chess, [2.0, -9.0, 0.0], [-9.0, 2.0, 0.0])[3:7, 2:8]
    values[4, 4, 2] = 100
    nodes = [
        ("before", Conv(np.eye(3)), IMAGE),
        ("relu", relu(), "before"),
        ("logits", Conv(pull(1, 1, -1), offset(-1)), "relu"),
    ]
    return Labelled(values, nodes)


def test_the_relu_that_follows_when_asked_to_be_thorough():
    probe, query = before_a_relu(), sc.CamQuery("before", 0, INSIDE)
    diagnosis = sc.diagnose(probe, query)
    assert diagnosis.headline.code == "SC204"
    assert diagnosis.headline.remedy is None  # HiResCAM's gradient stays in the region, whatever its sign
    finding = sc.diagnose(probe, query, thorough=True).headline
    assert finding.remedy.layer == "relu"
    assert finding.remedy_result.gain > 0.9
    assert [q.layer for q in rectified_layer(Case(probe, query, thorough=True))] == ["relu"]
    assert list(rectified_layer(Case(probe, query))) == []
    assert list(rectified_layer(Case(probe, sc.CamQuery("relu", 0), thorough=True))) == []


def test_a_method_that_does_not_look_at_the_class():
    activations = -np.abs(np.random.default_rng(0).normal(size=(5, 5, 3))) - 0.1
    probe = linear_head(activations, [[1.0, 0], [2.0, 0], [1.0, 0]], bias=[30.0, 0])
    diagnosis = sc.diagnose(probe, sc.CamQuery(IMAGE, 0, method="eigen-cam"))
    assert diagnosis.headline.code == "SC204"
    assert diagnosis.headline.title == "At image, the activations are negative, and the map with them"
    assert "It does not look at the class." in diagnosis.headline.message


# ------------------------------------------------------------------ calm words on a map that is not blank


def mirrored():
    """Both weights negative, both channels negative: minus times minus is evidence, and the map shows the region."""
    return nets.healthy().but(activations=-nets.healthy().activations, kernel=-nets.healthy().kernel)


def test_calm_words():
    finding = tip(mirrored(), "SC204")
    assert finding.title == "At feat, all weights are negative and the map shows the region"
    assert finding.channels == (0, 1)
    assert "The weights of both channels are negative" in finding.message
    assert finding.message.endswith("The map is 100 % positive (gain 1): it shows the region.")
    assert finding.advice == "Nothing to do."


def test_it_shows_the_region_is_said_only_where_it_does():
    values = np.full((SIZE, SIZE, 2), -1.0)
    values[:, :5] = 3
    net = Net(values, pull(-1, -2), offset(20))
    for region, right in (
        (sc.Rectangle(0, 5, SIZE, SIZE), True),
        (sc.Rectangle(0, 0, SIZE, 5), False),
        (sc.Everything(), False),
    ):
        finding = tip(net.but(region=region), "SC204")
        assert ("shows the region" in finding.message) == right
        assert ("shows the region" in finding.title) == right
        assert ("gain" in finding.evidence) == (region != sc.Everything())
    lost = net.but(bias=offset(-20), region=sc.Rectangle(0, 5, SIZE, SIZE))
    assert not lost.diagnose().blank
    assert "shows the region" not in tip(lost, "SC204").message  # the class is not even predicted there


def test_all_weights_negative_is_not_said_of_pixelwise_weights_that_are_so_on_average():
    net = mirrored().but(method="hirescam", region=sc.Rectangle(0, 0, SIZE, 5))
    assert "all weights are negative" in tip(net, "SC204").title
    scale = np.ones((SIZE, SIZE))
    scale[0, 0] = -1
    assert passed(net.but(scale=scale).diagnose(), "SC204") == "not every live weight is negative"


@pytest.mark.parametrize(
    ("live", "channels", "words"),
    [
        ([0], 1, "The weight of the one live channel is negative"),
        ([1], 3, "The weight of the one live channel is negative"),
        ([0, 2], 3, "The weights of the 2 live channels of 3 are negative"),
        ([0, 1, 2], 3, "The weights of all 3 channels are negative"),
    ],
)
def test_one_and_many(live, channels, words):
    values = np.zeros((SIZE, SIZE, channels))
    values[:, 5:, live] = -2.0
    net = Net(values, pull(*[-1] * channels), offset(20)).but(region=sc.Rectangle(0, 5, SIZE, SIZE))
    assert tip(net, "SC204").message.startswith(words)


# ------------------------------------------------------------------ quiet, not applicable


def test_quiet():
    """One weight is positive, so nobody needs to be calmed; or the map would be blank without negative activations as well."""
    values = nets.healthy().activations * [1.0, -1.0]
    net = nets.healthy().but(activations=values, kernel=pull(1, -1))
    assert passed(net.diagnose(), "SC204") == "not every live weight is negative"
    blank = nets.absence().but(
        activations=np.where(np.arange(SIZE)[:, None, None] < 1, -1e-9, nets.absence().activations)
    )
    assert passed(blank.diagnose(), "SC204") == "without its negative activations the map is blank as well"
    classless = linear_head(np.full((4, 4, 2), -1.0) + np.eye(4)[..., None] * 3, [[1.0, 0], [1.0, 0]])
    diagnosis = sc.diagnose(classless, sc.CamQuery(IMAGE, 0, sc.Everything(), method="eigen-cam"))
    assert passed(diagnosis, "SC204") == "the method does not look at the class"


def test_not_applicable():
    assert not_applicable(nets.absence().diagnose(), "SC204") == "no activation is negative"
    assert not_applicable(nets.nowhere().diagnose(), "SC204") == "the region has no pixel"
    one = Net(-np.ones((1, 1, 2)), pull(-1, -1))
    assert not_applicable(one.diagnose(), "SC204") == "the layer has a single cell"
    shifted = nets.shifted().but(activations=nets.shifted().activations + np.array([0.1, -0.01]))
    assert findings(shifted)[0] == ("SC202", "issue")
    assert not_applicable(shifted.diagnose(), "SC204") == "the margin's map is not blank"
