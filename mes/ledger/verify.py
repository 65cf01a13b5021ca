"""Checks a whole ledger from its stored bytes, and names the first entry that is bad.

Quick: indexes, leaf hashes, tree, checkpoints with their signatures, triggers. Full: also canonical form, rules,
streams, operations, time order, references, content and shown documents. What no check inside one site can show
(a ledger rewritten or cut together with its checkpoints) is shown by a witness's checkpoint, given as `trusted`.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Row, func, select

from mes.errors import IntegrityBreach
from mes.ledger.checkpoints import Checkpoint, open_checkpoint, origin_of
from mes.ledger.content_checks import check_contents, check_shown
from mes.ledger.database import open_engine
from mes.ledger.entry_checks import EntryChecks
from mes.ledger.founding import first_entry, key_book
from mes.ledger.heads import stored_root
from mes.ledger.incremental import Reached, check_beginning, check_new_documents
from mes.ledger.key_book import KEY_TAGS, KeyBook
from mes.ledger.merkle import STRIDE, Frontier, Node, leaf_hash
from mes.ledger.notes import NoteError, Verifier
from mes.ledger.reader import LedgerReader, entry_of
from mes.ledger.tables import CHECKPOINT, ENTRY, NODE, position_of
from mes.ledger.triggers import missing_triggers

PAGE = 4_096


@dataclass(frozen=True, slots=True)
class Verified:
    """What was found to hold: a ledger of `size` entries under `root`."""

    site: str
    gen: int
    size: int
    root: bytes
    checkpoints: int
    signed_size: int
    """Size at the newest checkpoint; entries after it are covered by no signature yet."""
    key: Verifier
    """The site's present public key; its fingerprint is to be compared with the published one."""
    is_full: bool
    on_revoked: tuple[int, ...] = ()
    """Sizes whose checkpoints rest on revoked keys only and therefore count for nothing."""
    since: int = 0
    """The entries before this one were verified by an earlier check and not read again."""
    reached: Reached | None = None
    """Where a later check may go on; None after a quick one, which did not look at streams and operations."""


@dataclass(frozen=True, slots=True)
class _Mark:
    """A size and what was said of it: a stored note still to be opened, or a checkpoint that is trusted."""

    size: int
    said: str | Checkpoint


def verify_ledger(
    engine: Engine,
    *,
    full: bool = True,
    gen: int | None = None,
    key: Verifier | None = None,
    trusted: Sequence[Checkpoint] = (),
    since: Reached | None = None,
    pause: Callable[[], None] | None = None,
) -> Verified:
    """Check the newest generation (or `gen`) in one snapshot; IntegrityBreach names the first bad entry.

    `key` is the site's published first key, without which the ledger's own word is taken for it; `trusted` are
    checkpoints that somebody else kept. With `since`, only what came after it is read; what was reached must be
    the beginning of this ledger. `pause` is called between pages. Refuses `ledger-missing`.
    """
    read_engine = open_engine(engine.url, read_only=True)
    try:
        reader = LedgerReader(read_engine, gen)
        with reader.read() as connection:
            check = _Verification(connection, reader.gen, full, key, trusted)
            if since is not None:
                check.resume(since)
            return check.run(pause or _no_pause)
    finally:
        read_engine.dispose()


class _Verification:
    def __init__(
        self, connection: Connection, gen: int, full: bool, key: Verifier | None, trusted: Sequence[Checkpoint]
    ) -> None:
        self._connection, self._gen = connection, gen
        self._checks = EntryChecks(gen) if full else None
        self._frontier = Frontier()
        first = first_entry(connection, gen)
        self._site = str(first.document["site"])
        self._origin = origin_of(self._site, gen)
        self._book = KeyBook.of(self._origin, [first])
        self._signers: list[tuple[int, tuple[Verifier, ...]]] = []
        if key is not None and key.public != self._book.present.verifier.public:
            raise IntegrityBreach("entry 0 names another key than the site's published one", index=0)
        stored = select(CHECKPOINT.c.size, CHECKPOINT.c.note).where(CHECKPOINT.c.gen == gen)
        marks = [_Mark(row.size, row.note) for row in connection.execute(stored)]
        marks += [_Mark(each.size, each) for each in trusted]
        self._marks = sorted(marks, key=lambda mark: mark.size)
        self._passed = self._passed_before = self._since = 0
        self._signed_size = 0

    def resume(self, since: Reached) -> None:
        """Begin after what was reached earlier, once it is shown to be this ledger's beginning."""
        if (since.site, since.gen) != (self._site, self._gen):
            raise IntegrityBreach(f"generation {since.gen} of {since.site} was verified, another ledger lies here")
        check_beginning(self._connection, since)
        self._book = key_book(self._connection, self._site, self._gen, before=since.size)
        before = [mark for mark in self._marks if mark.size <= since.size]
        self._marks = [mark for mark in self._marks if mark.size > since.size]
        newest = max((mark.size for mark in before), default=0)
        for mark in before:  # the older notes were opened then, and are opened again by the next full check
            if mark.size == newest or isinstance(mark.said, Checkpoint):
                self._check_mark(mark, stored_root(self._connection, self._gen, mark.size))
        self._signed_size, self._passed, self._passed_before = since.signed_size, 0, since.checkpoints
        self._frontier, self._since = since.frontier, since.size
        self._checks = self._checks and since.checks()

    def run(self, pause: Callable[[], None]) -> Verified:
        while rows := self._page():
            leaves: list[bytes] = []
            try:
                self._take(rows, leaves)
            except IntegrityBreach:
                self._grow(leaves)  # an earlier entry may be bad in a way that only the tree shows
                raise
            self._grow(leaves)
            pause()
        size = self._frontier.size
        self._check_counts(size)
        if self._checks is not None:
            self._checks.check_end(size)
            if self._since:
                check_new_documents(self._connection, self._checks)
            else:
                check_contents(self._connection, self._checks)
                check_shown(self._connection, self._checks)
        missing = missing_triggers(self._connection)
        if missing:
            raise IntegrityBreach("triggers are missing: " + ", ".join(missing))
        return self._verified(size)

    def _verified(self, size: int) -> Verified:
        root, is_full, passed = self._frontier.root(), self._checks is not None, self._passed_before + self._passed
        on_revoked = self._resting_on_revoked()
        counting = (mark.size for mark in self._marks if mark.size not in on_revoked)
        signed = max(counting, default=self._signed_size if self._since else 0)
        present = self._book.present.verifier
        reached = None
        if self._checks is not None:
            seen = self._checks
            reached = Reached(
                self._site, self._gen, self._frontier, passed, signed, seen.last_at, seen.op, dict(seen.seqs)
            )
        return Verified(
            self._site, self._gen, size, root, passed, signed, present, is_full, on_revoked, self._since, reached
        )

    def _page(self) -> Sequence[Row[Any]]:
        where = self._positions(self._frontier.size)
        return self._connection.execute(select(ENTRY).where(where).order_by(ENTRY.c.position).limit(PAGE)).all()

    def _positions(self, start: int) -> ColumnElement[bool]:
        return ENTRY.c.position.between(position_of(self._gen, start), position_of(self._gen + 1, -1))

    def _take(self, rows: Sequence[Row[Any]], leaves: list[bytes]) -> None:
        base = position_of(self._gen, 0)
        for place, row in enumerate(rows, self._frontier.size):
            body, leaf = bytes(row.body), bytes(row.leaf)
            if row.position != base + place:
                raise IntegrityBreach(f"entry {place} is missing", index=place)
            if leaf_hash(body) != leaf:
                raise IntegrityBreach(f"entry {place} does not match its leaf hash", index=place)
            if self._checks is not None:
                self._check_refs(self._checks.check(row._mapping, body), place)
            if place and row.type in KEY_TAGS:
                self._book = self._book.taken(entry_of(body, leaf))
            leaves.append(leaf)

    def _check_refs(self, document: dict[str, Any], place: int) -> None:
        for ref in document.get("refs", ()):
            if "site" in ref:
                continue
            relied_on = select(ENTRY.c.leaf).where(ENTRY.c.position == position_of(self._gen, ref["index"]))
            leaf = self._connection.execute(relied_on).scalar()
            if ref["index"] >= place or leaf is None or bytes(leaf).hex() != ref["leaf"]:
                raise IntegrityBreach(f"entry {place} relies on an entry {ref['index']} that is not there", index=place)

    def _grow(self, leaves: Sequence[bytes]) -> None:
        start, nodes, roots = self._frontier.size, [], []
        done = 0
        for mark in self._marks[self._passed :]:
            if mark.size > start + len(leaves):
                break
            self._frontier, made = self._frontier.grown(leaves[done : mark.size - start])
            nodes += made
            roots.append((mark, self._frontier.root()))
            done = mark.size - start
        self._frontier, made = self._frontier.grown(leaves[done:])
        self._check_nodes([*nodes, *made])
        for mark, root in roots:
            self._check_mark(mark, root)

    def _check_nodes(self, nodes: Sequence[Node]) -> None:
        stored = {(row.level, row.position): row for row in self._stored_nodes(nodes)}
        for node in sorted(nodes, key=lambda each: each.position << each.level):
            found = stored.get((node.level, node.position))
            start = node.position << node.level
            if found is None:
                raise IntegrityBreach(f"the tree over entries from {start} is missing", index=start)
            if bytes(found.below) != node.below:
                index = start + _first_difference(bytes(found.below), node.below)
                raise IntegrityBreach(f"entry {index} is not the one that was recorded there", index=index)
            if bytes(found.hash) != node.hash:
                raise IntegrityBreach(f"the tree over entries from {start} was altered", index=start)

    def _stored_nodes(self, nodes: Sequence[Node]) -> Iterator[Row[Any]]:
        for level in sorted({node.level for node in nodes}):
            places = [node.position for node in nodes if node.level == level]
            where = (NODE.c.gen == self._gen, NODE.c.level == level, NODE.c.position.between(min(places), max(places)))
            yield from self._connection.execute(select(NODE).where(*where))

    def _check_mark(self, mark: _Mark, root: bytes) -> None:
        said = mark.said
        if isinstance(said, str):
            try:
                said = self._opened(said, mark.size)
            except NoteError as error:
                raise IntegrityBreach(
                    f"checkpoint {mark.size} does not stand", index=mark.size - 1, note=said, cause=error
                ) from error
        since = self._signed_size
        if (said.origin, said.size, said.root) != (self._origin, mark.size, root):
            raise IntegrityBreach(
                f"the first {mark.size} entries are not those that were signed; those before {since} are",
                index=since,
                signed=said.text,
            )
        self._signed_size = mark.size
        self._passed += 1

    def _opened(self, note: str, size: int) -> Checkpoint:
        found = open_checkpoint(note, self._book.verifiers, self._origin)
        self._signers.append((size, self._book.signers(note)))
        return found

    def _resting_on_revoked(self) -> tuple[int, ...]:
        """Return the sizes whose notes no counting key signed, judged when every revocation has been read."""
        return tuple(size for size, signers in self._signers if not self._book.has_counting(signers, size))

    def _check_counts(self, size: int) -> None:
        if self._passed < len(self._marks):
            mark = self._marks[self._passed]
            raise IntegrityBreach(f"the ledger ends at {size}, but {mark.size} entries were signed", index=size)
        wanted, levels = 0, size >> STRIDE
        while levels:
            wanted, levels = wanted + levels, levels >> STRIDE
        nodes = select(func.count()).select_from(NODE).where(NODE.c.gen == self._gen)
        if self._connection.execute(nodes).scalar() != wanted:
            raise IntegrityBreach("the stored tree is larger than the ledger", index=size)


def _no_pause() -> None:
    pass


def _first_difference(stored: bytes, made: bytes) -> int:
    """Return which of the 32-byte hashes differs first."""
    for at in range(0, len(made), 32):
        if stored[at : at + 32] != made[at : at + 32]:
            return at // 32
    return 0
