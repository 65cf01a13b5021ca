"""What all sections start from: the entries in order with their events, the folded batch, and times as printed."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar

from mes.batches import events as ev
from mes.batches.fold import Fact, fold
from mes.batches.model import BatchState
from mes.errors import IntegrityBreach
from mes.ledger.entry import Entry
from mes.ledger.events import Event
from mes.masters.model import Master
from mes.masters.specification import Specification
from mes.records.charts import Curve
from mes.records.record import Record

Kind = TypeVar("Kind", bound=Event)


@dataclass(frozen=True, slots=True)
class Story:
    """One batch as its record tells it."""

    record: Record
    master: Master
    state: BatchState
    specification: Specification | None
    events: Mapping[int, Event | None] = field(repr=False)
    curves: Mapping[str, Curve] = field(default_factory=dict, repr=False)
    """Samples by `device/tag`."""
    clock_factor: str | None = None

    def told(self, kind: type[Kind], stream: str | None = None) -> Iterator[tuple[Entry, Kind]]:
        """Yield the entries of one kind of event, of the batch's stream unless another is named."""
        wanted = stream or f"batch/{self.record.batch}"
        for entry in self.record.entries:
            event = self.events[entry.index]
            if entry.stream == wanted and isinstance(event, kind):
                yield entry, event

    @property
    def batch_entries(self) -> tuple[Entry, ...]:
        """Return the batch's own entries."""
        return self.record.of(f"batch/{self.record.batch}")

    @property
    def runs(self) -> tuple[str, ...]:
        """Name the streams of device runs that the record holds whole."""
        return tuple(stream for stream in self.record.streams if stream.startswith("run/"))

    @property
    def is_simulated_clock(self) -> bool:
        """Whether the ledger began on a virtual clock."""
        return bool(self.record.entries[0].data.get("clock") == "simulated")

    def local(self, at: datetime, entry: Entry | None = None) -> str:
        """Return a time as printed: local by the UTC offset in force at that entry, which is named."""
        offset = str((entry or self.entry_near(at)).document["utc_offset"])
        hours, minutes = int(offset[1:3]), int(offset[4:6])
        shift = timedelta(hours=hours, minutes=minutes) * (-1 if offset[0] == "-" else 1)
        return f"{(at + shift):%Y-%m-%d %H:%M:%S} {offset}"

    def entry_near(self, at: datetime) -> Entry:
        """Return the last entry at or before a time; the first one if there is none."""
        found = self.record.entries[0]
        for entry in self.record.entries:
            if entry.at > at:
                break
            found = entry
        return found

    def entry_of(self, index: int) -> Entry | None:
        """Return an entry of the record by its index."""
        return next((entry for entry in self.record.entries if entry.index == index), None)

    def name_of(self, person: str | None) -> str:
        """Return a person's printed name."""
        if not person:
            return ""
        for entry in self.record.entries:
            actor = entry.document["actor"]
            if actor["id"] == person and "name" in actor:
                return str(actor["name"])
        return person


def tell(
    record: Record, master: Master, *, specification: Specification | None = None,
    curves: Mapping[str, Curve] | None = None, clock_factor: str | None = None,
) -> Story:  # fmt: skip
    """Return the story of a record; IntegrityBreach if it does not begin with the creation of its batch."""
    stream = f"batch/{record.batch}"
    own = record.of(stream)
    events = {entry.index: Fact.of(entry).event for entry in record.entries}
    if not own or not isinstance(events[own[0].index], ev.BatchCreated):
        raise IntegrityBreach("a batch's stream does not begin with its creation", stream=stream)
    state = fold((Fact.of(entry) for entry in own), master)
    return Story(record, master, state, specification, events, curves or {}, clock_factor)


def actor_text(entry: Entry) -> str:
    """Return who recorded an entry: name and role, or the part of the system."""
    actor = entry.document["actor"]
    if actor["kind"] == "person":
        return f"{actor['name']} ({actor['role'].replace('_', ' ')})"
    return f"{actor['kind']} {actor['id']}"
