"""A number has one form wherever a person reads it."""

import math
import re
from html import unescape

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

import segcam_widgets as sc
from segcam_widgets.core.text.numbers import measured, number, percent, signed, signed_percent
from segcam_widgets.core.votes.channel import channel_votes
from segcam_widgets.ui.page import html as words
from segcam_widgets.ui.panels.findings import panel_html
from segcam_widgets.ui.panels.waterfall import waterfall_html
from tests.core.fake_probe import random_network
from tests.diagnosis import nets

OTHER_FORMS = (
    r"\d%",  # no space
    r"−",  # another minus
    r"\de[+-]?0\d",  # 1e-05, 1e+06
    r"\de\+",
    r"\d\.\d*0(?![\d.])(?!\d*e)",  # trailing zeros
    r"(?<![\d.])[1-9]\d*\.\d{3,}(?![\d.])",  # more than three digits: 1.234
    r"(?<![\d.])\d{2,}\.\d{2,}(?![\d.])",  # 12.34
    r"(?<![\d.])0\.0*[1-9]\d{3,}",  # 0.01234
    r"\bnan\b",
    r"[<>] \d",
)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"), (-0.0, "0"), (2.091, "2.09"), (-0.5, "-0.5"), (-7.8e-5, "-7.8e-5"), (0.000198, "0.000198"), (999.6, "1000"),
        (12345.6, "12346"), (99999, "1e5"), (123456, "1.23e5"), (math.nan, "–"), (-math.inf, "-inf"), (1e-320, "1e-320"),
    ],
)  # fmt: skip
def test_number(value, text):
    assert number(value) == text
    assert signed(value) == (f"+{text}" if value > 0 else text)


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0, "0 %"), (1e-9, "less than 0.1 %"), (0.00099, "less than 0.1 %"), (0.001, "0.1 %"), (0.004, "0.4 %"),
        (0.0094, "0.9 %"), (0.0096, "1 %"), (0.484, "48 %"), (1, "100 %"), (3.5, "350 %"), (math.nan, "–"),
    ],
)  # fmt: skip
def test_percent(share, text):
    assert percent(share) == text
    if share >= 0.001:
        assert (signed_percent(share), signed_percent(-share)) == (f"+{text}", f"-{text}")


def test_measured_values():
    values = (True, np.bool_(False), 3, np.int64(4), 0.12345, np.float32(2.5), "words")
    assert [measured(value) for value in values] == ["yes", "no", "3", "4", "0.123", "2.5", "words"]


@given(st.floats(-1e307, 1e307))
def test_three_digits_are_what_it_says(value):
    assert float(number(value)) == pytest.approx(value, rel=0.005, abs=1e-323)
    assert not any(re.search(form, number(value)) for form in OTHER_FORMS)


def outputs():
    """All that is said about some questions: text for a terminal, and the text of the HTML."""
    probe = random_network(class_names=("sky", "tree", "road"))
    cases = [(probe, sc.CamQuery("relu", c, score=s)) for c in range(3) for s in ("margin", "probability", "logit")]
    cases += [(probe, sc.CamQuery("relu", 0, sc.Everything(), method="integrated-gradients"))]
    cases += [(net.probe, net.query) for net in (nets.absence(), nets.outweighed(), nets.shifted(), nets.flat())]
    for asked, query in cases:
        explanation, diagnosis, book = (f(asked, query) for f in (sc.explain, sc.diagnose, sc.ledger))
        done, found = sc.ablate(asked, query), sc.atlas(asked)
        votes = channel_votes(asked, query, 0)
        results = [explanation, explanation.channel_histogram(0), diagnosis, book, done, found, votes, *found.cells()]
        yield from (result.summary() for result in results)
        yield from (result._repr_html_() for result in results if hasattr(result, "_repr_html_"))
        yield from (diagnosis.to_markdown(), found.to_markdown(), book.contrast_words(), *explanation.notes)
        yield from (panel_html(diagnosis), waterfall_html(book), words.sentence(explanation), words.hover(asked, 0, 0))
        yield from (other.reason for other in (*diagnosis.passed, *diagnosis.not_applicable))
        yield words.legend(asked, np.zeros((9, 3), np.uint8), 0)
    faith = sc.evaluation.faithfulness(probe, cases[0][1], methods=["seg-grad-cam", "hirescam"])
    yield from (faith.summary(), faith.to_markdown(), faith._repr_html_())


def text_of(html):
    """What a person reads: without tags, drawings and the numbers of papers."""
    text = unescape(re.sub(r"<style.*?</style>|<svg.*?</svg>|<[^>]*>", " ", html, flags=re.DOTALL))
    return re.sub(r"arXiv [\d.]+", "", text)


def test_no_other_form_is_said():
    said = [text_of(html) for html in outputs()]
    assert len(said) > 300
    assert any("less than 0.1 %" in text or " %" in text for text in said)
    wrong = {(form, re.search(f".{{0,30}}{form}.{{0,10}}", text)[0]) for text in said for form in OTHER_FORMS
             if re.search(form, text)}  # fmt: skip
    assert not wrong
