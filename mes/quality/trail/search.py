"""Asking the trail of the whole site, and taking copies of what was found; a copy is itself an entry."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection

from mes.batches.service.acting import Acting
from mes.batches.service.recorder import Recorder
from mes.errors import Refusal
from mes.ids import Stream
from mes.ledger.content import new_content
from mes.ledger.entry import Entry, Write
from mes.ledger.events import decode_event, time_text
from mes.ledger.repeats import repeated
from mes.people.decide import actor_for
from mes.people.model import Role
from mes.quality.integrity import streams_of
from mes.quality.trail import tables
from mes.quality.trail.events import TrailExported
from mes.quality.trail.model import Condition, TrailQuery
from mes.quality.trail.telling import TrailLine, as_csv, as_json, line_of

READERS = (Role.AUDITOR, Role.QA, Role.QP)
FORMATS: dict[str, Callable[[Iterable[TrailLine]], bytes]] = {"csv": as_csv, "json": as_json}
MOST_EXPORTED = 100_000


@dataclass(frozen=True, slots=True)
class Page:
    """One page of what a question found, and how many entries it found in all."""

    lines: tuple[TrailLine, ...]
    count: int
    page: int
    last: int


@dataclass(frozen=True, slots=True)
class Export:
    """A copy of a part of the trail: the index of its entry, the file, and its digest."""

    entry: int
    format: str
    count: int
    digest: str
    body: bytes


class TrailSearch:
    """Questions to the trail of one site. Rule: REG-A11-09, REG-A11D-12-4, REG-P11-10e."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._ledger = recorder.ledger

    def page(self, query: TrailQuery) -> Page:
        """Return one page; a page beyond the last is the last."""
        also = self._also(query)
        with self._ledger.read() as connection:
            count = tables.count(connection, self._ledger.site, query, None, also)
            last = max(1, -(-count // query.size))
            page = min(max(1, query.page), last)
            asked = _turned(query, page)
            lines = tuple(self._lines(connection, asked, None, also, paged=True))
        return Page(lines, count, page, last)

    def export(self, acting: Acting, query: TrailQuery, kind: str) -> Export:
        """Take a copy of everything that a question finds; the copy is an entry of its own.

        Refuses `role-missing`, `trail-format-unknown`, `trail-export-large`. Rule: REG-A11D-12-4, REG-P11-10e.
        """
        role = acting.in_role(*(one.value for one in READERS))
        if kind not in FORMATS:
            raise Refusal("trail-format-unknown", status=422, choices=", ".join(FORMATS))
        known = repeated(
            self._ledger, acting.op, self._ledger.site_stream, acting.person, TrailExported, format=kind,
            filter=_conditions(query), sort=query.sort, descending=query.descending,
        )  # fmt: skip
        if known:
            return self.exported(known.index)
        before = self._ledger.size
        body, count = self._file(query, kind, before)
        searched = new_content(query.reason) if query.reason is not None else None
        event = TrailExported(
            kind, _conditions(query), query.sort, query.descending, before, count, sha256(body).hexdigest(),
            searched.as_reference() if searched else None,
        )  # fmt: skip
        write = Write(self._ledger.site_stream, (event.draft(reason=acting.reason),))
        now, actor = self._recorder.clock.now(), actor_for(acting.session, role)
        contents = [searched] if searched else []
        (made,) = self._ledger.append(acting.op, [write], actor=actor, now=now, contents=contents)
        return Export(made.index, kind, count, event.digest, body)

    def exported(self, index: int) -> Export:
        """Make the file of an earlier export again, byte for byte.

        Refuses `trail-export-unknown`, `trail-export-gone` (the text looked for was removed), `trail-export-differs`.
        """
        entry = self._ledger.entry(index)
        event = decode_event(entry.type, entry.tv, entry.data)
        if not isinstance(event, TrailExported):
            raise Refusal("trail-export-unknown", status=404, index=index)
        body, count = self._file(self._query(event), event.format, event.before)
        if sha256(body).hexdigest() != event.digest:
            raise Refusal("trail-export-differs", index=index)
        return Export(index, event.format, count, event.digest, body)

    def _file(self, query: TrailQuery, kind: str, before: int) -> tuple[bytes, int]:
        also = self._also(query)
        with self._ledger.read() as connection:
            count = tables.count(connection, self._ledger.site, query, before, also)
            if count > MOST_EXPORTED:
                raise Refusal("trail-export-large", count=count, most=MOST_EXPORTED)
            return FORMATS[kind](self._lines(connection, query, before, also, paged=False)), count

    def _lines(
        self, connection: Connection, query: TrailQuery, before: int | None, also: Sequence[Stream], *, paged: bool
    ) -> Iterator[TrailLine]:
        for one in tables.found(connection, self._ledger.site, query, before, also, paged=paged):
            yield line_of(one.entry, risk=one.risk, batch=one.batch, earlier=self._replaced(one.entry))

    def _replaced(self, entry: Entry) -> Entry | None:
        place = entry.data.get("supersedes") if entry.type == "batch:result:entered" else None
        return self._recorder.entry_at(entry.stream, place) if isinstance(place, int) else None

    def _also(self, query: TrailQuery) -> tuple[Stream, ...]:
        return () if query.batch is None else tuple(streams_of(self._recorder.load(query.batch)))

    def _query(self, event: TrailExported) -> TrailQuery:
        given: dict[str, Any] = {one.name: one.value for one in event.filter}
        for name in ("since", "until"):
            if name in given:
                given[name] = datetime.fromisoformat(given[name])
        if event.searched is not None:
            found = self._ledger.content(str(event.searched["content"]))
            if found is None:
                raise Refusal("trail-export-gone")
            given["reason"] = found[1].decode()
        return TrailQuery(**given, sort=event.sort, descending=event.descending)


def _conditions(query: TrailQuery) -> tuple[Condition, ...]:
    return tuple(
        Condition(name, time_text(value) if isinstance(value, datetime) else str(value))
        for name, value in query.conditions()
        if name != "reason"
    )


def _turned(query: TrailQuery, page: int) -> TrailQuery:
    return TrailQuery(**{one.name: getattr(query, one.name) for one in fields(query)} | {"page": page})
