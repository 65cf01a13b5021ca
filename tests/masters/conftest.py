"""A site whose people may author and approve masters."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import Engine

from mes.clock import HeldClock
from mes.ids import Op, new_op
from mes.ledger.database import open_engine
from mes.ledger.keys import SiteKey
from mes.ledger.store import Ledger
from mes.masters.service import MasterService
from mes.masters.tables import PROJECTION, stored
from mes.people import tables as people_tables
from mes.people.model import Role, Session
from mes.people.passwords import Hasher
from mes.people.second_factor import SecretBox
from mes.people.service import PeopleService
from mes.people.sessions import Sessions
from mes.signatures.model import Credentials, SignaturePrompt
from mes.signatures.service import SigningService
from tests.people.builders import CHEAP, NOW, PASSWORD, Wall
from tests.people.houses import House


@dataclass
class Office:
    """A house with masters in it, its author and its QA."""

    house: House
    engine: Engine
    masters: MasterService
    author: Session
    qa: Session

    def imports(self, file: bytes, op: Op | None = None) -> tuple[str, ...]:
        """Import a file as the author; return the codes of what keeps it from approval."""
        return tuple(one.code for one in self.masters.import_master(self.author, file, op or new_op())[1])

    def approves(self, master: str = "small", version: int = 1, *, by: str = "quinn", op: Op | None = None) -> None:
        """Approve with two factors, having seen what the prompt shows."""
        session = self.qa if by == "quinn" else self.house.signed_in(by)
        act = op or new_op()
        self.house.later(minutes=1)  # an authenticator's code is good once
        with pytest.raises(SignaturePrompt) as prompt:
            self.masters.approve(session, None, master, version, act)
        secrets = Credentials(by, PASSWORD, self.house.code(by), prompt.value.shown.digest)
        self.masters.approve(session, secrets, master, version, act)


@pytest.fixture
def office(tmp_path: Path, ledger_url: str) -> Iterator[Office]:
    """Give an office on each kind of database."""
    engine = open_engine(ledger_url)
    for metadata in (people_tables.METADATA, people_tables.CREDENTIALS, PROJECTION[0], stored):
        metadata.create_all(engine)
    clock, wall = HeldClock(NOW), Wall()
    key = SiteKey.create(tmp_path / "keys/site.key", "septima/site-a/1")
    ledger = Ledger.create(
        engine, site="site-a", tz="Europe/Brussels", key=key, now=NOW, clock="simulated", software="septima test",
        projectors=(people_tables.project, PROJECTION[1]),
    )  # fmt: skip
    sessions = Sessions(tmp_path / "sessions.sqlite", wall=wall)
    hasher, box = Hasher(CHEAP), SecretBox.create(tmp_path / "keys/credentials.key")
    people = PeopleService(ledger, clock, sessions, hasher, box)
    signing = SigningService(ledger, people)
    house = House(ledger, clock, wall, sessions, hasher, box, people, signing, tmp_path)
    try:
        marta = house.employ("marta", Role.MASTER_AUTHOR, totp=True)
        house.employ("quinn", Role.QA, totp=True)
        house.give(marta.id, Role.QA)
        author, approver = house.signed_in("marta"), house.signed_in("quinn")
        yield Office(house, engine, MasterService(ledger, clock, signing), author, approver)
    finally:
        sessions.close()
        ledger.close()
        engine.dispose()
