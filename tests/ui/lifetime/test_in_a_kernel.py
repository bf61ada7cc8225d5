"""A cell that is run fifty times, in a real kernel: no thread, no widget and no memory is left behind."""

import pytest

from tests.ui.lifetime.cells import EXPLORER, GROWTH, SETUP
from tests.ui.lifetime.kernel import Kernel

pytestmark = [pytest.mark.notebook, pytest.mark.slow]


def test_fifty_runs_of_a_cell():
    with Kernel() as kernel:
        kernel.run(SETUP, "setup")
        for _ in range(10):  # what is made once for all, and what the allocator keeps for later
            kernel.run(EXPLORER)
        widgets, comms, threads, *alive, memory = kernel.run("", expression="counted()")
        assert alive == [1, 1]
        for _ in range(40):
            kernel.run(EXPLORER)
        after = kernel.run("", expression="counted()")
        print(f"before {[widgets, comms, threads, *alive, memory]}, after {after}")
        assert after[:2] == [widgets, comms]
        assert after[2] <= threads + 1  # the newest one's worker
        assert after[3:5] == [1, 1]
        assert after[5] - memory < GROWTH
        assert kernel.run("", expression="[explorer.comm is not None, len(Out)]") == [True, 1]
