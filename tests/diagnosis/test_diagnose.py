"""What a diagnosis promises as a whole: every rule once, what it costs, when it raises."""

import re
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

import segcam_widgets as sc
from segcam_widgets.core.query import CamQuery
from segcam_widgets.diagnosis import RULES, Rule
from segcam_widgets.diagnosis.caching_probe import Remembering, fingerprint
from segcam_widgets.diagnosis.report import verdict
from segcam_widgets.errors import must_be_one_of
from tests.core.fake_probe import random_network
from tests.diagnosis import nets

MAKERS = nets.MAKERS


@pytest.mark.parametrize("thorough", [False, True])
@pytest.mark.parametrize("make", MAKERS)
def test_every_rule_answers_exactly_once(make, thorough):
    diagnosis = make().diagnose(thorough=thorough)
    answers = [*diagnosis.findings, *diagnosis.passed, *diagnosis.not_applicable]
    assert Counter(a.code for a in answers) == Counter(rule.code for rule in sc.RULES.values())
    assert Counter(a.name for a in answers) == Counter(list(sc.RULES))
    assert all(a.reason for a in (*diagnosis.passed, *diagnosis.not_applicable))
    assert diagnosis.headline is (diagnosis.findings[0] if diagnosis.findings else None)


@pytest.mark.parametrize("make", MAKERS)
def test_findings_are_whole_and_their_numbers_are_numbers(make):
    for finding in make().diagnose(thorough=True).findings:
        assert finding.severity in ("issue", "tip")
        assert finding.title
        message = finding.message.removesuffix("LEDGER").strip()  # stands there until the ledger says it in words
        assert message.endswith(".")
        assert finding.evidence
        assert all(isinstance(v, bool | int | float) for v in finding.evidence.values())
        assert finding.docs_url == f"rules.html#{finding.code.lower()}-{finding.name}"
        assert (finding.remedy is None) == (finding.remedy_result is None)
        assert not re.search(r"\bnan\b|array|np\.", finding.message)


# ------------------------------------------------------------------ what it costs


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("score", sorted(sc.SCORES))
def test_at_most_four_live_queries_at_the_asked_layer_and_seven_replays_of_a_blank_map(make, score):
    net = make().but(score=score)
    probe = net.probe
    diagnosis = sc.diagnose(probe, net.query)
    assert probe.calls["pullback"] - probe.calls["pullback_float32"] <= 4
    assert probe.calls["pullback_float32"] <= 3  # two of them where the first is so small that it may be rounding
    assert probe.calls["replay"] <= (7 if diagnosis.blank else 0)
    assert probe.calls["sweep"] == 0


@pytest.mark.parametrize("make", [nets.healthy, nets.faint])
@pytest.mark.parametrize("score", ["margin", "log_odds", "probability"])
def test_one_live_query_for_a_map_that_is_not_blank(make, score):
    net = make().but(score=score)
    probe = net.probe
    assert not sc.diagnose(probe, net.query).blank
    assert probe.calls["pullback"] == 1


@pytest.mark.parametrize(
    "make", [nets.absence, nets.bypass, nets.cancelling, nets.undone, nets.outweighed, nets.not_decided]
)
def test_a_blank_map_asks_once_more_at_most_and_that_is_of_the_ledgers_outside(make):
    probe = make().probe
    assert sc.diagnose(probe, make().query).blank
    assert probe.calls["pullback"] <= 2


def test_the_raw_logit_is_judged_beside_the_margin():
    net = nets.healthy().but(score="logit")
    probe = net.probe
    sc.diagnose(probe, net.query)
    assert probe.calls["pullback"] == 2


def test_being_thorough_sweeps_once_a_rule_and_replays_channels_in_one():
    for thorough in (False, True):
        probe = nets.bypass().probe
        sc.diagnose(probe, nets.bypass().query, thorough=thorough)
        assert probe.calls["sweep"] == thorough
        assert (
            probe.calls["replay"] == 4 + thorough
        )  # lifted, lowered, off, without what goes round; three channels at once


# ------------------------------------------------------------------ what it raises


def test_it_never_raises_where_explain_raises_for_what_it_can_say():
    for net, error in (
        (nets.nowhere(), sc.EmptyRegionError),
        (nets.healthy().but(layer="aside"), sc.DisconnectedLayerError),
        (nets.broken(), sc.NonFiniteError),
        (nets.healthy().but(bias=np.array([np.nan, 0, 0])), sc.NonFiniteError),
        (nets.nowhere().but(layer="aside"), sc.DisconnectedLayerError),
        (nets.nowhere().but(layer="aside", bias=np.array([np.nan, 0, 0])), sc.SegCamError),
        (nets.broken().but(kernel=np.zeros((2, 3))), sc.NonFiniteError),
    ):
        with pytest.raises(error):
            net.explain()
        for thorough in (False, True):
            diagnosis = net.diagnose(thorough=thorough)
            assert diagnosis.blank
            assert diagnosis.headline.severity == "issue"


@pytest.mark.parametrize(
    ("query", "words"),
    [
        (CamQuery("faet", 0), must_be_one_of("layer", ["image", "feat", "own", "logits"], "faet")),
        (CamQuery("feat", "bric"), "`class_index` must be one of brick, grass, gravel. Received: 'bric'."),
        (CamQuery("feat", 0, score="lgit"), "`score` must be one of"),
        ("feat", "`query` must be a CamQuery"),
    ],
)
def test_it_raises_as_explain_does_for_a_mistake(query, words):
    with pytest.raises(sc.SegCamError, match=re.escape(words)):
        sc.diagnose(nets.healthy().probe, query)
    with pytest.raises(sc.SegCamError, match="`probe` must be"):
        sc.diagnose("model.keras", query)


def test_progress_is_told_of_every_rule_and_can_cancel():
    said = []
    nets.healthy().diagnose(progress=lambda *given: said.append(given) or True)
    assert [fraction for fraction, _ in said] == sorted(fraction for fraction, _ in said)
    assert said[0] == (0.0, "SC101 empty-region")
    assert said[-1] == (1.0, "done")
    assert len(said) == len(sc.RULES) + 1
    with pytest.raises(sc.Cancelled):
        nets.healthy().diagnose(progress=lambda fraction, _: fraction < 0.5)


def test_the_probe_is_refreshed_once():
    class Changing(nets.NumpyProbe):
        refreshed = 0

        def refresh(self):
            self.refreshed += 1
            return False

    probe = nets.shifted().probe
    probe.__class__ = Changing
    sc.diagnose(probe, nets.shifted().query)
    assert probe.refreshed == 1


ORDER = (
    "SC101", "SC103", "SC104", "SC302", "SC209", "SC102", "SC107", "SC202", "SC201", "SC212", "SC207", "SC205", "SC206",
    "SC203", "SC204", "SC208", "SC106", "SC105", "SC213", "SC217",
)  # fmt: skip
"""The decision table's order; behind it stand those that never head a blank map."""


def test_rules_are_found_by_name_and_by_code():
    assert tuple(rule.code for rule in sc.RULES.values() if rule.in_list) == ORDER
    tips = [rule.code for rule in sc.RULES.values() if not rule.in_list]
    assert sorted(tips) == ["SC210", "SC211", "SC214", "SC215", "SC216", "SC303"]
    assert [rule.code for rule in sc.RULES.values()] == [*ORDER, *tips]
    for name, rule in sc.RULES.items():
        assert isinstance(rule, Rule)
        assert sc.RULES[name] is sc.RULES[rule.code] is rule
        assert re.fullmatch(r"SC\d{3}", rule.code)
        assert "{" not in rule.general_title
        assert rule.holds
        assert rule.__doc__
    assert sc.RULES["SC205"].general_title == "At this layer, the class is coded by the absence of features"
    with pytest.raises(KeyError):
        sc.RULES["SC999"]
    with pytest.raises(sc.SegCamError, match=r"`rule` 'empty-region' is registered already"):
        sc.RULES.add(sc.RULES["SC101"])


def test_memory_asks_each_field_once_and_tells_forms_apart():
    probe = random_network()
    memory = Remembering(probe)
    field = np.random.default_rng(0).normal(size=probe.logits.shape).astype(np.float32)
    one, two = memory.pullback("deep", field), memory.pullback("deep", field.copy())
    assert one is two
    assert memory.pullback("relu", field) is not one
    assert memory.pullback("deep", 2 * field) is not one
    assert memory.asked == {"deep": 2, "relu": 1}
    at = probe.activations("deep")
    memory.pullback("deep", field, at)
    memory.pullback("deep", field, at)
    assert probe.calls["pullback"] == 5
    assert fingerprint(field) != fingerprint(field.astype(np.float64))


# ------------------------------------------------------------------ for reading without widgets


def test_a_table():
    frame = nets.absence_and_bypass().diagnose().to_frame()
    assert list(frame.index) == [rule.code for rule in sc.RULES.values()]
    assert frame.index.name == "code"
    assert frame.loc["SC205", "outcome"] == "issue"
    assert frame.loc["SC206", "outcome"] == "tip"
    assert frame.loc["SC101", "outcome"] == "passed"
    assert frame.loc["SC303", "outcome"] == "not applicable"
    assert frame.loc["SC101", "message"] == "the region has 24 pixels"
    assert frame.loc["SC205", "title"] == "At feat, brick is coded by the absence of features"
    assert frame.loc["SC205", "remedy"].startswith("Tried: baseline: ")


def test_markdown():
    text = nets.outweighed().diagnose().to_markdown()
    title = "the channels for brick are outweighed by those against it"
    assert text.startswith(f"**Blank map: at feat, {title}**")
    assert f"### At feat, {title} (SC208, issue)" in text
    assert "Gain 1; there are not two channels to weigh, so there is nothing to compare it with." in text
    assert "| sum positive | 0.72 |" in text
    assert "| sink lost | 1 |" in text


@pytest.mark.parametrize(
    ("make", "start"),
    [
        (nets.healthy, "**The map is not blank, and nothing is to report**"),
        (nets.faint, "**The map is faint; worth knowing:**"),
        (nets.clipped, "**Blank map: a ReLU on the head clips the logits**"),
        (nets.leaning_absence, "**Blank map: less of feat speaks for brick; no pixel hangs on it**"),
        (
            lambda: nets.healthy().but(score="logit", kernel=nets.healthy().kernel + 9),
            "**The map is not blank; worth knowing:**",
        ),
    ],
)
def test_the_verdict(make, start):
    text = make().diagnose().to_markdown()
    assert text.startswith(start)
    assert re.search(r"\d+ rules passed, \d+ do not apply here\.", text)


def test_names_stay_themselves_in_markdown():
    probe = nets.absence().probe
    probe.class_names = ("<none>", "__ignore__", "a*b")
    text = sc.diagnose(probe, nets.absence().query).to_markdown()
    assert "Both channels pull \\<none> down (-0.01, -0.01)." in text
    assert "### At feat, \\<none> is coded by the absence" in text
    assert text.startswith("**Blank map: at feat, \\<none> is coded by the absence")
    assert "Seg-Grad-CAM of \\<none> at feat" in text
    probe.class_names = ("tail_conv2", "__ignore__", "a*b")  # an underscore inside a word is none of emphasis
    assert "pull tail_conv2 down" in sc.diagnose(probe, nets.absence().query).to_markdown()
    probe.class_names = ("__ignore__", "a*b", "c")
    assert "pull \\_\\_ignore\\_\\_ down" in sc.diagnose(probe, nets.absence().query).to_markdown()


def test_names_with_braces_stay_themselves_in_titles():
    probe = nets.absence().probe
    probe.class_names = ("{layer}", "{0}", "c")
    assert (
        sc.diagnose(probe, nets.absence().query).headline.title
        == "At feat, {layer} is coded by the absence of features"
    )


def test_a_layers_name_with_braces_and_capitals_stays_itself():
    rule = RULES["SC104"]
    case = nets.dead().case()
    hit = rule.check(case)
    case.query = replace(case.query, layer="{class_name}")
    assert rule.finding(hit, "issue", case).title == "{class_name} is zero everywhere on this image"
    diagnosis = replace(nets.dead().diagnose(), query=replace(nets.dead().query, layer="Feat"))
    named = replace(diagnosis.headline, title="Feat is zero everywhere on this image")
    assert verdict(replace(diagnosis, findings=(named,))) == "Blank map: Feat is zero everywhere on this image"


def test_html_is_escaped_and_keeps_the_pages_colours():
    probe = nets.absence().probe
    probe.class_names = ("<script>alert(1)</script>", "a & b", "c")
    html = sc.diagnose(probe, nets.absence().query)._repr_html_()
    assert "<script" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert "color:inherit" in html
    assert not re.search(r"(?<!-)color:\s*(#|black|white)|background(-color)?:\s*(#|white)", html)
    assert html.count("<div") == html.count("</div>")
    assert html.count("<details") == html.count("</details>") == 2
    assert "Blank map: at feat, &lt;script&gt;alert(1)&lt;/script&gt; is coded by the absence of features" in html
    assert "SC101" in html


def test_words_of_a_remedy_say_what_changes():
    assert nets.shifted().diagnose().headline.remedy.score == "margin"
    assert "Tried: score: margin. Its map is 100 % positive." in nets.shifted().diagnose().to_markdown()


def test_words_of_a_remedy_name_the_class_and_the_region():
    against = nets.Net(nets.inside([2, 1], [0, 0]), np.array([[-1.0, 1, 0], [-1.0, 1, 0]]), nets.offset(1))
    diagnosis = against.but(region=nets.INSIDE).diagnose()
    assert diagnosis.headline.remedy.class_index == 1
    for text in (diagnosis.to_markdown(), diagnosis._repr_html_(), diagnosis.to_frame().loc["SC207", "remedy"]):
        assert "Tried: class: grass." in text
    truth = np.ones((nets.SIZE, nets.SIZE), int)
    truth[:, :5] = 0
    assert "Tried: region: true brick." in nets.nowhere().but(truth=truth).diagnose().to_markdown()


# ------------------------------------------------------------------ the shipped demo


@pytest.fixture(scope="module")
def demo():
    return sc.load_demo()


@pytest.mark.keras
def test_the_demos_blank_class_is_coded_by_absence_with_a_remedy(demo):
    """Brick at tail_conv2, on every mosaic: lifted it is lost, without the layer the whole image becomes brick."""
    gains, focus = [], []
    for image, truth in zip(demo.images, demo.truth, strict=True):
        probe = sc.open_probe(demo.model, image, class_names=demo.class_names, truth=truth)
        diagnosis = sc.diagnose(probe, sc.CamQuery("tail_conv2", "brick"))
        assert diagnosis.blank
        finding = diagnosis.headline
        assert (finding.code, finding.severity) == ("SC205", "issue")
        assert finding.title == "At tail_conv2, brick is coded by the absence of features"
        share = (probe.labels == 0).mean()
        assert re.match(
            r"Both channels pull brick down \(-[\d.e-]+, -[\d.e-]+\)\. Lift both channels to what they are elsewhere: 100 % of "
            rf"brick is lost\. Switch them off: brick stays, and the whole image becomes brick \({100 * share:.0f} % before\)\.",
            finding.message,
        )
        assert (finding.evidence["lift_lost"], finding.evidence["zero_lost"]) == (1, 0)
        assert finding.evidence["image_share_off"] == 1
        assert finding.remedy.baseline in ("mean", "midpoint")
        gains.append(finding.remedy_result.gain)
        focus.append(finding.remedy_result.focus)
        assert 0 <= finding.remedy_result.chance <= 1
        assert (
            f"of 64 random weightings with the same signs {100 * finding.remedy_result.chance:.0f} % reach 0.5 as well"
            in (diagnosis.to_markdown())
        )
        assert len(diagnosis.issues) == 1
    assert min(gains) >= 0.5
    assert np.median(focus) >= 0.85
    assert len(gains) >= 4


@pytest.mark.keras
def test_the_demos_experiments_are_those_that_replay_makes(demo):
    """The same three experiments, made here by hand."""
    probe = sc.open_probe(demo.model, demo.images[0], class_names=demo.class_names)
    finding = sc.diagnose(probe, sc.CamQuery("tail_conv2", "brick")).headline
    own, brick = probe.activations("tail_conv2"), probe.labels == 0

    def margin(logits):
        return (logits[..., 0] - logits[..., 1:].max(-1))[brick].mean(dtype=float)

    assert own.shape[:2] == brick.shape
    level = own[~brick].mean(0)
    lifted = np.where(brick[..., None], np.maximum(own, level), own)
    for name, activations in (("lift", lifted), ("zero", np.zeros_like(own))):
        logits = probe.replay("tail_conv2", activations)
        assert finding.evidence[f"{name}_lost"] == pytest.approx((logits.argmax(-1)[brick] != 0).mean())
        fall = (margin(probe.logits) - margin(logits)) / abs(margin(probe.logits))
        assert finding.evidence[f"{name}_fall"] == pytest.approx(fall, rel=1e-3, abs=1e-4)


@pytest.mark.keras
def test_no_absence_is_told_of_the_demo_where_switching_the_layer_off_loses_the_class(demo):
    """All layers and classes of two mosaics. Once 14 of 25 such headlines were contradicted by switching the layer off."""
    told, blank = 0, 0
    for image in demo.images[:2]:
        probe = sc.open_probe(demo.model, image, class_names=demo.class_names)
        for cell in sc.atlas(probe).cells():
            if not (cell.is_blank and cell.pixels):
                continue
            blank += 1
            diagnosis = sc.diagnose(probe, sc.CamQuery(cell.layer, cell.class_index))
            assert diagnosis.headline.severity == "issue"
            said = [f for f in diagnosis.findings if f.code == "SC205"]
            if not said:
                continue
            off = sc.ablate(probe, diagnosis.query)
            lost = (off.labels[off.mask] != cell.class_index).mean()
            assert lost <= 0.1, f"{cell.class_name} at {cell.layer}"
            told += diagnosis.headline.code == "SC205"
    assert told >= 2
    assert blank > told


@pytest.mark.keras
def test_the_demos_other_classes_are_calm(demo):
    """Grass at tail_convT2: every weight negative, every map shows the region, and that is said calmly."""
    for image in demo.images:
        probe = sc.open_probe(demo.model, image, class_names=demo.class_names)
        diagnosis = sc.diagnose(probe, sc.CamQuery("tail_convT2", "grass"))
        assert not diagnosis.blank
        assert not diagnosis.issues
        assert [f.code for f in diagnosis.findings] == ["SC204"]
        assert diagnosis.headline.title == "At tail_convT2, all weights are negative and the map shows the region"
        assert diagnosis.headline.evidence["gain"] >= 0.3


@pytest.mark.parametrize("score", [None, "logit", "centered_logit", "log_odds", "log_probability"])
@pytest.mark.parametrize("make", MAKERS)
def test_what_it_costs_and_that_every_number_is_one(make, score):
    """At most six pullbacks and six replays, and nothing in the evidence that JSON cannot hold."""
    net = make()
    if net.multilabel and score not in (None, "logit", "log_probability"):
        pytest.skip("classes do not compete")
    for region in (net.query.region, sc.Everything(), nets.INSIDE):
        asked = net.but(region=region) if score is None else net.but(region=region, score=score)
        probe = asked.probe
        diagnosis = sc.diagnose(probe, asked.query)
        assert probe.calls["pullback"] <= 6
        assert probe.calls["replay"] <= 6
        assert all(np.isfinite(value) for finding in diagnosis.findings for value in finding.evidence.values())
