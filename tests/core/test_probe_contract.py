"""The protocol says what it asks, and the numpy probe that other tests stand on keeps to it."""

import inspect

import numpy as np
import pytest

from segcam_widgets.core.probe import Probe
from tests.core.fake_probe import IMAGE, Concatenate, Conv, NumpyProbe, Upsample, random_network, relu, relu6
from tests.core.probe_contract import ProbeContract

MEMBERS = sorted(name for name in vars(Probe) if name in Probe.__abstractmethods__)
ARRAYS = "ndarray", "NDArray", "Float", "Pullback", "LayerSweep"


def test_the_members_of_the_protocol():
    assert MEMBERS == [
        "activations", "bypass", "class_names", "default_score", "head", "image", "labels", "layer", "layers", "logits",
        "multilabel", "probabilities", "pullback", "pullback_float32", "pushforward", "refresh", "replay", "sweep", "tail",
        "truth", "units", "x",
    ]  # fmt: skip


def test_nothing_public_is_left_out_of_the_members():
    assert {name for name in vars(Probe) if not name.startswith("_")} == set(MEMBERS)


def docstring(name):
    member = inspect.getattr_static(Probe, name)
    return (member.fget if isinstance(member, property) else member).__doc__ or ""


def answers_arrays(name):
    member = inspect.getattr_static(Probe, name)
    function = member.fget if isinstance(member, property) else member
    return any(kind in str(inspect.signature(function).return_annotation) for kind in ARRAYS)


@pytest.mark.parametrize("name", MEMBERS)
def test_every_member_says_what_it_answers(name):
    text = docstring(name)
    assert len(text.strip()) > 40
    if answers_arrays(name) and name not in (
        "pullback",
        "pullback_float32",
        "sweep",
    ):  # these answer values of their own
        assert "read-only" in text
        assert any(kind in text for kind in ("float32", "floating point", "integers", "uint8"))
    if answers_arrays(name) and name not in ("bypass", "sweep"):
        assert any(
            shape in text for shape in ("(H, W)", "(H, W, C)", "(h, w, K)", "(h', w', 3)", "(1, h, w, channels)")
        )


@pytest.mark.parametrize("name", MEMBERS)
def test_every_argument_has_a_line(name):
    member = inspect.getattr_static(Probe, name)
    if isinstance(member, property):
        return
    parameters, text = list(inspect.signature(member).parameters)[1:], docstring(name)
    assert all(f"\n        {parameter} : " in text for parameter in parameters), name
    assert "Returns\n" in text
    if "layer" in parameters:
        assert "UnknownLayerError, DisconnectedLayerError" in text


def test_a_probe_that_leaves_a_question_out_cannot_be_made():
    members = {name: None for name in MEMBERS if name != "units"}
    with pytest.raises(TypeError, match="units"):
        type("Half", (Probe,), members)()


def without_biases(seed=0):
    rng = np.random.default_rng(seed)
    nodes = [
        ("features", Conv(3 * rng.normal(size=(3, 3, 2, 4))), IMAGE),
        ("relu", relu(), "features"),
        ("deep", Conv(rng.normal(size=(3, 3, 4, 4))), "relu"),
        ("full", relu6(), "deep"),
        ("join", Concatenate(), ("full", "relu")),
        ("up", Upsample(2), "join"),
        ("logits", Conv(rng.normal(size=(3, 3, 8, 3)) / 3), "up"),
    ]
    return NumpyProbe(rng.normal(size=(6, 6, 2)), nodes)


def with_a_dead_end(network, **more):
    nodes = [*network.nodes[:-1], ("aside", relu(), "deep"), network.nodes[-1]]
    return NumpyProbe(network.x, nodes, truth=network.labels, **more)


class TestNumpyProbe(ProbeContract):
    disconnected = "aside"
    opened_without_biases = staticmethod(without_biases)

    @staticmethod
    def opened():
        return with_a_dead_end(random_network())


class TestMultilabel(TestNumpyProbe):
    @staticmethod
    def opened():
        return with_a_dead_end(random_network(seed=3), multilabel=True)
