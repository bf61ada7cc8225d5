"""Write a view as code: a cell that gives the same explanation when it is run."""

from typing import Any

from segcam_widgets.core.query import STRONGEST, CamQuery
from segcam_widgets.core.regions.base import Complement, Difference, Intersection, Region, Union
from segcam_widgets.core.regions.drawn import Mask
from segcam_widgets.core.regions.labelled import PredictedClass

_SIGNS = {Union: "|", Intersection: "&", Difference: "-"}


def region_code(region: Region) -> str:
    """An expression that makes an equal region; names are those of ``import segcam_widgets as sc``."""
    for kind, sign in _SIGNS.items():
        if isinstance(region, kind):
            return f"({region_code(region.left)} {sign} {region_code(region.right)})"
    if isinstance(region, Complement):
        return f"~{region_code(region.region)}"
    if isinstance(region, Mask):  # its bits as text: long, and exact
        return f"region_from_dict({region.to_dict()!r})"
    fields = vars(region).items()
    inner = ", ".join(f"{k}={region_code(v) if isinstance(v, Region) else repr(v)}" for k, v in fields)
    return f"sc.{type(region).__name__}({inner})"


def query_code(query: CamQuery, class_names: tuple[str, ...]) -> str:
    """An expression that makes an equal query once it is resolved; what is the default is left out."""
    assert isinstance(query.class_index, int)  # resolved
    given: dict[str, str] = {
        "layer": repr(query.layer),
        "class_index": repr(query.class_index),
    }
    if query.region is not None and query.region != PredictedClass(query.class_index):
        given["region"] = region_code(query.region)
    given["score"] = repr(query.score)
    if query.method != "seg-grad-cam":
        given["method"] = repr(query.method)
    if query.baseline != "zero":
        given["baseline"] = repr(query.baseline)
    if query.rival != STRONGEST:
        given["rival"] = repr(query.rival)
    if query.options:
        given["options"] = repr(dict(query.options))
    lines = "".join(f"    {name}={value},\n" for name, value in given.items())
    name = class_names[query.class_index]
    return f"sc.CamQuery(\n{lines})  # the class is {name!r}" if name.isprintable() else f"sc.CamQuery(\n{lines})"


def cell(query: CamQuery, class_names: tuple[str, ...], probe_name: str) -> str:
    """The whole cell.

    Parameters
    ----------
    query : CamQuery
        Resolved.
    class_names : tuple of str
    probe_name : str
        What the probe is called where the cell will run: "probe", or "explorer.probe".
    """
    code = query_code(query, class_names)
    extra = "from segcam_widgets.core.regions.base import region_from_dict\n" if "region_from_dict(" in code else ""
    return f"import segcam_widgets as sc\n{extra}\nquery = {code}\nexplanation = sc.explain({probe_name}, query)\nexplanation"


def place_of(probe: Any, explorer: Any) -> str:
    """What the user's notebook calls a probe, by itself or as an explorer's; "probe" where it has no name there."""
    if named := name_of(probe):
        return named
    named = name_of(explorer)
    return f"{named}.probe" if named else "probe"


def name_of(thing: Any) -> str | None:
    """What the user's notebook calls an object; None where it has no name there."""
    from IPython import get_ipython

    shell = get_ipython()
    if shell is None:
        return None
    for name, value in shell.user_ns.items():
        if value is thing and name.isidentifier() and not name.startswith("_"):
            return str(name)
    return None
