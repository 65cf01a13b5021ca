"""The tables of persons: a projection of the ledger, and beside it the secrets that no ledger may hold."""

from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    ColumnElement,
    Connection,
    LargeBinary,
    MetaData,
    Row,
    String,
    Table,
    bindparam,
    delete,
    func,
    insert,
    select,
    update,
)

from mes.errors import Refusal
from mes.ids import PersonId
from mes.ledger.entry import Entry
from mes.ledger.events import decode_event
from mes.people.access_tables import STANDING, project_access
from mes.people.events import (
    CredentialChanged,
    CredentialRemoved,
    PersonDisabled,
    PersonEnrolled,
    RoleGranted,
    RoleWithdrawn,
)
from mes.people.model import CredentialKind, Person, Role, Standing
from mes.people.oidc.tables import project_oidc
from mes.people.passkey_tables import LANGUAGE, PASSKEY, project_passkeys
from mes.people.projected import METADATA as METADATA
from mes.people.training.tables import project_training

PERSON = Table(
    "person",
    METADATA,
    Column("site", String(32), primary_key=True),
    Column("id", String(64), primary_key=True),
    Column("name", String(100), nullable=False),
    Column("user_name", String(32), nullable=False, index=True),
    Column("active", Boolean, nullable=False),
    Column("password_temporary", Boolean, nullable=False),
)
PERSON_ROLE = Table(
    "person_role",
    METADATA,
    Column("site", String(32), primary_key=True),
    Column("person", String(64), primary_key=True),
    Column("role", String(32), primary_key=True),
)
PERSON_HOLDS = Table(
    "person_holds",
    METADATA,
    Column("site", String(32), primary_key=True),
    Column("person", String(64), primary_key=True),
    Column("credential", String(16), primary_key=True),
)

CREDENTIALS = MetaData()
PERSON_CREDENTIAL = Table(
    "person_credential",
    CREDENTIALS,
    Column("site", String(32), primary_key=True),
    Column("person", String(64), primary_key=True),
    Column("kind", String(16), primary_key=True),
    Column("secret", LargeBinary, nullable=False),
)
"""argon2id hashes and encrypted second-factor secrets. Not a projection: a rebuild must leave it alone."""
_SECRETS = select(PERSON_CREDENTIAL.c.kind, PERSON_CREDENTIAL.c.secret).where(
    PERSON_CREDENTIAL.c.site == bindparam("site"), PERSON_CREDENTIAL.c.person == bindparam("person")
)


def project(conn: Connection, entry: Entry) -> None:
    """Bring the tables of persons up to date with one entry."""
    project_passkeys(conn, entry)
    project_access(conn, entry)
    project_training(conn, entry)
    project_oidc(conn, entry)
    if not entry.type.startswith("person:"):
        return
    site = str(entry.document["site"])
    match decode_event(entry.type, entry.tv, entry.data):
        case PersonEnrolled() as event:
            row = {"id": event.person, "name": event.name, "user_name": event.user_name}
            conn.execute(insert(PERSON).values(site=site, active=True, password_temporary=False, **row))
        case RoleGranted() as event:
            conn.execute(insert(PERSON_ROLE).values(site=site, person=event.person, role=event.role.value))
        case RoleWithdrawn() as event:
            held = PERSON_ROLE.c
            conn.execute(
                delete(PERSON_ROLE).where(held.site == site, held.person == event.person, held.role == event.role.value)
            )
        case PersonDisabled() as event:
            _change(conn, site, event.person, active=False)
        case CredentialChanged() as event:
            _drop_holding(conn, site, event.person, event.credential)
            holding = {"person": event.person, "credential": event.credential.value}
            conn.execute(insert(PERSON_HOLDS).values(site=site, **holding))
            if event.credential is CredentialKind.PASSWORD:
                _change(conn, site, event.person, password_temporary=event.temporary)
        case CredentialRemoved() as event:
            _drop_holding(conn, site, event.person, event.credential)
        case _:
            return


PROJECTION = (METADATA, project)


def _change(conn: Connection, site: str, person: PersonId, **values: bool) -> None:
    conn.execute(update(PERSON).where(PERSON.c.site == site, PERSON.c.id == person).values(**values))


def _drop_holding(conn: Connection, site: str, person: PersonId, kind: CredentialKind) -> None:
    held = PERSON_HOLDS.c
    conn.execute(delete(PERSON_HOLDS).where(held.site == site, held.person == person, held.credential == kind.value))


def find_person(conn: Connection, site: str, person: str) -> Person | None:
    """Return the person with this id."""
    return _first(conn.execute(_BY_ID, {"site": site, "wanted": person}).first())


def find_by_user_name(conn: Connection, site: str, user_name: str) -> Person | None:
    """Return who has or had this user name."""
    return _first(conn.execute(_BY_USER_NAME, {"site": site, "wanted": user_name}).first())


def all_persons(conn: Connection, site: str) -> list[Person]:
    """Return everybody who was ever enrolled, ordered by user name."""
    return [_person(row) for row in conn.execute(_PERSONS.order_by(PERSON.c.user_name), {"site": site})]


def _gathered(column: ColumnElement[Any], *where: ColumnElement[bool]) -> ColumnElement[Any]:
    """Return the values of another table's rows about the same person, joined by commas; none of them holds one."""
    of = column.table.c
    same = (of.site == PERSON.c.site, of.person == PERSON.c.id)
    return select(func.aggregate_strings(column, ",")).where(*same, *where).scalar_subquery()


# A person is read with every request: one statement, made once.
_PERSONS = select(
    PERSON,
    _gathered(PERSON_ROLE.c.role).label("roles"),
    _gathered(PERSON_HOLDS.c.credential).label("holds"),
    _gathered(PASSKEY.c.credential, PASSKEY.c.active).label("passkeys"),
    _gathered(STANDING.c.standing).label("standing"),
    _gathered(LANGUAGE.c.language).label("language"),
).where(PERSON.c.site == bindparam("site"))
_BY_ID = _PERSONS.where(PERSON.c.id == bindparam("wanted"))
_BY_USER_NAME = _PERSONS.where(PERSON.c.user_name == bindparam("wanted"))


def _first(row: Row[Any] | None) -> Person | None:
    return None if row is None else _person(row)


def _person(row: Row[Any]) -> Person:
    return Person(
        PersonId(row.id),
        row.name,
        row.user_name,
        frozenset(Role(role) for role in _parts(row.roles)),
        row.active,
        frozenset(CredentialKind(kind) for kind in _parts(row.holds)),
        row.password_temporary,
        frozenset(_parts(row.passkeys)),
        row.language,
        frozenset(Standing(one) for one in _parts(row.standing)),
    )


def _parts(joined: str | None) -> list[str]:
    return joined.split(",") if joined else []


def has_active(conn: Connection, site: str, role: Role) -> bool:
    """Tell whether anybody active holds the role."""
    query = (
        select(PERSON.c.id)
        .join(PERSON_ROLE, (PERSON_ROLE.c.site == PERSON.c.site) & (PERSON_ROLE.c.person == PERSON.c.id))
        .where(PERSON.c.site == site, PERSON.c.active, PERSON_ROLE.c.role == role.value)
    )
    return conn.execute(query.limit(1)).first() is not None


def has_signing_qa(conn: Connection, site: str) -> bool:
    """Tell whether anybody in QA can sign: active, identity proved, accountability accepted."""
    held = select(STANDING.c.person).where(STANDING.c.site == site)
    proved = (Standing.IDENTITY.value, Standing.BOOTSTRAP.value)
    query = (
        select(PERSON.c.id)
        .join(PERSON_ROLE, (PERSON_ROLE.c.site == PERSON.c.site) & (PERSON_ROLE.c.person == PERSON.c.id))
        .where(
            PERSON.c.site == site, PERSON.c.active, PERSON_ROLE.c.role == Role.QA.value,
            PERSON.c.id.in_(held.where(STANDING.c.standing.in_(proved))),
            PERSON.c.id.in_(held.where(STANDING.c.standing == Standing.ACCOUNTABLE.value)),
        )
    )  # fmt: skip
    return conn.execute(query.limit(1)).first() is not None


def anybody(conn: Connection, site: str, besides: str = "") -> bool:
    """Tell whether anybody (`besides` one) was ever enrolled."""
    query = select(PERSON.c.id).where(PERSON.c.site == site, PERSON.c.id != besides)
    return conn.execute(query.limit(1)).first() is not None


def secret_of(conn: Connection, site: str, person: PersonId, kind: CredentialKind) -> bytes | None:
    """Return the stored form of a secret: an argon2id hash, or an encrypted second-factor secret."""
    return secrets_of(conn, site, person).get(kind)


def secrets_of(conn: Connection, site: str, person: PersonId) -> dict[CredentialKind, bytes]:
    """Return the stored form of every secret of a person by kind."""
    found = conn.execute(_SECRETS, {"site": site, "person": person})
    return {CredentialKind(row.kind): bytes(row.secret) for row in found}


def store_secret(conn: Connection, site: str, person: PersonId, kind: CredentialKind, secret: bytes | None) -> None:
    """Replace the stored form of a secret; None takes it away."""
    held = PERSON_CREDENTIAL.c
    conn.execute(delete(PERSON_CREDENTIAL).where(held.site == site, held.person == person, held.kind == kind.value))
    if secret is not None:
        row = {"site": site, "person": person, "kind": kind.value, "secret": secret}
        conn.execute(insert(PERSON_CREDENTIAL).values(**row))


def user_name_is_free(conn: Connection, site: str, user_name: str, person: PersonId) -> None:
    """Refuse with `user-name-taken` if anybody else has or had it; to be called under the write lock.

    Rule: REG-P11-100a.
    """
    taken = select(PERSON.c.id).where(PERSON.c.site == site, PERSON.c.user_name == user_name, PERSON.c.id != person)
    if conn.execute(taken.limit(1)).first() is not None:
        raise Refusal("user-name-taken", user_name=user_name)
