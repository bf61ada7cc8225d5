"""What a diagnosis promises as a whole: every rule once, what it costs, when it raises."""

import re
from collections import Counter

import numpy as np
import pytest

import segcam_widgets as sc
from segcam_widgets.core.query import CamQuery
from segcam_widgets.diagnosis import Rule
from segcam_widgets.diagnosis.remember import Remembering, fingerprint
from segcam_widgets.errors import must_be_one_of
from tests.core.fake_probe import random_network
from tests.diagnosis import nets

MAKERS = [
    nets.healthy, nets.nowhere, nets.broken, nets.dead, nets.clipped, nets.underflow, nets.saturated, nets.ignored,
    nets.shifted, nets.unlikely, nets.signed, nets.silent, nets.outweighed, nets.cancelling, nets.bypass, nets.absence,
]  # fmt: skip


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
        assert finding.message.endswith((".", "!"))
        assert finding.evidence
        assert all(isinstance(v, bool | int | float) for v in finding.evidence.values())
        assert finding.docs_url == f"rules.html#{finding.code.lower()}-{finding.name}"
        assert (finding.remedy is None) == (finding.remedy_result is None)
        assert not re.search(r"\bnan\b|array|np\.", finding.message)


@pytest.mark.parametrize("make", MAKERS)
def test_a_remedy_gives_what_its_result_says_and_helps(make):
    net = make()
    for finding in net.diagnose(thorough=True).findings:
        if finding.remedy is None:
            continue
        explanation = sc.explain(net.probe, finding.remedy)
        assert not explanation.is_empty
        assert dict(finding.remedy_result) == pytest.approx(
            {name: getattr(explanation, name) for name in ("is_empty", "positive_share", "focus", "gain")}, nan_ok=True
        )
        assert finding.remedy.baseline == net.query.baseline or explanation.gain >= 0.5
        assert finding.remedy.baseline != "zero" or explanation.positive_share >= 0.01


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("score", sorted(sc.SCORES))
def test_at_most_four_live_queries_at_the_asked_layer(make, score):
    net = make().but(score=score)
    probe = net.probe
    sc.diagnose(probe, net.query)
    assert probe.calls["pullback"] <= 4
    assert probe.calls["replay"] == probe.calls["sweep"] == 0


def test_usually_one():
    makers = (nets.healthy, nets.absence, nets.outweighed, nets.cancelling, nets.bypass, nets.silent)
    for net in (*(make() for make in makers), nets.healthy().but(score="logit")):
        probe = net.probe
        sc.diagnose(probe, net.query)
        assert probe.calls["pullback"] == 1


def test_it_never_raises_where_explain_raises_for_what_it_can_say():
    for net, error in (
        (nets.nowhere(), sc.EmptyRegionError),
        (nets.healthy().but(layer="aside"), sc.DisconnectedLayerError),
        (nets.broken(), sc.NonFiniteError),
        (nets.healthy().but(bias=np.array([np.nan, 0, 0])), sc.NonFiniteError),
        (nets.nowhere().but(layer="aside"), sc.DisconnectedLayerError),
        (nets.nowhere().but(layer="aside", bias=np.array([np.nan, 0, 0])), sc.SegCamError),
    ):
        with pytest.raises(error):
            net.explain()
        diagnosis = net.diagnose(thorough=True)
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


def test_rules_are_found_by_name_and_by_code():
    assert list(sc.RULES)[:2] == ["empty-region", "non-finite"]
    assert len(sc.RULES) == 19
    for name, rule in sc.RULES.items():
        assert isinstance(rule, Rule)
        assert sc.RULES[name] is sc.RULES[rule.code] is rule
        assert re.fullmatch(r"SC\d{3}", rule.code)
        assert rule.title
        assert rule.holds
        assert rule.__doc__
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
    frame = nets.saturated().diagnose().to_frame()
    assert list(frame.index) == [rule.code for rule in sc.RULES.values()]
    assert frame.index.name == "code"
    assert frame.loc["SC201", "outcome"] == "issue"
    assert frame.loc["SC205", "outcome"] == "tip"
    assert frame.loc["SC101", "outcome"] == "passed"
    assert frame.loc["SC303", "outcome"] == "not applicable"
    assert frame.loc["SC101", "message"] == "the region has 100 pixels"


def test_markdown():
    text = nets.outweighed().diagnose().to_markdown()
    assert text.startswith("**Blank map: evidence against the class outweighs the evidence for it**")
    assert "### Evidence against the class outweighs the evidence for it (SC208, issue)" in text
    assert (
        "Tried: method: LayerCAM. Its map is 100 % positive.\n" in text
    )  # whole image: its focus would be 1 by construction
    region = sc.Rectangle(0, 0, 5, 5)
    text_of_region = nets.outweighed().but(region=region).diagnose().to_markdown()
    assert re.search(
        r"Tried: method: LayerCAM. Its map is 100 % positive, focus 0?[.\d]+, gain -?[.\d]+.\n", text_of_region
    )
    assert "| sum positive | 0.1333 |" in text
    healthy = nets.healthy().diagnose().to_markdown()
    assert "Nothing to report about this map" in healthy
    assert "rules passed" in healthy


def test_names_stay_themselves_in_markdown():
    probe = nets.absence().probe
    probe.class_names = ("<none>", "__ignore__", "a*b")
    text = sc.diagnose(probe, nets.absence().query).to_markdown()
    assert "Both channels pull \\<none> down (-0.00667, -0.0133)." in text
    assert "Seg-Grad-CAM of \\<none> at feat" in text
    probe.class_names = ("tail_conv2", "__ignore__", "a*b")  # an underscore inside a word is none of emphasis
    assert "pull tail_conv2 down" in sc.diagnose(probe, nets.absence().query).to_markdown()
    probe.class_names = ("__ignore__", "a*b", "c")
    text = sc.diagnose(probe, nets.unlikely().query).to_markdown()
    assert "pull \\_\\_ignore\\_\\_ down" in text


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
    assert "Blank map: the class is coded by the absence of features" in html
    assert "SC101" in html


def test_words_of_a_remedy_say_what_changes():
    finding = nets.shifted().diagnose().headline
    text = nets.shifted().diagnose().to_markdown()
    assert finding.remedy.score == "centered_logit"
    assert "Tried: score: centered logit." in text


def test_words_of_a_remedy_name_the_class_and_the_region():
    diagnosis = nets.unlikely().diagnose()
    assert diagnosis.headline.remedy.class_index == 1
    for text in (diagnosis.to_markdown(), diagnosis._repr_html_(), diagnosis.to_frame().loc["SC207", "remedy"]):
        assert "Tried: class: grass." in text
    truth = np.zeros((nets.SIZE, nets.SIZE), int)
    assert "Tried: region: true brick." in nets.nowhere().but(truth=truth).diagnose().to_markdown()


# ------------------------------------------------------------------ the shipped demo


@pytest.fixture(scope="module")
def demo():
    return sc.load_demo()


@pytest.mark.keras
def test_the_demos_blank_class_is_coded_by_absence_with_a_remedy(demo):
    gains, focus = [], []
    for image, truth in zip(demo.images, demo.truth, strict=True):
        probe = sc.open_probe(demo.model, image, class_names=demo.class_names, truth=truth)
        diagnosis = sc.diagnose(probe, sc.CamQuery("tail_conv2", "brick"))
        assert diagnosis.blank
        finding = diagnosis.headline
        assert (finding.code, finding.severity) == ("SC205", "issue")
        assert re.match(r"Both channels pull brick down \(-[\d.e-]+, -[\d.e-]+\)\. The score [\d.]+ is carried by the bias: "
                        r"channels -[\d.e-]+, bias \+[\d.]+\.$", finding.message)  # fmt: skip
        assert finding.remedy.baseline in ("mean", "midpoint")
        gains.append(finding.remedy_result.gain)
        focus.append(finding.remedy_result.focus)
        assert len(diagnosis.issues) == 1
    assert min(gains) >= 0.5
    assert np.median(focus) >= 0.85
    assert len(gains) >= 4


@pytest.mark.keras
def test_the_demos_other_classes_are_calm(demo):
    """Grass at tail_convT2: every weight negative, map healthy, and said so calmly."""
    for image in demo.images:
        probe = sc.open_probe(demo.model, image, class_names=demo.class_names)
        diagnosis = sc.diagnose(probe, sc.CamQuery("tail_convT2", "grass"))
        assert not diagnosis.blank
        assert not diagnosis.issues
        assert diagnosis.headline.code == "SC204"
        assert "nothing is wrong" in diagnosis.headline.message
