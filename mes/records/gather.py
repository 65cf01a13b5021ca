"""Which entries are the record of a batch: the whole streams of its seal, and all that they rely on.

A pure function of the seal: nothing recorded after it is looked at (record-format.md section 4).
"""

import json
from collections.abc import Iterable, Iterator

from sqlalchemy import Connection

from mes.errors import Refusal
from mes.ledger.content import content_references
from mes.ledger.entry import Entry
from mes.ledger.reader import LedgerReader
from mes.records import tables
from mes.records.events import RecordSealed
from mes.records.record import Record, people_of

ALWAYS = ("site:key:rotated", "site:clock:stepped")
LEFT_OUT = ("person:session:started", "person:session:ended", "person:session:refused", "signature:refused")
"""Of persons the record holds who they are and what they may do, not when they came and went."""


def sealed_entry(ledger: LedgerReader, seal: int) -> Entry:
    """Return the entry of a seal; refuses `seal-unknown` (404)."""
    found = ledger.entry(seal) if 0 <= seal < ledger.size else None
    if found is None or found.type != RecordSealed.tag:
        raise Refusal("seal-unknown", status=404, seal=seal)
    return found


def gather(ledger: LedgerReader, seal: Entry) -> Record:
    """Return the record that `seal` ends; refuses `record-content-removed` if content of it was removed since."""
    with ledger.read() as connection:
        found = _Closure(ledger, connection, seal).entries()
        wanted = {digest for entry in found for digest in content_references(dict(entry.data))}
        gone = {str(entry.data["content"]): entry for entry in tables.removals(connection, wanted)}
    later = [entry for entry in gone.values() if entry.index > seal.index]
    if later:
        raise Refusal("record-content-removed", content=later[0].data["content"], entry=later[0].index)
    contents = {}
    for digest in sorted(wanted - set(gone)):
        content = ledger.content(digest)
        if content is not None:
            contents[digest] = content
    shown = {digest: body for digest in sorted(_shown(found)) if (body := ledger.shown(digest)) is not None}
    return Record(seal, tuple(found), shown, contents)


def _shown(entries: Iterable[Entry]) -> set[str]:
    return {entry.document["signature"]["shown"] for entry in entries if "signature" in entry.document}


class _Closure:
    """Follows references, corrections, signatures and people until nothing new is found."""

    def __init__(self, ledger: LedgerReader, connection: Connection, seal: Entry) -> None:
        self._ledger, self._connection, self._seal = ledger, connection, seal
        self._gen = int(seal.document["gen"])
        self._found: dict[int, Entry] = {}
        self._places_asked: set[tuple[str, int]] = set()
        self._people: set[str] = set()

    def entries(self) -> list[Entry]:
        """Return all entries of the record, in ledger order."""
        fresh = list(self._roots())
        while fresh:
            new = {entry.index: entry for entry in fresh if self._belongs(entry)}
            self._found |= new
            self._places_asked |= {(entry.stream, entry.seq) for entry in new.values()}
            fresh = list(self._following(list(new.values())))
        return [self._found[index] for index in sorted(self._found)]

    def _belongs(self, entry: Entry) -> bool:
        return entry.index not in self._found and entry.index <= self._seal.index

    def _roots(self) -> Iterator[Entry]:
        yield self._seal
        yield from tables.at_indexes(self._connection, self._gen, [0])
        yield from tables.of_types(self._connection, self._gen, self._seal.stream, ALWAYS)
        for part in self._seal.data["streams"]:
            yield from tables.whole_stream(self._connection, self._gen, part["stream"], part["last_seq"])

    def _following(self, fresh: list[Entry]) -> Iterator[Entry]:
        indexes = [ref["index"] for entry in fresh for ref in entry.document.get("refs", ()) if "site" not in ref]
        yield from tables.at_indexes(self._connection, self._gen, indexes)
        for entry in fresh:
            for stream, seq in self._places(entry):
                if (stream, seq) not in self._places_asked:
                    self._places_asked.add((stream, seq))
                    yield from tables.at_place(self._connection, self._gen, stream, seq)
            if "corrects" in entry.document:
                voids = tables.of_operation(self._connection, entry.op, "signature:voided")
                yield from (void for void in voids if void.data["index"] in self._found)
        for person in sorted(people_of(fresh) - self._people):
            self._people.add(person)
            known = self._ledger.stream(f"person/{person}")  # type: ignore[arg-type]
            yield from (entry for entry in known if entry.seq == 0 or entry.type not in LEFT_OUT)
        yield from tables.removals(
            self._connection, (digest for entry in fresh for digest in content_references(dict(entry.data)))
        )

    def _places(self, entry: Entry) -> Iterator[tuple[str, int]]:
        if "corrects" in entry.document:
            yield entry.document["corrects"]["stream"], entry.document["corrects"]["seq"]
        signature = entry.document.get("signature")
        if signature is None:
            return
        yield from ((place["stream"], place["seq"]) for place in signature["after"])
        body = self._ledger.shown(signature["shown"])
        items = json.loads(body)["items"] if body else []
        yield from ((item["source"]["stream"], item["source"]["seq"]) for item in items if "source" in item)
