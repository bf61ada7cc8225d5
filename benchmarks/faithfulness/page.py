"""docs/faithfulness.md with its tables written anew from results.json."""

from benchmarks.faithfulness import channel_tables, tables
from benchmarks.faithfulness.study import PAGE
from benchmarks.faithfulness.tables import CLEAR, Results

END = "<!-- until here -->"
PARTS = {
    "example": lambda results: results["example"]["page"]["markdown"],
    "wins": lambda results: tables.wins_table(results, CLEAR),
    "wins of brick": lambda results: tables.wins_table(results, ("brick",)),
    "places": channel_tables.places_table,
    "other tests": tables.other_tests,
    "leakage": tables.leakage_table,
    "channel ends": channel_tables.channel_ends,
    "two channels": channel_tables.two_channels,
    "channel wins": channel_tables.channel_wins,
    "ends": tables.ends_table,
    "agreement": tables.agreement_table,
    "context": tables.context_table,
}


def put(text: str, name: str, content: str) -> str:
    """The page's text with what stands between two marks replaced.

    Raises
    ------
    ValueError
        The page has no such place.
    """
    begin = f"<!-- {name}: written by benchmarks/faithfulness -->"
    head, found, rest = text.partition(begin)
    if not found:
        raise ValueError(f"{PAGE.name} has no place for {name!r}.")
    return f"{head}{begin}\n\n{content}\n{END}{rest.partition(END)[2]}"


def text_of(results: Results) -> str:
    """The whole page."""
    text = PAGE.read_text(encoding="utf-8")
    for name, part in PARTS.items():
        text = put(text, name, part(results))
    return text
