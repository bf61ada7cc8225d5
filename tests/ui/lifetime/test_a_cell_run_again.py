"""A cell that is run again: what it made before is closed and freed. Here without a notebook: the execution is told."""

import gc
import threading
import weakref

import pytest
from ipywidgets.widgets import widget as ipywidgets_widget

import segcam_widgets as sc
from segcam_widgets.ui.page import lifetime
from tests.ui.explorer.array_probe import ArrayProbe


class Notebook:
    """Says which cell runs, as Jupyter does, and shows what comes out of it."""

    def __init__(self, shell):
        self.shell, self.execution, self.made = shell, None, None

    def make(self):
        return self.made()

    def run(self, cell, make, name=None):
        """Run a cell that makes something, shows it, and perhaps gives it a name."""
        self.execution = (cell, self.shell.execution_count)
        self.made = make
        result = self.shell.run_cell("make()" if name is None else f"{name} = make()\n{name}", store_history=True)
        self.execution = None
        result.raise_error()
        return result.result


@pytest.fixture
def notebook(monkeypatch, tmp_path):
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    config = Config()
    config.HistoryManager.enabled = False
    shell = InteractiveShell(config=config)
    told = Notebook(shell)
    shell.user_ns["make"] = told.make
    monkeypatch.setattr("IPython.get_ipython", lambda: shell)
    monkeypatch.setattr(lifetime, "_execution", lambda: told.execution)
    monkeypatch.setattr(lifetime, "_OF_CELL", {})
    yield told
    for _, reference in [each for made in lifetime._OF_CELL.values() for each in made]:
        if reference() is not None:
            reference().close()


def explorer():
    made = sc.explore(ArrayProbe())
    assert made.flush()
    return made


def is_live(widget):
    return widget.comm is not None


def counted():
    gc.collect()
    return len(ipywidgets_widget._instances), threading.active_count()


def test_fifty_times_leave_one(notebook, capsys):
    for _ in range(3):  # what is made once for all
        notebook.run("cell", explorer)
    before = counted()
    seen = []
    for _ in range(50):
        seen.append(weakref.ref(notebook.run("cell", explorer)))
    after = counted()
    assert after[0] == before[0]
    assert after[1] <= before[1] + 1  # the newest one's worker may still wait for the next question
    assert [reference() is not None for reference in seen] == [False] * 49 + [True]
    assert is_live(seen[-1]())
    assert list(notebook.shell.user_ns["Out"].values()) == [seen[-1]()]
    pictures = [output for outputs in notebook.shell.history_manager.outputs.values() for output in outputs]
    assert len(pictures) <= 1


def test_two_of_one_execution_both_live_and_go_together(notebook, capsys):
    made = []
    notebook.run("cell", lambda: [made.append(explorer()), made.append(explorer()), made[-1]][-1])
    one, other = made
    assert is_live(one)
    assert is_live(other)
    one.query = sc.CamQuery("deep", 2)
    assert one.flush()
    assert other.query.class_index != 2 or other.query.layer != "deep"
    notebook.run("cell", explorer)
    assert not is_live(one)
    assert not is_live(other)


def test_another_cell_s_explorer_stays(notebook, capsys):
    first = notebook.run("first", explorer)
    second = notebook.run("second", explorer)
    notebook.run("second", explorer)
    assert is_live(first)
    assert not is_live(second)


def test_a_name_of_the_user_s_own_keeps_the_answer(notebook, capsys):
    notebook.run("cell", explorer, name="mine")
    kept = notebook.shell.user_ns["mine"]
    answer = kept.explanation
    notebook.run("cell", explorer)
    assert not is_live(kept)
    assert notebook.shell.user_ns["mine"] is kept
    assert kept.explanation is answer


def test_outputs_of_others_stay(notebook, capsys):
    notebook.run("other", lambda: {"a": 1})
    number = notebook.shell.execution_count - 1
    notebook.run("cell", explorer)
    notebook.run("cell", explorer)
    assert notebook.shell.user_ns["Out"][number] == {"a": 1}
    assert notebook.shell.user_ns[f"_{number}"] == {"a": 1}
    notebook.shell.run_cell("1 + 1", store_history=True)
    assert notebook.shell.user_ns["_"] == 2  # IPython still keeps its own names


def test_where_no_cell_is_told_nothing_is_closed(notebook, capsys):
    made = [explorer(), explorer()]
    assert all(map(is_live, made))
    for each in made:
        each.close()


def test_no_shell_at_all(monkeypatch):
    monkeypatch.setattr("IPython.get_ipython", lambda: None)
    assert lifetime._execution() is None
