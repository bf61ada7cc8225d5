"""Is the headline right? ``python -m benchmarks.planted [--only TEXT] [--write] [--json PATH]``.

Exits with 1 where a target is missed. A network whose proof fails ends the run: it is a fault of the benchmark.
"""

import argparse
import os
import sys
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from . import page, run, suite, targets


def main(arguments=None):
    parser = argparse.ArgumentParser(prog="python -m benchmarks.planted", description=__doc__.splitlines()[0])
    parser.add_argument("--only", metavar="TEXT", help="the networks with this in their name")
    parser.add_argument("--write", action="store_true", help=f"keep the answers, and put the tables into {page.PAGE.name}")
    parser.add_argument("--json", metavar="PATH", type=Path, help="also write the answers here")
    given = parser.parse_args(arguments)
    if given.write and given.only:
        parser.error("--write needs every network: leave --only out")
    nets = [net for net in suite.every() if not given.only or given.only in net.name]
    if not nets:
        parser.error(f"no network has {given.only!r} in its name")
    began = time.perf_counter()
    answers = run.ask_all(nets, said=run.progress)
    print(page.text_of(answers))
    print(f"{len(nets)} networks in {time.perf_counter() - began:.0f} s", file=sys.stderr)
    if given.json:
        page.store(answers, given.json)
    if given.write:
        page.store(answers)
        page.write(page.read())
    return 0 if all(target.met for target in targets.judged(answers)) else 1


if __name__ == "__main__":
    sys.exit(main())
