"""One page of the journal, handed on: whose allocation, what changed, which rows; judged by the observer.

Nothing is stored here: the drain stores what `Handing` gathered, in one transaction.
"""

import unicodedata
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from equipment_drivers.readings import CommandResult, LinkState, UnitState
from mes.equipment.events import (
    AlarmChanged,
    CommandOutcomeRecorded,
    DeviceLinkChanged,
    GapRecorded,
    UnitStateChanged,
)
from mes.equipment.journal import FactKind
from mes.equipment.journal_reader import CLOCK_TAG, JournalFact, JournalSample, Page
from mes.equipment.ports import (
    DrainedAlarm,
    DrainedGap,
    DrainedOutcome,
    DrainedReading,
    RunKey,
    RunObserver,
)
from mes.equipment.samples import Sample, decimal_in, line_of
from mes.equipment.sealing import Window
from mes.equipment.tables.queries import Allocation
from mes.equipment.tables.samples import DeviceProgress
from mes.equipment.ticks import hour_of, time_of
from mes.ids import BatchId, EquipmentId, RunId, stream
from mes.ledger.entry import Occurred, Write
from mes.ledger.events import Event

STATE_TAG = "unit.state"
MAX_TEXT = 500


@dataclass(frozen=True, slots=True)
class KnownCommand:
    """What the record knows of a command: the hold it was asked in, its verb, its result (None: open)."""

    run: RunId
    batch: BatchId
    verb: str
    result: str | None


@dataclass(frozen=True, slots=True)
class Known:
    """What the record says, read once for the whole page."""

    allocations: Mapping[str, Sequence[Allocation]]
    units: Mapping[str, tuple[UnitState, int]]
    commands: Mapping[str, KnownCommand]
    progress: Mapping[EquipmentId, DeviceProgress]


@dataclass(slots=True)
class Handing:
    """What one page of the journal came to. `sample` and `fact` are the last positions that were handed on."""

    observer: RunObserver
    known: Known
    now: datetime
    sample: int
    fact: int
    writes: list[Write] = field(default_factory=list)
    rows: dict[Window, list[str]] = field(default_factory=dict)
    progress: dict[EquipmentId, DeviceProgress] = field(default_factory=dict)
    units: dict[str, tuple[UnitState, int]] = field(default_factory=dict)
    judged: bool = False

    def hand_on(self, page: Page) -> None:
        """Go through the page in its order, up to its end or to the first thing the observer had to say."""
        for item in self._items(page):
            if isinstance(item, JournalFact):
                self._fact(item)
                self.fact = item.position
            else:
                self._stretch(item)
                self.sample = item[-1].position
            if self.judged:
                return

    def _items(self, page: Page) -> Iterator[JournalFact | list[JournalSample]]:
        """Give facts, and between them stretches of samples; a sample that changes a unit's state stands alone."""
        facts = deque(page.facts)
        stretch: list[JournalSample] = []
        for one in page.samples:
            while facts and facts[0].after_sample < one.position:
                if stretch:
                    yield stretch
                    stretch = []
                yield facts.popleft()
            # a change must be seen against the state that everything before it has led to
            if one.tag == STATE_TAG and self._new_state(one) is not None:
                if stretch:
                    yield stretch
                    stretch = []
                yield [one]
            else:
                stretch.append(one)
        if stretch:
            yield stretch
        yield from facts

    def _stretch(self, samples: list[JournalSample]) -> None:
        readings: dict[RunKey, list[DrainedReading]] = {}
        changes = len(samples) == 1 and samples[0].tag == STATE_TAG and self._new_state(samples[0])
        for one in samples:
            hold = self._holder(one.device, one.sample.at)
            run = hold.run if hold else idle(one.device)
            window = Window(one.device, run, hour_of(one.sample.receive_time))
            self.rows.setdefault(window, []).append(f"{one.tag},{line_of(one.sample)}")
            self._progressed(one)
            if hold and not changes:
                key = RunKey(run, one.device, hold.batch)
                readings.setdefault(key, []).append(reading_of(one.tag, one.sample))
        for key, drained in readings.items():
            self._judge(self.observer.on_readings(key, drained, self.now))
        if changes:
            self._changed(samples[0], changes)

    def _progressed(self, one: JournalSample) -> None:
        before = self.progress.get(one.device) or self.known.progress.get(one.device, DeviceProgress())
        tick = one.sample.source_time or 0 if one.tag == CLOCK_TAG else 0
        self.progress[one.device] = DeviceProgress(
            max(before.tick, tick), max(before.received, one.sample.receive_time), before.samples + 1
        )

    def _new_state(self, one: JournalSample) -> UnitState | None:
        """Return the state that this sample changes the unit to; None for the same, a late or a bad one."""
        known, since = self._unit(one.device)
        if not one.sample.good or one.sample.at < since:
            return None
        state = UnitState(one.sample.value) if one.sample.value in UNIT_STATES else UnitState.UNKNOWN
        return None if state is known else state

    def _unit(self, device: str) -> tuple[UnitState, int]:
        return self.units.get(device) or self.known.units.get(device, (UnitState.UNKNOWN, 0))

    def _changed(self, one: JournalSample, state: UnitState) -> None:
        hold = self._holder(one.device, one.sample.at)
        run = hold.run if hold else idle(one.device)
        at = time_of(one.sample.at)
        previous = self._unit(one.device)[0]
        self.units[one.device] = (state, one.sample.at)
        self._note(run, UnitStateChanged(one.device, run, state, previous), at)
        if hold:
            key = RunKey(run, one.device, hold.batch)
            self._judge(self.observer.on_unit_state(key, state, at, self.now))

    def _fact(self, fact: JournalFact) -> None:
        match fact.kind:
            case FactKind.ALARM:
                self._alarm(fact)
            case FactKind.OUTCOME:
                self._outcome(fact)
            case FactKind.GAP:
                self._gap(fact)
            case FactKind.LINK:
                run = self._run(fact.device, fact.at)
                state, detail = LinkState(fact.body["state"]), device_text(fact.body["detail"])
                self._note(run, DeviceLinkChanged(fact.device, run, state, detail), time_of(fact.at))

    def _alarm(self, fact: JournalFact) -> None:
        body = fact.body
        at = body["source_time"] or fact.at
        hold = self._holder(fact.device, at)
        run = hold.run if hold else idle(fact.device)
        alarm = DrainedAlarm(
            code=device_text(body["code"], 64),
            event_id=device_text(body["event_id"], 128),
            message=device_text(body["message"]),
            severity=int(body["severity"]),
            active=bool(body["active"]),
            acknowledged=bool(body["acknowledged"]),
            source_at=time_of(at),
            receive_at=time_of(fact.at),
        )
        changed = AlarmChanged(
            device=fact.device,
            run=run,
            code=alarm.code,
            event_id=alarm.event_id,
            message=alarm.message,
            severity=alarm.severity,
            active=alarm.active,
            acknowledged=alarm.acknowledged,
        )
        self._note(run, changed, alarm.source_at)
        if hold:
            self._judge(self.observer.on_alarm(RunKey(run, fact.device, hold.batch), alarm, self.now))

    def _outcome(self, fact: JournalFact) -> None:
        ident, result = fact.body["command"], CommandResult(fact.body["result"])
        known = self.known.commands.get(ident)
        if known is None or known.result is not None:
            return  # nothing in the record asked for it, or what became of it stands there already
        detail, at = device_text(fact.body["detail"]), time_of(fact.at)
        recorded = CommandOutcomeRecorded(ident, fact.device, known.run, known.verb, result, detail)
        self._note(known.run, recorded, at)
        outcome = DrainedOutcome(ident, known.verb, result, detail, at)
        key = RunKey(known.run, fact.device, known.batch)
        self._judge(self.observer.on_command_outcome(key, outcome, self.now))

    def _gap(self, fact: JournalFact) -> None:
        """Record a gap in every run that it touches: each of them must be assessed for itself."""
        body = fact.body
        holds = [
            hold
            for hold in self.known.allocations.get(fact.device, ())
            if hold.since <= body["to"] and (hold.until is None or body["from"] < hold.until)
        ]
        gap = DrainedGap(
            cause=device_text(body["cause"]),
            from_at=time_of(body["from"]),
            to_at=time_of(body["to"]),
            tags=tuple(device_text(tag, 64) for tag in body["tags"]),
        )
        for run in [hold.run for hold in holds] or [idle(fact.device)]:
            recorded = GapRecorded(fact.device, run, gap.cause, gap.from_at, gap.to_at, gap.tags)
            self._note(run, recorded, gap.from_at)
        for hold in holds:
            key = RunKey(hold.run, fact.device, hold.batch)
            self._judge(self.observer.on_gap(key, gap, self.now))

    def _note(self, run: RunId, event: Event, at: datetime) -> None:
        occurred = Occurred(at, "device")
        self.writes.append(Write(stream("run", run), (event.draft(occurred=occurred),)))

    def _judge(self, writes: Sequence[Write]) -> None:
        self.writes.extend(writes)
        self.judged = self.judged or bool(writes)

    def _run(self, device: EquipmentId, at: int) -> RunId:
        hold = self._holder(device, at)
        return hold.run if hold else idle(device)

    def _holder(self, device: str, at: int) -> Allocation | None:
        for hold in reversed(self.known.allocations.get(device, ())):
            if hold.since <= at and (hold.until is None or at < hold.until):
                return hold
        return None


UNIT_STATES = frozenset(UnitState)


def idle(device: str) -> RunId:
    """Return the run that takes what a device sends while nobody holds it."""
    return RunId(f"{device}.idle")


def device_text(text: str, most: int = MAX_TEXT) -> str:
    """Return a device's own words as an entry can hold them: NFC, no lone surrogates, at most so long."""
    return unicodedata.normalize("NFC", text.encode("utf-8", "replace").decode())[:most]


def reading_of(tag: str, sample: Sample) -> DrainedReading:
    """Return a sample in the words of the port."""
    return DrainedReading(
        tag=tag,
        value=decimal_in(sample.value),
        text=sample.value,
        unit=sample.unit,
        good=sample.good,
        source_at=time_of(sample.at),
        receive_at=time_of(sample.receive_time),
    )
