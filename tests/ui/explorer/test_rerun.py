"""A cell that is run again and again: its explorer takes the place of the one before, and nothing piles up."""

import ast

import pytest

pytestmark = [pytest.mark.keras, pytest.mark.slow]

SETUP = """
import gc, resource, threading
import segcam_widgets as sc
demo = sc.load_demo()

def count():
    from ipywidgets.widgets import widget
    gc.collect()
    alive = sum(isinstance(made, sc.SegCamExplorer) for made in widget._instances.values())
    workers = sum(thread.name.startswith("segcam") for thread in threading.enumerate())
    with open("/proc/self/statm") as file:
        memory = int(file.read().split()[1]) * resource.getpagesize() / 1e6
    return alive, len(widget._instances), workers, memory
"""
CELL = """
explorer = sc.explore(demo.model, demo.images[:2], truth=demo.truth[:2], class_names=demo.class_names)
explorer.flush()
explorer
"""
UNNAMED = "sc.explore(demo.model, demo.images[:2])"


@pytest.fixture
def kernel():
    """Give a function that runs code in a kernel as a notebook's cell, and answers with what is asked for."""
    from jupyter_client.manager import start_new_kernel

    manager, client = start_new_kernel(kernel_name="python3")

    def run(code, cell=None, ask=None):
        content = {"code": code, "silent": False, "store_history": True, "allow_stdin": False, "stop_on_error": True,
                   "user_expressions": {"answer": ask} if ask else {}}  # fmt: skip
        message = client.session.msg("execute_request", content, metadata={"cellId": cell} if cell else {})
        client.shell_channel.send(message)
        while True:
            reply = client.get_shell_msg(timeout=240)
            if reply["parent_header"].get("msg_id") == message["header"]["msg_id"]:
                break
        assert reply["content"]["status"] == "ok", reply["content"]
        while client.iopub_channel.msg_ready():  # what nobody fetches is kept by the kernel
            client.get_iopub_msg(timeout=10)
        return ast.literal_eval(reply["content"]["user_expressions"]["answer"]["data"]["text/plain"]) if ask else None

    yield run
    client.stop_channels()
    manager.shutdown_kernel(now=True)


@pytest.mark.parametrize("code", [CELL, UNNAMED], ids=["named", "unnamed"])
def test_a_cell_run_fifty_times(kernel, code):
    kernel(SETUP)
    for _ in range(10):
        kernel(code, "cell-1")
    alive, widgets, workers, memory = kernel("", ask="count()")
    for _ in range(40):
        kernel(code, "cell-1")
    after = kernel("", ask="count()")
    assert alive == 1
    assert after[0] == 1
    assert after[1] <= widgets + 5
    assert after[2] <= max(workers, 3)
    assert after[3] - memory < 60, f"{memory:.0f} MB grew to {after[3]:.0f} MB"


def test_two_in_one_cell_and_others_elsewhere_stay(kernel):
    kernel(SETUP)
    for _ in range(3):
        kernel("one = sc.explore(demo.model, demo.images[0]); two = sc.explore(demo.model, demo.images[1])", "cell-1")
        kernel("three = sc.explore(demo.model, demo.images[2])", "cell-2")
    assert kernel("", ask="count()[0]") == 3
    assert kernel("", ask="[e.flush() and e.explanation is not None for e in (one, two, three)]") == [True] * 3
