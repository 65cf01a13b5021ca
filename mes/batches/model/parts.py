"""What else a batch is made of: problems, results, labels, containers, handovers, the forecast."""

from dataclasses import dataclass
from datetime import datetime

from mes.ids import StepId


@dataclass(frozen=True, slots=True)
class ExceptionState:
    """Something that did not go as the master says; `kind`: limit, value, alarm, device, window, scan, gap, fact."""

    exception: str
    kind: str
    severity: str
    step: str | None
    what: str
    opened_at: datetime
    occurred_at: datetime
    deviation: str | None = None
    assessed_by: str | None = None
    assessment: str | None = None
    index: int = -1


@dataclass(frozen=True, slots=True)
class DeviationState:
    """A deviation: raised, its impact assessed, approved by QA."""

    deviation: str
    exception: str
    severity: str
    title: str
    raised_by: str
    assessed_by: str | None = None
    impact: str | None = None
    approved_by: str | None = None


@dataclass(frozen=True, slots=True)
class Excursion:
    """A monitored signal that is out of its limits now; `tag` is its `excursion_key`."""

    tag: str
    since: datetime
    step: StepId
    exception: str | None = None


def excursion_key(tag: str, limit: str, step: str) -> str:
    """Name the watch of one step on one limit of one signal: what an earlier step left open is not this one's."""
    return f"{tag} {limit} {step}"


@dataclass(frozen=True, slots=True)
class ResultState:
    """One result of the specification: entered, judged once against `limit`, reviewed by another person."""

    item: str
    value: str
    unit: str | None
    passed: bool
    analyst: str
    entered_at: datetime
    seq: int
    reviewer: str | None = None
    limit: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class LabelState:
    """One printed label by serial number: issued, then used, destroyed or missing."""

    serial: str
    container: str
    fate: str | None = None
    issued_by: str = ""
    payload: str = ""
    text: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ContainerState:
    """One filled product container; volume in mL, dose as the label says it."""

    container: str
    volume_ml: str
    dose: str
    expiry_at: datetime
    filled_by: str


@dataclass(frozen=True, slots=True)
class HandoverState:
    """One change of custody: handed over by one person, taken over by another."""

    handover: str
    container: str
    giver: str
    place: str
    taker: str | None = None
    temperatures: str = ""
    within: bool | None = None


@dataclass(frozen=True, slots=True)
class Forecast:
    """When the infusion is expected, and what is left until the product's or the promise's deadline."""

    after_step: str
    infusion_at: datetime
    deadline_at: datetime
    vein_to_vein_h: str
    slack_h: str
