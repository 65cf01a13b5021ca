"""Whether the time windows of a master fit together (PRA-14), as a simple temporal network.

A step is two instants, started and completed, one planned duration apart. Every step may be done at any minute
that its own windows leave, however late the steps before it were. The check goes through the steps in order and
asks the network of the earlier ones for the greatest possible distance between any two instants (shortest
paths; Dechter, Meiri, Pearl 1991); if that can close a step's window before it opens, the master does not fit.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from mes.ids import StepId
from mes.masters.findings import Finding
from mes.masters.graph import in_order, network
from mes.masters.model import Edge, Master, Step, Window

Instant = tuple[StepId, Edge]


@dataclass(frozen=True, slots=True)
class Bound:
    """The step's start lies at least (or at most) `hours` after `instant`; `told` names the rule."""

    instant: Instant
    hours: Decimal
    told: str


def anchor(master: Master, window: Window) -> Instant:
    """Return the instant from which a window is counted; H0 for an absolute one."""
    if window.absolute or window.after is None:
        return (master.start_step, Edge.COMPLETED)
    return (window.after, window.edge or Edge.COMPLETED)


def _told(instant: Instant, hours: Decimal, absolute: bool) -> str:
    sign = "+" if hours >= 0 else "-"
    return f"H{sign}{abs(hours):f}" if absolute else f"{instant[0]} {instant[1]} {sign} {abs(hours):f} h"


def lower_bounds(master: Master, step: Step) -> tuple[Bound, ...]:
    """Return what the start of the step must wait for."""
    found = [Bound((one, Edge.COMPLETED), Decimal(0), f"{one} completed") for one in step.after]
    for window in step.windows:
        if window.min_h is not None:
            found.append(_bound(master, step, window, window.min_h))
    return tuple(found)


def upper_bounds(master: Master, step: Step) -> tuple[Bound, ...]:
    """Return what the start of the step must not outlast; for the infusion also the product's expiry."""
    found = [_bound(master, step, one, one.max_h) for one in step.windows if one.max_h is not None]
    if step.id == master.infusion_step and master.expiry_step and master.shelf_life_h is not None:
        expiry = (master.expiry_step, Edge.COMPLETED)
        found.append(Bound(expiry, master.shelf_life_h, f"expiry, {_told(expiry, master.shelf_life_h, False)}"))
    return tuple(found)


def _bound(master: Master, step: Step, window: Window, hours: Decimal) -> Bound:
    at = anchor(master, window)
    offset = step.duration_h if window.of is Edge.COMPLETED else Decimal(0)
    return Bound(at, hours - offset, _told(at, hours, window.absolute))


class _Network:
    """Greatest possible distances between instants: `most[a, b]` = max of time(b) - time(a), absent if unbounded."""

    def __init__(self) -> None:
        self.instants: list[Instant] = []
        self.most: dict[tuple[Instant, Instant], Decimal] = {}

    def add_step(self, step: Step, lower: tuple[Bound, ...], upper: tuple[Bound, ...]) -> None:
        """Add the step with its bounds and bring all distances up to date."""
        start, end = (step.id, Edge.STARTED), (step.id, Edge.COMPLETED)
        for instant in (start, end):
            self.instants.append(instant)
            self.most[instant, instant] = Decimal(0)
        self._tighten(start, end, step.duration_h)
        self._tighten(end, start, -step.duration_h)
        for bound in lower:
            self._tighten(start, bound.instant, -bound.hours)
        for bound in upper:
            self._tighten(bound.instant, start, bound.hours)

    def _tighten(self, tail: Instant, head: Instant, hours: Decimal) -> None:
        """Add time(head) - time(tail) <= hours; every shortest path may now lead over this edge."""
        if (known := self.most.get((tail, head))) is not None and known <= hours:
            return
        into = [(one, self.most[one, tail]) for one in self.instants if (one, tail) in self.most]
        out = [(one, self.most[head, one]) for one in self.instants if (head, one) in self.most]
        for first, before in into:
            for last, behind in out:
                way = before + hours + behind
                if (known := self.most.get((first, last))) is None or way < known:
                    self.most[first, last] = way


def window_findings(master: Master) -> Iterator[Finding]:
    """Yield each step whose window can close before it opens. Rule: PRA-14. Steps in a cycle are left out."""
    times = _Network()
    steps = {step.id: step for step in master.steps}
    order, _ = in_order(network(master))
    told: set[StepId] = set()
    for step_id in order:
        step, known = steps[step_id], set(times.instants)
        lower = tuple(one for one in lower_bounds(master, step) if one.instant in known)
        upper = tuple(one for one in upper_bounds(master, step) if one.instant in known)
        unbounded = _unbounded(lower, upper, times)
        if unbounded is not None:
            late, high = unbounded
            if late.instant[0] not in told:
                yield Finding.of("window-unbounded", step.id, late=late.instant[0], upper=high.told)
            told.add(step.id)
            upper = ()
        else:
            short = {high: _shortest(lower, high, times) for high in upper}
            worst = max(short, key=lambda high: short[high][0], default=None)
            if worst is not None and short[worst][0] > 0:
                yield _empty(step, worst, *short[worst])
            # widened until they just fit, so that each later step is judged by its own windows
            upper = tuple(replace(high, hours=high.hours + max(gap, Decimal(0))) for high, (gap, _) in short.items())
        times.add_step(step, lower, upper)


def _unbounded(lower: Sequence[Bound], upper: Sequence[Bound], times: _Network) -> tuple[Bound, Bound] | None:
    """Return a lower and an upper bound between which any amount of time may pass."""
    pairs = ((low, high) for high in upper for low in lower)
    return next((pair for pair in pairs if (pair[1].instant, pair[0].instant) not in times.most), None)


def _shortest(lower: Sequence[Bound], high: Bound, times: _Network) -> tuple[Decimal, Bound | None]:
    """Return by how many hours, at worst, the step opens after `high` closes (negative: time left), and why."""
    gaps = [(low.hours - high.hours + times.most[high.instant, low.instant], low) for low in lower]
    return max(gaps, key=lambda gap: gap[0], default=(Decimal(0), None))


def _empty(step: Step, high: Bound, short: Decimal, low: Bound | None) -> Finding:
    late, told = (low.instant[0], low.told) if low is not None else ("-", "-")
    return Finding.of("window-empty", step.id, late=late, lower=told, upper=high.told, short_h=f"{short:f}")
