"""The drain: brings the journal into the record, inside `mes serve`, the only writer of the main database.

One step = one transaction: a page of the journal (rows, entries, position) or the sealing of one window. Its
operation id follows from journal and step number, and the position moves in the same transaction: killed at any
point, a step was done wholly or not at all, and is done again from the same position.
"""

import sqlite3
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from mes.equipment.handing import Handing, Known, KnownCommand
from mes.equipment.journal import FactKind
from mes.equipment.journal_reader import JournalReader, Page
from mes.equipment.outbox import CommandOutbox
from mes.equipment.ports import RunObserver
from mes.equipment.sealing import HOUR, Window, chunks_of, seal_of
from mes.equipment.tables import queries, samples
from mes.equipment.tables.samples import DeviceProgress, Position, Slice
from mes.equipment.ticks import ticks_of, time_of
from mes.errors import Fault, Refusal
from mes.ids import EquipmentId, device_op, stream
from mes.ledger.entry import Actor, Write
from mes.ledger.store import Alongside, Ledger

ACTOR = Actor.system("drain")
WRITER_BUDGET_S = 0.025
"""How long one transaction should hold the writer: a person's act waits no longer (house decision 6)."""
PAGE_LEAST, PAGE_MOST = 100, 4000
FACTS_PER_PAGE = 50
SLICE_BYTES = 16_384
SILENCE = 2 * HOUR
"""A window of a device that fell silent is sealed so long after it began."""
ATTEMPTS = 5


class AllocationMoved(Exception):
    """A device was allocated while its samples were being judged: judge them again."""


@dataclass(frozen=True, slots=True)
class Stand:
    """Where the drain stands: committed facts only. `tails` are the open windows with their newest slice."""

    journal: str
    position: Position
    progress: Mapping[EquipmentId, DeviceProgress]
    tails: Mapping[Window, Slice | None] = field(default_factory=dict)
    whole: bool = False


class Drain:
    """Follows the journal; used by one thread. `step` raises what the observer or the ledger raises."""

    def __init__(self, ledger: Ledger, journal: JournalReader, observer: RunObserver) -> None:
        self._ledger = ledger
        self._journal = journal
        self._observer = observer
        self._stand: Stand | None = None
        self._page_size = 1000
        self._ticks: Mapping[EquipmentId, DeviceProgress] = {}

    def tick(self, device: str) -> datetime | None:
        """Return the newest tick of the device's clock that is in the record; any thread may ask."""
        known = self._ticks.get(EquipmentId(device))
        return time_of(known.tick) if known and known.tick else None

    def step(self, now: datetime) -> bool:
        """Do the next transaction, if there is anything to do; Fault `drain-outrun` if others are always faster."""
        for _ in range(ATTEMPTS):
            stand, self._stand = self._stand or self._load(), None  # put back only by success
            if stand is None:
                return False
            try:
                self._stand, done = self._stepped(stand, now)
            except AllocationMoved:
                continue
            except Refusal as refusal:
                if refusal.code != "somebody-was-faster":
                    raise
                continue
            self._ticks = self._stand.progress
            return done
        raise Fault("drain-outrun", attempts=ATTEMPTS)

    def follow(
        self,
        now: Callable[[], datetime],
        stop: threading.Event,
        outbox: CommandOutbox | None = None,
        pause_s: float = 0.05,
    ) -> None:
        """Step until `stop`, and see to it that no command stays behind; the body of the drain's thread.

        After a Fault it tries again every second; anything else ends the thread loudly.
        """
        log = structlog.get_logger("drain")
        while not stop.is_set():
            try:
                if not self.step(now()):
                    stop.wait(pause_s)
                if outbox is not None:
                    outbox.flush(now())
            except (Fault, OperationalError, sqlite3.OperationalError) as fault:
                log.warning("drain-waits", cause=str(fault))
                stop.wait(1.0)

    def _load(self) -> Stand | None:
        journal = self._journal.ident
        if journal is None:
            return None
        with self._ledger.read() as connection:
            return Stand(
                journal,
                samples.position(connection, self._ledger.site, journal),
                samples.progress(connection, self._ledger.site),
                dict.fromkeys(samples.open_windows(connection, self._ledger.site)),
            )

    def _stepped(self, stand: Stand, now: datetime) -> tuple[Stand, bool]:
        due = next((window for window in stand.tails if self._is_due(stand, window, now)), None)
        if due is not None:
            return self._sealed(stand, due, now), True
        place = stand.position
        page = self._journal.after(place.sample, place.fact, samples=self._page_size, facts=FACTS_PER_PAGE)
        if not page.samples and not page.facts:
            return replace(stand, whole=True), not stand.whole  # what fell silent may be due now
        return self._handed_on(stand, page, now), True

    def _is_due(self, stand: Stand, window: Window, now: datetime) -> bool:
        """Whether nothing more can come for this window: its hour is drained, or its run and last tick are."""
        reached = stand.progress[window.device]
        if reached.received >= window.end:
            return True
        if stand.whole and ticks_of(now) >= window.start + SILENCE:
            return True
        if not reached.tick:
            return False
        with self._ledger.read() as connection:
            held = queries.allocation_of(connection, self._ledger.site, window.run)
        return held is not None and held[1].until is not None and reached.tick >= held[1].until

    def _handed_on(self, stand: Stand, page: Page, now: datetime) -> Stand:
        place, site = stand.position, self._ledger.site
        since = min([one.sample.at for one in page.samples] + [_earliest(one.body, one.at) for one in page.facts])
        devices = {one.device for one in page.samples} | {one.device for one in page.facts}
        known = self._known(stand, page, devices, since)
        handing = Handing(self._observer, known, now, place.sample, place.fact)
        handing.hand_on(page)
        to = Position(handing.sample, handing.fact, place.step + 1)
        grown = _grown(stand.tails, handing.rows, to.step)

        def store(connection: Connection) -> None:
            fresh = queries.allocations(connection, site, devices, since)
            if _holds(fresh) != _holds(known.allocations):
                raise AllocationMoved
            for one in grown.values():
                samples.put_slice(connection, site, one)
            for device, reached in handing.progress.items():
                samples.set_progress(connection, site, device, reached)
            samples.set_position(connection, site, stand.journal, to)

        self._commit(stand, handing.writes, store, now)
        return Stand(
            stand.journal,
            to,
            {**stand.progress, **handing.progress},
            {**stand.tails, **grown},
            whole=page.whole and not handing.judged,
        )

    def _sealed(self, stand: Stand, window: Window, now: datetime) -> Stand:
        site, to = self._ledger.site, replace(stand.position, step=stand.position.step + 1)
        with self._ledger.read() as connection:
            kept = samples.slices(connection, site, window.run, window)
        chunks = chunks_of(one.body for one in kept)
        op = device_op(f"{stand.journal}/{to.step}")

        def store(connection: Connection) -> None:
            samples.seal_window(connection, site, to.step, op, window, chunks)
            samples.set_position(connection, site, stand.journal, to)

        self._commit(stand, [Write(stream("run", window.run), (seal_of(window, chunks).draft(),))], store, now)
        tails = {known: tail for known, tail in stand.tails.items() if known != window}
        return replace(stand, position=to, tails=tails)

    def _commit(self, stand: Stand, writes: Sequence[Write], store: Alongside, now: datetime) -> None:
        began = time.perf_counter()
        if writes:
            op = device_op(f"{stand.journal}/{stand.position.step + 1}")
            self._ledger.append(op, writes, actor=ACTOR, now=now, alongside=store)
        else:
            self._ledger.beside(store)
        took_s = time.perf_counter() - began
        if took_s > WRITER_BUDGET_S:
            self._page_size = max(PAGE_LEAST, self._page_size // 2)
        elif took_s < WRITER_BUDGET_S / 2:
            self._page_size = min(PAGE_MOST, self._page_size * 3 // 2)

    def _known(self, stand: Stand, page: Page, devices: set[EquipmentId], since: int) -> Known:
        site = self._ledger.site
        with self._ledger.read() as connection:
            return Known(
                queries.allocations(connection, site, devices, since),
                queries.unit_states(connection, site),
                {
                    one.body["command"]: known
                    for one in page.facts
                    if one.kind is FactKind.OUTCOME
                    and (known := _command(connection, site, one.body["command"])) is not None
                },
                stand.progress,
            )


def _command(connection: Connection, site: str, ident: str) -> KnownCommand | None:
    found = queries.command_of(connection, site, ident)
    held = found and queries.allocation_of(connection, site, found[0])
    if not found or not held:
        return None
    run, verb, result = found
    return KnownCommand(run, held[1].batch, verb, result)


def _grown(
    tails: Mapping[Window, Slice | None], rows: Mapping[Window, Sequence[str]], step: int
) -> dict[Window, Slice]:
    """Return the slices to store: the windows' newest ones made longer, or new ones where those are full."""
    grown = {}
    for window, lines in rows.items():
        body = "".join(f"{line}\n" for line in lines).encode()
        tail = tails.get(window)
        if tail is not None and len(tail.body) + len(body) <= SLICE_BYTES:
            grown[window] = replace(tail, count=tail.count + len(lines), body=tail.body + body)
        else:
            grown[window] = Slice(window, step, len(lines), body)
    return grown


def _holds(allocations: Mapping[str, Sequence[queries.Allocation]]) -> set[tuple[str, str, int]]:
    return {(device, hold.run, hold.since) for device, held in allocations.items() for hold in held}


def _earliest(body: Mapping[str, object], at: int) -> int:
    return min([at, *(found for name in ("from", "source_time") if isinstance(found := body.get(name), int))])
