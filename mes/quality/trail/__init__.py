"""The audit trail as something to ask: who did what, when and why; and the review of a batch's trail, risk first."""

from mes.quality.trail.model import Condition, Finding, Risk, Trail, TrailQuery

__all__ = ["Condition", "Finding", "Risk", "Trail", "TrailQuery"]
