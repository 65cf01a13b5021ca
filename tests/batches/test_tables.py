"""The lists follow the ledger: rebuilt from the entries they are what they were, and they say what the fold says."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, create_engine, select

from mes.batches import events as ev
from mes.batches import tables
from mes.batches.fold import Fact, fold
from mes.batches.model import BatchState, Judgement, Phase, RecordedValue
from mes.ids import new_op, stream
from mes.ledger.database import open_engine
from mes.ledger.entry import Actor, Occurred, Write
from mes.ledger.events import Event
from mes.ledger.keys import SiteKey
from mes.ledger.store import Ledger
from tests.batches.builders import T0, a_master

ACTOR = Actor("person", "op-1", "Olivia Peeters", "operator", "T1")
MASTER = a_master()


@dataclass
class Site:
    """A ledger whose projector is the batches' alone, and the batches that were begun in it."""

    engine: Engine
    ledger: Ledger
    begun: list[str] = field(default_factory=list)

    def record(self, name: str, *events: Event, minute: int = 0, occurred: bool = False) -> None:
        at = T0 + timedelta(minutes=minute)
        when = Occurred(at - timedelta(minutes=7), "person") if occurred else None
        write = Write(stream("order" if name.startswith("O") else "batch", name), tuple(
            one.draft(occurred=when) for one in events
        ))  # fmt: skip
        self.ledger.append(new_op(), [write], actor=ACTOR, now=at)

    def begin(self) -> str:
        number = len(self.begun) + 1
        order, batch = f"O{number}", f"B{number}"
        self.record(order, ev.OrderPlaced(order, "TEST", "P-1", "ab", "70", "1 10*6{cells}/kg", "P-C"))
        self.record(batch, ev.BatchCreated(
            batch, order, f"COI-{number}", "TEST", "P-1", "ab", "70", "1", "test", 1, "ab" * 32, "none.1", "manual",
            simulated=False,
        ))  # fmt: skip
        self.record(order, ev.OrderAccepted(order, batch))
        self.begun.append(batch)
        return batch

    def state(self, batch: str) -> BatchState:
        return fold([Fact.of(entry) for entry in self.ledger.stream(stream("batch", batch))], MASTER)

    def row(self, batch: str) -> tables.BatchRow:
        with self.ledger.read() as connection:
            return next(one for one in tables.batches(connection, "site-a") if one.batch == batch)


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("tables")
    engine = open_engine(f"sqlite:///{folder / 'site.sqlite'}")
    tables.METADATA.create_all(engine)
    ledger = Ledger.create(
        engine, site="site-a", tz="UTC", key=SiteKey("septima/site-a/1", bytes(32)), now=T0, clock="simulated",
        software="test", projectors=[tables.project],
    )  # fmt: skip
    yield Site(engine, ledger)
    ledger.close()
    engine.dispose()


def an_exception(state: BatchState) -> Event:
    return ev.ExceptionOpened(f"{state.batch}.E{len(state.exceptions) + 1}", "value", "major", "what")


def a_deviation(state: BatchState) -> Event | None:
    free = next((one for one in state.exceptions.values() if one.deviation is None), None)
    return free and ev.DeviationOpened(f"{free.exception}.D", free.exception, "major", "title")


def an_approval(state: BatchState) -> Event | None:
    waiting = next(iter(state.open_deviations()), None)
    return waiting and ev.DeviationApproved(waiting.deviation)


def a_correction(state: BatchState) -> Event | None:
    step = next((one for one in state.steps.values() if one.values), None)
    if step is None:
        return None
    old = next(iter(step.values.values()))
    return ev.ValueCorrected(step.step.id, old, old, "ab" * 32)


def a_start(state: BatchState) -> Event | None:
    waiting = next((one for one in state.next_steps() if one.started_at is None and one.step.id != "S6"), None)
    return waiting and ev.StepStarted(waiting.step.id)


def a_confirmation(state: BatchState) -> Event | None:
    going = next((one for one in state.steps.values() if one.started_at and not one.values), None)
    if going is None:
        return None
    value = RecordedValue("volume", "100", "mL", "manual", Judgement("r", 1, "", within=True))
    return ev.StepPerformed(going.step.id, "ab" * 32, (value,))


def certified(stage: str) -> Callable[[BatchState], Event | None]:
    return lambda state: (
        ev.BatchCertified(f"C-{stage}", stage, T0, (), ()) if state.phase is not Phase.TERMINATED else None
    )


def an_infusion_start(state: BatchState) -> Event | None:
    return None if state.infusion_started_at else ev.InfusionStarted("BAG")


def an_infusion_end(state: BatchState) -> Event | None:
    begun = state.infusion_started_at
    return begun and ev.Infused("BAG", begun, begun + timedelta(minutes=20), "50", "complete")


ACTS: dict[str, Callable[[BatchState], Event | None]] = {
    "exception": an_exception, "deviation": a_deviation, "approval": an_approval, "correction": a_correction,
    "start": a_start, "confirmation": a_confirmation,
    "hold": lambda state: ev.BatchHeld("person") if state.phase is Phase.EXECUTING else None,
    "resume": lambda state: ev.BatchResumed("executing") if state.phase is Phase.HELD else None,
    "terminate": lambda state: ev.BatchTerminated("no growth") if state.phase is not Phase.TERMINATED else None,
    "certify": certified("preliminary"), "refuse": lambda state: ev.CertificationRefused("preliminary"),
    "release": lambda state: ev.ReleaseAssigned("C", ("BAG",)) if state.certificates else None,
    "late failure": lambda state: ev.ResultFailedLate("sterility", 1) if state.certificates else None,
    "infusion starts": an_infusion_start, "infusion ends": an_infusion_end,
    "forecast": lambda state: ev.ForecastMade("S1", T0, T0 + timedelta(hours=168), "150.0", f"{state.next_seq}.0"),
}  # fmt: skip


def played(site: Site, acts: list[tuple[str, bool]]) -> str:
    """Let one batch go through acts as far as they make sense; return its id."""
    batch = site.begin()
    for minute, (act, occurred) in enumerate(acts, 10):
        event = ACTS[act](site.state(batch))
        if event is not None:
            site.record(batch, event, minute=minute, occurred=occurred)
    return batch


def rows(connection: Connection, *ids: str) -> list[list[tuple[object, ...]]]:
    """Return all rows of all tables, or those of one order and batch."""
    found = [
        [tuple(row) for row in connection.execute(select(table).order_by(*table.primary_key.columns))]
        for table in tables.METADATA.sorted_tables
    ]
    return [[row for row in table if not ids or row[1] in ids] for table in found]


HISTORIES = st.lists(st.tuples(st.sampled_from(sorted(ACTS)), st.booleans()), max_size=25)
PROPERTY = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@PROPERTY
@given(HISTORIES)
def test_what_is_rebuilt_is_what_lived(site, acts):
    start = site.ledger.size
    batch = played(site, acts)
    order = site.state(batch).order
    fresh = create_engine("sqlite://")
    tables.METADATA.create_all(fresh)
    with fresh.begin() as connection, site.engine.begin() as live:
        for entry in site.ledger.entries(start):
            tables.project(connection, entry)
        assert rows(connection) == rows(live, batch, order)
    fresh.dispose()


def history(*acts: str) -> list[tuple[str, bool]]:
    return [(act, True) for act in acts]


@PROPERTY
@given(HISTORIES)
@example(history("start", "confirmation", "certify", "correction"))
@example(history("start", "confirmation", "certify", "refuse", "correction"))
@example(history("certify", "release", "late failure"))
@example(history("certify", "infusion starts", "late failure", "infusion ends"))
@example(history("exception", "deviation", "hold", "approval", "resume", "terminate"))
def test_the_list_says_what_the_fold_says(site, acts):
    batch = played(site, acts)
    state, row = site.state(batch), site.row(batch)
    assert (row.order, row.coi, row.product, row.simulated) == (state.order, state.coi, state.product, state.simulated)
    assert row.created_at == state.created_at
    assert row.disposition == state.disposition.value
    assert row.phase == state.phase.value
    assert (row.exceptions, row.open_deviations) == (len(state.exceptions), len(state.open_deviations()))
    assert row.infused_at == state.infusion_started_at
    assert row.slack_h == (state.forecast.slack_h if state.forecast else None)
    assert row.deadline_at == (state.forecast.deadline_at if state.forecast else None)


def test_the_most_urgent_comes_first_and_who_is_infused_comes_last(site):
    late, soon, done = site.begin(), site.begin(), site.begin()
    for batch, hours in ((late, 200), (soon, 150), (done, 100)):
        site.record(batch, ev.ForecastMade("S1", T0, T0 + timedelta(hours=hours), "1", "1"))
    site.record(done, ev.InfusionStarted("BAG"))
    with site.ledger.read() as connection:
        order = [one.batch for one in tables.batches(connection, "site-a") if one.batch in (late, soon, done)]
    assert order == [soon, late, done]


def test_entries_of_other_rooms_pass_by(site):
    before = site.ledger.size
    site.ledger.heartbeat(T0)
    assert site.ledger.size > before
    with site.engine.begin() as live:
        assert len(rows(live)[0]) == len(site.begun)
