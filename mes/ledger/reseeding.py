"""A lost tail put back byte for byte from a copy, so that the same generation goes on (record-format.md, section 6).

A copy is a folder: `entries.jsonl` (stored bytes, one line each, from any index on), `checkpoint.txt` (the signed note
that they lead to), `content/<hex>` (salt, then content) and `shown/<hex>.json`. Nothing in it is believed: each entry
must fit its place, and the tree over all of them must have the root that the site's own key signed.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, cast

from sqlalchemy import Connection, Engine, RowMapping, delete, insert, select

from mes.errors import IntegrityBreach, Refusal
from mes.ledger.accompanying import Projector
from mes.ledger.canonical import MAX_ENTRY_BYTES
from mes.ledger.checkpoints import Checkpoint, open_checkpoint, origin_of
from mes.ledger.content import SALT_BYTES, content_digest
from mes.ledger.entry import Entry
from mes.ledger.entry_checks import EntryChecks
from mes.ledger.events import time_text
from mes.ledger.founding import key_book
from mes.ledger.heads import next_seq, read_head
from mes.ledger.inserting import check_references
from mes.ledger.key_book import KeyBook
from mes.ledger.merkle import Frontier, leaf_hash
from mes.ledger.notes import MAX_NOTE_BYTES, NoteError
from mes.ledger.reader import LedgerReader, entry_of
from mes.ledger.site_events import ContentRemoved
from mes.ledger.tables import CHECKPOINT, CONTENT, CONTENT_REMOVAL, ENTRY, NODE, SHOWN, position_of
from mes.settings import private_file

ENTRIES, NOTE, CONTENTS, SHOWN_FOLDER = "entries.jsonl", "checkpoint.txt", "content", "shown"
PAGE = 1_000


@dataclass(frozen=True, slots=True)
class Reseeded:
    """What was put back: entries `from_size` to before `to_size`, under `root`."""

    from_size: int
    to_size: int
    root: bytes


def copy_ledger(reader: LedgerReader, folder: Path, start: int = 0) -> int:
    """Write a copy of the entries from `start` up to the newest checkpoint, and return how many it leads to.

    Refuses `ledger-unsigned` where no checkpoint was made yet.
    """
    note = reader.latest_checkpoint()
    if note is None:
        raise Refusal("ledger-unsigned")
    size = int(note.split("\n", 2)[1])
    for name in (CONTENTS, SHOWN_FOLDER):
        (folder / name).mkdir(mode=0o700, parents=True, exist_ok=True)
    with (folder / ENTRIES).open("wb") as file:
        for entry in reader.entries(start, size):
            file.write(entry.body + b"\n")
            for digest in _contents(entry):
                found = reader.content(digest)
                if found is not None:
                    private_file(folder / CONTENTS / digest, found[0] + found[1])
            body = reader.shown(_shown(entry) or "")
            if body is not None:
                private_file(folder / SHOWN_FOLDER / f"{_shown(entry)}.json", body)
    private_file(folder / NOTE, note.encode())
    return size


def reseed(engine: Engine, folder: Path, *, site: str, gen: int, projectors: Sequence[Projector] = ()) -> Reseeded:
    """Put the lost tail back from a copy: every entry up to its checkpoint, or nothing. Caller holds the lease.

    Refuses `copy-differs` (the first entry that is not the one that stands here, or does not fit), `copy-too-short`,
    `copy-unsigned` (no key of this ledger signed its root), `copy-has-nothing-new`, `copy-lacks-content`;
    IntegrityBreach where what stands here contradicts itself already. Rule: REL-P5.
    """
    note = _note(folder)
    with engine.begin() as connection:
        head = read_head(connection, gen)
        seeding = _Seeding(connection, site, gen, head.frontier, folder)
        lines = _lines(folder / ENTRIES)
        for page in _pages(lines):
            seeding.take(page, projectors)
        found = seeding.closed(note)
        row = {"gen": gen, "size": found.size, "at": seeding.last_at, "note": note}
        if connection.execute(select(CHECKPOINT.c.size).filter_by(gen=gen, size=found.size)).first() is None:
            connection.execute(insert(CHECKPOINT), row)
    return Reseeded(head.size, found.size, found.root)


class _Seeding:
    def __init__(self, connection: Connection, site: str, gen: int, frontier: Frontier, folder: Path) -> None:
        self._connection, self._gen, self._folder = connection, gen, folder
        self._frontier, self._start = frontier, frontier.size
        self._origin = origin_of(site, gen)
        self._book: KeyBook = key_book(connection, site, gen)
        self._checks = EntryChecks(gen, site)
        self.last_at = ""
        if frontier.size:
            last = connection.execute(select(ENTRY.c.body, ENTRY.c.leaf).where(self._is_at(frontier.size - 1))).one()
            entry = entry_of(bytes(last.body), bytes(last.leaf))
            self.last_at = self._checks.last_at = time_text(entry.at)
            op = entry.document["op"]
            self._checks.op = (op["id"], op["n"], op["of"])

    def _is_at(self, index: int) -> Any:
        return ENTRY.c.position == position_of(self._gen, index)

    def take(self, lines: Sequence[bytes], projectors: Sequence[Projector]) -> None:
        """Compare what stands here already, and store what does not."""
        entries: list[Entry] = []
        for line in lines:
            entry = self._entry(line)
            if entry.index < self._start:
                stored = self._connection.execute(select(ENTRY.c.leaf).where(self._is_at(entry.index))).scalar()
                if stored is None or bytes(stored) != entry.leaf:
                    raise Refusal("copy-differs", index=entry.index, cause="another entry stands here")
            else:
                entries.append(self._checked(entry, self._frontier.size + len(entries)))
        if entries:
            self._store(entries, projectors)

    def _entry(self, line: bytes) -> Entry:
        try:
            entry = entry_of(line, leaf_hash(line))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise Refusal("copy-differs", index="?", cause="a line is no entry") from error
        if type(entry.index) is not int or entry.index < 0:
            raise Refusal("copy-differs", index="?", cause="a line is no entry")
        return entry

    def _checked(self, entry: Entry, index: int) -> Entry:
        document = entry.document
        if entry.index != index:
            raise Refusal("copy-differs", index=index, cause=f"entry {entry.index} comes instead")
        if entry.stream not in self._checks.seqs:
            self._checks.seqs[entry.stream] = next_seq(self._connection, self._gen, entry.stream)
        try:
            self._checks.check(cast(RowMapping, _row(self._gen, entry)), entry.body)
        except IntegrityBreach as breach:
            raise Refusal("copy-differs", index=index, cause=breach.what) from breach
        self._book, self.last_at = self._book.taken(entry), document["at"]
        return entry

    def _store(self, entries: Sequence[Entry], projectors: Sequence[Projector]) -> None:
        self._frontier, nodes = self._frontier.grown([entry.leaf for entry in entries])
        self._connection.execute(insert(ENTRY), [_row(self._gen, entry) for entry in entries])
        if nodes:
            columns = ("level", "position", "hash", "below")
            rows = [{"gen": self._gen, **{name: getattr(node, name) for name in columns}} for node in nodes]
            self._connection.execute(insert(NODE), rows)
        check_references(self._connection, self._gen, entries)
        for entry in entries:
            self._store_documents(entry)
            for project in projectors:
                project(self._connection, entry)

    def _store_documents(self, entry: Entry) -> None:
        digest = _shown(entry)
        if digest is not None and not self._has(SHOWN, digest):
            body = self._file(SHOWN_FOLDER, f"{digest}.json", entry.index)
            if body is None or sha256(body).hexdigest() != digest:
                raise Refusal("copy-lacks-content", index=entry.index, digest=digest)
            self._connection.execute(insert(SHOWN), {"digest": digest, "body": body})
        if entry.type == ContentRemoved.tag:
            self._remove(entry)
            return
        for digest, media in _contents(entry).items():
            raw = self._file(CONTENTS, digest, entry.index)
            if raw is None or self._has(CONTENT, digest) or self._has(CONTENT_REMOVAL, digest):
                continue  # lawfully gone, if a later entry says so: `verify` demands that, or the content
            salt, body = raw[:SALT_BYTES], raw[SALT_BYTES:]
            if content_digest(salt, body) != digest:
                raise Refusal("copy-lacks-content", index=entry.index, digest=digest)
            row = {"digest": digest, "salt": salt, "body": body, "media": media}
            self._connection.execute(insert(CONTENT), row)

    def _remove(self, entry: Entry) -> None:
        digest, here = entry.data["content"], position_of(self._gen, entry.index)
        self._connection.execute(insert(CONTENT_REMOVAL), {"digest": digest, "position": here})
        self._connection.execute(delete(CONTENT).where(CONTENT.c.digest == digest))

    def _has(self, table: Any, digest: str) -> bool:
        return self._connection.execute(select(table.c.digest).where(table.c.digest == digest)).first() is not None

    def _file(self, kind: str, name: str, index: int) -> bytes | None:
        path = self._folder / kind / name
        return path.read_bytes() if path.is_file() else None

    def closed(self, note: str) -> Checkpoint:
        """Return what the copy's note says, once everything before it is shown to be what was signed."""
        try:
            found = open_checkpoint(note, self._book.verifiers, self._origin)
            if not self._book.has_counting(self._book.signers(note), found.size):
                raise NoteError("signed by a revoked key only")
        except NoteError as error:
            raise Refusal("copy-unsigned", cause=str(error)) from error
        if self._frontier.size == self._start:
            raise Refusal("copy-has-nothing-new", size=self._start)
        if self._frontier.size < found.size:
            raise Refusal("copy-too-short", size=self._frontier.size, signed=found.size)
        if self._frontier.size > found.size or self._frontier.root() != found.root:
            raise Refusal("copy-differs", index=found.size, cause="the tree is not the one that was signed")
        try:
            self._checks.check_end(found.size)
        except IntegrityBreach as breach:
            raise Refusal("copy-differs", index=found.size - 1, cause=breach.what) from breach
        return found


def _note(folder: Path) -> str:
    raw = (folder / NOTE).read_bytes()[: MAX_NOTE_BYTES + 1]
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Refusal("copy-unsigned", cause="not UTF-8") from error


def _lines(path: Path) -> Iterator[bytes]:
    """Yield the lines of a copy without reading more of one than an entry may have."""
    with path.open("rb") as file:
        while line := file.readline(MAX_ENTRY_BYTES + 2):
            if not line.endswith(b"\n"):
                raise Refusal("copy-differs", index="?", cause="a line is cut short or too long")
            yield line[:-1]


def _pages(lines: Iterable[bytes]) -> Iterator[list[bytes]]:
    page: list[bytes] = []
    for line in lines:
        page.append(line)
        if len(page) == PAGE:
            yield page
            page = []
    yield page


def _row(gen: int, entry: Entry) -> dict[str, Any]:
    document = entry.document
    return {
        "position": position_of(gen, entry.index), "gen": document["gen"], "index": entry.index,
        "stream": entry.stream, "seq": entry.seq, "type": entry.type, "op_id": entry.op, "op_n": document["op"]["n"],
        "at": document["at"], "body": entry.body, "leaf": entry.leaf,
    }  # fmt: skip


def _shown(entry: Entry) -> str | None:
    found: str | None = entry.document.get("signature", {}).get("shown")
    return found


def _contents(entry: Entry) -> Mapping[str, str]:
    """Return the content that an entry refers to: media type by digest."""
    found: dict[str, str] = {}

    def look(value: Any) -> None:
        if isinstance(value, dict):
            if value.keys() == {"content", "bytes", "media"}:
                found[value["content"]] = value["media"]
            else:
                for inner in value.values():
                    look(inner)
        elif isinstance(value, list):
            for inner in value:
                look(inner)

    look(entry.document["data"])
    return found
