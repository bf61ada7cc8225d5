"""Explorers come and go: nothing of a closed one stays, no thread and no widget."""

import gc
import threading
import weakref

import pytest

import segcam_widgets as sc
from segcam_widgets.session import worker as session
from tests.ui.explorer.array_probe import ArrayProbe


def workers():
    return [thread for thread in threading.enumerate() if thread.name.startswith("segcam")]


def registry():
    from ipywidgets.widgets import widget

    return widget._instances


def use(explorer):
    """Touch everything that makes widgets later on."""
    assert explorer.flush()
    explorer.controls.method.value = "layercam"
    explorer.query = sc.CamQuery("deep", 1, sc.Rectangle(0, 0, 9, 9), "margin", rival=0)
    assert explorer.flush()
    explorer.channels.selected_index = 0
    explorer.histogram.channel.value = 3
    explorer.histogram.quantity.value = "gradient within the channel"
    for method in sc.METHODS:
        explorer.controls.method.value = method
    assert explorer.flush()


def close(explorer):
    """Close, and let each worker end what it had begun."""
    threads = [w._thread for w in (
        explorer._session, explorer.findings.worker, explorer.evidence.worker, explorer.channels.worker,
        explorer.atlas.worker, explorer.previews.worker,
    )]  # fmt: skip
    explorer.close()
    for thread in threads:
        if thread is not None:
            thread.join(30)


def test_twenty_explorers_leave_nothing(monkeypatch):
    def once():
        explorer = sc.SegCamExplorer([ArrayProbe(), ArrayProbe(seed=1)])
        use(explorer)
        explorer.images.next.click()
        assert explorer.flush()
        close(explorer)

    once()  # what is made once for all
    before = len(registry())
    for _ in range(20):
        once()
    assert len(registry()) == before
    assert not workers()


def test_a_closed_explorer_and_its_probe_are_freed():
    probe = ArrayProbe()
    explorer = sc.SegCamExplorer(probe)
    use(explorer)
    close(explorer)
    gone = weakref.ref(explorer), weakref.ref(probe)
    del explorer, probe
    gc.collect()
    assert [reference() for reference in gone] == [None, None]


def test_closing_while_it_works():
    go_on, begun = threading.Event(), threading.Event()
    probe = ArrayProbe()
    slow = probe.pullback

    def pullback(*arguments, **options):
        begun.set()
        assert go_on.wait(30)
        return slow(*arguments, **options)

    probe.pullback = pullback
    explorer = sc.SegCamExplorer(probe)
    assert begun.wait(30)
    thread = explorer._session._thread
    explorer.close()
    go_on.set()
    thread.join(30)
    assert not thread.is_alive()
    assert explorer.explanation is None


def test_closing_twice_and_asking_after(show):
    explorer = show()
    answer = explorer.explanation
    explorer.close()
    explorer.close()
    explorer.query = sc.CamQuery("deep", 0)
    assert explorer.flush()
    assert explorer.explanation is answer


def test_an_idle_explorer_holds_no_thread(show, monkeypatch):
    monkeypatch.setattr(session, "IDLE_SECONDS", 0.01)
    explorer = show()
    for thread in workers():
        thread.join(30)
    assert not workers()
    explorer.controls.layer_slider.value = 1
    assert explorer.flush()
    assert explorer.explanation.query.layer == "deep"


def test_what_cannot_be_opened_leaves_nothing():
    def broken():
        raise sc.SegCamError("`x` must be an image. Received: nothing.")

    before = len(registry())
    for _ in range(3):
        with pytest.raises(sc.SegCamError, match="Received: nothing"):
            sc.SegCamExplorer([broken])
    assert len(registry()) == before


def test_two_explorers_do_not_disturb_each_other(show):
    probe = ArrayProbe()
    one, other = show(probe), show(probe)
    seen = other.explanation, other.query, other.canvas.heat
    one.query = sc.CamQuery("deep", 1, sc.Rectangle(0, 0, 9, 9))
    one.display.heat_opacity.value = 0.1
    one.controls.layer_list.value = "no such layer"
    assert one.flush()
    assert (other.explanation, other.query, other.canvas.heat) == seen
    assert other.error.value == ""
    assert other.canvas.shapes == []
    one.close()
    other.controls.layer_slider.value = 1
    assert other.flush()
    assert other.explanation.query.layer == "deep"
