"""What a site looks at before it answers anybody: settings, schema, guards, tail, space, clock, keys, holds.

Each line is good, noted (worth knowing, no obstacle) or refused with a sentence and the next action. `mes serve` does
not begin on a refused line; `mes site check` prints them all. Rule: REL-01, REL-P4, REL-P5, SEC-47, FLT-42.
"""

import json
import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

import structlog
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DatabaseError, OperationalError

from mes.errors import Fault, IntegrityBreach, Refusal
from mes.ids import new_op
from mes.ledger.breach import WHOLE, BreachLog
from mes.ledger.check_events import CheckKind, ClockAcknowledged, LedgerCheckPassed
from mes.ledger.database import open_engine
from mes.ledger.disk import STOP_PERCENT, Disk
from mes.ledger.entry import Actor, Write
from mes.ledger.events import time_text
from mes.ledger.founding import check_last_checkpoint, first_entry
from mes.ledger.heads import read_head
from mes.ledger.kept_note import KeptNote
from mes.ledger.reader import newest_generation
from mes.ledger.store import Ledger
from mes.ledger.tail import check_tail
from mes.ledger.triggers import check_triggers
from mes.settings import Profile, SiteSettings, private_file
from mes.site_process.settings_read_back import read_back
from mes.site_process.telling import EXPECTED, told

CLOCK_BACK = timedelta(hours=24)
"""A clock this far before the last entry is refused at a start; a smaller step back is recorded where it happens."""
CLOCK_AHEAD = timedelta(days=30)
"""A clock this far after the last entry is refused: longer than a site is shut for holidays [D]."""
LONG_OFF = timedelta(hours=24)
"""A site notes that nothing was recorded for so long; it beats hourly while it runs."""
PUBLIC = (".der", ".crl")
ACKNOWLEDGED = "clock-acknowledged.json"
ACKNOWLEDGED_WORD = "acknowledged at the console"
ACTOR = Actor.system("self-check")
log = structlog.get_logger()


class Standing(StrEnum):
    """What a line says; the values are the printed words."""

    GOOD = "good"
    NOTED = "noted"
    REFUSED = "refused"
    NOT_LOOKED_AT = "not looked at"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the self-check."""

    name: str
    standing: Standing
    says: str
    error: Exception | None = None


class _NotedError(Exception):
    """Raised by a check for what is worth knowing and no obstacle."""


@dataclass(frozen=True, slots=True)
class _Site:
    """What the checks look at; `gen` and `connection` are there only for those of the ledger."""

    settings: SiteSettings
    now: datetime
    disk: Disk


@dataclass(frozen=True, slots=True)
class _Ledger:
    site: _Site
    connection: Connection
    gen: int


def disk_of(settings: SiteSettings) -> Disk:
    """Return the disk that holds the site's folder, and with SQLite the database."""
    return Disk([settings.site_dir])


def look(settings: SiteSettings, engine: Engine, now: datetime, disk: Disk | None = None) -> list[Line]:
    """Look at everything and return a line each; writes nothing and stops at nothing."""
    site = _Site(settings, now, disk or disk_of(settings))
    lines = [_line(name, lambda check=check: check(site)) for name, check in SITE_CHECKS]  # type: ignore[misc]
    lines += [_line("database settings", lambda: read_back(engine, settings.profile is Profile.PRODUCTION))]
    lines += _ledger_lines(site, engine)
    return lines


def demand(lines: list[Line], breaches: BreachLog) -> list[str]:
    """Raise the error of the first refused line, a breach only after it is written; return what was noted."""
    for line in lines:
        if isinstance(line.error, IntegrityBreach):
            breaches.record(line.error, None)
        if line.error is not None:
            raise line.error
    return [f"{line.name}: {line.says}" for line in lines if line.standing is Standing.NOTED]


def acknowledge_clock(settings: SiteSettings, engine: Engine, now: datetime) -> datetime:
    """Note that somebody at the console says the clock is right, for the present last entry; return that one's time.

    The next start accepts the clock and records the acknowledgement. Refuses `ledger-missing`.
    """
    gen = newest_generation(engine)
    if gen is None:
        raise Refusal("ledger-missing", status=404)
    with engine.connect() as connection:
        last = read_head(connection, gen).at
    assert last is not None, "a generation has its first entry"
    document = {"last_entry_at": time_text(last), "now": time_text(now)}
    private_file(settings.site_dir / ACKNOWLEDGED, json.dumps(document).encode())
    return last


def clock_acknowledged(settings: SiteSettings, last: datetime) -> bool:
    """Whether the clock was acknowledged after an entry of this time."""
    try:
        found = json.loads((settings.site_dir / ACKNOWLEDGED).read_text())
        return bool(found["last_entry_at"] == time_text(last))
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _line(name: str, check: Callable[[], str]) -> Line:
    try:
        return Line(name, Standing.GOOD, check())
    except _NotedError as noted:
        return Line(name, Standing.NOTED, str(noted))
    except EXPECTED as error:
        found = _as_damage(error)
        return Line(name, Standing.REFUSED, told(found), found)


def _as_damage(error: Exception) -> Exception:
    """Return what SQLite calls malformed as the damage that it is; any other error as it is."""
    if isinstance(error, DatabaseError) and not isinstance(error, OperationalError):
        return Fault("database-damaged", cause=str(error.orig)[:200])
    return error


def _ledger_lines(site: _Site, engine: Engine) -> Iterator[Line]:
    try:
        gen = newest_generation(engine)
        if gen is None:
            raise Refusal("ledger-missing", status=404)
        with engine.connect() as connection:
            ledger, missed = _Ledger(site, connection, gen), False
            for name, check in LEDGER_CHECKS:
                if missed:
                    yield Line(name, Standing.NOT_LOOKED_AT, "an earlier line has to be settled first")
                    continue
                line = _line(name, lambda check=check: check(ledger))  # type: ignore[misc]
                missed = line.standing is Standing.REFUSED
                yield line
    except EXPECTED as error:
        found = _as_damage(error)
        yield Line("ledger", Standing.REFUSED, told(found), found)


def _keys(site: _Site) -> str:
    """The folder of keys and every secret in it are their owner's alone; certificates are public. Rule: SEC-47."""
    folder = site.settings.keys_dir
    secrets = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.suffix not in PUBLIC]
    for path in (folder, *secrets):
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & 0o077:
            raise Fault("key-file-readable-by-others", path=str(path), mode=f"{mode:04o}")
    return f"{folder} and its files are their owner's alone"


def _space(site: _Site) -> str:
    """A full disk does not stop a start: people must be able to read what to do. Rule: SEC-34, REL-01."""
    room = site.disk.room_left()
    says = f"{room.used_percent} % of the disk is used, {room.free_bytes // 2**20:,} MiB are free"
    if room.stops_signing:
        raise _NotedError(f"{says}: nothing can be signed from {STOP_PERCENT} % on; free space")
    if room.is_tight:
        raise _NotedError(f"{says}: free space before signing stops at {STOP_PERCENT} %")
    return says


def _holds(site: _Site) -> str:
    held = sorted(BreachLog(site.settings.breach_path).held)
    if held:
        what = "the whole ledger" if WHOLE in held else ", ".join(held)
        raise _NotedError(f"{what} is held because the record contradicted itself; reading goes on")
    return "nothing is held"


def _schema(ledger: _Ledger) -> str:
    """The schema is exactly this program's. Rule: FLT-42."""
    from mes.migrations import head_and_present

    head, present = head_and_present(ledger.connection)
    if present is None or present < head:
        raise Refusal("schema-older", found=present or "none", wanted=head)
    if present > head:
        raise Refusal("schema-newer", found=present, known=head)
    return f"revision {present}"


def _guards(ledger: _Ledger) -> str:
    check_triggers(ledger.connection)
    return "the append-only triggers are present"


def _whose(ledger: _Ledger) -> str:
    expected, found = ledger.site.settings.site, first_entry(ledger.connection, ledger.gen).document["site"]
    if found != expected:
        raise Refusal("ledger-of-another-site", expected=expected, found=found)
    return f"{found}, generation {ledger.gen}"


def _tail(ledger: _Ledger) -> str:
    read = check_tail(ledger.connection, ledger.gen)
    head = read_head(ledger.connection, ledger.gen)
    check_last_checkpoint(ledger.connection, ledger.site.settings.site, ledger.gen, head)
    return f"{head.size} entries; the last {read} and the tree's edge agree"


def _kept(ledger: _Ledger) -> str:
    settings = ledger.site.settings
    size = KeptNote(settings.kept_note_path).check(ledger.connection, settings.site, ledger.gen)
    return (
        f"the ledger holds the {size} entries signed last" if size else "no checkpoint of this generation is kept yet"
    )


def _clock(ledger: _Ledger) -> str:
    """The clock fits the last entry. Rule: FLT-17."""
    settings, now = ledger.site.settings, ledger.site.now
    last = read_head(ledger.connection, ledger.gen).at
    if last is None:
        return "no entry yet"
    back, ahead = last - now > CLOCK_BACK, now - last > CLOCK_AHEAD and not settings.simulated_clock
    if (back or ahead) and not clock_acknowledged(settings, last):
        raise Refusal("clock-far-from-record", now=now, last=last)
    if back or ahead:
        raise _NotedError(f"the clock says {time_text(now)}, the last entry {time_text(last)}: {ACKNOWLEDGED_WORD}")
    if now < last:
        raise _NotedError(f"the clock is {last - now} before the last entry: the step back is recorded")
    if now - last > LONG_OFF:
        raise _NotedError(f"nothing was recorded for {now - last}")
    return f"{now - last} after the last entry"


SITE_CHECKS: tuple[tuple[str, Callable[[_Site], str]], ...] = (
    ("key files", _keys),
    ("disk", _space),
    ("holds", _holds),
)
LEDGER_CHECKS: tuple[tuple[str, Callable[[_Ledger], str]], ...] = (
    ("schema", _schema), ("guards", _guards), ("whose ledger", _whose), ("tail", _tail),
    ("kept checkpoint", _kept), ("clock", _clock),
)  # fmt: skip


def demanded(settings: SiteSettings, now: datetime) -> list[str]:
    """Look at everything, raise the first error, and return what was noted: before the ledger is opened to write."""
    engine = open_engine(settings.database, read_only=True)
    try:
        return demand(look(settings, engine, now), BreachLog(settings.breach_path))
    finally:
        engine.dispose()


def record_start(ledger: Ledger, noted: Sequence[str], now: datetime) -> None:
    """Enter what a start noted; a start without anything to note is the nightly check's to tell of.

    While the ledger is held, or cannot be written, the breach log and the screens tell of it instead.
    """
    if not noted:
        return
    drafts = [LedgerCheckPassed(CheckKind.START, ledger.size, ledger.root().hex(), ledger.size, tuple(noted)).draft()]
    if any(ACKNOWLEDGED_WORD in one for one in noted):
        last = ledger.entry(ledger.size - 1).at
        drafts.append(ClockAcknowledged(last, now).draft())
    try:
        ledger.append(new_op(), [Write(ledger.site_stream, tuple(drafts))], actor=ACTOR, now=now)
    except (Refusal, Fault) as error:
        log.warning("start-not-recorded", cause=str(error))
