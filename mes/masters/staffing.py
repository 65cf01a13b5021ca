"""How many different people a master needs at least, and which roles are at work in which hour (PRA-20).

Counted: whoever signs the same step is somebody else, and roles that exclude each other within a batch. Not
counted: shifts, rest, absence; a site plans those in its roster.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mes.masters.critical_path import plan
from mes.masters.model import Master, Step
from mes.people.model import Person, Role

Seat = tuple[str, int]
"""A role and the number of the person in it: (`operator`, 0)."""

_MADE_IT = (Role.OPERATOR, Role.VERIFIER, Role.QC_ANALYST)
APART: frozenset[frozenset[str]] = frozenset(
    {frozenset({str(Role.QP), str(one)}) for one in _MADE_IT}
    | {frozenset({str(Role.QA), str(one)}) for one in _MADE_IT}
    | {frozenset({str(Role.QC_ANALYST), str(Role.QC_REVIEWER)})}
)
"""Roles that one person never has in the same batch: who made or tested it neither reviews nor certifies it."""


@dataclass(frozen=True, slots=True)
class Staffing:
    """The least number of different people; per role how many at once; per planned hour since H0 the roles."""

    least: int
    by_role: Mapping[str, int]
    by_hour: tuple[tuple[int, tuple[str, ...]], ...]


def signers(step: Step) -> tuple[str, ...]:
    """Return the roles that sign this step, one per signature."""
    rule = step.signatures
    return (*(one for one in (rule.performed, rule.verified) if one), *(also.role for also in rule.also))


def staffing(master: Master) -> Staffing:
    """Return what people the master needs."""
    by_role: dict[str, int] = {}
    apart: set[frozenset[Seat]] = set()
    for step in master.steps:
        seats = _seats(step)
        for role, number in seats:
            by_role[role] = max(by_role.get(role, 0), number + 1)
        apart |= {frozenset({one, other}) for one in seats for other in seats if one != other}
    everybody = [(role, number) for role, count in sorted(by_role.items()) for number in range(count)]
    apart |= {
        frozenset({one, other}) for one in everybody for other in everybody if frozenset({one[0], other[0]}) in APART
    }
    return Staffing(_least(everybody, apart), by_role, _by_hour(master))


def shortage(master: Master, crew: Sequence[Person]) -> tuple[str, ...]:
    """Return what a crew lacks for a batch on the master, in words; empty: enough people.

    `crew` are the people trained on it. Each role needs as many as sign one step in it, and all roles together the
    least number of different people. Rule: PRA-20.
    """
    needed = staffing(master)
    found = {role: sum(role in one.roles for one in crew) for role in needed.by_role}
    lacking = [
        f"{role.replace('_', ' ')} ({found[role]} of {count})"
        for role, count in sorted(needed.by_role.items())
        if found[role] < count
    ]
    different = sum(bool(one.roles & {Role(role) for role in needed.by_role}) for one in crew)
    if different < needed.least:
        lacking.append(f"different people ({different} of {needed.least})")
    return tuple(lacking)


def _seats(step: Step) -> list[Seat]:
    found: list[Seat] = []
    for role in signers(step):
        found.append((role, sum(1 for one in found if one[0] == role)))
    return found


def _least(seats: list[Seat], apart: set[frozenset[Seat]]) -> int:
    """Return the smallest number of people who can fill all seats (exact graph colouring; seats are few)."""
    ordered = sorted(seats, key=lambda seat: -sum(seat in pair for pair in apart))
    for people in range(len(ordered) + 1):
        if _can_fill(ordered, apart, people, {}):
            return people
    raise AssertionError("one person per seat always suffices")


def _can_fill(seats: list[Seat], apart: set[frozenset[Seat]], people: int, filled: dict[Seat, int]) -> bool:
    if len(filled) == len(seats):
        return True
    seat = seats[len(filled)]
    newcomer = max(filled.values(), default=-1) + 1
    for person in range(min(people, newcomer + 1)):
        free = all(other != person or frozenset({seat, one}) not in apart for one, other in filled.items())
        if free and _can_fill(seats, apart, people, {**filled, seat: person}):
            return True
    return False


def _by_hour(master: Master) -> tuple[tuple[int, tuple[str, ...]], ...]:
    planned = plan(master)
    hours: dict[int, set[str]] = {}
    for step in master.steps:
        if step.id in planned.starts and (roles := signers(step)):
            first = math.floor(planned.starts[step.id])
            for hour in range(first, max(first + 1, math.ceil(planned.completions[step.id]))):
                hours.setdefault(hour, set()).update(roles)
    return tuple((hour, tuple(sorted(roles))) for hour, roles in sorted(hours.items()))
