"""Entries of a trail without a ledger, and a ledger that keeps the trail."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from mes.batches import events as ev
from mes.batches.model import Judgement, RecordedValue
from mes.ids import Op, Stream
from mes.ledger.canonical import canonical
from mes.ledger.database import open_engine
from mes.ledger.entry import Entry
from mes.ledger.events import Event, encode, time_text
from mes.ledger.merkle import leaf_hash
from mes.ledger.store import Ledger
from mes.quality.trail import tables
from tests.ledger.builders import a_ledger
from tests.schedule.builders import T0


def an_entry(
    index: int, event: Event | tuple[str, dict[str, Any]], who: str = "op-1", *, stream: str = "batch/B1", **more: Any
) -> Entry:
    """Return an entry as a ledger would hold it, an hour after the one before."""
    kind, data = (event.tag, encode(event)) if isinstance(event, Event) else event
    tv = event.tv if isinstance(event, Event) else 1
    at = T0 + timedelta(hours=index)
    document = {
        "v": 1, "site": "site-one", "gen": 1, "index": index, "stream": stream, "seq": index, "type": kind, "tv": tv,
        "at": time_text(at), "tz": "Europe/Amsterdam", "utc_offset": "+01:00",
        "actor": {"kind": "person", "id": who, "name": f"Name of {who}", "role": "operator", "terminal": "T1"},
        "op": {"id": "0", "n": 0, "of": 1}, "data": data, **more,
    }  # fmt: skip
    body = canonical(document)
    return Entry(index, Stream(stream), index, kind, tv, at, Op("0"), body, document, leaf_hash(body))


def a_value(parameter: str, value: str, unit: str | None = "%", source: str = "manual", *, within: bool = True) -> Any:
    """Return a recorded value."""
    return RecordedValue(parameter, value, unit, source, Judgement("r", 1, ">= 80 %", within))


def a_correction(step: str, parameter: str, old: str, new: str) -> ev.ValueCorrected:
    """Return the correction of one value."""
    return ev.ValueCorrected(step, a_value(parameter, old), a_value(parameter, new), "m")


@contextmanager
def a_trail(url: str) -> Iterator[Ledger]:
    """Give a ledger whose every entry gets its line in the trail."""
    engine = open_engine(url)
    tables.METADATA.create_all(engine)
    engine.dispose()
    with a_ledger(url, projectors=(tables.project,)) as ledger:
        yield ledger
