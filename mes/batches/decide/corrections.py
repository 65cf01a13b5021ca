"""Correction by addition: the old value stays, and signatures that saw it fall with it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from mes.batches import events as ev
from mes.batches.decide.problems import opened
from mes.batches.decide.steps import breaches
from mes.batches.decide.values import GivenValue, judge
from mes.batches.model import BatchState, Disposition
from mes.errors import Refusal
from mes.ledger.events import Event
from mes.masters.model import Severity

Place = tuple[str, int]
"""Stream and seq of an entry."""


@dataclass(frozen=True, slots=True)
class SignedEntry:
    """A signed entry: where it stands, and which entries its signer was shown."""

    index: int
    place: Place
    saw: frozenset[Place]


def correct_value(state: BatchState, step_id: str, given: GivenValue, reason: str | None) -> tuple[Event, ...]:
    """Correct one recorded value with a reason: the ValueCorrected to sign comes first, then what follows from it.

    Where a certificate stands, it comes into question: it is not withdrawn, a Qualified Person decides, and a critical
    deviation is open until then.

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
    told = f"{step_id} {parameter.label} corrected from {old.value} to {new.value} after certification"
    outside = breaches(state, step, (new,))
    return (
        ev.ValueCorrected(step_id, old, new, state.master.digest), *outside, *questioned(state, told, step_id, outside),
    )  # fmt: skip


def questioned(state: BatchState, told: str, step_id: str, before: Sequence[Event]) -> tuple[Event, ...]:
    """Put the certificates that stand in question, with a critical deviation; nothing where none stands.

    `before` are events of the same act that opened exceptions already. Rule: record format 2.
    """
    if not state.certificates or state.disposition in (Disposition.REFUSED, Disposition.WITHDRAWN):
        return ()
    nth = sum(isinstance(event, ev.ExceptionOpened) for event in before)
    opening = opened(state, "certificate", Severity.CRITICAL.value, told, step=step_id, nth=nth)
    names = tuple(state.certificates[stage] for stage in sorted(state.certificates))
    return (ev.CertificateQuestioned(names, told), *opening)


def falling_text(entry: Mapping[str, Any]) -> str:
    """Return how a signature that falls is told to who makes it fall: meaning, person, local time, and about what."""
    signature, data = entry["signature"], entry["data"]
    sign, hours, minutes = signature["utc_offset"][0], signature["utc_offset"][1:3], signature["utc_offset"][4:6]
    shift = timedelta(hours=int(hours), minutes=int(minutes)) * (-1 if sign == "-" else 1)
    about = data.get("step") or data.get("item") or data.get("kind") or data.get("certificate") or "the batch"
    at = datetime.fromisoformat(signature["at"]).astimezone(timezone(shift))
    return (
        f"{signature['meaning'].replace('_', ' ').lower()} by {signature['person']['name']}, "
        f"{at:%Y-%m-%d %H:%M} {signature['utc_offset']}, {about}"
    )


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
