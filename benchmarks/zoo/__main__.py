"""Open every network of the zoo, compare it with plain automatic differentiation, and write the table of docs/zoo.md.

    pip install --no-deps -r benchmarks/zoo/requirements.txt
    python -m benchmarks.zoo [--only TEXT] [--sizes 256 512] [--write]

Each network runs in a process of its own, one after the other, so that its memory is its own. What was measured is kept in
benchmarks/zoo/results.json: `--only` measures some again and the table keeps the rest. Exit code 1 if a target is missed.
"""

import argparse
import json
import os
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from benchmarks.zoo.measure import SMALL
from benchmarks.zoo.networks import ZOO

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
RESULTS, PAGE = HERE / "results.json", ROOT / "docs" / "zoo.md"
BEGIN, END = "<!-- table: python -m benchmarks.zoo --write -->", "<!-- end of the table -->"
PACKAGES = ("tensorflow", "keras", "keras-hub", "segmentation-models", "segmodels-keras", "keras-unet-collection")
MEMORY = 3.0
"""GiB that a session on a DeepLabV3+ of 512 px may take."""
MANY = 300
"""Layers from which on a model must open in under twice its own first forward pass plus `PATIENCE` seconds."""
PATIENCE = 3.0


def measured(family: str, name: str, size: int, limit: int) -> dict:
    """What one network's own process found."""
    command = [sys.executable, "-m", "benchmarks.zoo.measure", family, name, str(size)]
    try:
        done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True, timeout=limit)
    except subprocess.TimeoutExpired:
        return {"failed": f"not finished after {limit} s"}
    try:
        found = json.loads(done.stdout.splitlines()[-1])
    except (IndexError, ValueError):
        return {"failed": f"the process ended with code {done.returncode}"}
    if "failed" in found:
        print(done.stderr[-2000:], file=sys.stderr)
    return found


def true_error(found: dict) -> float:
    """The error that judges: in 64 bits where 32 do not determine the gradient, which the tape's own error then shows."""
    precise = found.get("in_64_bits")
    if precise is None or precise["of_the_tape_of_32_bits"] <= SMALL:
        return found["error"]
    return precise["error"]


def missed(family: str, name: str, size: int, found: dict) -> list[str]:
    """The targets that a network misses."""
    if "failed" in found:
        return []
    said = []
    if not true_error(found) <= SMALL:
        said.append(f"error {true_error(found):.1e} at {found['worst']}, more than {SMALL:g}")
    if "DeepLabV3" in family + name and size == 512 and found["peak_gib"] > MEMORY:
        said.append(f"{found['peak_gib']:.2f} GiB, more than {MEMORY:g}")
    limit = 2 * found["first_forward_s"] + PATIENCE
    if found["steps"] >= MANY and found["open_s"] > limit:
        said.append(f"opens in {found['open_s']:.1f} s, more than {limit:.1f}")
    return said


def row(name: str, size: int, found: dict) -> str:
    """One line of the table."""
    if "failed" in found:
        return f"| {name} | {size} | {found['failed'].replace('|', '/')[:200]} | | | | | | | |"
    cells = [
        name, size, f"{found['parameters'] / 1e6:.1f}", f"{found['layers']} of {found['steps']}", error_words(found),
        f"{found['first_forward_s']:.1f}", f"{found['open_s']:.1f}",
        f"{found['first_query_s']:.2f} ({found['first_query_worst_s']:.1f})",
        f"{found['second_query_s']:.2f} ({found['second_query_worst_s']:.1f})", f"{found['peak_gib']:.2f}",
    ]  # fmt: skip
    return "| " + " | ".join(map(str, cells)) + " |"


def error_words(found: dict) -> str:
    """The table's cell."""
    precise = found.get("in_64_bits")
    return f"{found['error']:.0e}" + (f" ({precise['error']:.0e} in 64 bits)" if precise else "")


def undetermined(results: dict) -> str:
    """What is to be known of the rows with two errors; nothing where there are none."""
    rows = [
        (key, found["in_64_bits"], found["worst"])
        for key, found in results["networks"].items()
        if "in_64_bits" in found
    ]
    if not rows:
        return ""
    told = "\n".join(
        f"- {key.replace('/', ', ')} px, at `{worst}`: ours {precise['of_32_bits']:.0e} from the 64 bits, the tape "
        f"{precise['of_the_tape_of_32_bits']:.0e}; in 64 bits ours and the tape differ by {precise['error']:.0e}."
        for key, precise, worst in rows
    )
    return (
        "Where the error is larger than 0.001 in 32 bits, the network was built again in 64, with the same weights. There 32 "
        "bits do not determine the gradient: a ReLU of a network with random weights whose input is nearly zero opens or not "
        f"with the order in which a sum is taken, and the tape is as far from the truth.\n\n{told}"
    )


HEADER = (
    "| network | px | M parameters | target layers | error | own first pass, s | opening, s | first query, s "
    "| second query, s | memory, GiB |\n" + "| --- " * 10 + "|"
)


def table(results: dict) -> str:
    """The tables and the list of what was missed, as Markdown."""
    parts = [f"Measured with {', '.join(results['versions'])}."]
    misses, count = [], 0
    for family, builders in ZOO.items():
        lines = []
        for name in builders:
            for size in (256, 512):
                found = results["networks"].get(f"{family}/{name}/{size}")
                found = found or {"failed": "not measured yet"}
                lines.append(row(name, size, found))
                count += "failed" not in found
                misses += [f"- {name}, {size} px: {text}." for text in missed(family, name, size, found)]
        parts += [f"## {family}", "\n".join([HEADER, *lines])]
    busiest = max((found.get("load", 0) for found in results["networks"].values()), default=0)
    cores = results.get("cores", 1)
    parts.append(
        f"The machine had {cores} cores and a load of up to {busiest:.0f}"
        + (": others worked on it, and the seconds are too long by about that." if busiest > 1.5 * cores else ".")
    )
    parts += [text for text in [undetermined(results)] if text]
    parts += ["## Targets", f"Of {count} networks that were measured:"]
    parts.append("\n".join(["MISSED:", "", *misses]) if misses else "no target is missed.")
    return "\n\n".join(parts)


def installed() -> list[str]:
    """The packages the zoo is made of, with their versions."""
    said = []
    for package in PACKAGES:
        try:
            said.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            said.append(f"{package} (not installed)")
    return said


def main() -> int:
    """Measure, print, and write the page if asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", metavar="TEXT", help="networks with this in 'family/name'; default all")
    parser.add_argument("--sizes", type=int, nargs="+", default=[256, 512])
    parser.add_argument("--limit", type=int, default=1800, help="seconds a network may take; default: %(default)s")
    parser.add_argument("--write", action="store_true", help="write the table into docs/zoo.md")
    asked = parser.parse_args()
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {"networks": {}}
    results["versions"], results["cores"] = installed(), os.cpu_count()
    found_misses = 0
    for size in asked.sizes:
        for family, builders in ZOO.items():
            for name in builders:
                key = f"{family}/{name}/{size}"
                if asked.only.lower() not in key.lower():
                    continue
                found = results["networks"][key] = measured(family, name, size, asked.limit)
                RESULTS.write_text(json.dumps(results, indent=1) + "\n")
                said = missed(family, name, size, found)
                found_misses += len(said)
                print(row(name, size, found), *said, sep="\n    MISSED: " if said else "", flush=True)
    if os.getloadavg()[0] > 1.5 * (os.cpu_count() or 1):
        print("The machine was busy: the seconds are too long.")
    if asked.write:
        text = PAGE.read_text(encoding="utf-8")
        before, after = text.split(BEGIN)[0], text.split(END)[1]
        PAGE.write_text(f"{before}{BEGIN}\n\n{table(results)}\n\n{END}{after}", encoding="utf-8")
    return 1 if found_misses else 0


if __name__ == "__main__":
    sys.exit(main())
