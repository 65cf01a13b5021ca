"""The acts about persons: accounts, roles, credentials and sessions, each an entry of the ledger."""

from mes.people.service.credentials import Proof, Proved
from mes.people.service.people import PeopleService

__all__ = ["PeopleService", "Proof", "Proved"]
