"""What holds when a ledger is begun, continued or opened: tables, triggers, whose it is, and whose key."""

from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy import Connection, Engine, select

from mes.errors import IntegrityBreach, Refusal
from mes.ids import Stream
from mes.ledger.checkpoints import open_checkpoint, origin_of
from mes.ledger.drafting import checked_site
from mes.ledger.entry import Entry
from mes.ledger.heads import Head, stored_root
from mes.ledger.key_book import KEY_TAGS, KeyBook
from mes.ledger.keys import SiteKey
from mes.ledger.notes import NoteError
from mes.ledger.placing import Ground
from mes.ledger.reader import entry_of, newest_generation
from mes.ledger.site_events import LedgerContinued, LedgerCreated
from mes.ledger.tables import CHECKPOINT, ENTRY, METADATA, position_of
from mes.ledger.triggers import install_triggers

FIRST = (LedgerCreated.tag, LedgerContinued.tag)


def prepare_tables(engine: Engine) -> None:
    """Create the ledger's tables and triggers where they are missing."""
    with engine.begin() as connection:
        METADATA.create_all(connection)
        install_triggers(connection)


def checked_zone(tz: str) -> ZoneInfo:
    """Return the IANA zone, or refuse with `time-zone-unknown`."""
    try:
        return ZoneInfo(tz)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise Refusal("time-zone-unknown", status=422, given=tz[:80]) from error


def checked_ground(site: str, gen: int, tz: str, key: SiteKey, clock: str) -> Ground:
    """Return what all entries share; refuses `ledger-key-differs` for a key of another name."""
    if clock not in ("real", "simulated"):
        raise ValueError(f"clock {clock!r}")
    origin = origin_of(checked_site(site), gen)
    if key.name != origin:
        raise Refusal("ledger-key-differs", expected=origin, found=key.name)
    return Ground(site, gen, checked_zone(tz), clock == "simulated")


def first_entry(connection: Connection, gen: int) -> Entry:
    """Return entry 0; IntegrityBreach where a ledger does not begin as one must."""
    first = select(ENTRY.c.body, ENTRY.c.leaf).where(ENTRY.c.position == position_of(gen, 0))
    row = connection.execute(first).one_or_none()
    if row is None:
        raise IntegrityBreach("entry 0 is missing", index=0)
    entry = entry_of(bytes(row.body), bytes(row.leaf))
    if entry.type not in FIRST:
        raise IntegrityBreach(f"entry 0 is a {entry.type}", index=0)
    return entry


def key_book(connection: Connection, site: str, gen: int, before: int | None = None) -> KeyBook:
    """Return the site's public keys as this generation's entries (those `before` an index) name and revoke them."""
    where = (ENTRY.c.gen == gen, ENTRY.c.stream == Stream(f"site/{site}"), ENTRY.c.type.in_(KEY_TAGS))
    found = select(ENTRY.c.body, ENTRY.c.leaf).where(*where).order_by(ENTRY.c.seq)
    if before is not None:
        found = found.where(ENTRY.c.index < before)
    entries = (entry_of(bytes(row.body), bytes(row.leaf)) for row in connection.execute(found))
    return KeyBook.of(origin_of(site, gen), entries)


def book_of(engine: Engine, site: str) -> KeyBook:
    """Return the key book of the newest generation in a database; an empty one where there is no ledger."""
    gen = newest_generation(engine)
    if gen is None:
        return KeyBook(origin_of(site, 1))
    with engine.connect() as connection:
        return key_book(connection, site, gen)


def check_identity(connection: Connection, site: str, gen: int, key: SiteKey) -> str:
    """Return the kind of clock; refuses `ledger-of-another-site` and `ledger-key-differs`."""
    first = first_entry(connection, gen)
    if first.document["site"] != site:
        raise Refusal("ledger-of-another-site", expected=site, found=first.document["site"])
    present = key_book(connection, site, gen).present.verifier
    if (present.name, present.public) != (key.name, key.public):
        raise Refusal("ledger-key-differs", expected=present.vkey, found=key.vkey)
    return str(first.data["clock"])


def check_last_checkpoint(connection: Connection, site: str, gen: int, head: Head) -> None:
    """IntegrityBreach where the newest stored checkpoint contradicts the entries (a cut tail, an old file)."""
    newest = select(CHECKPOINT.c.size, CHECKPOINT.c.note).where(CHECKPOINT.c.gen == gen)
    row = connection.execute(newest.order_by(CHECKPOINT.c.size.desc()).limit(1)).one_or_none()
    if row is None:
        return
    try:
        found = open_checkpoint(row.note, key_book(connection, site, gen).verifiers, origin_of(site, gen))
    except NoteError as error:
        raise IntegrityBreach(f"checkpoint {row.size} does not stand", note=row.note, cause=str(error)) from error
    if found.size != row.size or found.size > head.size:
        raise IntegrityBreach(
            f"the ledger ends at {head.size}, but {found.size} entries were signed", index=head.size, note=row.note
        )
    if stored_root(connection, gen, found.size) != found.root:
        raise IntegrityBreach(f"the tree of {found.size} entries is not the one that was signed", note=row.note)
