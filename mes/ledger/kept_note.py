"""The newest checkpoint, kept in a file outside the database: `<site>/last-checkpoint.txt`.

A database that was put back from last week agrees with itself; only what lies elsewhere shows that it is old.
Whoever can replace the file together with the database deceives this check: that is what witnesses are for.
"""

from pathlib import Path
from threading import Lock

from sqlalchemy import Connection

from mes.errors import Fault, IntegrityBreach, Refusal
from mes.ledger.checkpoints import Checkpoint, open_checkpoint, parse_checkpoint
from mes.ledger.founding import key_book
from mes.ledger.heads import stored_root, stored_size
from mes.ledger.notes import MAX_NOTE_BYTES, NoteError, parse_note
from mes.settings import private_file


class KeptNote:
    """One site's kept checkpoint. Without a path nothing is kept."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._newest: tuple[int, int] = (0, 0)
        self._lock = Lock()

    def keep(self, note: str) -> None:
        """Put `note` in the file, durably and in one step, unless a larger one lies there.

        Fault `checkpoint-not-kept` where the disk refuses; the checkpoint itself stands in the database by then.
        """
        if self._path is None:
            return
        place = _place(parse_checkpoint(parse_note(note).text))
        with self._lock:
            if place <= self._newest:
                return
            try:
                private_file(self._path, note.encode())
            except OSError as error:
                raise Fault("checkpoint-not-kept", path=str(self._path), cause=str(error)) from error
            self._newest = place

    def read(self) -> Checkpoint | None:
        """Return what the kept note says, unverified; None if none is kept. Refuses `kept-checkpoint-damaged`."""
        text = self._text()
        return None if text is None else self._parsed(text)

    def check(self, connection: Connection, site: str, gen: int) -> int:
        """Demand that the ledger in the database holds what was signed; return the size that was kept, 0 for none.

        Refuses `ledger-older-copy` where the ledger ends before it, and `kept-checkpoint-damaged` for a note that
        this ledger's keys did not sign; IntegrityBreach where the first entries are others than those signed. A
        note of an earlier generation is passed over: the first entry of the present one says what became of it.
        """
        text = self._text()
        if text is None:
            return 0
        kept = self._parsed(text)
        kept_gen, _ = _place(kept)
        size = stored_size(connection, gen)
        if kept_gen > gen or (kept_gen == gen and kept.size > size):
            raise Refusal("ledger-older-copy", found=size, kept=kept.size, path=str(self._path))
        if kept_gen < gen:
            return 0
        try:
            open_checkpoint(text, key_book(connection, site, gen).verifiers, kept.origin)
        except NoteError as error:
            raise self._damaged(str(error)) from error
        if stored_root(connection, gen, kept.size) != kept.root:
            raise IntegrityBreach(f"the first {kept.size} entries are not those that were signed", note=text)
        self._newest = (kept_gen, kept.size)
        return kept.size

    def _text(self) -> str | None:
        if self._path is None or not self._path.exists():
            return None
        if self._path.stat().st_size > MAX_NOTE_BYTES:
            raise self._damaged("too long")
        try:
            return self._path.read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            raise self._damaged("not UTF-8") from error

    def _parsed(self, text: str) -> Checkpoint:
        try:
            found = parse_checkpoint(parse_note(text).text)
            _place(found)
        except (NoteError, ValueError) as error:
            raise self._damaged(str(error)) from error
        return found

    def _damaged(self, cause: str) -> Refusal:
        return Refusal("kept-checkpoint-damaged", path=str(self._path), cause=cause)


def _place(found: Checkpoint) -> tuple[int, int]:
    """Return generation and size, by which checkpoints of one site are ordered."""
    return int(found.origin.rpartition("/")[2]), found.size
