"""The page of benchmarks says what was measured, and what misses its target is printed as missed."""

import copy
import json
import re

import pytest

from benchmarks.peers import page
from benchmarks.peers.targets import LIVE, verdicts


@pytest.fixture(scope="module")
def results():
    return json.loads(page.RESULTS.read_text(encoding="utf-8"))


def test_the_page_is_what_was_measured(results):
    assert page.PAGE.read_text(encoding="utf-8") == page.text_of(results)


def test_every_row_that_misses_a_target_is_named(results):
    text = page.targets(results)
    missed = [verdict for verdict in page.judged(results) if not verdict.met]
    for verdict in missed:
        assert f"{verdict.row}: {verdict.found}" in text
    assert text.count("| **MISSED** |") == len({verdict.target for verdict in missed})


def test_every_candidate_stands_in_every_row(results):
    """With its time, or with what it said: none is left out because it failed."""
    for line in re.findall(r"^\|.+\|$", page.live(results), re.MULTILINE)[2:]:
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        assert all(re.match(r"[\d.e+]+ m?s \(|fails: .+", cell) for cell in cells[6:9]), cells


@pytest.fixture
def run():
    took = lambda ms, times: {"ms": ms, "times": times}  # noqa: E731
    live = {
        LIVE: took(4, 1), "tail": took(2, 0.5), "textbook": took(8, 2), "medicai": took(40, 10),
        "correlation": {"textbook": 1.0, "medicai": None},
    }  # fmt: skip
    return {
        "title": "Net", "size": 64, "live": {"last decoder layer": live},
        "cold": {"layers": [{LIVE: 120, "textbook": 400, "medicai": 100}, {LIVE: 90, "medicai": 100}]},
        "new_image": {LIVE: took(10, 1), "xplique": took(20, 2)},
        "sweep": {LIVE: took(30, 1), "medicai": took(20, 0.6), "one query a layer": took(300, 10)},
        "votes": {"last decoder layer": {LIVE: took(1, 1), "gradient": took(6, 6)}},
    }  # fmt: skip


def test_a_run_that_meets_every_target(run):
    found = verdicts(run)
    assert len(found) == 8
    assert all(verdict.met for verdict in found)


@pytest.mark.parametrize(
    ("path", "value", "target"),
    [
        (("live", "last decoder layer", "textbook", "times"), 0.9, "a live query is quicker than textbook"),
        (("live", "last decoder layer", "tail", "times"), 0.39, "a live query takes 2.5 tails"),
        (("live", "last decoder layer", "correlation", "textbook"), 0.98, "the map is that of textbook"),
        (("cold", "layers", 0, LIVE), 250, "a cold new layer"),
        (("new_image", "xplique", "times"), 0.5, "a new image is answered sooner than by xplique"),
        (("sweep", "medicai", "times"), 0.4, "the sweep of all layers is cheaper than 2 calls of medicai"),
        (("votes", "last decoder layer", "gradient", "times"), 4, "votes are 5 times quicker"),
    ],
)
def test_a_row_that_misses_its_target(run, path, value, target):
    changed = copy.deepcopy(run)
    inner = changed
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    missed = [verdict.target for verdict in verdicts(changed) if not verdict.met]
    assert len(missed) == 1
    assert missed[0].startswith(target)
    assert page.reason(missed[0])


def test_a_part_that_failed_has_no_verdict(run):
    run["live"] = run["votes"] = {"left_out": "RuntimeError: out of memory"}
    assert {verdict.target.split()[0] for verdict in verdicts(run)} == {"a", "the"}
