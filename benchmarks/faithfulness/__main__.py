"""How faithful the methods are on the shipped demo: ``python -m benchmarks.faithfulness [--only PART ...] [--mosaics 0,1]``.

Measures, part by part, and keeps the numbers in results.json beside this file: `example` is the code of the documentation's
page on faithfulness, `pixels` and `channels` the same comparison over images and classes, `others` other classes and random
weights, `context` a cause outside the region. `--write` puts the tables, which are made from results.json alone, into the page.
"""

import argparse
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from benchmarks.faithfulness import page, study


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--only", nargs="*", choices=list(study.PARTS), help="parts to measure (default all; none: measure nothing)"
    )
    parser.add_argument(
        "--mosaics", default=",".join(map(str, study.MOSAICS)), help="of the demo's eight, from 0 (default all)"
    )
    parser.add_argument("--write", action="store_true", help=f"put the tables into {study.PAGE.name}")
    arguments = parser.parse_args()
    parts = list(study.PARTS) if arguments.only is None else arguments.only
    mosaics = [int(number) for number in arguments.mosaics.split(",")]
    study.run(parts, mosaics, lambda text: print(text, file=sys.stderr, flush=True))
    if arguments.write:
        study.PAGE.write_text(page.text_of(study.load()), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
