"""Rules of the ward: the clinician's go, two people who scan wristband and bag, and the permission to infuse."""

from collections.abc import Mapping
from datetime import datetime

from mes.batches import events as ev
from mes.batches.decide.acts import step_of_act
from mes.batches.decide.conflicts import Part, keep_apart
from mes.batches.decide.problems import opened
from mes.batches.model import BatchState, Disposition, Phase, StepState, StepStatus
from mes.batches.ports import ScanVerdict
from mes.errors import Refusal
from mes.ledger.events import Event
from mes.masters.model import Act, Severity
from mes.units import decimal_of

ISSUE_CHECKS: Mapping[str, str] = {
    "patient_present": "Patient present",
    "no_infection": "No new infection or fever",
    "lymphodepletion_given": "Lymphodepletion given",
    "line_patent": "Line patent",
    "premedication_given": "Premedication given",
    "tocilizumab_at_hand": "Tocilizumab at hand",
    "vital_signs_taken": "Vital signs taken",
}
"""What the clinician looks at before the bag is issued. Source: practice PRA-08."""
OUTCOMES = (
    "complete", "partial", "stopped for reaction", "bag or line failure", "not started", "expired on the ward",
)  # fmt: skip
CHECKS = 2


def give_issue_go(state: BatchState, container: str, checks: tuple[str, ...]) -> tuple[Event, ...]:
    """Say that the patient is ready for this bag.

    Refuses `container-unknown`, `issue-checks-missing`, `issue-go-given`, `infusion-begun`, and `not-released`,
    `batch-on-hold`, `product-expired` by the caller's `against_issue`. Rule: PRA-08.
    """
    if container not in state.filled:
        raise Refusal("container-unknown", status=404, container=container[:80])
    lacking = [text for code, text in ISSUE_CHECKS.items() if code not in checks]
    if lacking:
        raise Refusal("issue-checks-missing", status=422, missing=", ".join(lacking))
    if state.infusion_started_at is not None:
        raise Refusal("infusion-begun", at=state.infusion_started_at)
    if state.issue_go_by is not None:
        raise Refusal("issue-go-given", by=state.issue_go_by)
    return (ev.IssueGoGiven(container, tuple(code for code in ISSUE_CHECKS if code in checks)),)


def against_issue(state: BatchState, now: datetime) -> tuple[Refusal, ...]:
    """Return what stands against giving the bag out now: status and shelf life. Rule: PRA-01, REG-ATMP-14."""
    found = []
    if state.disposition not in (Disposition.RELEASED, Disposition.CERTIFIED_FINAL):
        found.append(Refusal("not-released", container=", ".join(state.filled), disposition=state.disposition.value))
    if state.phase in (Phase.HELD, Phase.TERMINATED):
        found.append(Refusal("batch-on-hold", reason=state.hold_reason or state.phase.value))
    if state.expiry_at is None or now >= state.expiry_at:
        found.append(Refusal("product-expired", expiry=state.expiry_at))
    return tuple(found)


def against_infusion(state: BatchState, now: datetime) -> tuple[Refusal, ...]:
    """Return everything that stands against infusing now, the gravest first; empty: go.

    Status is read again here, at the bedside. Rule: PRA-01, PRA-08, REG-ATMP-10, REG-ATMP-14.
    """
    found = list(against_issue(state, now))
    if state.infusion_started_at is not None:
        found.append(Refusal("infusion-begun", at=state.infusion_started_at))
    if state.issue_go_by is None:
        found.append(Refusal("issue-go-missing", batch=state.batch))
    if len(set(state.bedside)) < CHECKS:
        found.append(Refusal("bedside-checks-missing", done=len(set(state.bedside)), needed=CHECKS))
    step = step_of_act(state, Act.INFUSION)
    if step.status is not StepStatus.STARTED:
        found.append(Refusal("step-not-started", step=step.step.id, state=step.status.value))
    return tuple(found)


def check_bedside(
    state: BatchState, container: str, wristband: ScanVerdict, bag: ScanVerdict, person: str
) -> tuple[Event, ...]:
    """Record one person's check: both codes match, or a mismatch that stops everything.

    Refuses `step-not-started`, `issue-go-missing`, `bedside-checked`, `same-person`. A mismatch is a recorded fact
    with a critical deviation and takes back no earlier check. Rule: REG-ATMP-10, regulation catalogue section C.
    """
    step = step_of_act(state, Act.INFUSION)
    if step.status is not StepStatus.STARTED:
        raise Refusal("step-not-started", step=step.step.id, state=step.status.value)
    if state.issue_go_by is None:
        raise Refusal("issue-go-missing", batch=state.batch)
    keep_apart(Part.BEDSIDE_1, Part.BEDSIDE_2, person, state.bedside)
    if len(state.bedside) >= CHECKS:
        raise Refusal("bedside-checked", batch=state.batch)
    verdicts = {"wristband": wristband, "bag:product": bag}
    wrong = [(expects, verdict) for expects, verdict in verdicts.items() if not verdict.matched]
    if wrong:
        return _mismatched(state, step, wrong)
    checked = ev.BedsideChecked(container, len(state.bedside) + 1)
    return (checked, *_scans(step, verdicts))


def start_infusion(state: BatchState, container: str, now: datetime) -> tuple[Event, ...]:
    """Permit the infusion to begin; refuses `container-unknown` and the first of `against_infusion`."""
    if container not in state.filled:
        raise Refusal("container-unknown", status=404, container=container[:80])
    for refusal in against_infusion(state, now):
        raise refusal
    return (ev.InfusionStarted(container),)


def end_infusion(state: BatchState, volume_ml: str, outcome: str, now: datetime) -> tuple[ev.Infused]:
    """Record how the infusion ended.

    Refuses `infusion-not-begun`, `infusion-ended`, `outcome-unknown`, `number-malformed`, `volume-unfit` (more than
    was filled).
    """
    container = state.infusing
    if state.infusion_started_at is None or container is None:
        raise Refusal("infusion-not-begun", batch=state.batch)
    if state.infusion_ended_at is not None:
        raise Refusal("infusion-ended", at=state.infusion_ended_at)
    if outcome not in OUTCOMES:
        raise Refusal("outcome-unknown", status=422, choices=", ".join(OUTCOMES))
    volume, filled = decimal_of(volume_ml), decimal_of(state.filled[container].volume_ml)
    if not 0 <= volume <= filled:
        raise Refusal("volume-unfit", status=422, given=volume_ml, most=f"{filled:f}")
    return (ev.Infused(container, state.infusion_started_at, now, volume_ml, outcome),)


def _mismatched(state: BatchState, step: StepState, wrong: list[tuple[str, ScanVerdict]]) -> tuple[Event, ...]:
    events: list[Event] = []
    for nth, (expects, verdict) in enumerate(wrong):
        told = f"bedside: scanned {verdict.found}, expected {expects} of this batch"
        events.append(ev.ScanMismatched(step.step.id, f"bedside:{expects}", expects, verdict.found))
        events += opened(state, "scan", Severity.CRITICAL.value, told, step=step.step.id, nth=nth)
    return tuple(events)


def _scans(step: StepState, verdicts: Mapping[str, ScanVerdict]) -> tuple[Event, ...]:
    """Return the matches of the step's own scans of the same things, so that nobody scans a third time."""
    return tuple(
        ev.ScanMatched(step.step.id, scan.id, scan.expects, verdicts[scan.expects].found)
        for scan in step.step.scans
        if scan.expects in verdicts and not step.scans.get(scan.id)
    )
