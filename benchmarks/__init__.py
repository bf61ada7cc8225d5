"""Timings of this package beside the usual ways. Run one with ``python -m benchmarks.live_query``."""
