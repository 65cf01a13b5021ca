"""When a ledger's tail is lost: put back from a copy, or, where no copy has it, a next generation that QA opens.

Both only while `mes serve` is down: a site whose tail is lost does not start. QA signs at the console, in the room of
the machine, with password and one-time code, on what is printed there: no page is served on a ledger that is not whole.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from sqlalchemy import Engine

import mes
from mes.app import PROJECTORS, clock_of, open_ledger
from mes.batches import tables as batch_tables
from mes.clock import Clock
from mes.errors import IntegrityBreach, Refusal
from mes.ids import Stream, new_op
from mes.ledger.breach import WHOLE, BreachLog
from mes.ledger.checkpoints import Checkpoint, open_checkpoint, origin_of
from mes.ledger.database import open_engine
from mes.ledger.drafting import offset_text
from mes.ledger.entry import Actor, Write
from mes.ledger.events import encode, time_text
from mes.ledger.founding import book_of, checked_ground
from mes.ledger.heads import stored_size
from mes.ledger.key_folder import settle
from mes.ledger.keys import SiteKey
from mes.ledger.locks import WriterLease
from mes.ledger.notes import NoteError
from mes.ledger.reader import newest_generation
from mes.ledger.reseeding import Reseeded, reseed
from mes.ledger.site_events import LedgerContinued, LedgerReseeded
from mes.ledger.store import Ledger
from mes.ledger.verify import verify_ledger
from mes.people import tables as people_tables
from mes.people.model import CredentialKind, Person, Role
from mes.people.passwords import PRODUCTION, Hasher, HashParameters
from mes.people.second_factor import SecretBox
from mes.people.service import PeopleService, Proved
from mes.people.sessions import Sessions
from mes.settings import SiteSettings
from mes.signatures.authority import check_authority
from mes.signatures.decide import after_document, statement
from mes.signatures.meanings import Meaning, texts
from mes.signatures.model import ShownDocument, ShownItem, shown_document
from mes.site_process.console import CONSOLE, MAX_REASON

TERMINAL = "console"
MEANING = Meaning.CHANGE_APPROVED
"""Of the closed list of meanings: it takes two factors always; a next generation changes the record's basis."""


@dataclass(frozen=True, slots=True)
class Continuation:
    """What QA is asked to approve."""

    previous: Checkpoint
    event: LedgerContinued
    shown: ShownDocument
    reason: str


@dataclass(frozen=True, slots=True)
class Factors:
    """What QA types at the console; never stored, never printed."""

    user_name: str
    password: str = field(repr=False)
    totp: str = field(repr=False)


@contextmanager
def leased(settings: SiteSettings) -> Iterator[Engine]:
    """Give the site's engine while this process alone may write; refuses `writer-lock-held`."""
    engine = open_engine(settings.database)
    try:
        with WriterLease(settings.site_dir, engine):
            yield engine
    finally:
        engine.dispose()


def reseed_site(settings: SiteSettings, folder: Path, reason: str) -> Reseeded:
    """Put the lost tail back from a copy, check the whole ledger, end its hold, and record it.

    Refuses what `reseed` refuses; IntegrityBreach where the ledger is not whole even so. Rule: REL-P5.
    """
    with leased(settings) as engine:
        gen, now = _generation(engine), clock_of(settings).now()
        found = reseed(engine, folder, site=settings.site, gen=gen, projectors=PROJECTORS)
        verify_ledger(engine)
        _release(settings, CONSOLE.id, f"re-seeded up to {found.to_size}: {reason}", now)
        ledger = open_ledger(settings, engine)
        try:
            event = LedgerReseeded(found.from_size, found.to_size, found.root.hex())
            writes = [Write(ledger.site_stream, (event.draft(reason=reason),))]
            ledger.append(new_op(), writes, actor=CONSOLE, now=now)
            ledger.checkpoint(now)
        finally:
            ledger.close()
    return found


class Ceremony:
    """The opening of the next generation; made with the lease held, in the two steps that a person needs."""

    def __init__(self, settings: SiteSettings, engine: Engine, hashing: HashParameters = PRODUCTION) -> None:
        """Refuses `ledger-missing`, and the faults of the key files."""
        self._settings, self._engine, self._hashing = settings, engine, hashing
        self._clock: Clock = clock_of(settings)
        self._gen = _generation(engine)
        self._book = book_of(engine, settings.site)
        self._key: SiteKey = settle(settings.keys_dir, self._book).present

    def asked(self, note: str | None, reason: str) -> Continuation:
        """Return what QA has to approve, from the last checkpoint that is known to have been signed.

        Refuses `ledger-goes-on` where the ledger opens, since then nothing is lost; `checkpoint-missing` and
        `checkpoint-unsigned` where it is not known what was lost; `reason-missing`, `text-length`.
        """
        if not reason.strip():
            raise Refusal("reason-missing", status=422)
        if len(reason) > MAX_REASON:
            raise Refusal("text-length", status=422, most=MAX_REASON)
        evidence = self._evidence()
        previous = self._previous(note)
        key = self._key.named(origin_of(self._settings.site, self._gen + 1))
        clock = "simulated" if self._settings.simulated_clock else "real"
        event = Ledger.continued(previous, self._settings.site, key, clock, f"septima-mes {mes.__version__}", evidence)
        with self._engine.connect() as connection:
            here = stored_size(connection, self._gen)
            rows = batch_tables.batches(connection, self._settings.site)
        ended = ("completed", "terminated", "cancelled")
        still = [row.batch for row in rows if row.phase not in ended]
        items = [
            ShownItem("Ledger that cannot go on", previous.origin),
            ShownItem("Entries that were signed", f"{previous.size}, root {previous.root.hex()}"),
            ShownItem("Entries that are here", str(here)),
            ShownItem("What stands against it", evidence),
            ShownItem("Next generation", str(self._gen + 1)),
            ShownItem("Open batches, which go on flagged", ", ".join(sorted(still)) or "none"),
        ]
        return Continuation(previous, event, shown_document(items), reason.strip())

    def open(self, asked: Continuation, given: Factors) -> Ledger:
        """Open the next generation with QA's signature as its first entry; the caller closes the ledger.

        Refuses `continuation-by-qa` (403), `second-factor-not-enrolled`, `password-temporary`, the refusals of
        `may_sign`, `signature-secret-wrong` and `second-factor-wrong` (401), `too-many-attempts` (429).
        """
        now = self._clock.now()
        person = self._proved(given)
        signature = self._signature(asked, person, now)
        _release(self._settings, person.id, f"generation {self._gen + 1}: {asked.reason}", now)
        actor = Actor("person", person.id, person.name, Role.QA.value, TERMINAL)
        ledger = Ledger.continue_generation(
            self._engine, site=self._settings.site, tz=self._settings.tz, now=now, previous=asked.previous,
            key=self._key.named(origin_of(self._settings.site, self._gen + 1)), clock=asked.event.clock,
            software=asked.event.software, evidence=asked.event.evidence, actor=actor, signature=signature,
            reason=asked.reason, projectors=PROJECTORS, breach_path=self._settings.breach_path,
            shown=[asked.shown.body],
        )  # fmt: skip
        ledger.checkpoint(now)
        self._settings.verified_path.unlink(missing_ok=True)  # how far the closed generation had been verified
        return ledger

    def _evidence(self) -> str:
        try:
            open_ledger(self._settings, self._engine).close()
        except IntegrityBreach as breach:
            return f"integrity-breach: {breach.what}"[:MAX_REASON]
        except Refusal as refused:
            if refused.code not in ("ledger-older-copy", "stream-held-by-breach"):
                raise
            return str(refused)[:MAX_REASON]
        if WHOLE in BreachLog(self._settings.breach_path).held:
            return "held: a check found the ledger not to be what was signed"
        raise Refusal("ledger-goes-on", gen=self._gen)

    def _previous(self, note: str | None) -> Checkpoint:
        path = self._settings.kept_note_path
        if note is None:
            if not path.is_file():
                raise Refusal("checkpoint-missing", path=str(path))
            note = path.read_text(encoding="utf-8")
        origin = origin_of(self._settings.site, self._gen)
        try:
            # a key that only the lost tail named may have signed it: the file's present key is asked as well
            found = open_checkpoint(note, [*self._book.verifiers, self._key.named(origin).verifier], origin)
        except NoteError as error:
            raise Refusal("checkpoint-unsigned", cause=str(error)) from error
        return found

    def _proved(self, given: Factors) -> Person:
        settings = self._settings
        ground = checked_ground(
            settings.site, self._gen, settings.tz, self._key.named(origin_of(settings.site, self._gen)), "real"
        )
        reading = Ledger(self._engine, ground, self._key, (), BreachLog(None))  # read only: nothing is appended to it
        sessions = Sessions(settings.sessions_path)
        try:
            box = SecretBox.load(settings.credential_key_path)
            desk = PeopleService(
                reading, self._clock, sessions, Hasher(self._hashing), box, password_days=settings.password_days
            )
            with reading.read() as connection:
                person = people_tables.find_by_user_name(connection, settings.site, given.user_name.strip().lower())
            if person is None or not person.active or Role.QA not in person.roles:
                raise Refusal("continuation-by-qa", status=403)
            desk.may_sign(person, MEANING.value)
            check_authority(person, MEANING)
            if CredentialKind.TOTP not in person.credentials:
                raise Refusal("second-factor-not-enrolled", person=person.id)
            proof = desk.prove(person, TERMINAL, password=given.password, totp=given.totp)
            if proof.outcome is not Proved.RIGHT:
                wrong = proof.outcome is Proved.PASSWORD_WRONG
                raise Refusal("signature-secret-wrong" if wrong else "second-factor-wrong", status=401)
            if person.password_temporary:
                raise Refusal("password-temporary")
            return person
        finally:
            sessions.close()
            reading.close()

    def _signature(self, asked: Continuation, person: Person, now: datetime) -> dict[str, object]:
        settings, data = self._settings, encode(asked.event)
        text = texts(person.language or settings.language)[MEANING]
        digest = statement(
            site=settings.site, gen=self._gen + 1, stream=Stream(f"site/{settings.site}"), type=LedgerContinued.tag,
            after=[], shown=asked.shown.digest, meaning=MEANING, text=text, person=person, data=data,
            reason=asked.reason,
        )  # fmt: skip
        return {
            "meaning": MEANING.value, "text": text, "person": {"id": person.id, "name": person.name},
            "at": time_text(now), "tz": settings.tz, "utc_offset": offset_text(now.astimezone(ZoneInfo(settings.tz))),
            "factors": ["user_name", "password", "totp"], "after": after_document([]), "shown": asked.shown.digest,
            "statement": digest,
        }  # fmt: skip


def _generation(engine: Engine) -> int:
    gen = newest_generation(engine)
    if gen is None:
        raise Refusal("ledger-missing", status=404)
    return gen


def _release(settings: SiteSettings, by: str, ground: str, now: datetime) -> None:
    """End a hold of the whole ledger, whose cause is settled by what is done now; holds of streams stay."""
    breaches = BreachLog(settings.breach_path)
    if WHOLE in breaches.held:
        breaches.release(None, by=by, ground=ground, at=time_text(now))
