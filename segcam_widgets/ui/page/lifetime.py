"""Close explorers that are no longer visible: a cell that is run again replaces what it showed before.

ipywidgets keeps every widget alive until it is closed, and IPython what a cell has shown, as `Out[3]`, `_3` and `_`, so
each re-run of a cell would leave a model's activations and a thread behind. Notebooks say with each execution which cell
it is; what an earlier execution of the same cell made is closed and taken from that list. A name of the user's own for it
stays.
"""

import gc
import re
import weakref
from typing import Any

import ipywidgets as W

_OF_CELL: dict[str, list[tuple[int, "weakref.ref[Any]"]]] = {}


def _execution() -> tuple[str, int] | None:
    """(cell, count of executions) of the running cell; None where the front end does not say."""
    try:
        from IPython import get_ipython
    except ImportError:
        return None
    shell = get_ipython()
    if shell is None or not hasattr(shell, "get_parent"):
        return None
    try:
        cell = shell.get_parent().get("metadata", {}).get("cellId")
    except (AttributeError, LookupError):  # outside of an execution
        return None
    return (str(cell), int(shell.execution_count)) if cell else None


def register(widget: Any) -> None:
    """Close what earlier executions of the running cell registered, and remember this one. Several in one run stay."""
    execution = _execution()
    if execution is None:
        return
    cell, count = execution
    stay = []
    for made, reference in _OF_CELL.get(cell, []):
        old = reference()
        if old is None:
            continue
        if made == count:
            stay.append((made, reference))
        else:
            name = old.model_id  # gone once it is closed
            old.close()
            _forget_output(old, name)
    if len(stay) < len(_OF_CELL.get(cell, [])):
        gc.collect()  # widgets refer to each other in circles; what they hold is large and would wait long for its turn
    _OF_CELL[cell] = [*stay, (count, weakref.ref(widget))]


def _forget_output(widget: Any, model_id: str) -> None:
    """Take a widget out of what IPython remembers of earlier outputs: the object, and the picture beside it."""
    from IPython import get_ipython

    shell = get_ipython()
    if shell is None:
        return
    numbered = re.compile(r"_\d+")  # _3; a name of the user's own stays
    for names in (shell.user_ns.get("_oh", {}), shell.user_ns, shell.user_ns_hidden):
        for name in [name for name, value in names.items() if value is widget]:
            if isinstance(name, int) or numbered.fullmatch(name):
                del names[name]
    for name in ("_", "__", "___"):  # in three places, two of which IPython compares before it writes
        for names in (shell.user_ns, shell.user_ns_hidden, vars(shell.displayhook)):
            if names.get(name) is widget:
                names[name] = None
    for outputs in getattr(shell.history_manager, "outputs", {}).values():  # since IPython 9
        outputs[:] = [output for output in outputs if _shown_in(output.bundle) != model_id]


def _shown_in(bundle: Any) -> str | None:
    """The widget that an output shows."""
    view = bundle.get("application/vnd.jupyter.widget-view+json")
    return view.get("model_id") if isinstance(view, dict) else None


def family(widget: W.Widget | list[W.Widget]) -> list[W.Widget]:
    """A widget, or several, and everything they hold, children, layouts, styles, marks, axes and scales, each once."""
    found: dict[str, W.Widget] = {}
    stack: list[Any] = [widget]
    while stack:
        item = stack.pop()
        if isinstance(item, W.Widget):
            if item.model_id in found:
                continue
            found[item.model_id] = item
            stack.extend(getattr(item, name) for name in item.keys if name not in ("query", "explanation"))
        elif isinstance(item, list | tuple):
            stack.extend(item)
        elif isinstance(item, dict):
            stack.extend(item.values())
    return list(found.values())
