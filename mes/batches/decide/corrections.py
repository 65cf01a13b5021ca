"""Correction by addition: the old value stays, and signatures that saw it fall with it."""

from collections.abc import Mapping
from dataclasses import dataclass

from mes.batches import events as ev
from mes.batches.decide.steps import breaches
from mes.batches.decide.values import GivenValue, judge
from mes.batches.model import BatchState
from mes.errors import Refusal
from mes.ledger.events import Event

Place = tuple[str, int]
"""Stream and seq of an entry."""


@dataclass(frozen=True, slots=True)
class SignedEntry:
    """A signed entry: where it stands, and which entries its signer was shown."""

    index: int
    place: Place
    saw: frozenset[Place]


def correct_value(state: BatchState, step_id: str, given: GivenValue, reason: str | None) -> tuple[Event, ...]:
    """Correct one recorded value with a reason.

    Refuses `reason-missing`, `value-not-recorded`, `value-unchanged` and what judging refuses. A new value outside
    its limit opens an exception like a first one. Rule: REG-ATMP-04.
    """
    if not reason:
        raise Refusal("reason-missing", status=422)
    step = state.step(step_id)
    parameter = step.step.parameter(given.parameter)
    old = step.values.get(given.parameter)
    if old is None:
        raise Refusal("value-not-recorded", step=step_id, parameter=parameter.label)
    new = judge(parameter, given)
    if (new.value, new.unit) == (old.value, old.unit):
        raise Refusal("value-unchanged", status=422, parameter=parameter.label)
    return (ev.ValueCorrected(step_id, old, new, state.master.digest), *breaches(state, step, (new,)))


def corrected_place(state: BatchState, step_id: str, parameter: str) -> Place:
    """Return stream and seq of the entry that holds the value as it stands."""
    return (state.stream, state.step(step_id).value_seq[parameter])


def voided_signatures(signed: Mapping[Place, SignedEntry], corrected: Place) -> tuple[tuple[int, Place | None], ...]:
    """Return (index of the signed entry, place of its cause) for every signature that falls.

    A signature falls if its signer saw the corrected entry (cause None: the correction itself, not yet recorded),
    or saw an entry whose signature falls. Rule: record format 2.
    """
    fallen: dict[Place, Place | None] = {}
    frontier: set[Place] = {corrected}
    while frontier:
        reached: set[Place] = set()
        for place, entry in signed.items():
            if place in fallen or place == corrected or not (seen := entry.saw & frontier):
                continue
            cause = min(seen)
            fallen[place] = None if cause == corrected else cause
            reached.add(place)
        frontier = reached
    return tuple((signed[place].index, fallen[place]) for place in sorted(fallen, key=lambda one: signed[one].index))
