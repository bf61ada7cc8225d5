"""What the documentation reads from the package itself: tables of the registries, the command line's help, the API.

`write` puts each as a file into ``docs/generated/``, from where the pages include it; nothing there is edited or
committed. A method, score, region, drawing tool or public name that is added appears by itself.
"""

import argparse
import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path

import segcam_widgets as sc

FOLDER = Path(__file__).parent / "generated"

# Headings of the API page, and the modules whose public names stand under each. What is in no list goes under "More".
API = {
    "Open": ("keras_probe.opening", "demo"),
    "Ask": ("core.query", "core.explanation", "core.scores", "core.methods", "core.baselines"),
    "Regions": ("core.regions.drawn", "core.regions.labelled"),
    "What carries the score": ("core.ledger", "core.ablation", "core.votes.collect"),
    "Your own gradients": ("core.recognition.recognise", "core.recognition.recognition"),
    "Diagnosis": ("diagnosis", "diagnosis.atlas.atlas"),
    "Views": ("ui.opening", "ui.explorer"),
    "Errors": ("errors",),
}

# What a probe is asked and answers, below the public names: the Keras probe, the protocol, and the values of its answers.
PROBE = (
    "keras_probe.probe.KerasProbe", "core.probe.Probe", "core.answers.LayerInfo", "core.answers.Pullback", "core.answers.Tail",
    "core.answers.LayerSweep", "core.answers.Cotangent",
)  # fmt: skip


def markdown_table(header, rows):
    """A Markdown table; a bar inside a cell is escaped."""
    lines = [header, ["---"] * len(header), *rows]
    return "".join("| " + " | ".join(str(cell).replace("|", r"\|") for cell in line) + " |\n" for line in lines)


def first_line(thing):
    """The summary of a docstring."""
    return (thing.__doc__ or "").strip().splitlines()[0]


def scores():
    """The scores: name, formula, unit, meaning."""
    rows = [[f"`{s.name}`", f"`{s.formula}`", s.unit, first_line(type(s))] for s in sc.SCORES.values()]
    return markdown_table(["score", "s at a pixel", "unit", "what it is"], rows)


def methods():
    """The methods: name, weights, options, where each applies, cost, source."""
    rows = []
    for method in sc.METHODS.values():
        options = [f"`{o.name}` ({o.default}): {o.help}" for o in method.options.values()]
        baselines = ", ".join(method.accepted_baselines)
        rows.append([
            f"`{method.name}`", f"`{method.formula}`", "; ".join(options) or "none", baselines, method.layers, method.cost,
            method.source,
        ])  # fmt: skip
    return markdown_table(["method", "weights or map", "options", "baselines", "layers", "cost", "source"], rows)


def baselines():
    """The baselines: name and meaning."""
    return markdown_table(["baseline", "what it is"], [[f"`{b.name}`", b.title] for b in sc.BASELINES.values()])


def regions():
    """The public regions: how to write them, what they are."""
    names = sorted(name for room in API["Regions"] for name in sc._PUBLIC[room])
    rows = []
    for name in names:
        region = getattr(sc, name)
        fields = "array" if name == "Mask" else ", ".join(field.name for field in dataclasses.fields(region))
        rows.append([f"`sc.{name}({fields})`", first_line(region)])
    return markdown_table(["region", "its pixels"], rows)


def tools():
    """The drawing tools: name, key, how to use them."""
    from segcam_widgets.ui.canvas.tools import REGION_TOOLS

    rows = [
        [tool.label, f"`{tool.shortcut}`", tool.tooltip.partition(": ")[2], tool.region_type.__name__]
        for tool in REGION_TOOLS.values()
    ]
    return markdown_table(["tool", "key", "how", "region"], rows)


def rules():
    """The rules of the diagnosis, in the order of the decision table."""
    rows = [
        [f"[{rule.code}](#{rule.code.lower()}-{rule.name})", rule.name, rule.general_title, rule.holds]
        for rule in sc.RULES.values()
    ]
    return markdown_table(["code", "name", "what it says", "holds when"], rows)


def command_line():
    """The help texts of `segcam` and of each of its commands."""
    from segcam_widgets import cli

    columns = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = "96"  # argparse fills the width of the terminal
    try:
        parser = cli._parser()
        found = [f"```text\n{parser.format_help().strip()}\n```\n"]
        for action in parser._subparsers._group_actions:
            for name, command in action.choices.items():
                about = next(choice.help for choice in action._choices_actions if choice.dest == name)
                found.append(
                    f"## segcam {name}\n\n{_sentence(about)}\n\n```text\n{command.format_help().strip()}\n```\n"
                )
    finally:
        if columns is None:
            del os.environ["COLUMNS"]
        else:
            os.environ["COLUMNS"] = columns
    assert isinstance(parser, argparse.ArgumentParser)
    return "\n".join(found)


def _sentence(words):
    return words[:1].upper() + words[1:] + "."


def api():
    """Every public name, by what it is for."""
    listed = {module for modules in API.values() for module in modules}
    groups = {**API, "More": tuple(module for module in sc._PUBLIC if module not in listed)}
    parts = []
    for heading, modules in groups.items():
        names = [name for module in modules for name in sc._PUBLIC.get(module, ())]
        if names:
            entries = "\n\n".join(_entry(name) for name in names)
            parts.append(f"## {heading}\n\n```{{eval-rst}}\n{entries}\n```\n")
    for room in sc._ROOMS:
        entry = f".. automodule:: segcam_widgets.{room}\n   :members:"
        parts.append(f"## {room.capitalize()}\n\n`sc.{room}`:\n\n```{{eval-rst}}\n{entry}\n```\n")
    entries = "\n\n".join(
        f".. autoclass:: segcam_widgets.{name}" + ("" if name.endswith(".Probe") else "\n   :members:")
        for name in PROBE
    )
    parts.append(f"## What a probe answers\n\n```{{eval-rst}}\n{entries}\n```\n")
    return "\n".join(parts)


def _entry(name):
    """One name as an autodoc directive."""
    thing = getattr(sc, name)
    if isinstance(thing, Mapping):
        words = ", ".join(f"``{key}``" for key in thing)
        return f".. data:: segcam_widgets.{name}\n\n   Read-only mapping of names to objects: {words}."
    if isinstance(thing, type):
        shown = ":show-inheritance:" if issubclass(thing, Exception) else ":members:"
        return f".. autoclass:: segcam_widgets.{name}\n   {shown}"
    return f".. autofunction:: segcam_widgets.{name}"


def write():
    """Write all of it, touching only what has changed, so that Sphinx rebuilds no more than it must."""
    FOLDER.mkdir(exist_ok=True)
    made = {function.__name__.replace("_", "-"): function() for function in PARTS}
    for name, text in made.items():
        path = FOLDER / f"{name}.md"
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


PARTS = (scores, methods, baselines, regions, tools, rules, command_line, api)
