"""Projections of orders and batches for lists, rebuilt from the ledger by replaying `project`; and their queries."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    case,
    insert,
    select,
    update,
)

from mes.batches import events as ev
from mes.batches.fold.fact import Fact
from mes.batches.model import Disposition, Phase
from mes.ledger.entry import Entry
from mes.ledger.events import decode_event, time_text

CERTIFIED = tuple(
    one.value for one in (Disposition.CERTIFIED_PRELIMINARY, Disposition.RELEASED, Disposition.CERTIFIED_FINAL)
)
METADATA = MetaData()
ORDER = Table(
    "batch_order",
    METADATA,
    Column("site", String(32), primary_key=True),
    Column("order_id", String(64), primary_key=True),
    Column("product", Text, nullable=False),
    Column("patient", String(64), nullable=False),
    Column("dose", Text, nullable=False),
    Column("placed_at", String(32), nullable=False),
    Column("batch", String(64)),
)
BATCH = Table(
    "batch",
    METADATA,
    Column("site", String(32), primary_key=True),
    Column("batch", String(64), primary_key=True),
    Column("order_id", String(64), nullable=False),
    Column("product", Text, nullable=False),
    Column("coi", String(64), nullable=False),
    Column("binding", String(16), nullable=False),
    Column("simulated", Boolean, nullable=False),
    Column("created_at", String(32), nullable=False),
    Column("phase", String(16), nullable=False),
    Column("disposition", String(32), nullable=False),
    Column("step", String(32)),
    Column("infusion_at", String(32)),
    Column("deadline_at", String(32)),
    Column("slack_h", String(16)),
    Column("infused_at", String(32)),
    Column("exceptions", Integer, nullable=False),
    Column("open_deviations", Integer, nullable=False),
)


@dataclass(frozen=True, slots=True)
class OrderRow:
    """An order in the list; `batch` is None until QA accepted it."""

    order: str
    product: str
    patient: str
    dose: str
    placed_at: datetime
    batch: str | None


@dataclass(frozen=True, slots=True)
class BatchRow:
    """A batch in the list; `step` is the one started last, times None while nothing is known.

    `phase` becomes "completed" with the final certificate, whatever was closed before; `infused_at` is when the
    infusion began.
    """

    batch: str
    order: str
    product: str
    coi: str
    binding: str
    simulated: bool
    created_at: datetime
    phase: str
    disposition: str
    step: str | None
    infusion_at: datetime | None
    deadline_at: datetime | None
    slack_h: str | None
    infused_at: datetime | None
    exceptions: int
    open_deviations: int


LISTED = frozenset(event.tag for event in (
    ev.OrderPlaced, ev.OrderAccepted, ev.BatchCreated, ev.StepStarted, ev.ForecastMade, ev.ExceptionOpened,
    ev.DeviationOpened, ev.DeviationApproved, ev.BatchHeld, ev.BatchResumed, ev.BatchTerminated, ev.BatchCertified,
    ev.CertificationRefused, ev.CertificateQuestioned, ev.CertificateUpheld, ev.CertificateWithdrawn,
    ev.ReleaseAssigned, ev.ResultFailedLate, ev.ValueCorrected, ev.InfusionStarted, ev.Infused,
))  # fmt: skip
"""What the lists show; most entries of a batch change nothing in them and are not even read."""


def project(connection: Connection, entry: Entry) -> None:
    """Bring the lists up to date with one entry."""
    if entry.type not in LISTED:
        return
    site = str(entry.document["site"])
    event = decode_event(entry.type, entry.tv, entry.data)
    if isinstance(event, ev.OrderPlaced):
        connection.execute(
            insert(ORDER).values(
                site=site,
                order_id=event.order,
                product=event.product,
                patient=event.patient,
                dose=event.dose,
                placed_at=time_text(entry.at),
            )
        )
    elif isinstance(event, ev.OrderAccepted):
        mine = (ORDER.c.site == site) & (ORDER.c.order_id == event.order)
        connection.execute(update(ORDER).where(mine).values(batch=event.batch))
    elif isinstance(event, ev.BatchCreated):
        connection.execute(
            insert(BATCH).values(
                site=site,
                batch=event.batch,
                order_id=event.order,
                product=event.product,
                coi=event.coi,
                binding=event.binding,
                simulated=event.simulated,
                created_at=time_text(entry.at),
                phase=Phase.EXECUTING.value,
                disposition=Disposition.QUARANTINE.value,
                exceptions=0,
                open_deviations=0,
            )
        )
    elif changes := _changes(event, entry):
        mine = (BATCH.c.site == site) & (BATCH.c.batch == entry.stream.removeprefix("batch/"))
        connection.execute(update(BATCH).where(mine).values(**changes))


def _changes(event: object, entry: Entry) -> dict[str, Any]:
    match event:
        case ev.StepStarted():
            return {"step": event.step}
        case ev.ForecastMade():
            return {
                "infusion_at": time_text(event.infusion_at), "deadline_at": time_text(event.deadline_at),
                "slack_h": event.slack_h,
            }  # fmt: skip
        case ev.ExceptionOpened():
            return {"exceptions": BATCH.c.exceptions + 1}
        case ev.DeviationOpened():
            return {"open_deviations": BATCH.c.open_deviations + 1}
        case ev.DeviationApproved():
            return {"open_deviations": BATCH.c.open_deviations - 1}
        case ev.BatchHeld():
            return {"phase": Phase.HELD.value}
        case ev.BatchResumed():
            return {"phase": event.phase}
        case ev.BatchTerminated():
            return {"phase": Phase.TERMINATED.value, "disposition": Disposition.REFUSED.value}
        case ev.BatchCertified():
            final = event.stage == "final"
            certified = Disposition.CERTIFIED_FINAL if final else Disposition.CERTIFIED_PRELIMINARY
            return {"disposition": certified.value} | ({"phase": Phase.COMPLETED.value} if final else {})
        case ev.CertificationRefused():
            return {"disposition": Disposition.REFUSED.value}
        case ev.CertificateQuestioned():
            return {"disposition": Disposition.IN_QUESTION.value}
        case ev.CertificateUpheld():
            return {"disposition": event.disposition}
        case ev.CertificateWithdrawn():
            return {"disposition": Disposition.WITHDRAWN.value}
        case ev.ReleaseAssigned():
            return {"disposition": Disposition.RELEASED.value}
        case ev.ResultFailedLate():
            held = case((BATCH.c.infused_at.is_(None), Phase.HELD.value), else_=BATCH.c.phase)
            return {"disposition": Disposition.IN_QUESTION.value, "phase": held}
        case ev.ValueCorrected():
            in_question = case(
                (BATCH.c.disposition.in_(CERTIFIED), Disposition.IN_QUESTION.value), else_=BATCH.c.disposition
            )
            return {"disposition": in_question}
        case ev.InfusionStarted():
            return {"infused_at": time_text(Fact.of(entry).occurred_at)}
        case ev.Infused():
            return {"infused_at": time_text(event.started)}
        case _:
            return {}


PROJECTION = (METADATA, project)


def batches(connection: Connection, site: str) -> Sequence[BatchRow]:
    """Return the batches of a site: those still to be infused first, the most urgent on top."""
    order = (BATCH.c.infused_at.is_not(None), BATCH.c.deadline_at, BATCH.c.created_at.desc())
    rows = connection.execute(select(BATCH).where(BATCH.c.site == site).order_by(*order)).mappings()
    return [
        BatchRow(
            batch=row["batch"], order=row["order_id"], product=row["product"], coi=row["coi"], binding=row["binding"],
            simulated=row["simulated"], created_at=_time(row["created_at"]), phase=row["phase"],
            disposition=row["disposition"], step=row["step"], infusion_at=_maybe(row["infusion_at"]),
            deadline_at=_maybe(row["deadline_at"]), slack_h=row["slack_h"], infused_at=_maybe(row["infused_at"]),
            exceptions=row["exceptions"], open_deviations=row["open_deviations"],
        )
        for row in rows
    ]  # fmt: skip


def orders(connection: Connection, site: str) -> Sequence[OrderRow]:
    """Return the orders of a site, those without a batch first."""
    rows = connection.execute(
        select(ORDER).where(ORDER.c.site == site).order_by(ORDER.c.batch.is_not(None), ORDER.c.placed_at)
    ).mappings()
    return [
        OrderRow(row["order_id"], row["product"], row["patient"], row["dose"], _time(row["placed_at"]), row["batch"])
        for row in rows
    ]


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _maybe(text: str | None) -> datetime | None:
    return _time(text) if text else None
