"""All checks of a whole master in one list. Approval demands that it is empty."""

from mes.masters.critical_path import plan_findings
from mes.masters.findings import Finding
from mes.masters.model import Master
from mes.masters.order_rules import (
    graph_findings,
    hour_findings,
    label_findings,
    lane_findings,
    signature_findings,
)
from mes.masters.windows import window_findings


def lint(master: Master) -> tuple[Finding, ...]:
    """Return everything that keeps this master from being approved.

    While steps are dangling or wait in circles, only that is said: times would make no sense.
    """
    broken = tuple(graph_findings(master))
    if broken:
        return broken
    checks = (lane_findings, label_findings, hour_findings, signature_findings, window_findings, plan_findings)
    return tuple(finding for check in checks for finding in check(master))
