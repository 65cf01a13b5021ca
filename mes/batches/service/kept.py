"""What was found out for a prompt and must be the same when it is signed: the two are two calls of one operation."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Generic, TypeVar

Found = TypeVar("Found")
MOST = 256


class Kept(Generic[Found]):
    """Keeps, in memory, what each operation was shown; at most 256, the oldest are forgotten.

    Whoever signs later than that, or after a restart, is shown the prompt anew.
    """

    def __init__(self) -> None:
        self._kept: OrderedDict[Hashable, Found] = OrderedDict()
        self._lock = Lock()

    def of(self, key: Hashable, find: Callable[[], Found]) -> Found:
        """Return what was found for `key` first."""
        with self._lock:
            if key not in self._kept:
                self._kept[key] = find()
                if len(self._kept) > MOST:
                    self._kept.popitem(last=False)
            return self._kept[key]
