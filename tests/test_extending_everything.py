"""One of each kind of thing is registered, and is seen everywhere that it should be: no second list is kept anywhere."""

import importlib.util
import json
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

import segcam_widgets as sc
from segcam_widgets import cli
from segcam_widgets.core.baselines import Baseline
from segcam_widgets.core.methods import MapResult, Method, Option, pooled
from segcam_widgets.core.regions.base import TAGS, Region, grid
from segcam_widgets.core.scores import Score
from segcam_widgets.core.support.registry import Registry
from segcam_widgets.diagnosis.rule import Hit, Rule
from segcam_widgets.ui.canvas.mapping import GridMapping
from segcam_widgets.ui.canvas.tools import REGION_TOOLS, RegionTool, shapes_to_region
from tests.core.fake_probe import random_network
from tests.ui.explorer.array_probe import ArrayProbe

DOCS = Path(__file__).parents[1] / "docs"


def _shrunk(given):
    """The pooled gradients, smaller."""
    return MapResult((given.options["factor"] * pooled(given.gradients)).astype(np.float32))


METHOD = Method(
    "shrunk-cam", "Shrunk-CAM", "f mean G_k", "a test", "one pullback", _shrunk, {"factor": Option("factor", 0.5, "f")}
)
BASELINE = Baseline("loudest", "loudest cell", lambda activations, coverage: activations.max((0, 1)))


class Twice(Score):
    """Two times the logit."""

    name, title, formula, linear = "twice", "twice the logit", "2 y_c", True

    def values(self, given):
        return 2 * given.of_class(given.class_index)

    def cotangent(self, given):
        return given.outer(2 * given.one_hot())


class Always(Rule):
    """Fires on every map."""

    code, name, title, holds, in_list = "SC999", "always", "It always holds", "always", False

    def look(self, case):
        return Hit(f"Seen at {case.query.layer}.", {"seen": 1.0}, "Do nothing.")


@pytest.fixture
def below():
    """A region type that is taken off the list afterwards."""

    @dataclass(frozen=True)
    class Below(Region):
        row: float
        tag: ClassVar[str] = "below"

        def rasterize(self, probe):
            return np.broadcast_to(np.arange(grid(probe)[0])[:, None] >= self.row, grid(probe))

    yield Below
    del TAGS["below"]


@pytest.fixture
def tool(below):
    class BelowTool(RegionTool):
        """All below a click."""

        kind, label, tooltip, icon, shortcut = "below", "Below", "Below: click a row.", "M3 12h18", "q"
        gesture, region_type = "point", below

        def to_region(self, shape, mapping):
            return below(mapping.to_grid(shape["points"][0])[0])

        def from_region(self, region, mapping):
            return {"kind": self.kind, "points": [mapping.to_display(region.row, 0)]}

    return BelowTool()


@pytest.fixture
def _registered(tool):
    # a panel and a kind of model are to be added here once they are rows of a list
    entries = [
        (sc.METHODS, METHOD), (sc.BASELINES, BASELINE), (sc.SCORES, Twice()), (sc.RULES, Always()), (REGION_TOOLS, tool)
    ]  # fmt: skip
    before = [tuple(registry) for registry, _ in entries]
    with ExitStack() as stack:
        for registry, entry in entries:
            stack.enter_context(registry.temporarily(entry))
        yield
    assert [tuple(registry) for registry, _ in entries] == before


@pytest.fixture
def query(_registered, below):
    return sc.CamQuery("deep", 1, below(3), "twice", "shrunk-cam", "loudest", options={"factor": 0.25})


def test_all_of_it_is_asked_in_one_query(query):
    probe = random_network()
    ex = sc.explain(probe, query)
    plain = sc.explain(probe, sc.CamQuery("deep", 1, query.region, "logit"))
    assert ex.mask.sum() == 9 * 12
    assert ex.score == pytest.approx(2 * plain.score)
    np.testing.assert_allclose(ex.gradients, 2 * plain.gradients, rtol=1e-6)
    np.testing.assert_allclose(ex.weights, 0.25 * 2 * plain.weights, rtol=1e-5)
    np.testing.assert_array_equal(ex.baseline, probe.activations("deep").max((0, 1)))
    np.testing.assert_allclose(ex.cam, (ex.activations - ex.baseline) @ ex.weights, rtol=1e-4, atol=1e-6)
    assert "twice the logit" in ex.summary()
    assert "loudest cell" in ex.summary()


@pytest.mark.parametrize("name", tuple(sc.METHODS))
@pytest.mark.usefixtures("_registered")
def test_every_method_takes_a_registered_baseline_but_score_cam(name):
    query = sc.CamQuery("deep", 1, method=name, baseline="loudest")
    if name == "score-cam":
        with pytest.raises(sc.SegCamError, match="`baseline` must be 'zero' for method 'score-cam'"):
            sc.explain(random_network(), query)
        return
    ex = sc.explain(random_network(), query)
    np.testing.assert_array_equal(ex.baseline, ex.activations.max((0, 1)))
    assert np.isfinite(ex.cam).all()


def test_it_is_stored_and_read_back(query, tmp_path):
    assert sc.CamQuery.from_dict(json.loads(json.dumps(query.to_dict()))) == query
    ex = sc.explain(random_network(), query)
    read = sc.load_explanation(ex.save(tmp_path / "x"))
    assert read.query == ex.query
    np.testing.assert_array_equal(read.cam, ex.cam)


def test_the_other_questions_take_it(query):
    probe = random_network()
    weights = sc.explain(probe, query).pooled_gradients
    np.testing.assert_allclose(sc.votes(probe, "deep", queries=query).weights_for(query), weights, rtol=1e-4)
    np.testing.assert_allclose(sc.votes(probe, "deep").weights_for(query), weights, rtol=1e-4)
    assert sc.ledger(probe, query).score == pytest.approx(sc.explain(probe, query).score)
    loudest, own = sc.ablate(probe, query, to="loudest"), sc.ablate(probe, query, to="baseline")
    assert loudest.change == own.change != sc.ablate(probe, query, to="mean").change
    assert sc.atlas(probe, score="twice").score == "twice"


def test_every_diagnosis_answers_the_rule_once(query):
    diagnosis = sc.diagnose(random_network(), query)
    outcomes = [*diagnosis.findings, *diagnosis.passed, *diagnosis.not_applicable]
    assert [one.code for one in outcomes].count("SC999") == 1
    assert "Seen at deep." in {finding.message for finding in diagnosis.findings}


def names_in(dropdown):
    return [name for _, name in dropdown.options]


@pytest.fixture
def show():
    opened = []

    def open_():
        opened.append(sc.SegCamExplorer(ArrayProbe()))
        assert opened[-1].flush()
        return opened[-1]

    yield open_
    for explorer in opened:
        explorer.close()


def test_the_menus_of_the_explorer_have_it(query, show):
    explorer = show()
    controls = explorer.controls
    assert names_in(controls.method) == list(sc.METHODS)
    assert names_in(controls.score) == list(sc.SCORES)
    assert names_in(controls.baseline) == list(sc.BASELINES)
    assert names_in(explorer.evidence.to) == list(sc.BASELINES)
    controls.method.value, controls.score.value, controls.baseline.value = "shrunk-cam", "twice", "loudest"
    assert explorer.flush()
    asked = explorer.explanation.query
    assert (asked.method, asked.score, asked.baseline) == ("shrunk-cam", "twice", "loudest")
    assert explorer.error.value == ""
    controls.method.value = "score-cam"
    assert names_in(controls.baseline) == ["zero"]
    assert "SC999" in {rule.code for rule in explorer.diagnosis.findings}


def test_the_tool_draws_the_region_in_the_explorer(query, show, below):
    explorer = show()
    assert [tool["kind"] for tool in explorer.canvas.tools] == [*REGION_TOOLS, "move"]
    explorer.canvas.shapes = [{"kind": "below", "points": [[5, 4]], "op": "add"}]
    assert explorer.flush()
    assert explorer.query.region == below(4)
    assert explorer.explanation.mask.sum() == 12 * 24
    mapping = GridMapping(display=(32, 48), grid=(16, 24))
    assert shapes_to_region([{"kind": "below", "points": [[10, 8]], "op": "add"}], mapping) == below(4)


def test_the_explorers_state_opens_the_same_view(query, show):
    first, second = show(), show()
    first.query = query
    assert first.flush()
    second.state = json.loads(json.dumps(first.state))
    assert second.flush()
    assert second.query == first.query == first.explanation.query
    assert second.canvas.shapes == first.canvas.shapes == [{"kind": "below", "points": [[0, 3]], "op": "add"}]
    assert second.explanation.isclose(first.explanation, rtol=0)


@pytest.mark.usefixtures("_registered")
def test_the_command_lines_help_names_it(capsys):
    with pytest.raises(SystemExit):
        cli.main(["explain", "--help"])
    said = "".join(capsys.readouterr().out.split())  # argparse breaks lines where it likes, at hyphens too
    for registry in (sc.SCORES, sc.METHODS, sc.BASELINES):
        *others, last = registry
        assert f"{','.join(others)}or{last}" in said


@pytest.mark.usefixtures("_registered")
def test_the_tables_of_the_documentation_have_it():
    spec = importlib.util.spec_from_file_location("tables", DOCS / "tables.py")
    tables = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tables)
    assert "| `twice` | `2 y_c` | logit | Two times the logit. |" in tables.scores()
    assert "| `loudest` | loudest cell |" in tables.baselines()
    [row] = [line for line in tables.methods().splitlines() if "`shrunk-cam`" in line]
    assert "`factor` (0.5): f | zero, mean, midpoint, loudest | any | one pullback | a test" in row
    assert "| Below | `q` | click a row. | Below |" in tables.tools()
    assert "| [SC999](#sc999-always) | always | It always holds | always |" in tables.rules()
    assert all(f"``{name}``" in tables.api() for name in ("twice", "loudest", "shrunk-cam", "always"))


@pytest.mark.usefixtures("_registered")
def test_messages_that_list_names_have_it():
    probe = random_network(multilabel=True)
    with pytest.raises(sc.SegCamError, match="Use 'logit', 'log_probability', 'probability' or 'twice'"):
        sc.explain(probe, sc.CamQuery("deep", 1, score="margin"))
    with pytest.raises(sc.SegCamError, match="`baseline` must be one of zero, mean, midpoint, loudest"):
        sc.explain(probe, sc.CamQuery("deep", 1, baseline="loud"))
    with pytest.raises(sc.SegCamError, match="`to` must be one of zero, mean, midpoint, loudest, baseline"):
        sc.ablate(probe, sc.CamQuery("deep", 1, score="logit"), to="loud")


def test_what_is_registered_for_a_while_is_gone_also_after_an_error():
    registry: Registry[Baseline] = Registry("baseline")
    registry.add(BASELINE)
    other = Baseline("other", "other", BASELINE.compute)

    def fail():
        with registry.temporarily(other):
            assert registry["other"] is other
            raise KeyError("broken")

    with pytest.raises(KeyError, match="broken"):
        fail()
    assert tuple(registry) == ("loudest",)
    with pytest.raises(sc.SegCamError, match="registered already"), registry.temporarily(other, BASELINE):
        pass
    assert registry["loudest"] is BASELINE
    assert tuple(registry) == ("loudest",)
