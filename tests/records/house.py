"""A small site that records with real signatures, so that its bundles can be held against the verifier."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from mes.batches.service.acting import Acting
from mes.clock import HeldClock
from mes.equipment.events import TelemetrySealed
from mes.equipment.journal_reader import JournalReader
from mes.equipment.sealing import Window, chunks_of, seal_of
from mes.equipment.tables import PROJECTION as EQUIPMENT
from mes.equipment.tables import samples
from mes.equipment.tables import stored as equipment_stored
from mes.equipment.telemetry import Telemetry
from mes.equipment.ticks import ticks_of
from mes.ids import EquipmentId, Op, PersonId, RunId, Stream, new_op
from mes.ledger.database import open_engine
from mes.ledger.entry import Actor, Content, Draft, Entry, Write
from mes.ledger.events import Event, time_text
from mes.ledger.keys import SiteKey
from mes.ledger.store import Ledger
from mes.masters.tables import keep_file
from mes.masters.tables import stored as masters_stored
from mes.people.events import PersonEnrolled, RoleGranted, SignedIn
from mes.people.model import Person, Role, Session
from mes.records.tables import stored as records_stored
from mes.signatures.decide import statement
from mes.signatures.meanings import TEXTS, TWO_FACTOR, Meaning
from mes.signatures.model import ShownItem, shown_document

START = datetime(2026, 11, 8, 7, 0, tzinfo=UTC)
SITE = "site-one"
KEY = SiteKey(f"septima/{SITE}/1", bytes(range(32)))
PEOPLE = {
    Role.CLINICIAN: ("P-CLIN0001", "Dr. Elena Marín"),
    Role.COLLECTION_NURSE: ("P-NURS0001", "Tom Janssens"),
    Role.OPERATOR: ("P-OPER0001", "Ada Verhoeven"),
    Role.VERIFIER: ("P-VERI0001", "Bram Kowalski"),
    Role.SUPERVISOR: ("P-SUPE0001", "Nadia Haddad"),
    Role.QC_ANALYST: ("P-QCAN0001", "Sofie Lindqvist"),
    Role.QC_REVIEWER: ("P-QCRE0001", "Paul Okafor"),
    Role.QA: ("P-QAQA0001", "Ingrid de Wit"),
    Role.QP: ("P-QPQP0001", "Dr. Marc Laurent"),
    Role.COURIER: ("P-COUR0001", "Jo Peeters"),
    Role.ADMINISTRATOR: ("P-ADMI0001", "Lena Roth"),
}


class House:
    """One site: a ledger, a held clock, and people who act and sign."""

    def __init__(self, ledger: Ledger, folder: Path) -> None:
        self.ledger, self.folder = ledger, folder
        self.clock = HeldClock(START)
        self.telemetry = Telemetry(ledger, SITE, JournalReader(folder / "collect.journal"))
        self._steps = 0

    def later(self, hours: float) -> datetime:
        """Let time pass."""
        return self.clock.advance(timedelta(hours=hours))

    def enrol(self) -> None:
        """Enrol everybody, each in one role; the administrator first."""
        admin = self.actor(Role.ADMINISTRATOR)
        for role, (ident, name) in reversed(PEOPLE.items()):
            person = PersonId(ident)
            by = Actor.system("setup") if role is Role.ADMINISTRATOR else admin
            events: list[Event] = [
                PersonEnrolled(person, name, name.split()[-1].lower()),
                RoleGranted(person, role, None if role is Role.ADMINISTRATOR else PersonId(admin.id)),
            ]
            self.append(f"person/{ident}", *(event.draft() for event in events), by=by)
            self.append(f"person/{ident}", SignedIn(person, "T1").draft(), by=self.actor(role))

    def actor(self, role: Role) -> Actor:
        """Return who acts in a role."""
        return Actor("person", *PEOPLE[role], role.value, "T1")

    def acting(self, role: Role, op: Op | None = None) -> Acting:
        """Return an act of the person in a role."""
        ident, name = PEOPLE[role]
        person = Person(PersonId(ident), name, name.lower(), frozenset({role}))
        return Acting(Session("", person, "T1", True, ""), op or new_op())

    def append(
        self, stream: str, *drafts: Draft, by: Actor | Role, contents: Sequence[Content] = (),
        shown: Sequence[bytes] = (), others: Sequence[Write] = (),
    ) -> tuple[Entry, ...]:  # fmt: skip
        """Record drafts of one operation."""
        actor = self.actor(by) if isinstance(by, Role) else by
        writes = [Write(Stream(stream), drafts), *others]
        return self.ledger.append(new_op(), writes, actor=actor, now=self.clock.now(), contents=contents, shown=shown)

    def sign(
        self, stream: str, event: Event, role: Role, meaning: Meaning, *more: Event | Draft,
        items: Sequence[ShownItem] = (), reason: str | None = None, corrects: tuple[Stream, int] | None = None,
        contents: Sequence[Content] = (),
    ) -> Entry:  # fmt: skip
        """Record an event with a signature as the signing room makes them, and further events with it."""
        draft, shown = self.signed(stream, event, role, meaning, items=items, reason=reason, corrects=corrects)
        rest = [one.draft() if isinstance(one, Event) else one for one in more]
        return self.append(stream, draft, *rest, by=role, contents=contents, shown=[shown])[0]

    def signed(
        self, stream: str, event: Event, role: Role, meaning: Meaning, *, items: Sequence[ShownItem] = (),
        reason: str | None = None, corrects: tuple[Stream, int] | None = None,
    ) -> tuple[Draft, bytes]:  # fmt: skip
        """Return a signed draft and what its signer saw."""
        ident, name = PEOPLE[role]
        seen = shown_document([*items, ShownItem("What", event.tag)])
        last = self.ledger.next_seq(Stream(stream)) - 1
        after = [(Stream(stream), last)] if last >= 0 else []
        draft = event.draft()
        person = Person(PersonId(ident), name, name.lower())
        digest = statement(
            site=SITE, gen=self.ledger.gen, stream=Stream(stream), type=draft.type, after=after, shown=seen.digest,
            meaning=meaning, text=TEXTS[meaning], person=person, data=draft.data, reason=reason,
        )  # fmt: skip
        factors = ["user_name", "password", *(["totp"] if meaning in TWO_FACTOR else [])]
        document: dict[str, Any] = {
            "meaning": meaning.value, "text": TEXTS[meaning], "person": {"id": ident, "name": name},
            "at": time_text(self.clock.now()), "tz": "Europe/Brussels", "utc_offset": "+01:00", "factors": factors,
            "after": [{"stream": one, "seq": seq} for one, seq in after], "shown": seen.digest, "statement": digest,
        }  # fmt: skip
        return event.draft(reason=reason, signature=document, corrects=corrects), seen.body

    def keep(self, body: bytes) -> None:
        """Store a file by its digest, as masters do."""
        self.ledger.beside(lambda connection: keep_file(connection, body))

    def seal_hour(self, device: str, run: str, start: datetime, rows: Sequence[tuple[str, str]]) -> TelemetrySealed:
        """Seal an hour of `(tag, canonical row)`, as the drain does."""
        window = Window(EquipmentId(device), RunId(run), ticks_of(start))
        chunks = chunks_of([b"".join(f"{tag},{row}\n".encode() for tag, row in rows)])
        event, op = seal_of(window, chunks), new_op()
        self._steps += 1
        step = self._steps
        self.ledger.append(
            op, [Write(Stream(f"run/{run}"), (event.draft(),))], actor=Actor.system("drain"), now=self.clock.now(),
            alongside=lambda connection: samples.seal_window(connection, SITE, step, op, window, chunks),
        )  # fmt: skip
        return event


@contextmanager
def a_house(folder: Path, clock: str = "simulated", url: str = "") -> Iterator[House]:
    """Begin a site in a folder and close it again."""
    engine = open_engine(url or f"sqlite:///{folder / 'site.sqlite'}")
    projection, project = EQUIPMENT
    with engine.begin() as connection:
        for metadata in (projection, equipment_stored, masters_stored, records_stored):
            metadata.create_all(connection)
    ledger = Ledger.create(
        engine, site=SITE, tz="Europe/Brussels", key=KEY, now=START, clock=clock, software="septima-mes 0.1.0",
        projectors=[project],
    )  # fmt: skip
    try:
        house = House(ledger, folder)
        house.enrol()
        yield house
    finally:
        ledger.close()
        engine.dispose()
