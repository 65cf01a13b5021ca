"""A small master and batches at various moments, for tables of rules."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from mes.batches import events as ev
from mes.batches.fold import Fact, fold_more
from mes.batches.fold.steps import begin
from mes.batches.model import BatchState, Binding
from mes.ids import MasterId, StepId
from mes.ledger.events import Event
from mes.masters.model import (
    Act,
    AlsoSigned,
    Edge,
    EquipmentNeed,
    IdentityScan,
    Kind,
    Master,
    Material,
    MonitoredLimit,
    Parameter,
    Program,
    Severity,
    SignatureRule,
    Step,
    Window,
)

T0 = datetime(2026, 11, 1, 8, 0, tzinfo=UTC)
TEMPERATURE = MonitoredLimit(
    "culture.temperature",
    "Chamber temperature",
    "Cel",
    Decimal("36.0"),
    Decimal("38.0"),
    Severity.CRITICAL,
    Decimal(10),
)


def at(hours: float) -> datetime:
    """Return the time some hours after T0."""
    return T0 + timedelta(hours=hours)


def a_master() -> Master:
    """Return a master of six steps: collect, intake, culture on a device, wash, report, an optional feed."""
    steps = (
        Step(
            StepId("S1"),
            "Collect",
            signatures=SignatureRule("collection_nurse", "verifier"),
            parameters=(Parameter("volume", "Volume", unit="mL", low=Decimal(50), high=Decimal(280)),),
        ),
        Step(
            StepId("S2"),
            "Intake",
            after=(StepId("S1"),),
            windows=(Window(min_h=Decimal(2), max_h=Decimal(22), absolute=True),),
            scans=(IdentityScan("bag", "Apheresis bag", "bag:apheresis"),),
            materials=(Material("BUFFER", "Buffer"),),
            parameters=(
                Parameter("viability", "Viability", unit="%", low=Decimal(80), severity=Severity.CRITICAL),
                Parameter("intact", "Bag intact", kind=Kind.FLAG, expected="yes", severity=Severity.MAJOR),
            ),
            signatures=SignatureRule("operator", "verifier", (AlsoSigned("QA_REVIEWED", "qa"),)),
        ),
        Step(
            StepId("S3"),
            "Culture",
            after=(StepId("S2"),),
            monitored=(TEMPERATURE,),
            equipment=(EquipmentNeed("cell_processor", Program("3", "activation")),),
            signatures=SignatureRule("operator", "verifier"),
        ),
        Step(
            StepId("S4"),
            "Wash",
            after=(StepId("S3"),),
            windows=(Window(StepId("S3"), Edge.COMPLETED, Decimal(24), Decimal(36), severity=Severity.CRITICAL),),
            signatures=SignatureRule("operator"),
        ),
        Step(StepId("S5"), "Feed", after=(StepId("S3"),), optional=True, signatures=SignatureRule("operator")),
        Step(
            StepId("S6"),
            "Label",
            act=Act.LABEL,
            after=(StepId("S4"), StepId("S5")),
            signatures=SignatureRule("operator"),
        ),
    )
    return Master(
        MasterId("test"), 1, "TEST", "Test master", steps, StepId("S1"), StepId("S6"), "none.1", digest="ab" * 32
    )


def a_batch(*events: Event | tuple[Event, float], binding: Binding = Binding.OPCUA, actor: str = "op-1") -> BatchState:
    """Return a batch after events; a pair gives the hour after T0 at which it was recorded."""
    created = ev.BatchCreated(
        batch="B1",
        order="O1",
        coi="COI-1",
        product="TEST",
        patient="P1",
        wristband="aa",
        weight_kg="70",
        dose="100 10*6{cells}",
        master="test",
        master_version=1,
        master_digest="ab" * 32,
        specification="none.1",
        binding=binding.value,
        simulated=True,
    )
    return after(begin(a_fact(created, 0), a_master()), *events, actor=actor)


def after(state: BatchState, *events: Event | tuple[Event, float], actor: str = "op-1") -> BatchState:
    """Return the batch after further events."""
    hour = 0.0
    for event in events:
        one, hour = event if isinstance(event, tuple) else (event, hour)
        state = fold_more(state, [a_fact(one, state.next_seq, hour, actor)])
    return state


def a_fact(event: Event, seq: int, hour: float = 0.0, actor: str = "op-1") -> Fact:
    """Return one fact as a person recorded it."""
    return Fact(event, seq, seq, at(hour), at(hour), "person", actor, f"Name of {actor}", "operator")


def done(*steps: str) -> Sequence[Event]:
    """Return the events that start and complete steps."""
    return [event for step in steps for event in (ev.StepStarted(step), ev.StepCompleted(step))]
