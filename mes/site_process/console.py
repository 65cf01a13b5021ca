"""What the command line does to a site's ledger: keys rotated, retired, revoked, backed up, restored; a checkpoint now.

The same acts are done by `mes serve` for who reaches its admin socket, and by the command itself while serve is down.
Their actor is the system's console: it proves a hand on the machine with the rights of the site's user, no person.
"""

from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from threading import RLock
from typing import Any

from mes.errors import Refusal
from mes.identity.events import VaultRekeyed
from mes.identity.rotation import named_key, rotate_vault
from mes.identity.vault import PatientVault
from mes.ids import Op, new_op
from mes.ledger.entry import Actor, Entry, Write
from mes.ledger.events import Event, decode, encode
from mes.ledger.founding import key_book
from mes.ledger.key_book import KeyBook, check_new, check_revocable
from mes.ledger.key_folder import prepare, settle
from mes.ledger.notes import parse_vkey
from mes.ledger.reader import first_index_at
from mes.ledger.site_events import ClockTrusted, KeyRetired, KeyRevoked, KeyRotated, KeysBackedUp, KeysRestored
from mes.ledger.store import Ledger
from mes.settings import SiteSettings
from mes.site_process.backup.events import BackupMade, RestoreDrilled

CONSOLE = Actor.system("console")
MAX_REASON = 500
Facts = Mapping[str, Any]


class Console:
    """Acts on one open ledger whose writer's lease this process holds."""

    def __init__(
        self,
        settings: SiteSettings,
        ledger: Ledger,
        now: Callable[[], datetime],
        vault: Callable[[], PatientVault] | None = None,
    ) -> None:
        """`vault` gives the vault that this process has open; without it, an act on the vault opens it."""
        self._vault = vault or partial(PatientVault.open, settings.site_dir, partial(named_key, ledger))
        self._settings = settings
        self._ledger = ledger
        self._now = now
        self._lock = RLock()
        self._acts: Mapping[str, Callable[[Op, Facts], dict[str, Any]]] = {
            "keys.rotate": self._rotate, "keys.retire": self._retire, "keys.revoke": self._revoke,
            "keys.backed_up": self._backed_up, "keys.restored": self._restored, "ledger.checkpoint": self._checkpoint,
            "clock.trust": self._trust_clock, "backups.made": partial(self._told_backup, BackupMade),
            "backups.drilled": partial(self._told_backup, RestoreDrilled), "vault.rotate": self._rotate_vault,
        }  # fmt: skip

    def act(self, command: str, op: Op, facts: Facts) -> dict[str, Any]:
        """Do one act of the closed list and return what to tell; refuses `console-command-unknown`."""
        found = self._acts.get(command)
        if found is None:
            raise Refusal("console-command-unknown", status=404, command=command[:40])
        with self._lock:
            return found(op, facts)

    def book(self) -> KeyBook:
        """Return the site's keys as the present generation names them."""
        with self._ledger.read() as connection:
            return key_book(connection, self._ledger.site, self._ledger.gen)

    def retire_due(self) -> bool:
        """Retire the keys whose overlap is over, by record time; True if any was. Rule: SEC-48."""
        with self._lock:
            book, since = self.book(), None
            if book.overlapping:
                since = self._ledger.entry(book.present.named_at).at
            if since is None or self._now() < since + timedelta(days=self._settings.key_overlap_days):
                return False
            self._retire(new_op(), {"reason": "the overlap is over"})
            return True

    def _rotate(self, op: Op, facts: Facts) -> dict[str, Any]:
        if not self._known(op, KeyRotated):
            self._change_key(op, reason_of(facts))
        return self._told_keys()

    def _retire(self, op: Op, facts: Facts) -> dict[str, Any]:
        if not self._known(op, KeyRetired):
            overlapping = self.book().overlapping
            if not overlapping:
                raise Refusal("no-key-overlaps")
            self._append(op, [KeyRetired(_text(one.verifier.public)) for one in overlapping], reason_of(facts))
        self._load()
        return self._told_keys()

    def _revoke(self, op: Op, facts: Facts) -> dict[str, Any]:
        if not self._known(op, KeyRevoked):
            book, reason = self.book(), reason_of(facts)
            public, since = parse_vkey(str(facts.get("key", ""))).public, moment(facts.get("since"))
            if since > self._now():
                raise Refusal("time-in-future", status=422, given=since, now=self._now())
            with self._ledger.read() as connection:
                from_size = first_index_at(connection, self._ledger.gen, since)
            check_revocable(book, public, from_size)
            revoked = KeyRevoked(_text(public), since, from_size)
            if public == book.present.verifier.public:  # it must not sign once more
                self._change_key(op, reason, revoked)
            else:
                self._append(op, [revoked], reason)
        self._load()
        return self._told_keys()

    def _change_key(self, op: Op, reason: str, *others: Event) -> None:
        self._load()
        made, book = prepare(self._settings.keys_dir, self._ledger.origin), self.book()
        check_new(book, made.public)
        rotated = KeyRotated(_text(made.public), _text(book.present.verifier.public))
        self._append(op, [rotated, *others], reason)
        self._load()

    def _load(self) -> None:
        """Bring the key files to what the entries say, and sign with them from now on."""
        keys = settle(self._settings.keys_dir, self.book())
        self._ledger.sign_with(keys.present, keys.also)

    def _told_keys(self) -> dict[str, Any]:
        note = self._ledger.checkpoint(self._now())
        keys = [listed(self.book(), number) for number in range(len(self.book().keys))]
        return {"keys": keys, "checkpoint": note, "overlap_days": self._settings.key_overlap_days}

    def _backed_up(self, op: Op, facts: Facts) -> dict[str, Any]:
        made = KeysBackedUp(digest_of(facts), files_of(facts), _count(facts, "shares"), _count(facts, "needed"))
        if not self._known(op, KeysBackedUp):
            self._append(op, [made], None)
        return {}

    def _restored(self, op: Op, facts: Facts) -> dict[str, Any]:
        if not self._known(op, KeysRestored):
            self._append(op, [KeysRestored(digest_of(facts), files_of(facts))], reason_of(facts))
        return {}

    def _told_backup(self, kind: type[Event], op: Op, facts: Facts) -> dict[str, Any]:
        if not self._known(op, kind):
            self._append(op, [event_from(kind, facts)], None)
        return {}

    def _trust_clock(self, op: Op, facts: Facts) -> dict[str, Any]:
        if not self._known(op, ClockTrusted):
            self._append(op, [ClockTrusted()], reason_of(facts))
        return {}

    def _rotate_vault(self, op: Op, facts: Facts) -> dict[str, Any]:
        self._known(op, VaultRekeyed)
        reason = reason_of(facts)
        key = rotate_vault(self._vault(), self._ledger, op, actor=CONSOLE, reason=reason, now=self._now())
        return {"key": key}

    def _checkpoint(self, op: Op, facts: Facts) -> dict[str, Any]:
        return {"checkpoint": self._ledger.checkpoint(self._now())}

    def _append(self, op: Op, events: list[Any], reason: str | None) -> None:
        drafts = tuple(event.draft(reason=reason) for event in events)
        self._ledger.append(op, [Write(self._ledger.site_stream, drafts)], actor=CONSOLE, now=self._now())

    def _known(self, op: Op, kind: type[Event]) -> tuple[Entry, ...]:
        """Return the entries of a repeated operation; refuses `operation-other` if it was another act."""
        done = self._ledger.operation(op)
        if done and (done[0].document["actor"]["id"] != CONSOLE.id or kind.tag not in {one.type for one in done}):
            raise Refusal("operation-other")
        return done


@contextmanager
def console_of(settings: SiteSettings) -> Iterator[Console]:
    """Give a console of a site whose `mes serve` is down; refuses `writer-lock-held` where it is not."""
    from mes.app import clock_of, open_ledger
    from mes.ledger.database import open_engine
    from mes.ledger.locks import WriterLease

    engine = open_engine(settings.database)
    try:
        with WriterLease(settings.site_dir, engine):
            ledger = open_ledger(settings, engine)
            try:
                yield Console(settings, ledger, clock_of(settings).now)
            finally:
                ledger.close()
    finally:
        engine.dispose()


def listed(book: KeyBook, number: int) -> dict[str, Any]:
    """Return how one key of the book stands, for people and programs."""
    key = book.keys[number]
    state = "signs" if key.signs else "retired"
    if key.revoked_from is not None:
        state = f"revoked after {key.revoked_from} entries"
    return {"key": key.verifier.vkey, "named_at": key.named_at, "state": state, "is_present": key == book.present}


def event_from(kind: type[Event], facts: Facts) -> Event:
    """Return the event whose fields these facts are; refuses `console-fact-wrong` for one too many, few or wrong."""
    try:
        event: Event = decode(kind, facts)
    except (TypeError, ValueError):
        event = None  # type: ignore[assignment]
    if event is None or encode(event) != dict(facts):
        raise Refusal("console-fact-wrong", status=422, fact=kind.tag, given=str(dict(facts))[:80])
    return event


def reason_of(facts: Facts) -> str:
    """Return the reason; refuses `reason-missing` and `text-length`."""
    reason = str(facts.get("reason") or "").strip()
    if not reason:
        raise Refusal("reason-missing", status=422)
    if len(reason) > MAX_REASON:
        raise Refusal("text-length", status=422, most=MAX_REASON)
    return reason


def moment(text: object) -> datetime:
    """Return an aware time from ISO 8601; refuses `console-fact-wrong`."""
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise Refusal("console-fact-wrong", status=422, fact="since", given=str(text)[:80])
    return found


def digest_of(facts: Facts) -> str:
    """Return the archive's digest; refuses `console-fact-wrong`."""
    given = str(facts.get("archive"))
    if len(given) != 64 or set(given) - set("0123456789abcdef"):
        raise Refusal("console-fact-wrong", status=422, fact="archive", given=given[:80])
    return given


def files_of(facts: Facts) -> tuple[str, ...]:
    """Return the names of key files; refuses `console-fact-wrong`."""
    given = facts.get("files")
    if not isinstance(given, list) or not given or not all(isinstance(one, str) and len(one) <= 64 for one in given):
        raise Refusal("console-fact-wrong", status=422, fact="files", given=str(given)[:80])
    return tuple(given)


def _count(facts: Facts, name: str) -> int:
    given = facts.get(name)
    if type(given) is not int or not 1 <= given <= 9:
        raise Refusal("console-fact-wrong", status=422, fact=name, given=str(given)[:80])
    return given


def _text(public: bytes) -> str:
    return b64encode(public).decode()
