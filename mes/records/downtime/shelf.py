"""Keeps a fresh downtime pack per open batch in `<site>/downtime/`, where it can be printed with Septima down.

How often is a matter of wall time: paper has to be there when the power goes, whatever the record clock says.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import yaml

from mes.batches import tables
from mes.batches.model import Phase
from mes.batches.service.recorder import Recorder
from mes.errors import Fault, Refusal
from mes.ids import stream
from mes.ledger.events import time_text
from mes.records.downtime.pack import Pack, pack_of
from mes.records.pages import html_of_pack
from mes.records.render import Terms, rendered
from mes.settings import private_file

EVERY_S = 300.0
"""Five minutes (PRA-17)."""
RENDER_S = 60.0
MAX_PHONES = 40
ENDED = frozenset({Phase.COMPLETED.value, Phase.TERMINATED.value})


@dataclass(frozen=True, slots=True)
class PackRow:
    """A pack as the list shows it: of which state (record time, entries), and when that was last found current."""

    id: str
    batch: str
    made_at: str
    checked_at: str
    size: int
    root: str
    next_seq: int
    sheets: tuple[str, ...]


class DowntimePacks:
    """The packs of one site. `monotonic` tells seconds of wall time."""

    def __init__(
        self, folder: Path, recorder: Recorder, monotonic: Callable[[], float], phones: Path | None = None
    ) -> None:
        self._folder, self._recorder, self._monotonic, self._phones = folder, recorder, monotonic, phones
        self._last: float | None = None

    def step(self) -> bool:
        """Bring every pack up to date if five minutes have passed; Fault or Refusal of the last one that failed."""
        now = self._monotonic()
        if self._last is not None and now - self._last < EVERY_S:
            return False
        self._last = now
        self.refresh()
        return False

    def refresh(self) -> list[PackRow]:
        """Make anew the packs whose batch has changed, and take those of ended batches away."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        failure: Exception | None = None
        with self._recorder.ledger.read() as connection:
            rows = tables.batches(connection, self._recorder.ledger.site)
        still_open = [row.batch for row in rows if row.phase not in ENDED]
        known = {row.batch: row for row in self.rows()}
        made = []
        for batch in still_open:
            try:
                made.append(self._refreshed(str(batch), known.get(str(batch))))
            except (Fault, Refusal) as error:  # one batch that cannot be printed must not hold up the others
                failure = error
        for path in self._folder.glob("*.json"):
            if path.stem not in still_open:
                path.unlink()
                path.with_suffix(".pdf").unlink(missing_ok=True)
        if failure is not None:
            raise failure
        return made

    def rows(self) -> Sequence[PackRow]:
        """Return the packs that lie there, by batch."""
        found = []
        for path in sorted(self._folder.glob("*.json")):
            try:
                said = json.loads(path.read_text(encoding="utf-8"))
                found.append(PackRow(**{**said, "sheets": tuple(said["sheets"])}))
            except (ValueError, KeyError, TypeError):
                continue  # what is damaged is made anew at the next refresh
        return found

    def pdf(self, batch: str) -> bytes:
        """Return the pack of a batch; refuses `downtime-pack-missing` (404)."""
        if batch not in {row.batch for row in self.rows()}:
            raise Refusal("downtime-pack-missing", status=404, batch=batch[:64])
        return (self._folder / f"{batch}.pdf").read_bytes()

    def _refreshed(self, batch: str, known: PackRow | None) -> PackRow:
        ledger, now = self._recorder.ledger, self._recorder.clock.now()
        state = self._recorder.load(batch)
        if known is not None and known.next_seq == state.next_seq:
            row = PackRow(**{**asdict(known), "checked_at": time_text(now)})
        else:
            size, root = ledger.size, ledger.root().hex()
            pack = pack_of(state, made_at=now, size=size, root=root, phones=phones_in(self._phones))
            private_file(self._folder / f"{batch}.pdf", self._printed(pack))
            sheets = tuple(sheet.step for sheet in pack.sheets)
            row = PackRow(pack.id, batch, time_text(now), time_text(now), size, root, state.next_seq, sheets)
        private_file(self._folder / f"{batch}.json", json.dumps(asdict(row)).encode())
        return row

    def _printed(self, pack: Pack) -> bytes:
        zone = ZoneInfo(self._recorder.ledger.tz)

        def local(at: datetime | None) -> str:
            return "–" if at is None else f"{at.astimezone(zone):%a %d %b %Y %H:%M %Z}"

        terms = Terms(int(pack.made_at.timestamp()), pack.id)
        entries = b"".join(entry.body + b"\n" for entry in self._recorder.ledger.stream(stream("batch", pack.batch)))
        return rendered(html_of_pack(pack, local), entries, terms, timeout_s=RENDER_S)


def phones_in(path: Path | None) -> tuple[tuple[str, str], ...]:
    """Return the phone list of a site, `name: number` per line of its YAML; refuses `phones-wrong`."""
    if path is None or not path.is_file():
        return ()
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise Refusal("phones-wrong", status=422, path=str(path)) from error
    if not isinstance(found, dict) or len(found) > MAX_PHONES:
        raise Refusal("phones-wrong", status=422, path=str(path))
    return tuple((str(who)[:80], str(number)[:40]) for who, number in found.items())
