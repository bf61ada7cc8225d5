"""What the project promises to whoever adds to it: registries, options, a region of one's own."""

import importlib.metadata
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest

import segcam_widgets as sc
from segcam_widgets.core.baselines import BASELINES
from segcam_widgets.core.explanation import storage
from segcam_widgets.core.methods import METHODS, Method, Option
from segcam_widgets.core.regions.base import TAGS, Region, grid, region_from_dict
from segcam_widgets.core.scores import SCORES
from tests.core.fake_probe import random_network


@pytest.mark.parametrize("registry", [SCORES, METHODS, BASELINES], ids=["scores", "methods", "baselines"])
def test_a_registry_is_a_mapping_of_names_to_what_has_them(registry):
    assert len(registry) == len(tuple(registry)) >= 3
    for name, entry in registry.items():
        assert entry.name == name
        assert entry.title
        assert registry.find(name) is entry
    assert repr(registry) == "{" + ", ".join(registry) + "}"
    with pytest.raises(TypeError):
        registry["mine"] = entry


@pytest.mark.parametrize("name", tuple(METHODS))
def test_a_method_says_where_it_comes_from_and_what_it_costs(name):
    method = METHODS[name]
    assert method.formula
    assert method.source
    assert method.cost
    assert method.compute.__doc__
    assert set(method.accepted_baselines) <= set(BASELINES)
    assert all(option.name == key and option.help for key, option in method.options.items())
    assert method.check({}, "zero") == {key: option.default for key, option in method.options.items()}


def test_options_are_checked_and_completed():
    options = {
        "window": Option("window", 4, "", minimum=1, maximum=64),
        "share": Option("share", 0.5, "", minimum=0),
        "pooling": Option("pooling", "mean", "", choices=("mean", "max")),
    }
    method = Method("mine", "", "", "", "", lambda given: given, options)
    assert method.check({}, "zero") == {"window": 4, "share": 0.5, "pooling": "mean"}
    checked = method.check({"window": np.int64(64), "share": 2, "pooling": "max"}, "mean")
    assert checked == {"window": 64, "share": 2.0, "pooling": "max"}
    assert (type(checked["window"]), type(checked["share"])) == (int, float)


@pytest.fixture
def checkerboard():
    """Give a region type of a user's own; taken off the list afterwards."""

    @dataclass(frozen=True)
    class Checkerboard(Region):
        parity: int
        tag: ClassVar[str] = "checker_board"

        def rasterize(self, probe):
            return np.indices(grid(probe)).sum(0) % 2 == self.parity

    yield Checkerboard
    del TAGS["checker_board"]


def test_a_region_of_ones_own_is_asked_combined_and_saved(checkerboard, tmp_path):
    probe = random_network()
    region = checkerboard(1) - sc.Rectangle(0, 0, 6, 6)
    ex = sc.explain(probe, sc.CamQuery("relu", 0, region))
    assert ex.mask.sum() == 72 - 18
    assert region.left.describe() == "checker board"
    assert region_from_dict(region.to_dict()) == region
    assert sc.load_explanation(ex.save(tmp_path / "x")).query == ex.query


def test_a_region_type_is_not_replaced_silently(checkerboard):
    with pytest.raises(sc.SegCamError, match=r"^The region type 'checker_board' is registered already\.$"):
        type("Other", (Region,), {"tag": "checker_board"})
    assert TAGS["checker_board"] is checkerboard


def test_the_manifest_names_the_libraries_that_are_there(monkeypatch, tmp_path):
    def only_numpy(name):
        if name != "numpy":
            raise importlib.metadata.PackageNotFoundError(name)
        return "2.0"

    monkeypatch.setattr(storage, "version", only_numpy)
    data = storage.manifest(sc.explain(random_network(), sc.CamQuery("relu", 0)))
    assert set(data["versions"]) == {"segcam_widgets", "python", "numpy"}
