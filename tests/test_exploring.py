"""Property tests answer the same every time, unless they are asked to explore."""

from pathlib import Path

import pytest

DRAWN = """
from hypothesis import given, strategies as st
from tests.exploring import examples

drawn = {"plain": [], "few": []}

@given(st.integers())
def test_plain(number):
    drawn["plain"].append(number)

@examples(10)
@given(st.integers())
def test_few(number):
    drawn["few"].append(number)

def test_say():
    print("DRAWN", [len(found) for found in drawn.values()], hash(tuple(drawn["plain"] + drawn["few"])))
"""


@pytest.fixture
def draw(pytester, monkeypatch):
    """Give a function that runs two property tests in a process of their own: how many examples each drew, and which."""
    pytester.makepyfile(DRAWN)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1]))

    def run(*options):
        result = pytester.runpytest_subprocess("-p", "tests.exploring", "-s", "-q", *options)
        result.assert_outcomes(passed=3)
        [line] = [line for line in result.outlines if "DRAWN" in line]
        return line.partition("DRAWN ")[2]

    return run


def test_the_same_examples_are_drawn_every_time(draw):
    assert draw() == draw()
    assert draw().startswith("[100, 10] ")


def test_exploring_draws_other_and_more_examples(draw):
    first, second = draw("--explore"), draw("--explore")
    assert first != second
    assert first.startswith("[2000, 200] ")
