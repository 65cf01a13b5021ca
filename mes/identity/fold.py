"""What a patient's entries amount to for data protection. Pure."""

from collections.abc import Iterable
from dataclasses import replace

from mes.identity.events import ErasureRefused, ErasureRequested, PatientForgotten, PatientRestricted
from mes.identity.model import ErasureGround, PatientStanding
from mes.ledger.events import Event


def fold_standing(told: Iterable[tuple[Event | None, str]]) -> PatientStanding:
    """Return the standing after the events of a patient's stream, each with the id of who acted."""
    standing = PatientStanding()
    for event, actor in told:
        match event:
            case ErasureRequested():
                standing = replace(standing, requester=actor, ground=ErasureGround(event.ground))
            case ErasureRefused():
                standing = replace(standing, requester=None, ground=None, refused_until=event.until)
            case PatientRestricted():
                standing = replace(standing, restricted=True)
            case PatientForgotten():
                standing = replace(standing, requester=None, ground=None, forgotten=True)
    return standing
