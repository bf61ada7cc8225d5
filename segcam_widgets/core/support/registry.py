"""An ordered, read-only mapping of names to objects that refuses a name used twice."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Generic, Protocol, TypeVar

from segcam_widgets.errors import SegCamError, must_be_one_of


class Named(Protocol):
    """What can be registered."""

    @property
    def name(self) -> str:
        """What a user types to get it."""
        ...


T = TypeVar("T", bound=Named)


class Registry(Mapping[str, T], Generic[T]):
    """What dropdowns, documentation tables and contract tests read.

    Parameters
    ----------
    argument : str
        What a user calls one of these ("method"): names the argument in error messages.
    """

    def __init__(self, argument: str) -> None:
        self._argument = argument
        self._entries: dict[str, T] = {}

    def add(self, entry: T) -> T:
        """Register an entry under its own name. Raises SegCamError if the name is taken."""
        if entry.name in self._entries:
            raise SegCamError(f"`{self._argument}` {entry.name!r} is registered already.")
        self._entries[entry.name] = entry
        return entry

    @contextmanager
    def temporarily(self, *entries: T) -> Iterator[None]:
        """Register entries for as long as a ``with`` lasts: a test, or a cell that tries something, leaves nothing behind.

        Raises SegCamError if a name is taken; nothing is registered then.
        """
        before = dict(self._entries)
        try:
            for entry in entries:
                self.add(entry)
            yield
        finally:
            for entry in entries:
                if before.get(entry.name) is not entry and self._entries.get(entry.name) is entry:
                    del self._entries[entry.name]

    def find(self, name: object) -> T:
        """The entry of that name. Raises SegCamError that lists the names and suggests the nearest."""
        if not isinstance(name, str) or name not in self._entries:
            raise SegCamError(must_be_one_of(self._argument, self._entries, name))
        return self._entries[name]

    def __getitem__(self, name: str) -> T:
        return self._entries[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __repr__(self) -> str:
        return f"{{{', '.join(self._entries)}}}"
