"""What the step screen asks for next: one primary action, from the state of the step and who looks at it. Pure."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from mes.batches.decide.windows import closes_at, hours, opens_at
from mes.batches.model import BatchState, Binding, StepState, StepStatus
from mes.masters.model import Act, Edge, IdentityScan, Material
from mes.people.model import Person, Role


class Ask(StrEnum):
    """What a step waits for."""

    PREDECESSORS = "predecessors"
    OPENING = "opening"
    START = "start"
    DONATION = "donation"
    CONTAINER = "container"
    LABELS = "labels"
    SCAN = "scan"
    LOTS = "lots"
    DEVICE = "device"
    PROGRAM = "program"
    RECONCILE = "reconcile"
    RESULTS = "results"
    HAND_OVER = "hand over"
    TAKE_OVER = "take over"
    ISSUE_GO = "issue go"
    BEDSIDE = "bedside"
    INFUSE = "infuse"
    END_INFUSION = "end infusion"
    RELEASE = "release"
    CONFIRM = "confirm"
    VERIFY = "verify"
    ATTEST = "attest"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Next:
    """The one thing that the step waits for; `role` may do it, `other_than` may not (None: anybody)."""

    ask: Ask
    role: str | None = None
    scan: IdentityScan | None = None
    lots: tuple[Material, ...] = ()
    meaning: str = ""
    waits_for: str = ""
    other_than: str | None = None

    def is_for(self, person: Person) -> bool:
        """Say whether this person could do it."""
        return (self.role is None or Role(self.role) in person.roles) and person.id != self.other_than


@dataclass(frozen=True, slots=True)
class TimeWindow:
    """When the step may start or must be complete, and how much of it is left; `used` is 0 to 100."""

    label: str
    opens_at: datetime | None
    closes_at: datetime | None
    left_h: Decimal | None
    used: int
    level: str


CLOSING_H = Decimal(1)


def next_of(state: BatchState, one: StepState, now: datetime) -> Next:
    """Return what the step waits for next."""
    rule = one.step.signatures
    match one.status:
        case StepStatus.DONE | StepStatus.SKIPPED:
            return Next(Ask.NOTHING)
        case StepStatus.PERFORMED:
            performer = one.performed_by.person if one.performed_by else None
            if rule.verified is not None and one.verified_by is None and one.glass is None:
                return Next(Ask.VERIFY, rule.verified, other_than=performer)
            also = next(also for also in rule.also if also.meaning not in one.attested)
            return Next(Ask.ATTEST, also.role, meaning=also.meaning, other_than=performer)
        case StepStatus.PENDING:
            return _before_start(state, one, now)
        case _:
            return _acting(state, one) or _recording(state, one) or _closing(state, one) or Next(
                Ask.CONFIRM, rule.performed
            )  # fmt: skip


def window_of(state: BatchState, one: StepState, now: datetime) -> TimeWindow | None:
    """Return the window that runs now: that of the start until the step began, that of its end from then on."""
    edge = Edge.COMPLETED if one.started_at else Edge.STARTED
    opens, closes = opens_at(state, one.step, edge), closes_at(state, one.step, edge)
    if not one.is_open or (opens is None and closes is None):
        return None
    left = hours(closes - now) if closes else None
    origin = one.started_at or opens or state.vein_start_at
    length = hours(closes - origin) if closes and origin and closes > origin else None
    used = round(100 * (1 - max(Decimal(0), min(left, length)) / length)) if left is not None and length else 0
    level = "late" if left is not None and left < 0 else "tight" if left is not None and left < CLOSING_H else "ok"
    label = "Complete" if edge is Edge.COMPLETED else "Start"
    return TimeWindow(label, opens, closes, left, used, level)


def _before_start(state: BatchState, one: StepState, now: datetime) -> Next:
    before = state.open_predecessors(one.step.id)
    if before:
        return Next(Ask.PREDECESSORS, waits_for=", ".join(before))
    if one.step.act in (Act.REVIEW, Act.CERTIFY_PRELIMINARY, Act.CERTIFY_FINAL):
        return Next(Ask.RELEASE)
    opens = opens_at(state, one.step)
    if opens is not None and now < opens:
        return Next(Ask.OPENING, one.step.signatures.performed)
    return Next(Ask.START, one.step.signatures.performed)


def _acting(state: BatchState, one: StepState) -> Next | None:
    """Return what has to be there before codes can be scanned at all."""
    wants = {scan.expects for scan in one.step.scans if not one.scans.get(scan.id)}
    if "bag:apheresis" in wants and state.din is None:
        return Next(Ask.DONATION)
    if one.step.act is Act.LABEL and not state.filled:
        return Next(Ask.CONTAINER, "operator")
    if one.step.act is Act.LABEL and not state.labels:
        return Next(Ask.LABELS, "operator")
    return None


def _recording(state: BatchState, one: StepState) -> Next | None:
    performed = one.step.signatures.performed
    scan = next((scan for scan in one.step.scans if not one.scans.get(scan.id)), None)
    if scan is not None:
        return Next(Ask.SCAN, scan=scan)
    used = {use.material for use in one.materials}
    lots = tuple(lot for lot in one.step.materials if not lot.patient_material and lot.code not in used)
    if lots:
        return Next(Ask.LOTS, performed, lots=lots)
    if one.step.program is not None and one.program_done_at is None:
        return Next(Ask.PROGRAM if state.binding is Binding.MANUAL else Ask.DEVICE, performed)
    return None


def _closing(state: BatchState, one: StepState) -> Next | None:
    """Return the act without which the step cannot be confirmed."""
    match one.step.act:
        case Act.LABEL if not state.labels_reconciled_by:
            issuer = next((label.issued_by for label in state.labels.values()), None)
            return Next(Ask.RECONCILE, other_than=issuer)
        case Act.RESULTS if not state.results or not all(result.reviewer for result in state.results.values()):
            return Next(Ask.RESULTS)
        case Act.HANDOVER:
            return _handover(state, one)
        case Act.INFUSION:
            return _infusion(state)
        case Act.REVIEW | Act.CERTIFY_PRELIMINARY | Act.CERTIFY_FINAL:
            return Next(Ask.RELEASE)
        case _:
            return None


def _handover(state: BatchState, one: StepState) -> Next | None:
    mine = [held for name, held in state.handovers.items() if name.startswith(f"{one.step.id}-")]
    if not mine:
        return Next(Ask.HAND_OVER)
    if mine[-1].taker is None:
        return Next(Ask.TAKE_OVER, waits_for=mine[-1].handover, other_than=mine[-1].giver)
    return None


def _infusion(state: BatchState) -> Next | None:
    if state.infused_at is not None:
        return None
    if state.infusion_started_at is not None:
        return Next(Ask.END_INFUSION)
    if state.issue_go_by is None:
        return Next(Ask.ISSUE_GO, "clinician")
    if len(state.bedside) < 2:
        return Next(Ask.BEDSIDE, other_than=state.bedside[0] if state.bedside else None)
    return Next(Ask.INFUSE, "clinician")
