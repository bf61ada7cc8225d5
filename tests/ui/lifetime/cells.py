"""The cells that are run again and again, and what is counted between."""

from pathlib import Path

ROOT = str(Path(__file__).resolve().parents[3])

SETUP = f"""
import ctypes, gc, sys, threading
sys.path.insert(0, {ROOT!r})
import psutil
import segcam_widgets as sc
from ipywidgets.widgets.widget import _instances
from tests.ui.explorer.array_probe import ArrayProbe

def counted():
    "Widgets, comms, threads, explorers, probes, and MB of memory."
    gc.collect()
    objects = gc.get_objects()
    alive = [sum(isinstance(thing, kind) for thing in objects) for kind in (sc.SegCamExplorer, ArrayProbe)]
    comms = get_ipython().kernel.comm_manager.comms
    if hasattr(ctypes.CDLL(None), "malloc_trim"):
        ctypes.CDLL(None).malloc_trim(0)  # what glibc keeps for later is no leak
    memory = psutil.Process().memory_info().rss / 2**20
    return [len(_instances), len(comms), threading.active_count(), *alive, memory]
"""

GROWTH = 240.0
"""MB that a process may seem to grow by in 40 runs: what is freed in pieces is kept for later, up and down. 40 explorers
that stay would take 480 MB for their activations and gradients alone; the counts above this line are exact."""

EXPLORER = """
probe = ArrayProbe(size=(64, 96), channels={"deep": (32, 48, 1024), "tail": (64, 96, 2)})  # 6 MB, and 6 MB of gradients
explorer = sc.explore(probe)
explorer.query = sc.CamQuery("deep", 1)
explorer.channels.selected_index = 0
assert explorer.flush()
explorer
"""
