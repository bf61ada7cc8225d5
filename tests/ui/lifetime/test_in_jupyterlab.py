"""A cell that is run fifty times in JupyterLab: nothing of what is gone stays; two explorers of one cell both live."""

import pytest

from tests.ui.lifetime.cells import EXPLORER, GROWTH, SETUP

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def canvases(page):
    """(kept, shown): canvases of the explorer's picture that the page keeps in memory, and those that are in it."""
    session = page.context.new_cdp_session(page)
    session.send("HeapProfiler.enable")
    session.send("HeapProfiler.collectGarbage")
    kind = session.send("Runtime.evaluate", {"expression": "HTMLCanvasElement.prototype"})["result"]["objectId"]
    every = session.send("Runtime.queryObjects", {"prototypeObjectId": kind})["objects"]["objectId"]
    count = """function () {
        const ours = this.filter((canvas) => canvas.matches(".sc-layer"));
        return [ours.length, ours.filter((canvas) => canvas.isConnected).length];
    }"""
    asked = {"objectId": every, "functionDeclaration": count, "returnByValue": True}
    found = session.send("Runtime.callFunctionOn", asked)["result"]["value"]
    session.detach()
    return found


def nodes(page):
    """How many nodes the page keeps in memory, shown or not."""
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable")
    session.send("HeapProfiler.enable")
    for _ in range(3):  # what one round lets go of frees more in the next
        session.send("HeapProfiler.collectGarbage")
    measured = session.send("Performance.getMetrics")["metrics"]
    session.detach()
    return next(metric["value"] for metric in measured if metric["name"] == "Nodes")


def run_again(opened):
    """Run the cell as a person does, and wait until the newest explorer is on the page."""
    before = opened.eval("explorer.model_id")
    opened.page.evaluate("() => jupyterapp.commands.execute('notebook:run-all-cells')")
    opened.until(f"explorer.model_id != {before!r} and explorer.flush()", timeout=120)
    sequence = opened.eval("explorer.canvas.heat['seq']")
    opened.page.wait_for_function(
        "number => document.querySelector('.sc-stage')?.dataset.heatSeq == number", arg=sequence, timeout=120_000
    )
    opened.page.wait_for_function("() => document.querySelectorAll('.segcam-explorer').length === 1")


def test_fifty_runs_of_a_cell(note):
    opened = note(SETUP + EXPLORER, "lab")
    opened.page.locator(".segcam-explorer .sc-stage[data-heat-seq]").wait_for(timeout=120_000)
    stand_ins = opened.page.locator(".jp-OutputArea-output img:not(.segcam-explorer img)")
    assert stand_ins.count() == 0
    opened.client.iopub_channel.stop()  # which nobody reads here: the kernel would keep a thousand messages for it
    for _ in range(10):
        run_again(opened)
    opened.page.wait_for_timeout(2000)
    widgets, comms, threads, *alive, memory = opened.eval("counted()")
    assert alive == [1, 1]
    kept_before = nodes(opened.page)
    for _ in range(40):
        run_again(opened)
    opened.page.wait_for_timeout(2000)
    after = opened.eval("counted()")
    print(f"before {[widgets, comms, threads, *alive, memory]}, after {after}")
    assert after[:2] == [widgets, comms]
    assert after[2] <= threads + 1
    assert after[3:5] == [1, 1]
    assert after[5] - memory < GROWTH
    kept, shown = canvases(opened.page)
    assert kept == shown > 0
    # JupyterLab by itself keeps every element of closed widgets (of plain sliders too): forty explorers' would be here
    grown, one = nodes(opened.page) - kept_before, opened.page.locator(".segcam-explorer *").count()
    print(f"the page keeps {grown} nodes more, an explorer has {one}")
    assert grown < one


def test_two_explorers_of_one_cell_both_live(note):
    code = EXPLORER + "\nother = sc.explore(ArrayProbe(seed=3))\nimport ipywidgets\nipywidgets.VBox([explorer, other])"
    opened = note(SETUP + code, "lab")
    views = opened.page.locator(".segcam-explorer")
    for index, name in enumerate(("explorer", "other")):
        stage = views.nth(index).locator(".sc-stage[data-heat-seq]")
        stage.wait_for(timeout=120_000)
        opened.drag(views.nth(index).locator(".sc-draw"), [(0.2, 0.2), (0.8, 0.2), (0.7, 0.8), (0.3, 0.8)])
        opened.until(f"len({name}.canvas.shapes) == 1 and {name}.flush()")
        assert opened.eval(f"{name}.region.value") == "drawn"
    assert opened.eval("explorer.canvas.shapes != other.canvas.shapes")
    assert opened.eval("len(Out)") <= 1
