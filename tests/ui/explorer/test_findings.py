"""The findings panel, the ledger and switched-off channels, on the shipped demo: driven by traits, no browser."""

from html import escape

import pytest

import segcam_widgets as sc

pytestmark = pytest.mark.keras


@pytest.fixture(scope="module")
def explorer():
    demo = sc.load_demo()
    view = sc.explore(demo.model, demo.images[0], class_names=demo.class_names, truth=demo.truth[0])
    yield view
    view.close()


@pytest.fixture(autouse=True)
def blank(explorer):
    """The case of the question: brick at the second-last convolution."""
    explorer.query = sc.CamQuery("tail_conv2", "brick")
    explorer.evidence.selected_index = None
    assert explorer.flush(60)


def test_the_blank_map_is_explained(explorer):
    assert explorer.explanation.is_empty
    assert explorer.diagnosis.headline.code == "SC205"
    text = explorer.findings.text.value
    assert explorer.diagnosis.headline.title in text
    assert escape(explorer.diagnosis.headline.message) in text
    assert "<details>" in text  # the numbers are there, and closed


def test_the_histogram_marks_what_the_finding_speaks_of(explorer):
    assert list(explorer.histogram._spoken.x) == list(explorer.diagnosis.headline.channels) == [0, 1]
    assert "▾" in explorer.histogram.words.value


def test_a_remedy_is_applied_and_taken_back(explorer):
    before = explorer.query
    assert explorer.findings.back.layout.display == "none"
    explorer.findings.apply.click()
    assert explorer.flush(60)
    assert explorer.query == explorer.query.__class__.from_dict({**before.to_dict(), "baseline": "mean"})
    assert not explorer.explanation.is_empty
    assert explorer.explanation.gain >= 0.5
    assert explorer.findings.back.layout.display != "none"
    explorer.findings.back.click()
    assert explorer.flush(60)
    assert explorer.query == before
    assert explorer.findings.back.layout.display == "none"


def test_looking_further_tries_what_takes_longer(explorer):
    findings = explorer.findings
    assert "SC303" in [rule.code for rule in explorer.diagnosis.not_applicable]
    assert (findings.further.description, findings.further.layout.display) == ("Look further", "")
    findings.further.click()
    assert explorer.flush(60)
    assert "SC303" in [rule.code for rule in explorer.diagnosis.passed]
    assert explorer.diagnosis.headline.code == "SC205"
    assert findings.further.layout.display == "none"
    explorer.query = sc.CamQuery("tail_conv8", "grass")
    assert explorer.flush(60)
    assert (findings.further.layout.display, findings.further.disabled) == ("", False)


def test_going_elsewhere_leaves_nothing_to_go_back_to(explorer):
    explorer.findings.apply.click()
    explorer.flush(60)
    explorer.query = sc.CamQuery("tail_conv8", "grass")
    assert explorer.flush(60)
    assert explorer.findings.back.layout.display == "none"


def test_nothing_is_diagnosed_while_a_shape_is_drawn(explorer):
    before = explorer.diagnosis
    explorer.canvas.draft = {"kind": "freehand", "points": [[10, 10], [60, 10], [60, 60]], "op": "add"}
    explorer.flush(60)
    assert explorer.explanation.query.region != before.query.region
    assert explorer.diagnosis is before
    explorer.canvas.draft = None
    explorer.flush(60)


def test_the_ledger_is_drawn_when_it_is_opened_and_adds_up(explorer):
    explorer.evidence.waterfall.value = ""
    explorer.evidence.selected_index = 0
    assert explorer.evidence.worker.flush(60)
    shown = explorer.evidence.waterfall.value
    book = sc.ledger(explorer.probe, explorer.query)
    for number in (*book.channels, book.residual, book.score):
        assert f"{number:+.3g}" in shown


def test_channels_switched_off_stand_beside_the_forecast(explorer):
    explorer.evidence.off_negative.click()
    assert explorer.evidence.worker.flush(60)
    assert explorer.evidence.off == (0, 1)
    done = sc.ablate(explorer.probe, explorer.query, (0, 1))
    assert f"{done.ablated_score:.3g}" in explorer.evidence.result.value
    assert f"{done.forecast:+.3g}" in explorer.evidence.result.value
    assert "with them switched off" in explorer.evidence.result.value
    explorer.evidence.to.value = "mean"
    assert explorer.evidence.worker.flush(60)
    assert "With channels 0, 1 at the mean the score goes from" in explorer.evidence.result.value
    assert "with them at the mean" in explorer.evidence.result.value
    explorer.evidence.to.value = "zero"
    explorer.evidence.on_all.click()
    assert explorer.evidence.worker.flush(60)
    assert explorer.evidence.off == ()
    assert "Every channel is on" in explorer.evidence.result.value


def test_several_bars_are_chosen_and_switched_off_together(explorer):
    explorer.query = sc.CamQuery("tail_conv8", "brick")
    explorer.flush(60)
    explorer.histogram._hits.selected = [1, 3]
    assert explorer.histogram.chosen == (1, 3)
    explorer.evidence.off_chosen.click()
    assert explorer.evidence.worker.flush(60)
    assert explorer.evidence.off == (1, 3)
    assert "channels 1, 3" in explorer.evidence.result.value


def test_another_layer_has_every_channel_on(explorer):
    explorer.evidence.off_negative.click()
    explorer.evidence.worker.flush(60)
    explorer.query = sc.CamQuery("tail_conv8", "brick")
    explorer.flush(60)
    assert explorer.evidence.off == ()


def test_an_empty_region_is_diagnosed_and_remedied(explorer):
    before = explorer.explanation
    # at this layer the true pixels have a map; at tail_conv2 that one would be blank too, and no remedy is offered
    explorer.query = sc.CamQuery("tail_conv8", "brick", region=sc.Rectangle(0, 0, 0, 0))
    assert explorer.flush(60)
    assert "region" in explorer.error.value
    assert explorer.explanation is before
    assert explorer.diagnosis.headline.code == "SC101"
    explorer.findings.apply.click()
    assert explorer.flush(60)
    assert explorer.query.region == sc.TruthClass(0)
    assert explorer.explanation.mask.any()
    assert explorer.error.value == ""
