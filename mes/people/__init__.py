"""People: who works at this site, what each may act as, and how each proves to be themselves.

Persons and roles are entries of the ledger; passwords and second factors never are. Sessions live in a file of their
own, on wall time.
"""

from mes.people.decide import actor_for, own_actor
from mes.people.model import HARD_CONFLICTS, CredentialKind, Person, Role, Session

__all__ = ["HARD_CONFLICTS", "CredentialKind", "Person", "Role", "Session", "actor_for", "own_actor"]
