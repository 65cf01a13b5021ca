"""Which step waits for which: order, ancestors, cycles. Pure; works on broken masters too, to name what is broken."""

from collections.abc import Iterator, Mapping

from mes.ids import StepId
from mes.masters.model import Master, Step

Waits = Mapping[StepId, frozenset[StepId]]


def waits_for(step: Step) -> frozenset[StepId]:
    """Return every step that this one names: its predecessors and the anchors of its windows."""
    anchors = {window.after for window in step.windows if window.after is not None}
    return frozenset(step.after) | frozenset(anchors)


def network(master: Master) -> dict[StepId, frozenset[StepId]]:
    """Return, per step, the existing steps it waits for; an absolute window waits for the start step (H0)."""
    known = {step.id for step in master.steps}
    found = {}
    for step in master.steps:
        waits = waits_for(step)
        if any(window.absolute for window in step.windows):
            waits |= {master.start_step}
        found[step.id] = frozenset(waits & known)
    return found


def predecessors(master: Master) -> dict[StepId, frozenset[StepId]]:
    """Return, per step, what execution makes it wait for: the steps of `after`, and no window."""
    return {step.id: frozenset(step.after) for step in master.steps}


def in_order(waits: Waits) -> tuple[tuple[StepId, ...], tuple[StepId, ...]]:
    """Return the steps in an order in which they can be done (file order where free), and those never reached."""
    done: dict[StepId, None] = {}
    remaining = list(waits)
    while True:
        ready = next((one for one in remaining if waits[one] <= done.keys()), None)
        if ready is None:
            return tuple(done), tuple(remaining)
        done[ready] = None
        remaining.remove(ready)


def ancestors(waits: Waits, step: StepId) -> frozenset[StepId]:
    """Return every step that must be closed before `step` may start."""
    found: set[StepId] = set()
    todo = list(waits.get(step, ()))
    while todo:
        one = todo.pop()
        if one not in found:
            found.add(one)
            todo.extend(waits.get(one, ()))
    return frozenset(found)


def cycles(waits: Waits) -> Iterator[tuple[StepId, ...]]:
    """Yield one cycle per group of steps that wait for one another, each step named once."""
    seen: set[StepId] = set()
    for start in waits:
        if start in seen or start not in ancestors(waits, start):
            continue
        group = {one for one in ancestors(waits, start) if start in ancestors(waits, one)}
        seen |= group
        path, here = [start], start
        while (here := min(one for one in waits[here] if one in group)) not in path:
            path.append(here)
        yield tuple(path[path.index(here) :])
