"""Batches at various hours of the shipped seven-day master and of small random ones."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from mes.batches import events as ev
from mes.batches.fold import Fact, fold_more
from mes.batches.fold.steps import begin
from mes.batches.model import BatchState
from mes.ledger.events import Event
from mes.masters.model import Master
from mes.masters.reader import read_master

T0 = datetime(2026, 11, 1, 8, tzinfo=UTC)
SEVEN_DAYS = read_master((Path(__file__).parents[2] / "batch_templates/prodigy-cd19-7d/1.yaml").read_bytes())


def at(hour: float | Decimal) -> datetime:
    """Return the time some hours after T0."""
    return T0 + timedelta(hours=float(hour))


def a_batch(master: Master, hour: float = 0) -> BatchState:
    """Return a batch just created on a master."""
    created = ev.BatchCreated(
        batch="B1",
        order="O1",
        coi="CHA999926A1B2C3",
        product=master.product,
        patient="PT-1",
        wristband="aa",
        weight_kg="70",
        dose="1.0 10*6{cells}/kg",
        master=master.id,
        master_version=master.version,
        master_digest=master.digest,
        specification=master.specification,
        binding="opcua",
        simulated=True,
    )
    return begin(a_fact(created, 0, hour), master)


def a_fact(event: Event, seq: int, hour: float, actor: str = "op-1") -> Fact:
    """Return a fact as a person recorded it."""
    return Fact(event, seq, seq, at(hour), at(hour), "person", actor, f"Name of {actor}", "operator")


def after(state: BatchState, *events: tuple[Event, float]) -> BatchState:
    """Return the batch after events at hours."""
    for event, hour in events:
        state = fold_more(state, [a_fact(event, state.next_seq, hour)])
    return state


def done(state: BatchState, step: str, start: float, end: float) -> BatchState:
    """Return the batch after a step was done from `start` to `end`."""
    return after(state, (ev.StepStarted(step), start), (ev.StepCompleted(step), end))
