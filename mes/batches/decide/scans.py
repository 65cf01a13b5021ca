"""A scan: a matching code is progress, a wrong one is a recorded fact that stops the step."""

from mes.batches import events as ev
from mes.batches.decide.problems import opened
from mes.batches.model import BatchState, StepStatus
from mes.errors import Refusal
from mes.ledger.events import Event
from mes.masters.model import Severity


def expectation(state: BatchState, step_id: str, scan: str) -> str:
    """Return what a scan of a started step expects; refuses `step-not-started` and `scan-unknown`."""
    step = state.step(step_id)
    if step.status is not StepStatus.STARTED:
        raise Refusal("step-not-started", step=step_id, state=step.status.value)
    found = next((one for one in step.step.scans if one.id == scan), None)
    if found is None:
        raise Refusal("scan-unknown", status=404, step=step_id, scan=scan[:40])
    return found.expects


def record_scan(state: BatchState, step_id: str, scan: str, found: str, matched: bool) -> tuple[Event, ...]:
    """Record the outcome of a scan; a mismatch opens a critical deviation. Rule: REG-ATMP-10."""
    expects = expectation(state, step_id, scan)
    if matched:
        return (ev.ScanMatched(step_id, scan, expects, found),)
    told = f"{step_id}: scanned {found}, expected {expects} of this batch"
    return (
        ev.ScanMismatched(step_id, scan, expects, found),
        *opened(state, "scan", Severity.CRITICAL.value, told, step=step_id),
    )
