"""Chain of custody: containers, labels and their reconciliation, handovers, the ward's go, bedside checks, infusion.

Permission only: what happened all the same is recorded by `ReportWhatHappened` in execution and turns nothing green.
"""

from mes.custody.bedside import ISSUE_CHECKS, OUTCOMES, against_infusion

__all__ = ["ISSUE_CHECKS", "OUTCOMES", "against_infusion"]
