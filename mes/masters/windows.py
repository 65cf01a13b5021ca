"""Whether the time windows of a master fit together (PRA-14), as a simple temporal network.

A step is two instants. Every instant may fall at any minute that the step's own windows leave, however late the
steps before it were; a step whose completion has a latest time may take that long, any other takes its planned
duration. The check places instant after instant and asks the network of the earlier ones for the greatest possible
distance between any two (shortest paths; Dechter, Meiri, Pearl 1991); if that can close a window before it opens,
the master does not fit.
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
    """An instant lies at least (or at most) `hours` after `instant`; `told` names the rule."""

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


def upper_bounds(master: Master, step: Step) -> tuple[Bound, ...]:
    """Return what the start of the step must not outlast; for the infusion also the product's expiry."""
    found = [_bound(master, step, one, one.max_h, Edge.STARTED) for one in step.windows if one.max_h is not None]
    if step.id == master.infusion_step and master.expiry_step and master.shelf_life_h is not None:
        expiry = (master.expiry_step, Edge.COMPLETED)
        found.append(Bound(expiry, master.shelf_life_h, f"expiry, {_told(expiry, master.shelf_life_h, False)}"))
    return tuple(found)


def _instants(master: Master, step: Step) -> Iterator[tuple[Instant, tuple[Bound, ...], tuple[Bound, ...]]]:
    """Yield start and completion of the step, each with its lower and upper bounds."""
    floors = [(one, one.min_h) for one in step.windows if one.min_h is not None]
    ceilings = [(one, one.max_h) for one in step.windows if one.max_h is not None and one.of is Edge.COMPLETED]
    start: Instant = (step.id, Edge.STARTED)
    after = [Bound((one, Edge.COMPLETED), Decimal(0), f"{one} completed") for one in step.after]
    early = [(one, low) for one, low in floors if one.of is Edge.STARTED or not ceilings]
    opens = [_bound(master, step, one, low, Edge.STARTED) for one, low in early]
    yield start, (*after, *opens), upper_bounds(master, step)
    planned = Bound(start, step.duration_h, f"{step.id} started + {step.duration_h:f} h")
    if not ceilings:
        yield (step.id, Edge.COMPLETED), (planned,), (planned,)
        return
    ready = [_bound(master, step, one, low, Edge.COMPLETED) for one, low in floors if one.of is Edge.COMPLETED]
    latest = tuple(_bound(master, step, one, high, Edge.COMPLETED) for one, high in ceilings)
    yield (step.id, Edge.COMPLETED), (planned, *ready), latest


def _bound(master: Master, step: Step, window: Window, hours: Decimal, edge: Edge) -> Bound:
    """Return the window's bound of one edge; one of the completion bounds the start a planned duration earlier."""
    at = anchor(master, window)
    offset = step.duration_h if window.of is Edge.COMPLETED and edge is Edge.STARTED else Decimal(0)
    return Bound(at, hours - offset, _told(at, hours, window.absolute))


class _Network:
    """Greatest possible distances between instants: `most[a, b]` = max of time(b) - time(a), absent if unbounded."""

    def __init__(self) -> None:
        self.instants: list[Instant] = []
        self.most: dict[tuple[Instant, Instant], Decimal] = {}

    def known(self, bounds: Sequence[Bound]) -> tuple[Bound, ...]:
        """Return the bounds that hang on instants placed already; of steps in a cycle there are none."""
        return tuple(one for one in bounds if (one.instant, one.instant) in self.most)

    def add(self, instant: Instant, lower: Sequence[Bound], upper: Sequence[Bound]) -> None:
        """Add an instant with its bounds and bring all distances up to date."""
        self.instants.append(instant)
        self.most[instant, instant] = Decimal(0)
        for bound in lower:
            self._tighten(instant, bound.instant, -bound.hours)
        for bound in upper:
            self._tighten(bound.instant, instant, bound.hours)

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
    told: set[StepId] = set()
    for step_id in in_order(network(master))[0]:
        for instant, lower, upper in _instants(master, steps[step_id]):
            floors = times.known(lower)
            finding, widened = _judged(instant, floors, times.known(upper), times)
            if finding is not None:
                late = dict(finding.facts)["late"]
                if step_id not in told and not (finding.code == "window-unbounded" and late in told):
                    yield finding
                told.add(step_id)
            times.add(instant, floors, widened)


def _judged(
    instant: Instant, lower: Sequence[Bound], upper: Sequence[Bound], times: _Network
) -> tuple[Finding | None, tuple[Bound, ...]]:
    """Return what is wrong, and the upper bounds to go on with.

    Those are widened until they just fit, so that each later step is judged by its own windows.
    """
    step_id = instant[0]
    unbounded = _unbounded(lower, upper, times)
    if unbounded is not None:
        late, high = unbounded
        return Finding.of("window-unbounded", step_id, late=late.instant[0], upper=high.told), ()
    gaps = [(high, *_shortest(lower, high, times)) for high in upper]
    widened = tuple(replace(high, hours=high.hours + max(gap, Decimal(0))) for high, gap, _ in gaps)
    worst = max(gaps, key=lambda one: one[1], default=None)
    if worst is None or worst[1] <= 0 or worst[2] is None:
        return None, widened
    high, gap, low = worst[0], worst[1], worst[2]
    facts = {"late": low.instant[0], "lower": low.told, "upper": high.told, "short_h": f"{gap:f}"}
    return Finding.of("window-empty", step_id, **facts), widened


def _unbounded(lower: Sequence[Bound], upper: Sequence[Bound], times: _Network) -> tuple[Bound, Bound] | None:
    """Return a lower and an upper bound between which any amount of time may pass."""
    pairs = ((low, high) for high in upper for low in lower)
    return next((pair for pair in pairs if (pair[1].instant, pair[0].instant) not in times.most), None)


def _shortest(lower: Sequence[Bound], high: Bound, times: _Network) -> tuple[Decimal, Bound | None]:
    """Return by how many hours, at worst, the step opens after `high` closes (negative: time left), and why."""
    gaps = [(low.hours - high.hours + times.most[high.instant, low.instant], low) for low in lower]
    return max(gaps, key=lambda gap: gap[0], default=(Decimal(0), None))
