"""Removing detachable content with a legal ground: signed by QA with two factors, refused within retention."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from mes.clock import Clock
from mes.errors import Refusal
from mes.identity import decide
from mes.ids import Op, Stream
from mes.ledger.content import content_places
from mes.ledger.content_checks import removals_of
from mes.ledger.entry import Entry, Write
from mes.ledger.repeats import repeated
from mes.ledger.site_events import ContentRemoved
from mes.ledger.store import Ledger
from mes.people.decide import actor_for
from mes.people.model import Session
from mes.people.ports import Line, Sign


@dataclass(frozen=True, slots=True)
class HeldContent:
    """One piece of content that an entry refers to; `removed_by` is the index of the entry that removed it."""

    digest: str
    size: int
    media: str
    entry: Entry
    removed_by: int | None


class ContentDesk:
    """Lists and removes the detachable content of streams. One per process."""

    def __init__(self, ledger: Ledger, clock: Clock, scrub: Callable[[], bool] = lambda: True) -> None:
        """`scrub` empties the database's write-ahead log of what was deleted; False where readers held it."""
        self._ledger = ledger
        self._clock = clock
        self._scrub = scrub

    def listed(self, where: Stream) -> tuple[HeldContent, ...]:
        """Return the content of a stream in the order of its entries, removed ones too."""
        found = {
            reference["content"]: (reference, entry)
            for entry in reversed(self._ledger.stream(where))
            for reference in content_places(entry.document)
        }
        with self._ledger.read() as connection:
            gone = removals_of(connection, tuple(found))
        made = [
            HeldContent(digest, reference["bytes"], reference["media"], entry, gone.get(digest))
            for digest, (reference, entry) in found.items()
        ]
        return tuple(sorted(made, key=lambda one: one.entry.seq))

    def kept_until(self, where: Stream) -> datetime | None:
        """Return until when the law demands the stream's content."""
        return decide.end_of_retention(self._ledger.stream(where))

    def remove(
        self, session: Session, op: Op, where: Stream, digest: str, *, ground: str, reason: str | None, sign: Sign
    ) -> Entry:
        """Delete content, once the signed entry with its legal ground stands; return that entry.

        Refuses `role-missing` (403), `reason-missing` (422), `content-not-here` (404), `content-gone` and as
        `decide.check_removal`. A repeated operation removes nothing more. Rule: REG-DI-08, SEC-54.
        """
        person = session.person.id
        known = repeated(self._ledger, op, where, person, ContentRemoved, content=digest, ground=ground)
        if known is not None:
            return known
        if decide.MAY_DECIDE not in session.person.roles:
            raise Refusal("role-missing", status=403, role=decide.MAY_DECIDE.value)
        why = (reason or "").strip()
        if not why:
            raise Refusal("reason-missing", status=422)
        entries, now = self._ledger.stream(where), self._clock.now()
        holder = decide.holder_of(entries, digest)
        found = decide.check_removal(ground, decide.end_of_retention(entries), now)
        held = next(one for one in self.listed(where) if one.digest == digest)
        if held.removed_by is not None:
            raise Refusal("content-gone", digest=digest[:12], entry=held.removed_by)
        lines: list[Line] = [
            ("Remove for ever", f"content {digest[:16]}…, {held.media}, {held.size} bytes", holder),
            ("Legal ground", found.value, None), ("Reason", why, None),
        ]  # fmt: skip
        expected = self._ledger.next_seq(where)
        unsigned = ContentRemoved(digest, found.value).draft(reason=why)
        signed, shown = sign(unsigned, where=where, after=[(where, expected - 1)], lines=lines)
        (made,) = self._ledger.append(
            op, [Write(where, (signed,), expected)], actor=actor_for(session, decide.MAY_DECIDE), now=now, shown=shown
        )
        self._scrub()
        return made
