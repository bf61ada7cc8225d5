"""Methods that take long: where they are offered, how far they are, how one stops them."""

import threading

import numpy as np
import pytest

import segcam_widgets as sc
from segcam_widgets.ui.page import busy as waiting
from tests.ui.explorer.array_probe import ArrayProbe

LONG = 30  # seconds that no test takes, unless it fails


class GatedProbe(ArrayProbe):
    """Each replay waits until the test lets it go on."""

    def __post_init__(self):
        super().__post_init__()
        self.begun, self.gate, self.gated, self.replays = threading.Semaphore(0), threading.Semaphore(0), False, 0

    def replay(self, layer, activations, bypass=None):
        self.replays += 1
        if self.gated:
            self.begun.release()
            assert self.gate.acquire(timeout=LONG)
        return super().replay(layer, activations, bypass)


@pytest.fixture
def slow(show, monkeypatch):
    """An explorer whose probe has a layer of 40 channels, three batches of replays; every progress is shown."""
    monkeypatch.setattr(waiting, "OFTEN", 0.0)
    probe = GatedProbe(channels={"deep": (4, 6, 40), "tail": (16, 24, 2)})
    explorer = show(probe)
    explorer.query = sc.CamQuery("deep", 1, sc.Everything())
    assert explorer.flush()
    yield explorer, probe
    probe.gated = False
    probe.gate.release(1000)
    assert explorer.flush()


def offered(explorer):
    return [name for _, name in explorer.controls.method.options]


def at(explorer, layer):
    names = [info.name for info in explorer.probe.layers]
    explorer.controls.layer_slider.value = names.index(layer)
    assert explorer.flush()


# ------------------------------------------------------------------ where they are offered


def test_the_menu_has_what_applies_to_the_layer_and_says_what_is_slow(show):
    explorer = show()
    assert offered(explorer) == list(sc.METHODS)
    labels = {name: label for label, name in explorer.controls.method.options}
    assert {name for name, label in labels.items() if label.endswith(" · slow")} == {
        m.name for m in sc.METHODS.values() if m.slow
    }
    at(explorer, "input")  # one channel, and the input itself
    assert offered(explorer) == [n for n in sc.METHODS if n not in ("score-cam", "eigen-cam", "eigen-grad-cam")]


def test_passing_a_layer_where_the_method_does_not_apply(show):
    explorer = show()
    explorer.controls.method.value = "score-cam"
    assert explorer.flush()
    said = explorer.controls.method_help.value
    assert "slow: a forward pass of the whole network for each channel" in said.lower()
    at(explorer, "input")
    assert explorer.query.method == "seg-grad-cam"
    assert "Score-CAM masks the model's input, and so applies to the layers after it." in (
        explorer.controls.method_help.value.replace("&#x27;", "'")
    )
    assert explorer.error.value == ""
    at(explorer, "tail")
    assert explorer.query.method == explorer.explanation.query.method == "score-cam"
    explorer.controls.method.value = "hirescam"
    assert explorer.flush()
    assert explorer.controls.method_help.layout.display == "none"
    at(explorer, "input")
    assert explorer.query.method == "hirescam"


def test_a_typed_layer_counts_as_well(show):
    explorer = show()
    explorer.controls.method.value = "eigen-cam"
    explorer.controls.layer_list.value = "input"
    assert explorer.flush()
    assert (explorer.query.layer, explorer.query.method) == ("input", "seg-grad-cam")
    explorer.controls.layer_list.value = "deep"
    assert explorer.flush()
    assert (explorer.query.layer, explorer.query.method) == ("deep", "eigen-cam")


def test_a_query_from_python_where_the_method_does_not_apply_is_refused(show):
    explorer = show()
    before = explorer.query
    with pytest.raises(sc.SegCamError, match="`method` 'score-cam' masks the model's input"):
        explorer.query = sc.CamQuery("input", 0, method="score-cam")
    assert explorer.query is before


def test_options_come_and_go_with_their_method(show):
    explorer = show()
    explorer.query = sc.CamQuery("deep", 0, method="occlusion", options={"window": 2})
    assert explorer.flush()
    assert explorer.controls._options["window"].value == 2
    assert explorer.explanation.evidence["window"] == 2
    assert explorer.state["query"]["options"] == {"stride": 0, "window": 2}
    at(explorer, "tail")
    assert explorer.query.options == {"stride": 0, "window": 2}
    explorer.controls.method.value = "eigen-cam"
    assert explorer.flush()
    assert explorer.controls.options_box.children == ()
    assert explorer.query.options == {}


@pytest.mark.parametrize("method", ["score-cam", "integrated-gradients", "grad-cam++"])
def test_the_copied_cell_asks_the_same(show, method):
    explorer = show()
    explorer.controls.method.value = method
    assert explorer.flush()
    names = {"probe": explorer.probe}
    exec(explorer.copy.text, names)
    assert names["explanation"].query == explorer.query
    assert names["explanation"].isclose(explorer.explanation)


# ------------------------------------------------------------------ while one waits


def test_progress_is_shown_and_gone_after(slow):
    explorer, probe = slow
    probe.gated = True
    explorer.controls.method.value = "ablation-cam"
    assert probe.begun.acquire(timeout=LONG)
    assert "segcam-on" in explorer.busy._dom_classes
    assert "Ablation-CAM at deep, channel 0 of 41" in explorer.busy.words.value
    assert explorer.busy.stop.layout.display == ""
    probe.gate.release()
    assert probe.begun.acquire(timeout=LONG)
    assert "channel 16 of 41" in explorer.busy.words.value
    assert 'value="0.451"' in explorer.busy.words.value  # a tenth before it, and 16 of 41 of the rest
    probe.gate.release(100)
    assert explorer.flush()
    explorer._session.close(LONG)  # told "idle" on the worker's thread, a moment after it is
    assert explorer.busy.words.value == waiting.WORKING
    assert "segcam-on" not in explorer.busy._dom_classes
    assert explorer.explanation.query.method == "ablation-cam"


def test_cancel_keeps_the_last_picture_and_says_so(slow):
    explorer, probe = slow
    before, heat = explorer.explanation, explorer.canvas.heat
    probe.gated = True
    explorer.controls.method.value = "score-cam"
    assert probe.begun.acquire(timeout=LONG)
    explorer.busy.stop.click()
    assert "Cancelled: Score-CAM at deep. The picture still shows the last answer." in explorer.error.value
    done = probe.replays
    probe.gate.release(100)
    assert explorer.flush()
    assert probe.replays == done  # not one batch more
    assert explorer.explanation is before
    assert explorer.canvas.heat == heat
    assert explorer._session.counts.cancelled == 1
    probe.gated = False
    explorer.controls.class_slider.value = 2  # and the next question is answered
    assert explorer.flush()
    assert explorer.explanation.query == explorer.query
    assert explorer.query.method == "score-cam"
    assert explorer.error.value == ""


def test_cancel_when_nothing_runs_says_nothing(show):
    explorer = show()
    explorer.busy.stop.click()
    assert explorer.error.value == ""


def test_a_newer_question_gives_up_the_slow_one(slow):
    explorer, probe = slow
    probe.gated = True
    explorer.controls.method.value = "occlusion"
    assert probe.begun.acquire(timeout=LONG)
    for _ in range(3):
        explorer.controls.class_slider.value = (explorer.controls.class_slider.value + 1) % 3
    explorer.controls.method.value = "hirescam"
    done = probe.replays
    probe.gate.release(100)
    assert explorer.flush()
    assert probe.replays == done
    assert explorer.explanation.query.method == "hirescam"
    counts = explorer._session.counts
    assert (counts.cancelled, counts.dropped) == (1, 3)


def test_while_one_draws_a_slow_method_is_not_asked(slow):
    """It could not follow the hand. When the hand lets go, it is."""
    explorer, probe = slow
    explorer.controls.method.value = "integrated-gradients"
    assert explorer.flush()
    submitted, replays = explorer._session.counts.submitted, probe.replays
    for end in range(4, 12):
        explorer.canvas.draft = {"kind": "rectangle", "points": [[1, 1], [end, end]], "op": "add"}
    assert explorer.flush()
    assert explorer._session.counts.submitted == submitted
    assert probe.replays == replays
    explorer.canvas.draft = None
    explorer.canvas.shapes = [{"kind": "rectangle", "points": [[1, 1], [11, 11]], "op": "add"}]
    assert explorer.flush()
    assert explorer.explanation.query.method == "integrated-gradients"
    assert explorer.explanation.mask.sum() == 100


def test_the_diagnosis_does_not_make_the_map_again(slow):
    explorer, probe = slow
    assert explorer.flush()
    explorer.controls.method.value = "ablation-cam"
    assert explorer.flush()
    assert explorer.diagnosis.query == explorer.query
    assert not explorer.diagnosis.blank
    assert probe.replays == 3  # of 41, in batches of 16


def test_closing_gives_up_what_runs(slow):
    explorer, probe = slow
    probe.gated = True
    explorer.controls.method.value = "ablation-cam"
    assert probe.begun.acquire(timeout=LONG)
    thread = explorer._session._thread
    explorer.close()
    probe.gate.release(100)
    thread.join(LONG)
    assert not thread.is_alive()
    assert probe.replays == 1


def test_another_image_gives_up_what_runs(show):
    probes = [GatedProbe(seed=1), ArrayProbe(seed=2)]
    explorer = sc.SegCamExplorer(probes)
    try:
        assert explorer.flush()
        probes[0].gated = True
        explorer.controls.method.value = "ablation-cam"
        assert probes[0].begun.acquire(timeout=LONG)
        explorer.images.next.click()
        probes[0].gate.release(100)
        assert explorer.flush()
        assert explorer.probe is probes[1]
        assert explorer.explanation.query == explorer.query
        assert explorer.query.method == "ablation-cam"
        assert np.array_equal(explorer.explanation.activations, probes[1].activations(explorer.query.layer))
    finally:
        explorer.close()
