"""The cells that are run again and again, and what is counted between."""

from pathlib import Path

ROOT = str(Path(__file__).resolve().parents[3])

SETUP = f"""
import gc, sys, threading, tracemalloc
sys.path.insert(0, {ROOT!r})
import segcam_widgets as sc
from ipywidgets.widgets.widget import _instances
from tests.ui.explorer.array_probe import ArrayProbe

tracemalloc.start()

def counted():
    "Widgets, comms, threads, explorers, probes, and MB that Python and numpy hold."
    gc.collect()
    objects = gc.get_objects()
    alive = [sum(isinstance(thing, kind) for thing in objects) for kind in (sc.SegCamExplorer, ArrayProbe)]
    comms = get_ipython().kernel.comm_manager.comms
    memory = tracemalloc.get_traced_memory()[0] / 2**20
    return [len(_instances), len(comms), threading.active_count(), *alive, memory]
"""

GROWTH = 24.0
"""MB more that Python and numpy may hold after 40 runs: two explorers'. Forty that stay would take 480 MB for their activations
and gradients alone. The process's own size says less: glibc keeps what is freed in pieces, and 260 to 310 MB of it were seen
while what is held did not grow by one."""

EXPLORER = """
probe = ArrayProbe(size=(64, 96), channels={"deep": (32, 48, 1024), "tail": (64, 96, 2)})  # 6 MB, and 6 MB of gradients
explorer = sc.explore(probe)
explorer.query = sc.CamQuery("deep", 1)
explorer.channels.selected_index = 0
assert explorer.flush()
explorer
"""
