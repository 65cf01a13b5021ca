"""The table of links to accounts at a provider: a projection of the ledger."""

from sqlalchemy import Column, Connection, String, Table, delete, insert, select

from mes.errors import Refusal
from mes.ids import PersonId
from mes.ledger.entry import Entry
from mes.ledger.events import decode_event
from mes.people.oidc.events import OidcLinked, OidcUnlinked
from mes.people.projected import METADATA

LINK = Table(
    "person_oidc",
    METADATA,
    Column("site", String(32), primary_key=True),
    Column("person", String(64), primary_key=True),
    Column("issuer", String(200), primary_key=True),
    Column("subject", String(64), nullable=False, index=True),
)
"""One link of a person to an issuer; that a subject is nobody else's is checked under the write lock."""


def project_oidc(conn: Connection, entry: Entry) -> None:
    """Bring the links up to date with one entry."""
    if not entry.type.startswith("person:oidc:"):
        return
    site = str(entry.document["site"])
    match decode_event(entry.type, entry.tv, entry.data):
        case OidcLinked() as event:
            row = {"person": event.person, "issuer": event.issuer, "subject": event.subject}
            conn.execute(insert(LINK).values(site=site, **row))
        case OidcUnlinked() as event:
            mine = (LINK.c.site == site, LINK.c.person == event.person, LINK.c.issuer == event.issuer)
            conn.execute(delete(LINK).where(*mine))
        case _:
            return


def linked_person(conn: Connection, site: str, issuer: str, subject: str) -> PersonId | None:
    """Return who is linked to this subject (its digest) of this issuer."""
    query = select(LINK.c.person).where(LINK.c.site == site, LINK.c.issuer == issuer, LINK.c.subject == subject)
    found = conn.scalar(query)
    return None if found is None else PersonId(found)


def subject_is_free(conn: Connection, site: str, issuer: str, subject: str, person: PersonId) -> None:
    """Refuse with `oidc-subject-taken` if anybody else is linked to it; to be called under the write lock."""
    where = (LINK.c.site == site, LINK.c.issuer == issuer, LINK.c.subject == subject, LINK.c.person != person)
    if conn.execute(select(LINK.c.person).where(*where).limit(1)).first() is not None:
        raise Refusal("oidc-subject-taken")


def is_linked(conn: Connection, site: str, issuer: str, person: str) -> bool:
    """Tell whether a person has a link to this issuer."""
    query = select(LINK.c.person).where(LINK.c.site == site, LINK.c.issuer == issuer, LINK.c.person == person)
    return conn.scalar(query) is not None


def linked(conn: Connection, site: str, issuer: str) -> frozenset[str]:
    """Return everybody who has a link to this issuer."""
    return frozenset(conn.scalars(select(LINK.c.person).where(LINK.c.site == site, LINK.c.issuer == issuer)))
