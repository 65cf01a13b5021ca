"""What everybody at the site should see on every page until it is settled: a disk that fills, a record that is held."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from mes.ledger.breach import WHOLE, BreachLog
from mes.ledger.disk import STOP_PERCENT, Disk


@dataclass(frozen=True, slots=True)
class Notice:
    """One notice: a code of the catalogue and the facts that fill its sentence in."""

    code: str
    facts: Mapping[str, Any] = field(default_factory=dict)


class Notices:
    """The board of one site process. What can be looked at is looked at anew; the rest is put up and taken down."""

    def __init__(self, *sources: Callable[[], list[Notice]]) -> None:
        self._sources = sources
        self._put: dict[str, Notice] = {}
        self._lock = Lock()

    def put(self, name: str, code: str, **facts: Any) -> None:
        """Show a notice under `name` until it is taken down or replaced."""
        with self._lock:
            self._put[name] = Notice(code, facts)

    def take_down(self, name: str) -> None:
        """Stop showing what stands under `name`; harmless if nothing does."""
        with self._lock:
            self._put.pop(name, None)

    def shown(self) -> list[Notice]:
        """Return everything that is to be shown now, the gravest sources first."""
        with self._lock:
            put = list(self._put.values())
        return [notice for source in self._sources for notice in source()] + put


def about_disk(disk: Disk) -> Callable[[], list[Notice]]:
    """Return the source that tells of a disk that fills."""

    def look() -> list[Notice]:
        room = disk.room_left()
        facts = {"used": room.used_percent, "stop": STOP_PERCENT}
        if room.stops_signing:
            return [Notice("disk-nearly-full", facts)]
        return [Notice("disk-filling", facts)] if room.is_tight else []

    return look


def about_holds(breaches: BreachLog) -> Callable[[], list[Notice]]:
    """Return the source that tells what is held because the record contradicts itself."""

    def look() -> list[Notice]:
        held = sorted(breaches.held)
        if WHOLE in held:
            return [Notice("ledger-held")]
        return [Notice("stream-held-by-breach", {"stream": stream}) for stream in held]

    return look
