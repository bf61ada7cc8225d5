"""The page on faithfulness says what was measured, beside what luck gives."""

import json
import re

import numpy as np
import pytest
from scipy.stats import binom

from benchmarks.faithfulness import luck, page, study, tables


@pytest.fixture(scope="module")
def results():
    return json.loads(study.RESULTS.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def text():
    return study.PAGE.read_text(encoding="utf-8")


def test_the_page_is_what_was_measured(results, text):
    assert page.text_of(results) == text


def test_all_eight_mosaics_and_all_three_classes_were_measured(results):
    both = {f"{mosaic}/{name}" for mosaic in range(8) for name in ("brick", "grass", "gravel")}
    assert set(results["others"]) == both
    assert set(results["pixels"]) == {f"{one}/{fill}" for one in both for fill in study.FILLS}
    wanted = {f"{one}/{layer}/{to}" for one in both for layer in study.CHANNEL_LAYERS for to in study.TO}
    assert set(results["channels"]) == wanted
    assert not any(record["refused"] for record in results["pixels"].values())


def test_brick_is_in_no_count_of_the_other_classes(results):
    clear = tables.wins_table(results, tables.CLEAR)
    assert "16 comparisons" in clear
    assert "1.6 of 16" in clear
    changed = json.loads(json.dumps(results))
    for key, record in changed["pixels"].items():
        if "/brick/" in key:
            record["areas"] = {}
    assert tables.wins_table(changed, tables.CLEAR) == clear


def test_a_win_is_counted_by_hand():
    assert luck.wins([1.0, 2.0, 3.0], [[2.0, 1.5], [2.0, 9.0], [9.0, 4.0]], "deletion") == 2  # level is no win
    assert luck.wins([1.0, 2.0, 3.0], [[0.5, 0.9], [2.0, 1.0], [2.0, 4.0]], "insertion") == 1


@pytest.mark.parametrize(
    ("wins", "of", "chance", "said"),
    [
        (0, 16, 0.1, "0 (luck)"),  # a tenth of 16 may well be none
        (5, 16, 0.1, "5 (luck)"),
        (6, 16, 0.1, "6"),
        (8, 16, 0.5, "8 (luck)"),
        (13, 16, 0.5, "13 (luck)"),
        (14, 16, 0.5, "14"),
        (2, 16, 0.5, "2 (worse)"),
        (8, 8, 0.5, "8"),
        (7, 8, 0.5, "7 (luck)"),
    ],
)
def test_a_count_says_whether_it_is_luck(wins, of, chance, said):
    assert luck.cell(wins, of, chance) == said
    assert luck.at_least(wins, of, chance) == pytest.approx(
        sum(binom.pmf(k, of, chance) for k in range(wins, of + 1)), abs=1e-12
    )


def test_no_count_is_beyond_luck_where_there_are_too_few():
    assert luck.enough(3, 0.5) == 4
    assert luck.cell(3, 3, 0.5) == "3 (luck)"


def test_two_random_maps_stand_as_the_typical_pair_and_as_the_largest(results, text):
    table = tables.other_tests(results)
    assert table in text
    assert re.search(r"^\| two random maps, the typical pair \|", table, re.MULTILINE)
    assert re.search(r"^\| two random maps, largest of 10 pairs \|", table, re.MULTILINE)
    chance = [one["chance"] for one in results["others"].values()]
    assert all(one["typical"][0] < one["largest"][0] for one in chance)


def test_absence_is_seen_by_channels_and_not_by_pixels(results):
    """What the page says of brick at the layer of two channels, in each of the eight mosaics."""
    for mosaic in range(8):
        pixels = results["pixels"][f"{mosaic}/brick/blur"]["ends"]["region"]
        zero, mean = (results["channels"][f"{mosaic}/brick/tail_conv2/{to}"] for to in ("zero", "mean"))
        assert pixels[1] > 0.5 * pixels[0]
        assert zero["kept"][1] > 0.99
        assert zero["ends"][1] > 0.9 * zero["ends"][0]
        assert mean["kept"][1] < 0.01
        assert mean["ends"][1] < 0


def test_where_the_planted_cause_is(results):
    """In every network that learned the rule: the key's cells decide at the bottleneck's front, and nowhere behind."""
    learned = [one for one in results["context"].values() if one["learned"]]
    assert len(learned) == 6
    for one in learned:
        assert one["class changes with the key"] > 0.99
        assert one["class stays with other tiles"] > 0.99
        assert one["moved"]["bottleneck_a"]["key"] > 0.5
        for layer in ("bottleneck_c", "bottleneck_d", "dec2", "dec1", "dec0"):
            assert one["moved"][layer]["key"] < 0.02
        for layer in ("bottleneck_d", "dec2", "dec1", "dec0"):
            assert one["moved"][layer]["square"] > 0.7
    assert np.mean([one["references"]["random map"] for one in learned]) < 0.08
