"""Which fact changes the state by which function."""

from collections.abc import Callable

from mes.batches import events as ev
from mes.batches.fold import problems, quality, steps
from mes.batches.fold.fact import Fact
from mes.batches.model import BatchState
from mes.ledger.events import Event


def _corrected(state: BatchState, fact: Fact) -> BatchState:
    return problems.corrected_after_certificate(steps.corrected(state, fact), fact)


HANDLERS: dict[type[Event] | type[None], Callable[[BatchState, Fact], BatchState]] = {
    ev.StepStarted: steps.started,
    ev.ScanMatched: steps.scanned,
    ev.ScanMismatched: steps.scanned,
    ev.MaterialUsed: steps.material_used,
    ev.StepPerformed: steps.performed,
    ev.StepVerified: steps.verified,
    ev.StepVerifiedLate: steps.verified_late,
    ev.GlassBroken: steps.glass_broken,
    ev.StepAttested: steps.attested,
    ev.StepCompleted: steps.completed,
    ev.StepSkipped: steps.skipped,
    ev.ValueCorrected: _corrected,
    ev.RunBegun: steps.run_begun,
    ev.RunEnded: steps.run_ended,
    ev.ProgramCompleted: steps.program_completed,
    ev.ForecastMade: steps.forecast,
    ev.LimitExceeded: problems.limit_exceeded,
    ev.LimitReturned: problems.limit_returned,
    ev.ExceptionOpened: problems.exception_opened,
    ev.ExceptionAssessed: problems.exception_assessed,
    ev.DeviationOpened: problems.deviation_opened,
    ev.DeviationAssessed: problems.deviation_assessed,
    ev.DeviationApproved: problems.deviation_approved,
    ev.BatchHeld: problems.held,
    ev.BatchResumed: problems.resumed,
    ev.BatchTerminated: problems.terminated,
    ev.SignatureVoided: problems.voided,
    ev.ResultEntered: quality.result_entered,
    ev.ResultReviewed: quality.result_reviewed,
    ev.ResultFailedLate: quality.result_failed_late,
    ev.ReviewSigned: quality.reviewed,
    ev.TrailReviewSigned: quality.reviewed,
    ev.TrailExamined: quality.trail_examined,
    ev.TrailReviewDeferred: quality.trail_deferred,
    ev.BatchCertified: quality.certified,
    ev.CertificationRefused: quality.certification_refused,
    ev.CertificateQuestioned: quality.questioned,
    ev.CertificateUpheld: quality.upheld,
    ev.CertificateWithdrawn: quality.withdrawn,
    ev.ReleaseAssigned: quality.released,
    ev.DonationIdentified: quality.donation_identified,
    ev.ContainerFilled: quality.container_filled,
    ev.ContainersReconciled: quality.containers_reconciled,
    ev.LabelIssued: quality.label_issued,
    ev.LabelsReconciled: quality.labels_reconciled,
    ev.CustodyHandedOver: quality.handed_over,
    ev.CustodyTakenOver: quality.taken_over,
    ev.IssueGoGiven: quality.issue_go,
    ev.BedsideChecked: quality.bedside_checked,
    ev.InfusionStarted: quality.infusion_started,
    ev.Infused: quality.infused,
}
