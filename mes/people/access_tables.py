"""The tables of rights: standing, requests, reviews, alerts and what those who watch want to see. Projections all."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Column, Connection, Integer, String, Table, delete, func, insert, select, update

from mes.errors import Refusal
from mes.ids import PersonId
from mes.ledger.entry import Entry
from mes.ledger.events import Event, decode_event, time_text
from mes.people.events import (
    AccessApproved,
    AccessRefused,
    AccessRequested,
    AccountabilityAccepted,
    AlertAcknowledged,
    IdentityProved,
    RoleGranted,
    SecurityAlerted,
)
from mes.people.model import AccessRequest, Asked, Role, SecurityAlert, Standing
from mes.people.projected import METADATA

STANDING = Table(
    "person_standing",
    METADATA,
    Column("site", String(32), primary_key=True),
    Column("person", String(64), primary_key=True),
    Column("standing", String(32), primary_key=True),
    Column("told", String(100), nullable=False),
    Column("by_person", String(64), nullable=False),
    Column("at", String(32), nullable=False),
)
"""`told` is the kind of document seen; `by_person` who proved or accepted."""
REQUEST = Table(
    "access_request",
    METADATA,
    Column("site", String(32), primary_key=True),
    Column("request", String(64), primary_key=True),
    Column("person", String(64), nullable=False, index=True),
    Column("role", String(32), nullable=False),
    Column("requester", String(64), nullable=False),
    Column("approver", String(64)),
    Column("state", String(16), nullable=False),
    Column("at", String(32), nullable=False),
    Column("reason", String(500), nullable=False),
    Column("entry_index", BigInteger, nullable=False),
)
"""`entry_index` names the newest entry about the request, by its place over all generations (`Entry.order`)."""
REVIEW = Table(
    "access_review",
    METADATA,
    Column("site", String(32), primary_key=True),
    Column("entry_index", BigInteger, primary_key=True),
    Column("reviewer", String(64), nullable=False),
    Column("at", String(32), nullable=False),
)
ALERT = Table(
    "security_alert",
    METADATA,
    Column("site", String(32), primary_key=True),
    Column("alert", String(64), primary_key=True),
    Column("what", String(16), nullable=False),
    Column("terminal", String(64), nullable=False),
    Column("in_a_row", Integer, nullable=False),
    Column("person", String(64)),
    Column("at", String(32), nullable=False),
    Column("acknowledged_by", String(64)),
)
WATCHED = Table(
    "security_event",
    METADATA,
    Column("site", String(32), primary_key=True),
    Column("entry_index", BigInteger, primary_key=True),
    Column("at", String(32), nullable=False),
    Column("type", String(64), nullable=False, index=True),
    Column("person", String(64), index=True),
    Column("actor", String(100), nullable=False),
    Column("terminal", String(64)),
    Column("told", String(200), nullable=False),
)
"""What a security officer looks through, newest last; sign-ins too, for the last one of each person."""

WATCHED_BEFORE = (
    "person:account:", "person:role:", "person:credential:", "person:session:", "person:security:", "person:access:",
    "person:identity:", "person:passkey:", "person:oidc:", "signature:refused", "site:access:",
)  # fmt: skip
SIGNED_IN = "person:session:started"


@dataclass(frozen=True, slots=True)
class Watched:
    """One line of the security page; times are those of the record."""

    entry_index: int
    at: datetime
    type: str
    person: str | None
    actor: str
    terminal: str | None
    told: str


def project_access(conn: Connection, entry: Entry) -> None:
    """Bring rights, requests, reviews and alerts up to date with one entry."""
    if not entry.type.startswith(WATCHED_BEFORE) and entry.type != AccountabilityAccepted.tag:
        return
    site, at = str(entry.document["site"]), time_text(entry.at)
    actor, data = entry.document["actor"], entry.data
    told = ", ".join(f"{name} {value}" for name, value in sorted(data.items()) if _tells(name, value))[:200]
    conn.execute(insert(WATCHED).values(
        site=site, entry_index=entry.order, at=at, type=entry.type, person=data.get("person"),
        actor=str(actor.get("name") or actor["id"])[:100], terminal=data.get("terminal") or actor.get("terminal"),
        told=told,
    ))  # fmt: skip
    _judge(conn, site, at, entry, decode_event(entry.type, entry.tv, data))


def _tells(name: str, value: Any) -> bool:
    return name not in ("person", "terminal", "cose") and isinstance(value, str | int)


def _judge(conn: Connection, site: str, at: str, entry: Entry, event: Event | None) -> None:
    by = str(entry.document["actor"]["id"])
    match event:
        case IdentityProved():
            standing = Standing.BOOTSTRAP if event.bootstrap else Standing.IDENTITY
            _stand(conn, site, event.person, standing, event.document, by, at)
        case AccountabilityAccepted():
            _stand(conn, site, event.person, Standing.ACCOUNTABLE, "", by, at)
        case AccessRequested():
            conn.execute(insert(REQUEST).values(
                site=site, request=event.request, person=event.person, role=event.role.value,
                requester=event.requester, state=Asked.OPEN.value, at=at,
                reason=str(entry.document.get("reason", "")), entry_index=entry.order,
            ))  # fmt: skip
        case AccessApproved():
            _settle(conn, site, event.request, Asked.APPROVED, entry.order, approver=event.approver)
        case AccessRefused():
            _settle(conn, site, event.request, Asked.REFUSED, entry.order)
        case RoleGranted():
            done = {"state": Asked.EXECUTED.value, "entry_index": entry.order}
            where = (REQUEST.c.person == event.person, REQUEST.c.role == event.role.value)
            open_ = REQUEST.c.state == Asked.APPROVED.value
            conn.execute(update(REQUEST).where(REQUEST.c.site == site, *where, open_).values(**done))
        case SecurityAlerted():
            conn.execute(insert(ALERT).values(
                site=site, alert=event.alert, what=event.what, terminal=event.terminal, in_a_row=event.in_a_row,
                person=event.person, at=at,
            ))  # fmt: skip
        case AlertAcknowledged():
            where = (ALERT.c.site == site, ALERT.c.alert == event.alert)
            conn.execute(update(ALERT).where(*where).values(acknowledged_by=by))
        case _ if entry.type == "site:access:reviewed":
            conn.execute(insert(REVIEW).values(site=site, entry_index=entry.order, reviewer=by, at=at))
        case _:
            return


def _stand(conn: Connection, site: str, person: PersonId, standing: Standing, told: str, by: str, at: str) -> None:
    """Note a standing; an identity proved by QA takes the place of one proved at start-up."""
    replaced = {standing.value, Standing.BOOTSTRAP.value} if standing is Standing.IDENTITY else {standing.value}
    held = STANDING.c
    conn.execute(delete(STANDING).where(held.site == site, held.person == person, held.standing.in_(replaced)))
    row = {"person": person, "standing": standing.value, "told": told, "by_person": by, "at": at}
    conn.execute(insert(STANDING).values(site=site, **row))


def _settle(conn: Connection, site: str, request: str, state: Asked, index: int, **more: str) -> None:
    where = (REQUEST.c.site == site, REQUEST.c.request == request)
    conn.execute(update(REQUEST).where(*where).values(state=state.value, entry_index=index, **more))


def proofs(conn: Connection, site: str) -> dict[str, list[Any]]:
    """Return how and by whom each person's standing was given, by person."""
    found: dict[str, list[Any]] = {}
    for row in conn.execute(select(STANDING).where(STANDING.c.site == site).order_by(STANDING.c.standing)):
        found.setdefault(row.person, []).append(row)
    return found


def requests(conn: Connection, site: str, *states: Asked) -> list[Any]:
    """Return the rows of requests in these states, the oldest first."""
    where = (REQUEST.c.site == site, REQUEST.c.state.in_([one.value for one in states]))
    return list(conn.execute(select(REQUEST).where(*where).order_by(REQUEST.c.at, REQUEST.c.request)))


def find_request(conn: Connection, site: str, request: str) -> tuple[AccessRequest, int]:
    """Return a request and the order of the newest entry about it; refuses `access-unknown` (404)."""
    where = (REQUEST.c.site == site, REQUEST.c.request == request)
    row = conn.execute(select(REQUEST).where(*where)).one_or_none()
    if row is None:
        raise Refusal("access-unknown", status=404, request=request[:64])
    return of_request(row), row.entry_index


def of_request(row: Any) -> AccessRequest:
    """Return the request that a row tells of."""
    approver = PersonId(row.approver) if row.approver else None
    return AccessRequest(
        row.request, PersonId(row.person), Role(row.role), PersonId(row.requester), Asked(row.state), approver
    )


def last_review(conn: Connection, site: str) -> tuple[datetime, str] | None:
    """Return when access was last reviewed and by whom."""
    query = select(REVIEW.c.at, REVIEW.c.reviewer).where(REVIEW.c.site == site).order_by(REVIEW.c.entry_index.desc())
    row = conn.execute(query.limit(1)).first()
    return None if row is None else (datetime.fromisoformat(row.at), row.reviewer)


def alerts(conn: Connection, site: str, *, only_open: bool = False) -> list[SecurityAlert]:
    """Return the alerts of the site, the newest first, at most 200."""
    where = [ALERT.c.site == site]
    if only_open:
        where.append(ALERT.c.acknowledged_by.is_(None))
    rows = conn.execute(select(ALERT).where(*where).order_by(ALERT.c.at.desc(), ALERT.c.alert).limit(200))
    return [
        SecurityAlert(
            row.alert,
            row.what,
            row.terminal,
            row.in_a_row,
            row.person,
            datetime.fromisoformat(row.at),
            row.acknowledged_by,
        )
        for row in rows
    ]


def open_alerts(conn: Connection, site: str) -> int:
    """Return how many alerts nobody has looked at."""
    query = select(func.count()).select_from(ALERT).where(ALERT.c.site == site, ALERT.c.acknowledged_by.is_(None))
    return conn.scalar(query) or 0


def watched(conn: Connection, site: str, *, most: int = 200, types: Sequence[str] = ()) -> list[Watched]:
    """Return the newest security events, successful sign-ins and sign-outs left out unless asked for by type."""
    where = [WATCHED.c.site == site]
    usual = (SIGNED_IN, "person:session:ended")
    where.append(WATCHED.c.type.in_(types) if types else WATCHED.c.type.not_in(usual))
    rows = conn.execute(select(WATCHED).where(*where).order_by(WATCHED.c.entry_index.desc()).limit(most))
    return [
        Watched(r.entry_index, datetime.fromisoformat(r.at), r.type, r.person, r.actor, r.terminal, r.told)
        for r in rows
    ]


def last_sign_ins(conn: Connection, site: str) -> dict[str, datetime]:
    """Return when each person last signed in."""
    query = (
        select(WATCHED.c.person, func.max(WATCHED.c.at).label("at"))
        .where(WATCHED.c.site == site, WATCHED.c.type == SIGNED_IN)
        .group_by(WATCHED.c.person)
    )
    return {row.person: datetime.fromisoformat(row.at) for row in conn.execute(query)}


def password_changed(conn: Connection, site: str, person: str) -> datetime | None:
    """Return when a person's password was last set."""
    query = select(func.max(WATCHED.c.at)).where(
        WATCHED.c.site == site, WATCHED.c.person == person,
        WATCHED.c.type == "person:credential:changed", WATCHED.c.told.startswith("credential password"),
    )  # fmt: skip
    at = conn.scalar(query)
    return None if at is None else datetime.fromisoformat(at)
