"""What is measured on the shipped demo: plain numbers, one record a comparison, kept in results.json as they come."""

import itertools
import json
import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

import segcam_widgets as sc
from segcam_widgets.core.resolve import region_mask, resolve
from segcam_widgets.evaluation import ChannelTest, Faithfulness
from segcam_widgets.evaluation.curves.channels import channel_test
from segcam_widgets.evaluation.curves.curves import TESTS, Meter

ROOT = Path(__file__).resolve().parents[2]
RESULTS = Path(__file__).parent / "results.json"
PAGE = ROOT / "docs" / "faithfulness.md"
LAYER = "tail_conv8"
CHANNEL_LAYERS = ("tail_conv2", "tail_conv8", "bottleneck")
SCORE = "margin"
METHODS = (
    "seg-grad-cam", "hirescam", "layercam", "xgrad-cam", "grad-cam++", "ablation-cam", "score-cam", "eigen-cam",
)  # fmt: skip
FILLS = ("blur", "mean")
TO = ("zero", "mean")
DRAWS, STEPS, ORDERS = 9, 8, 19
MOSAICS = tuple(range(8))
CONTEXT_LAYERS = ("bottleneck_a", "bottleneck_b", "bottleneck_c", "bottleneck_d", "dec2", "dec1", "dec0")
CONTEXT_METHODS = {
    "seg-grad-cam, zero": ("seg-grad-cam", "zero"),
    "seg-grad-cam, mean": ("seg-grad-cam", "mean"),
    "seg-grad-cam, midpoint": ("seg-grad-cam", "midpoint"),
    "hirescam": ("hirescam", "zero"),
    "layercam": ("layercam", "zero"),
}
CONTEXT_STEPS = 1000
"""Of the planted networks' training."""
Record = dict[str, Any]


def example() -> Record:
    """What the page's own code answers."""
    code = "\n".join(re.findall(r"```python\n(.+?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL))
    names: dict[str, Any] = {}
    exec(compile(code, PAGE.name, "exec"), names)
    return {"markdown": re.sub(r"^### (.+)$", r"**\1**", names["found"].to_markdown(), flags=re.MULTILINE)}


def opened(mosaics: Sequence[int]) -> Iterator[tuple[int, str, Any]]:
    """Each mosaic's probe, once per class."""
    demo = sc.load_demo()
    for mosaic in mosaics:
        probe = sc.open_probe(demo.model, demo.images[mosaic], class_names=demo.class_names)
        for name in demo.class_names:
            yield mosaic, name, probe


def pixels(mosaics: Sequence[int]) -> Iterator[tuple[str, Record]]:
    """Deletion and insertion of pixels. The second fill is there for the order of the methods: it draws few random maps."""
    for (mosaic, name, probe), fill in itertools.product(opened(mosaics), FILLS):
        found = sc.evaluation.faithfulness(
            probe, sc.CamQuery(LAYER, name, score=SCORE), METHODS, checks="curves", fill=fill, steps=STEPS,
            draws=DRAWS if fill == FILLS[0] else 2, seed=mosaic,
        )  # fmt: skip
        yield f"{mosaic}/{name}/{fill}", _pixel_record(found, probe)


def _pixel_record(found: Faithfulness, probe: Any) -> Record:
    assert found.query.region is not None
    areas: dict[str, Any] = {}
    for curve in found.curves:
        places = areas.setdefault(curve.scope, {}).setdefault(curve.test, {})
        places[curve.map] = rounded(curve.aucs())
    return {
        "areas": areas,
        "ends": {scope: rounded(found.curve("edge map", scope, "deletion").mean()[[0, -1]]) for scope in found.scopes},
        "leakage": {one.name: rounded([one.leakage])[0] for one in found.contenders},
        "likeness": {
            one.name: rounded(list(one.likeness.values())) for one in found.contenders if one.kind == "method"
        },
        "region share": float(found.query.region.rasterize(probe).mean()),
        "refused": dict(found.refused),
    }


def others(mosaics: Sequence[int]) -> Iterator[tuple[str, Record]]:
    """Other classes and random weights: rank correlation inside the region and in the whole image.

    All weights are drawn at once: what the table shows is the cascade's end, which is the same.
    """
    measures = ("region_spearman", "spearman")
    for mosaic, name, probe in opened(mosaics):
        found = sc.evaluation.faithfulness(
            probe, sc.CamQuery(LAYER, name, score=SCORE), METHODS, checks=("classes", "cascades"), stages=1,
            redraws=1, seed=mosaic,
        )  # fmt: skip
        assert found.chance is not None
        yield (
            f"{mosaic}/{name}",
            {
                "classes": {test.map: rounded([test.mean(m) for m in measures]) for test in found.classes},
                "weights": {one.map: rounded([one.kept(m)[-1] for m in measures]) for one in found.cascades},
                "chance": {
                    kind: rounded([getattr(getattr(found.chance, kind), m) for m in measures])
                    for kind in ("typical", "largest")
                },
                "pairs": found.chance.pairs,
            },
        )


def channels(mosaics: Sequence[int]) -> Iterator[tuple[str, Record]]:
    """Deletion and insertion of a layer's channels."""
    for (mosaic, name, probe), layer in itertools.product(opened(mosaics), CHANNEL_LAYERS):
        query = resolve(sc.CamQuery(layer, name, score=SCORE), probe)
        meter = Meter.of(probe, query, region_mask(probe, query))
        explained = {method: sc.explain(probe, replace(query, method=method)) for method in METHODS}
        for to in TO:
            test = channel_test(probe, meter, explained, to=to, steps=STEPS, orders=ORDERS, seed=mosaic)
            assert test is not None
            yield f"{mosaic}/{name}/{layer}/{to}", _channel_record(test)


def _channel_record(test: ChannelTest) -> Record:
    ends = test.curve(test.maps[0], "deletion")
    return {
        "areas": {which: {one: rounded(test.curve(one, which).aucs()) for one in test.orders} for which in TESTS},
        "luck": {which: {one: test.luck(one, which) for one in test.maps} for which in TESTS},
        "ends": rounded(ends.mean()[[0, -1]]),
        "kept": rounded(ends.mean("iou")[[0, -1]]),
        "channels": len(test.orders[test.maps[0]][0]),
    }


def context(_: Sequence[int]) -> Iterator[tuple[str, Record]]:
    """A cause outside the region, planted."""
    from benchmarks.faithfulness.context import study

    yield from study()


PARTS: dict[str, Callable[[Sequence[int]], Iterator[tuple[str, Record]]]] = {
    "example": lambda _: iter([("page", example())]),
    "pixels": pixels,
    "others": others,
    "channels": channels,
    "context": context,
}


def rounded(values: Any) -> list[float | None]:
    """Four significant digits; None for what is no number."""
    return [None if np.isnan(value) else float(f"{value:.4g}") for value in np.ravel(np.asarray(values, float))]


def load() -> dict[str, dict[str, Record]]:
    """What has been measured so far: part -> comparison -> record."""
    return json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}


def run(parts: Sequence[str], mosaics: Sequence[int], told: Callable[[str], None]) -> None:
    """Measure parts; each record is written as soon as it is there, so that a run can be broken off and taken up."""
    for part in parts:
        start = time.perf_counter()
        for key, record in PARTS[part](mosaics):
            results = load()
            results.setdefault(part, {})[key] = record
            RESULTS.write_text(json.dumps(results, separators=(",", ":"), sort_keys=True) + "\n", encoding="utf-8")
            told(f"{part}: {key} ({time.perf_counter() - start:.0f} s)")
