"""Persons and services for the tests of people and signatures: cheap hashes, a held clock, a wall clock to wind."""

from dataclasses import dataclass
from datetime import UTC, datetime

from mes.ids import PersonId
from mes.people.model import CredentialKind, Person, Role
from mes.people.passwords import HashParameters

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
CHEAP = HashParameters(passes=1, memory_kib=8, lanes=1)
WALL_S = 1_772_438_400.0
PASSWORD = "Kestrel over the fen"
CONSOLE = "console-1"


@dataclass
class Wall:
    """A wall clock that a test winds forward."""

    now: float = WALL_S

    def __call__(self) -> float:
        return self.now


def a_person(*roles: Role, name: str = "Anna Visser", user_name: str = "avisser", **more: object) -> Person:
    """Return a person who can sign with a password, unless told otherwise."""
    given: dict[str, object] = {
        "id": PersonId("P-ANNA"),
        "credentials": frozenset({CredentialKind.PASSWORD}),
        **more,
    }
    return Person(name=name, user_name=user_name, roles=frozenset(roles), **given)
