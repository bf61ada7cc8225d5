"""The `repr` of a result: one line that a notebook or a debugger can show, however long the names in it are."""

LIMIT = 199
"""Characters of a `repr`, at most."""


def cut(text: str, limit: int) -> str:
    """A text in one line of at most `limit` characters; an ellipsis where it is longer."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def one_line(kind: str, text: str) -> str:
    """As in "<Atlas: 5 layers, 3 classes, ...>", below 200 characters and without a line break."""
    return f"<{kind}: {cut(text, LIMIT - len(kind) - 4)}>"
