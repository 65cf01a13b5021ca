"""Quality: results judged once, reviews, the release gate, and certification in two stages by a Qualified Person.

Release is three separate acts: the record is reviewed, a QP certifies, QA assigns the status.
"""

from mes.quality.gate import gate
from mes.quality.gate.model import GateItem, GateStatus, Stage
from mes.quality.judging import Judged, judge_result
from mes.quality.panel import Outcome, PanelRow, panel
from mes.quality.statements import CONFIRMATIONS, REVIEWS

__all__ = [
    "CONFIRMATIONS",
    "REVIEWS",
    "GateItem",
    "GateStatus",
    "Judged",
    "Outcome",
    "PanelRow",
    "Stage",
    "gate",
    "judge_result",
    "panel",
]
