"""The ledger of one site: begun, continued or opened; appended to, signed and read."""

import weakref
from base64 import b64encode
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, insert, select

from mes.errors import IntegrityBreach, Refusal
from mes.ids import Op, Stream, new_op
from mes.ledger.accompanying import Accompanying, Alongside, Projector
from mes.ledger.breach import BreachLog
from mes.ledger.checkpoints import Checkpoint, origin_of
from mes.ledger.database import open_engine
from mes.ledger.drafting import actor_document, checked_op, parts_of
from mes.ledger.entry import Actor, Content, Draft, Entry, Write
from mes.ledger.events import time_text
from mes.ledger.founding import check_identity, check_last_checkpoint, checked_ground, prepare_tables
from mes.ledger.heads import Head, read_head, stored_root
from mes.ledger.kept_note import KeptNote
from mes.ledger.keys import SiteKey
from mes.ledger.placing import Ground, utc
from mes.ledger.reader import LedgerReader, newest_generation
from mes.ledger.site_events import Heartbeat, LedgerContinued, LedgerCreated
from mes.ledger.tables import CHECKPOINT
from mes.ledger.triggers import check_triggers
from mes.ledger.writer import Writer

__all__ = ["Alongside", "Head", "Ledger", "Projector"]


class Ledger(LedgerReader):
    """One generation of a site's ledger. Safe for threads; one process writes (see locks.py)."""

    def __init__(
        self,
        engine: Engine,
        ground: Ground,
        key: SiteKey,
        projectors: Sequence[Projector],
        breaches: BreachLog,
        head: Head | None = None,
        also: Sequence[SiteKey] = (),
    ) -> None:
        """Use create, open or continue_generation instead."""
        super().__init__(open_engine(engine.url, read_only=True), ground.gen)
        self.site, self.tz = ground.site, ground.tz.key
        self._keys = (key, *also)
        self.clock_kind = "simulated" if ground.simulated else "real"
        self.breaches = breaches
        self.kept = KeptNote()
        self._projectors = tuple(projectors)
        self._writer = Writer(engine, ground, breaches, head)
        weakref.finalize(self, self._read_engine.dispose)

    @classmethod
    def create(
        cls,
        engine: Engine,
        *,
        site: str,
        tz: str,
        key: SiteKey,
        now: datetime,
        clock: str,
        software: str,
        projectors: Sequence[Projector] = (),
        breach_path: Path | None = None,
    ) -> "Ledger":
        """Begin generation 1 of a site's ledger in an empty database; refuses `ledger-exists`."""
        ground = checked_ground(site, 1, tz, key, clock)
        prepare_tables(engine)
        if newest_generation(engine) is not None:
            raise Refusal("ledger-exists", site=site)
        ledger = cls(engine, ground, key, projectors, BreachLog(breach_path))
        first = LedgerCreated(site, b64encode(key.public).decode(), clock, software)
        ledger._begin(first.draft(), Actor.system("ledger"), now)
        return ledger

    @classmethod
    def open(
        cls,
        engine: Engine,
        *,
        site: str,
        tz: str,
        key: SiteKey,
        also: Sequence[SiteKey] = (),
        projectors: Sequence[Projector] = (),
        breach_path: Path | None = None,
    ) -> "Ledger":
        """Open the newest generation, after checking that it is this site's, whole at its end, and guarded.

        `also` are earlier keys that sign beside `key` during their overlap.
        Refuses `ledger-missing`, `ledger-of-another-site`, `ledger-key-differs`; Fault `ledger-triggers-missing`;
        IntegrityBreach (written to `breach_path`) where tail, tree edge or last checkpoint contradict each other.
        """
        gen = newest_generation(engine)
        if gen is None:
            raise Refusal("ledger-missing", status=404)
        breaches = BreachLog(breach_path)
        with engine.begin() as connection:
            check_triggers(connection)
            try:
                clock = check_identity(connection, site, gen, key)
                head = read_head(connection, gen)
                check_last_checkpoint(connection, site, gen, head)
            except IntegrityBreach as breach:
                breaches.record(breach, None)
                raise
        return cls(engine, checked_ground(site, gen, tz, key, clock), key, projectors, breaches, head, also)

    @classmethod
    def continue_generation(
        cls,
        engine: Engine,
        *,
        site: str,
        tz: str,
        key: SiteKey,
        now: datetime,
        clock: str,
        software: str,
        previous: Checkpoint,
        evidence: str,
        actor: Actor,
        signature: dict[str, Any] | None = None,
        reason: str | None = None,
        shown: Sequence[bytes] = (),
        projectors: Sequence[Projector] = (),
        breach_path: Path | None = None,
    ) -> "Ledger":
        """Begin the next generation after the ledger that `previous` (its last cosigned checkpoint) names.

        For a tail that was lost and cannot be re-seeded; who may is decided above. `key` carries the name of the
        new generation (`SiteKey.named`). Refuses `generation-differs` if the database holds another one.
        """
        prior = int(previous.origin.rpartition("/")[2])
        ground = checked_ground(site, prior + 1, tz, key, clock)
        prepare_tables(engine)
        found = newest_generation(engine)
        if previous.origin != origin_of(site, prior) or found not in (None, prior):
            raise Refusal("generation-differs", previous=previous.origin, found=found)
        ledger = cls(engine, ground, key, projectors, BreachLog(breach_path))
        first = cls.continued(previous, site, key, clock, software, evidence)
        ledger._begin(first.draft(signature=signature, reason=reason), actor, now, shown)
        return ledger

    @staticmethod
    def continued(
        previous: Checkpoint, site: str, key: SiteKey, clock: str, software: str, evidence: str
    ) -> LedgerContinued:
        """Return the first fact of the next generation, which its signer signs before it is recorded."""
        public, root = b64encode(key.public).decode(), previous.root.hex()
        return LedgerContinued(previous.origin, previous.size, root, evidence, site, public, clock, software)

    @property
    def key(self) -> SiteKey:
        """Return the present signing key."""
        return self._keys[0]

    def sign_with(self, key: SiteKey, also: Sequence[SiteKey] = ()) -> None:
        """Sign checkpoints with `key` and, during their overlap, with `also`; the entry that says so stands already."""
        with self._writer.lock:
            self._keys = (key, *also)

    def _begin(self, first: Draft, actor: Actor, now: datetime, shown: Sequence[bytes] = ()) -> None:
        self.append(new_op(), [Write(self.site_stream, (first,), 0)], actor=actor, now=now, shown=shown)

    @property
    def site_stream(self) -> Stream:
        """Return the stream of the site's own facts."""
        return Stream(f"site/{self.site}")

    @property
    def origin(self) -> str:
        """Return the origin line of this ledger's checkpoints."""
        return origin_of(self.site, self.gen)

    def append(
        self,
        op: Op,
        writes: Sequence[Write],
        *,
        actor: Actor,
        now: datetime,
        contents: Sequence[Content] = (),
        shown: Sequence[bytes] = (),
        alongside: Alongside | None = None,
    ) -> tuple[Entry, ...]:
        """Record one operation: all its drafts or none, durable when this returns.

        A known `op` gets the entries it made, and nothing is written. Refuses `entry-malformed`,
        `entry-too-large`, `op-malformed`, `somebody-was-faster`, `reference-unknown`, `correction-of-nothing`,
        `content-unknown`, `stream-held-by-breach`; Fault `ledger-unavailable`. After a Fault the outcome is
        unknown: ask again with the same `op`. `alongside` runs last, in the same transaction.
        """
        parts, who, moment = parts_of(writes), actor_document(actor), utc(now)
        checked_op(op)
        for part in parts:
            self.breaches.check(part.stream)

        others = Accompanying(self._projectors, contents, shown, alongside)
        return self._writer.append(op, parts, who, moment, others)

    def beside(self, store: Alongside) -> None:
        """Run `store` in a write transaction of its own, in turn with the appends: for rows without an entry.

        Durable when this returns; Fault `ledger-unavailable`. The drain keeps samples so until they are sealed.
        """
        with self._writer.lock, self._writer.transaction() as connection:
            store(connection)

    def heartbeat(self, now: datetime) -> str:
        """Record that the ledger stands as it stood, and return the signed checkpoint after that entry."""
        with self._writer.lock:
            before = Heartbeat(self.size, self.root().hex())
            writes = [Write(self.site_stream, (before.draft(),))]
            self.append(new_op(), writes, actor=Actor.system("ledger"), now=now)
            return self.checkpoint(now)

    def checkpoint(self, now: datetime, size: int | None = None) -> str:
        """Sign the first `size` entries (all, if None), store the note and return it; a stored one is returned.

        A seal gives `size`, its index + 1, since another thread may have appended after it. ValueError for a size
        that the ledger does not have.
        """
        moment = utc(now)
        with self._writer.lock, self._writer.transaction() as connection:
            head = self._writer.head(connection, moment)
            signed = head.size if size is None else size
            if not 1 <= signed <= head.size:
                raise ValueError(f"no checkpoint of {signed} of {head.size} entries")
            where = (CHECKPOINT.c.gen == self.gen, CHECKPOINT.c.size == signed)
            known: str | None = connection.execute(select(CHECKPOINT.c.note).where(*where)).scalar()
            if known is not None:
                self.kept.keep(known)
                return known
            root = head.frontier.root() if signed == head.size else stored_root(connection, self.gen, signed)
            note = self.key.signed_note(Checkpoint(self.origin, signed, root).text, self._keys[1:])
            row = {"gen": self.gen, "size": signed, "at": time_text(moment), "note": note}
            connection.execute(insert(CHECKPOINT), row)
        self.kept.keep(note)
        return note

    def keep_notes(self, kept: KeptNote) -> None:
        """Keep the newest checkpoint outside the database too, after demanding that this ledger holds what lies there.

        Refuses `ledger-older-copy` and `kept-checkpoint-damaged`; IntegrityBreach, written to the breach log, where
        the ledger is another one.
        """
        with self.read() as connection:
            try:
                kept.check(connection, self.site, self.gen)
            except IntegrityBreach as breach:
                self.breaches.record(breach, None)
                raise
        self.kept = kept
        newest = self.latest_checkpoint()
        if newest is not None:
            kept.keep(newest)

    def close(self) -> None:
        """Give back the connections that this ledger holds; the engine stays its owner's."""
        self._writer.close()
        self._read_engine.dispose()
