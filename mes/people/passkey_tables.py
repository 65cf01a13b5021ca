"""The table of passkeys and that of chosen languages: projections of the ledger.

The counter of a passkey comes from the assertions themselves, as they stand in signed entries: nothing about its use
lies outside the ledger.
"""

from base64 import b64decode

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    LargeBinary,
    String,
    Table,
    delete,
    insert,
    select,
    update,
)

from mes.ids import PersonId
from mes.ledger.entry import Entry
from mes.ledger.events import decode_event
from mes.people.events import LanguageChosen, PasskeyEnrolled, PasskeyRemoved
from mes.people.passkeys import Passkey, count_of
from mes.people.projected import METADATA

PASSKEY = Table(
    "person_passkey",
    METADATA,
    Column("site", String(32), primary_key=True),
    Column("credential", String(1400), primary_key=True),
    Column("person", String(64), nullable=False, index=True),
    Column("cose", LargeBinary, nullable=False),
    Column("name", String(60), nullable=False),
    Column("uses", BigInteger, nullable=False),
    Column("active", Boolean, nullable=False),
)
LANGUAGE = Table(
    "person_language",
    METADATA,
    Column("site", String(32), primary_key=True),
    Column("person", String(64), primary_key=True),
    Column("language", String(8), nullable=False),
)


def project_passkeys(conn: Connection, entry: Entry) -> None:
    """Bring passkeys, their counters and chosen languages up to date with one entry."""
    site = str(entry.document["site"])
    assertion = entry.document.get("signature", {}).get("assertion")
    if assertion is not None:
        _change(conn, site, assertion["credential"], uses=count_of(assertion))
    if not entry.type.startswith(("person:passkey:", "person:language:")):
        return
    match decode_event(entry.type, entry.tv, entry.data):
        case PasskeyEnrolled() as event:
            row = {"person": event.person, "credential": event.credential, "name": event.name}
            conn.execute(insert(PASSKEY).values(site=site, cose=b64decode(event.cose), uses=0, active=True, **row))
        case PasskeyRemoved() as event:
            _change(conn, site, event.credential, active=False)
        case LanguageChosen() as event:
            conn.execute(delete(LANGUAGE).where(LANGUAGE.c.site == site, LANGUAGE.c.person == event.person))
            conn.execute(insert(LANGUAGE).values(site=site, person=event.person, language=event.language))
        case _:
            return


def passkeys_of(conn: Connection, site: str, person: PersonId) -> list[Passkey]:
    """Return everything that ever was a passkey of a person, by name."""
    where = (PASSKEY.c.site == site, PASSKEY.c.person == person)
    rows = conn.execute(select(PASSKEY).where(*where).order_by(PASSKEY.c.name, PASSKEY.c.credential)).all()
    return [Passkey(row.credential, row.person, bytes(row.cose), row.name, row.uses, row.active) for row in rows]


def find_passkey(conn: Connection, site: str, credential: str) -> Passkey | None:
    """Return the passkey with this id, whoever's it is and even if it was removed."""
    query = select(PASSKEY).where(PASSKEY.c.site == site, PASSKEY.c.credential == credential)
    row = conn.execute(query).one_or_none()
    if row is None:
        return None
    return Passkey(row.credential, row.person, bytes(row.cose), row.name, row.uses, row.active)


def _change(conn: Connection, site: str, credential: str, **values: int | bool) -> None:
    where = (PASSKEY.c.site == site, PASSKEY.c.credential == credential)
    conn.execute(update(PASSKEY).where(*where).values(**values))
