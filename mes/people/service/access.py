"""Rights through the ledger: identity proofs, accountability, requests for access, reviews and alerts."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from mes.errors import Refusal
from mes.ids import Op, PersonId, Stream, stream
from mes.ledger.entry import Actor, Draft, Entry, Write
from mes.ledger.repeats import repeated
from mes.people import access_tables, decide, tables
from mes.people.decide.access import BOOTSTRAP_MEANING, WITHDRAWN
from mes.people.events import (
    AccessApproved,
    AccessRefused,
    AccessRequested,
    AccessReviewed,
    AccountabilityAccepted,
    AlertAcknowledged,
    IdentityProved,
    RoleGranted,
    RoleWithdrawn,
)
from mes.people.model import AccessRequest, Asked, Person, Role, SecurityAlert, new_ident
from mes.people.ports import Line, Sign
from mes.people.service.credentials import CredentialDesk


class AccessDesk(CredentialDesk):
    """Gives and takes rights. Every act takes its operation id, and a repeated one changes nothing."""

    def may_sign(self, person: Person, meaning: str) -> None:
        """Refuse with `accountability-missing`, `identity-not-proved` or `password-expired` who cannot sign this."""
        started = meaning == BOOTSTRAP_MEANING and self.has_signing_qa()
        decide.may_sign(person, meaning, site_has_signing_qa=started)
        if self._password_days and self._is_expired(person):
            raise Refusal("password-expired", days=self._password_days)

    def has_signing_qa(self) -> bool:
        """Tell whether anybody in QA of this site can sign; until then the first people start the site up."""
        with self._ledger.read() as conn:
            return tables.has_signing_qa(conn, self._ledger.site)

    def prove_identity(self, person_id: str, document: str, *, by: Actor, sign: Sign, op: Op) -> Person:
        """Record, signed, that a second person checked who somebody is; `document` is a kind, never a number.

        Refuses as `decide.prove_identity` and as signing does. Rule: REG-P11-100b.
        """
        person = self.person(person_id)
        if self._is_done(op, by, IdentityProved, person.id, document=document.strip()):
            return self.person(person_id)
        entries = self._ledger.stream(stream("person", person.id))
        event = decide.prove_identity(
            person, document, prover=by.id, role=Role(by.role or ""),
            enroller=str(entries[0].document["actor"]["id"]), site_has_signing_qa=self.has_signing_qa(),
        )  # fmt: skip
        lines: list[Line] = [
            ("Person", person.name, entries[0]), ("User name", person.user_name, None),
            ("Roles", words(person), None), ("Identity proved by", event.document, None),
        ]  # fmt: skip
        if event.bootstrap:
            lines.append(("Start-up", "The site has no QA who can sign; QA proves this identity again later", None))
        self._sign_and_append(person.id, event.draft(), entries, lines, by=by, sign=sign, op=op)
        return self.person(person_id)

    def accept_accountability(self, person_id: str, *, by: Actor, sign: Sign, op: Op) -> Person:
        """Record a person's signed statement that their electronic signature binds them. Rule: REG-P11-10j."""
        person = self.person(person_id)
        if self._is_done(op, by, AccountabilityAccepted, person.id):
            return person
        entries = self._ledger.stream(stream("person", person.id))
        event = decide.accept_accountability(person, by=by.id)
        lines: list[Line] = [("Person", person.name, entries[0]), ("User name", person.user_name, None)]
        self._sign_and_append(person.id, event.draft(), entries, lines, by=by, sign=sign, op=op)
        return self.person(person_id)

    def request_access(self, person_id: str, role: Role, *, by: Actor, reason: str, op: Op) -> str:
        """Ask that a person may act in a role, and return the request's id."""
        person = self.person(person_id)
        earlier = self._is_done(op, by, AccessRequested, person.id, role=role)
        if earlier:
            return str(earlier.data["request"])
        with self._ledger.read() as conn:
            rows = access_tables.requests(conn, self._ledger.site, Asked.OPEN, Asked.APPROVED)
        event = decide.request_access(
            person, role, request=new_ident("R"), requester=PersonId(by.id), reason=reason,
            pending=[access_tables.of_request(row) for row in rows],
        )  # fmt: skip
        self._append(person.id, event.draft(reason=reason), by=by, expected_seq=self._next(person.id), op=op)
        return event.request

    def approve_access(self, request_id: str, *, by: Actor, sign: Sign, op: Op) -> AccessRequest:
        """Approve a request with QA's two-factor signature; it gives access only once executed."""
        request, order = self._request(request_id)
        if self._is_done(op, by, AccessApproved, request.person, request=request.id):
            return request
        person, asked = self.person(request.person), self._about(request.person, order)
        event = decide.approve_access(request, person, approver=PersonId(by.id))
        lines: list[Line] = [
            ("Person", person.name, None), ("Present roles", words(person), None),
            ("Role asked for", request.role.value, asked),
            ("Asked by", str(asked.document["actor"].get("name")), asked),
            ("Reason", str(asked.document.get("reason", "")), asked),
        ]  # fmt: skip
        entries = self._ledger.stream(stream("person", person.id))
        draft = event.draft()
        self._sign_and_append(person.id, draft, entries, lines, by=by, sign=sign, op=op)
        return self._request(request_id)[0]

    def refuse_access(self, request_id: str, *, by: Actor, reason: str, op: Op) -> AccessRequest:
        """Turn a request down, with a reason."""
        request, _ = self._request(request_id)
        if not self._is_done(op, by, AccessRefused, request.person, request=request.id):
            event = decide.refuse_access(request, self.person(request.person), by=PersonId(by.id), reason=reason)
            expected = self._next(request.person)
            self._append(request.person, event.draft(reason=reason), by=by, expected_seq=expected, op=op)
        return self._request(request_id)[0]

    def grant_role(self, person_id: PersonId, role: Role, *, by: Actor, op: Op | None = None) -> Person:
        """Let a person act in a role, on the approved request for it; the entry refers to the approval.

        Refuses as `decide.grant_role` does. Only while no QA of the site can sign is no request needed.
        """
        expected = self._next(person_id)
        if op and self._is_done(op, by, RoleGranted, person_id, role=role):
            return self.person(person_id)
        with self._ledger.read() as conn:
            rows = access_tables.requests(conn, self._ledger.site, Asked.APPROVED)
        row = next((one for one in rows if (one.person, one.role) == (person_id, role.value)), None)
        request = access_tables.of_request(row) if row else None
        event = decide.grant_role(
            self.person(person_id), role, executor=by.id, request=request, site_has_signing_qa=self.has_signing_qa()
        )
        refs = (self._about(person_id, row.entry_index).reference,) if row else ()
        self._append(person_id, event.draft(refs=refs), by=by, expected_seq=expected, op=op)
        return self.person(person_id)

    def access_requests(self) -> list[Any]:
        """Return the requests that wait for QA or for an administrator, the oldest first."""
        with self._ledger.read() as conn:
            return access_tables.requests(conn, self._ledger.site, Asked.OPEN, Asked.APPROVED)

    def review_access(self, verdicts: Mapping[str, str], *, by: Actor, sign: Sign, op: Op) -> AccessReviewed:
        """Confirm or withdraw everybody's access in one signed operation. Rule: REG-A11D-11-1.

        Whoever is withdrawn loses every role at once. Refuses as `decide.review_access` and as signing does.
        """
        site = stream("site", self._ledger.site)
        earlier = repeated(self._ledger, op, site, by.id, AccessReviewed)
        people = self.people()
        if earlier:
            return decide.review_access(people, verdicts, reviewer=PersonId(by.id))
        event = decide.review_access(people, verdicts, reviewer=PersonId(by.id))
        named = {one.id: one for one in people}
        lines: list[Line] = [("Reviewed", "the access of everybody with a role at this site", None)]
        lines += [(named[line.person].name, f"{', '.join(line.roles)}: {line.verdict}", None) for line in event.people]
        now, last = self._clock.now(), self._ledger.next_seq(site) - 1
        signed, shown = sign(event.draft(), where=site, after=[(site, last)], lines=lines)
        writes = [Write(site, (signed,), last + 1)]
        for line in event.people:
            if line.verdict == WITHDRAWN:
                drafts = tuple(RoleWithdrawn(line.person, role).draft(reason="access review") for role in line.roles)
                writes.append(Write(stream("person", line.person), drafts, self._next(line.person)))
        self._ledger.append(op, writes, actor=by, now=now, shown=shown)
        return event

    def review_state(self) -> dict[str, Any]:
        """Return when access was last reviewed, by whom, until when it is good, and whether that is past."""
        with self._ledger.read() as conn:
            last = access_tables.last_review(conn, self._ledger.site)
        since = last[0] if last else self._ledger.entry(0).at
        due = decide.review_due(since)
        return {"last": last[0] if last else None, "by": last[1] if last else None, "due": due,
                "overdue": self._clock.now() > due}  # fmt: skip

    def last_sign_ins(self) -> dict[str, datetime]:
        """Return when each person last signed in."""
        with self._ledger.read() as conn:
            return access_tables.last_sign_ins(conn, self._ledger.site)

    def proofs(self) -> dict[str, list[Any]]:
        """Return how each person's identity was proved and when they accepted accountability."""
        with self._ledger.read() as conn:
            return access_tables.proofs(conn, self._ledger.site)

    def alerts(self) -> list[SecurityAlert]:
        """Return the alerts of the site, the newest first, at most 200."""
        with self._ledger.read() as conn:
            return access_tables.alerts(conn, self._ledger.site)

    def open_alerts(self) -> int:
        """Return how many alerts nobody has looked at."""
        with self._ledger.read() as conn:
            return access_tables.open_alerts(conn, self._ledger.site)

    def watched(self) -> list[access_tables.Watched]:
        """Return the newest 200 security events, successful sign-ins left out."""
        with self._ledger.read() as conn:
            return access_tables.watched(conn, self._ledger.site)

    def acknowledge(self, alert_id: str, *, by: Actor, reason: str, op: Op) -> SecurityAlert:
        """Record that somebody looked at an alert and what they found; refuses `alert-unknown` (404)."""
        known = {one.id: one for one in self.alerts()}
        if alert_id not in known:
            raise Refusal("alert-unknown", status=404, alert=alert_id[:64])
        found = known[alert_id]
        where = stream("person", found.person) if found.person else stream("site", self._ledger.site)
        if not repeated(self._ledger, op, where, by.id, AlertAcknowledged, alert=alert_id):
            event = decide.acknowledge(found, by=PersonId(by.id), reason=reason)
            self._write(Write(where, (event.draft(reason=reason),)), by=by, op=op)
        return next(one for one in self.alerts() if one.id == alert_id)

    def people(self) -> list[Person]:
        """Return everybody who was ever enrolled, ordered by user name."""
        with self._ledger.read() as conn:
            return tables.all_persons(conn, self._ledger.site)

    def _about(self, person: PersonId, order: int) -> Entry:
        """Return the entry about a request, of whatever generation: it stands in the stream of its person."""
        return next(one for one in self._ledger.stream(stream("person", person)) if one.order == order)

    def _request(self, request_id: str) -> tuple[AccessRequest, int]:
        with self._ledger.read() as conn:
            return access_tables.find_request(conn, self._ledger.site, request_id)

    def _sign_and_append(
        self, person_id: PersonId, draft: Draft, entries: Sequence[Entry], lines: Sequence[Line], *, by: Actor,
        sign: Sign, op: Op,
    ) -> None:  # fmt: skip
        where: Stream = stream("person", person_id)
        after = [(where, entries[-1].seq)]
        signed, shown = sign(draft, where=where, after=after, lines=lines)
        write = Write(where, (signed,), entries[-1].seq + 1)
        self._ledger.append(op, [write], actor=by, now=self._clock.now(), shown=shown)

    def _is_expired(self, person: Person) -> bool:
        with self._ledger.read() as conn:
            changed = access_tables.password_changed(conn, self._ledger.site, person.id)
        return decide.is_expired(changed, self._clock.now(), self._password_days)


def words(person: Person) -> str:
    """Return a person's roles as a line of text."""
    return ", ".join(sorted(role.value for role in person.roles)) or "none"
