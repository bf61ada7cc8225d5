"""An immutable mapping that can be hashed, compared, copied and pickled."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np


class Frozen(Mapping[str, Any]):
    """Names to plain values, in the order of the names. Unlike ``types.MappingProxyType`` it can be pickled and hashed."""

    __slots__ = ("_items",)

    def __init__(self, given: Mapping[str, Any]) -> None:
        # numpy's scalars become Python's, so that they can be written as JSON and compare equal after it
        plain = {name: value.item() if isinstance(value, np.generic) else value for name, value in given.items()}
        self._items = dict(sorted(plain.items()))

    def __getitem__(self, name: str) -> Any:
        return self._items[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __hash__(self) -> int:
        return hash(tuple(self._items.items()))

    def __repr__(self) -> str:
        return repr(self._items)
