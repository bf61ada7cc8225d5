"""docs/benchmarks.md and its figures, from what was measured: ``python -m benchmarks.peers.page`` writes them anew."""

import json
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.peers.growth import MEANING
from benchmarks.peers.networks import NETWORKS
from benchmarks.peers.targets import LIVE, Verdict, cold_ratio, reason, verdicts

ROOT = Path(__file__).resolve().parents[2]
RESULTS = Path(__file__).parent / "results.json"
PAGE = ROOT / "docs" / "benchmarks.md"
FIGURES = ROOT / "docs" / "figures"
SIZES = (256, 512)
PARTS = {"live": "live queries", "sweep": "the sweep", "atlas": "the atlas", "votes": "votes", "memory": "memory"}
OTHERS = ("textbook", "medicai", "xplique")
COLOURS = {LIVE: "#0072b2", "tail": "#999999", "textbook": "#e69f00", "medicai": "#d55e00", "xplique": "#cc79a7"}
LABELS = {LIVE: "segcam_widgets", "tail": "the tail, forwards alone", "textbook": "compiled textbook recipe"}


def table(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(str(cell).replace("|", r"\|") for cell in line) + " |" for line in lines)


def ms(value: float) -> str:
    """Milliseconds, or seconds where there are many."""
    return f"{value / 1000:.3g} s" if value >= 1000 else f"{value:.3g} ms"


def times(value: float) -> str:
    return f"{value:.3g}x"


def other(row: dict[str, Any], name: str) -> str:
    """What another candidate took, and how many times ours that is; or what it says."""
    if name in row and isinstance(row[name], dict):
        return f"{ms(row[name]['ms'])} ({times(row[name]['times'])})"
    return f"fails: {row.get('failed', {}).get(name, 'not measured')}"


def runs_of(results: dict[str, Any]) -> list[dict[str, Any]]:
    return [run for run in results["networks"].values() if "title" in run]


def live(results: dict[str, Any]) -> str:
    rows = []
    for run in runs_of(results):
        for what, row in run.get("live", {}).items():
            if not isinstance(row, dict) or LIVE not in row:
                continue
            same = [value for value in row["correlation"].values() if value is not None]
            rows.append([
                run["title"], run["size"], what, " x ".join(map(str, row["shape"])), ms(row[LIVE]["ms"]),
                f"{ms(row['tail']['ms'])} ({times(1 / row['tail']['times'])})", *(other(row, name) for name in OTHERS),
                f"{min(same):.6f}" if same else "blank under ReLU",
            ])  # fmt: skip
    header = [
        "network",
        "px",
        "layer",
        "its shape",
        "sc.explain",
        "tail's forward pass (we take)",
        *OTHERS,
        "lowest correlation",
    ]
    return table(header, rows)


def cold(results: dict[str, Any]) -> str:
    rows = []
    for run in runs_of(results):
        found = run.get("cold", {})
        if not found.get("layers"):
            continue
        usual = {
            name: median(row[name] for row in found["layers"] if name in row)
            for name in (LIVE, "ahead", "second", *OTHERS)
            if any(name in row for row in found["layers"])
        }
        ratios = [ratio for row in found["layers"] if (ratio := cold_ratio(row)) is not None]
        rows.append([
            run["title"], run["size"], len(found["layers"]), ms(usual[LIVE]),
            *(ms(usual[name]) if name in usual else f"fails: {found['failed'].get(name, '')}" for name in OTHERS),
            f"{times(median(ratios))} ({min(ratios):.2g} to {max(ratios):.2g})" if ratios else "",
            ms(usual["ahead"]), ms(usual["second"]),
        ])  # fmt: skip
    header = [
        "network",
        "px",
        "layers",
        "sc.explain, cold",
        *OTHERS,
        "times the quickest other",
        "traced ahead",
        "a second time",
    ]
    return table(header, rows)


def new_image(results: dict[str, Any]) -> str:
    rows = [
        [run["title"], run["size"], ms(run["new_image"][LIVE]["ms"]), *(other(run["new_image"], n) for n in OTHERS)]
        for run in runs_of(results)
        if LIVE in run.get("new_image", {})
    ]
    return table(["network", "px", "open_probe and explain", *OTHERS], rows)


def sweep(results: dict[str, Any]) -> str:
    rows = []
    for run in runs_of(results):
        row = run.get("sweep", {})
        if LIVE not in row:
            continue
        each = row["one query a layer"]
        rows.append([
            run["title"], run["size"], row["layers"], ms(row[LIVE]["ms"]), f"{ms(each['ms'])} ({times(each['times'])})",
            *(f"{ms(2 * row[n]['ms'])} ({times(2 * row[n]['times'])})" if n in row else other(row, n) for n in OTHERS),
        ])  # fmt: skip
    return table(
        ["network", "px", "layers", "sweep", "one live query a layer", *(f"two calls of {n}" for n in OTHERS)], rows
    )


def votes(results: dict[str, Any]) -> str:
    rows = []
    for run in runs_of(results):
        for what, row in run.get("votes", {}).items():
            if not isinstance(row, dict):
                continue
            if "left_out" in row:
                rows.append([run["title"], run["size"], what, "", f"left out: {row['left_out']}", "", "", ""])
                continue
            rows.append([
                run["title"], run["size"], what, row["channels"], f"{row['collect_s']:.3g} s, {row['mib']:.3g} MiB",
                ms(row[LIVE]["ms"]), f"{ms(row['gradient']['ms'])} ({times(row['gradient']['times'])})", f"{row['apart']:.0e}",
            ])  # fmt: skip
    header = ["network", "px", "layer", "channels", "to collect", "weights by votes", "by the gradient", "apart"]
    return table(header, rows)


def atlas(results: dict[str, Any]) -> str:
    rows = [
        [
            run["title"], run["size"], f"{run['atlas']['layers']} x {run['atlas']['classes']}",
            ms(run["atlas"][LIVE]["ms"]), *(other(run["atlas"], n) for n in OTHERS),
        ]
        for run in runs_of(results)
        if LIVE in run.get("atlas", {})
    ]  # fmt: skip
    return table(["network", "px", "layers x classes", "sc.atlas", *(f"{n}, a call a cell" for n in OTHERS)], rows)


def memory(results: dict[str, Any]) -> str:
    rows = []
    for run in runs_of(results):
        found = run.get("memory", {})
        if found:
            cells = [
                f"{row['mib']:.0f} ({row['kept_mib']:.0f})" if "mib" in row else f"fails: {row['left_out']}"
                for row in (found.get(name, {"left_out": "not measured"}) for name in (LIVE, *OTHERS))
            ]
            rows.append([run["title"], run["size"], *cells])
    return table(["network", "px", LIVE, *OTHERS], rows)


def nested(results: dict[str, Any]) -> str:
    rows = []
    for run in runs_of(results):
        for asked, answer in run.get("nested", {}).items():
            name, _, layer = asked.partition(": ")
            rows.append([run["title"], run["size"], name, f"`{layer}`", f"fails: {answer}" if answer else "answers"])
    return table(["network", "px", "candidate", "asked for", "what happens"], rows)


def judged(results: dict[str, Any]) -> list[Verdict]:
    return [verdict for run in runs_of(results) for verdict in verdicts(run)]


def targets(results: dict[str, Any]) -> str:
    """Each target with how many rows meet it; every row that does not, and why."""
    every = judged(results)
    rows, misses = [], []
    for target in dict.fromkeys(verdict.target for verdict in every):
        of_it = [verdict for verdict in every if verdict.target == target]
        met = sum(verdict.met for verdict in of_it)
        rows.append([target, f"{met} of {len(of_it)} rows", "met" if met == len(of_it) else "**MISSED**"])
        missed = [verdict for verdict in of_it if not verdict.met]
        if missed:
            where = "; ".join(f"{verdict.row}: {verdict.found}" for verdict in missed)
            misses.append(f"- *{target[0].upper()}{target[1:]}* is **MISSED** at {where}. {reason(target)}")
    listed = "\n".join(misses) if misses else "No target is missed."
    return f"{table(['target', 'met in', ''], rows)}\n\n{listed}"


# ------------------------------------------------------------------ figures


def axes(columns: int, height: float) -> tuple[Any, Any]:
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams |= {"svg.hashsalt": "segcam", "font.size": 8, "axes.spines.top": False, "axes.spines.right": False}
    from matplotlib import pyplot as plt

    return plt.subplots(1, columns, figsize=(8.6, height), layout="constrained", squeeze=False)


def save(figure: Any, name: str) -> None:
    figure.savefig(FIGURES / name, metadata={"Date": None}, facecolor="white")


def draw_live(results: dict[str, Any]) -> None:
    """How long a live query takes, by layer, for everybody."""
    runs = [run for run in runs_of(results) if "left_out" not in run.get("live", {"left_out": ""})]
    titles = list(dict.fromkeys(run["title"] for run in runs))
    figure, panels = axes(len(titles), 3.4)
    for axis, title in zip(panels[0], titles, strict=True):
        ticks = []
        for place, (size, what, row) in enumerate(
            (run["size"], what, row) for run in runs if run["title"] == title for what, row in run["live"].items()
        ):
            ticks.append(f"{what}, {size}")
            for name in (*OTHERS, LIVE, "tail"):
                if name in row:
                    marker = "|" if name == "tail" else "o"
                    axis.plot(row[name]["ms"], place, marker, color=COLOURS[name], label=LABELS.get(name, name), ms=7)
        axis.set(xscale="log", title=title, xlabel="ms", yticks=range(len(ticks)), yticklabels=ticks)
        axis.invert_yaxis()
        axis.grid(axis="x", alpha=0.3)
    handles = {h.get_label(): h for axis in panels[0] for h in axis.get_lines()}
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=5, frameon=False)
    save(figure, "benchmark-live.svg")


def draw_growth(results: dict[str, Any]) -> None:
    """How cost grows."""
    found = results["growth"]["found"]
    figure, panels = axes(len(found), 2.7)
    for axis, (what, rows) in zip(panels[0], found.items(), strict=True):
        for name in (*OTHERS, LIVE, "tail"):
            drawn = [(row["value"], row[name]) for row in rows if name in row]
            style = ":" if name == "tail" else "-"
            axis.plot(
                *zip(*drawn, strict=True), f"o{style}", color=COLOURS[name], label=LABELS.get(name, name), ms=3, lw=1.2
            )
        axis.set(xscale="log", yscale="log", xlabel=MEANING[what])
        axis.set_xticks([row["value"] for row in rows], [row["value"] for row in rows])
        axis.minorticks_off()
        axis.grid(alpha=0.3)
    panels[0][0].set_ylabel("ms a query")
    handles = {h.get_label(): h for h in panels[0][0].get_lines()}
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=5, frameon=False)
    save(figure, "benchmark-growth.svg")


# ------------------------------------------------------------------ the page

TEXT = """\
# Benchmarks

<!-- Written by `python -m benchmarks.peers`; edit benchmarks/peers/page.py instead. -->

How long this package takes for a map, beside the other ways to get one from a Keras segmentation network. Measured on {date}
with {cores} cores ({cpu}); Python {python}, {versions}.
The machine had other work to do meanwhile: its load was {load}. So **read the ratios**: the candidates take turns in one
process, and what is given in brackets is the median, over the turns, of how many times as long as `segcam_widgets` another
one took. The milliseconds are what that machine took on that day. To measure on yours:

    pip install --no-deps -r benchmarks/peers/requirements.txt
    python -m benchmarks.peers --write

- **textbook** is the usual recipe, compiled: a model of two outputs in one `tf.function` with a gradient tape, traced once.
- **medicai** {medicai}: `GradCAM(model, target_layer).compute_heatmap(x, target_class_index)`, which runs uncompiled.
- **xplique** {xplique}: `GradCAM(model, conv_layer=layer)(x, targets)`. Its documentation does not count Grad-CAM among the
  methods for segmentation; the call works. It is installed beside a newer TensorFlow than it asks for.
- **the tail's forward pass** is the yardstick: what comes after the layer, run forwards once, compiled.

All answer the same question: Grad-CAM of a class's logit over the region where the class is predicted, the one region that
all of them know. The networks have random weights. The peers cannot look into a model inside of a model, as DeepLabV3+ and
SegFormer of keras-hub are: for them the networks were flattened first; [below](#networks-as-they-are-loaded) is what happens
if that is not done. Before anything is timed the maps are compared, each made as the peer makes it (ReLU, resized): the
lowest correlation over classes and peers stands in the table.

{absent}

## Targets

{targets}

## A live query

Region, class or score changes, the layer stays: from a question to a map in numpy. `sc.explain` gives back the signed map,
the gradients, the activations and the score; the others a picture.

{live}

![Milliseconds of a live query by network and layer, on a logarithmic scale, for each candidate.](figures/benchmark-live.svg)

## A cold new layer

The first question at a layer, in a model that is in use already; medians over some layers of each network. In the explorer
the two layers on either side of the one on view are traced while nobody asks: what the first question then takes stands under
"traced ahead".

{cold}

## A new image

Another image of the same size, through a model that is in use: opened and asked. The peers begin anew with every question,
so theirs is the call of the table above.

{new_image}

## Every layer at once

`probe.sweep`: weights and maps of all layers in one backward pass.

{sweep}

## Votes

From a drawn region to the pooled weights, by votes collected before, and by a gradient. "Apart" is the largest difference
between the two, relative to the largest weight.

{votes}

## The atlas

Every layer and class. The others would need a call for each cell: reckoned from their call at one layer.

{atlas}

## Memory

MiB at most, on top of a process in which the network was built and run once, for four questions at each of three layers; in
brackets what is still taken at the end. Each candidate in a process of its own. This package holds the activations of the
image, up to a budget of 256 MiB; that is what makes the next question quick.

{memory}

## Networks as they are loaded

What happens if nobody flattens the network first: asked for a layer by its name, and for the model inside as a whole.

{nested}

{growth}"""

GROWTH = """\
## How cost grows

One thing is changed at a time: of a U-Net of 128 px with 16 channels at full size and 10 classes, asked one level below the
output; the number of layers, of a plain stack of convolutions asked at its first.

![Milliseconds a query over size, channels, classes and layers, on logarithmic scales.](figures/benchmark-growth.svg)
"""


def absent(results: dict[str, Any]) -> str:
    """What was not measured, in a sentence."""
    found = []
    for size in SIZES:
        for key, network in NETWORKS.items():
            run = results["networks"].get(f"{key}/{size}", {})
            parts = [words for part, words in PARTS.items() if part not in run]
            if "title" not in run:
                found.append(f"{network.title} at {size} px")
            elif parts:
                found.append(f"{network.title} at {size} px: {', '.join(parts)}")
    return f"Not measured yet: {'; '.join(found)}." if found else ""


def text_of(results: dict[str, Any]) -> str:
    """The page."""
    about = results["environment"]
    versions = about["versions"]
    loads = [load for run in runs_of(results) for load in (run["load_before"], run["load_after"])]
    return TEXT.format(
        date=about["date"], cores=about["cores"], cpu=about["cpu"], python=about["python"],
        versions=", ".join(f"{name} {versions[name]}" for name in ("tensorflow", "keras", "keras-hub", "numpy")),
        load=f"{min(loads):.1f} to {max(loads):.1f}", medicai=versions["medicai"], xplique=versions["xplique"],
        absent=absent(results), targets=targets(results), live=live(results), cold=cold(results), new_image=new_image(results),
        sweep=sweep(results), votes=votes(results), atlas=atlas(results), memory=memory(results), nested=nested(results),
        growth=GROWTH if "growth" in results else "",
    )  # fmt: skip


def write(results: dict[str, Any]) -> None:
    """The page and its figures."""
    draw_live(results)
    if "growth" in results:
        draw_growth(results)
    PAGE.write_text(text_of(results), encoding="utf-8")


if __name__ == "__main__":
    write(json.loads(RESULTS.read_text(encoding="utf-8")))
