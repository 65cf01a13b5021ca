"""Which entries are the record of a batch: the whole streams of its seal, and all that they rely on.

A pure function of the seal: nothing recorded after it is looked at (record-format.md section 4). Earlier generations of
the same ledger are closed, so that all of them may be looked at.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace

from sqlalchemy import Connection

from mes.errors import Refusal
from mes.ids import Stream
from mes.ledger.content import content_references
from mes.ledger.entry import Entry
from mes.ledger.heads import next_seq
from mes.ledger.reader import LedgerReader
from mes.ledger.tables import GENERATION
from mes.records import tables
from mes.records.events import RecordSealed
from mes.records.record import Record, is_whole, people_of

ALWAYS = ("site:key:rotated", "site:clock:stepped")
LEFT_OUT = ("person:session:started", "person:session:ended", "person:session:refused", "signature:refused")
"""Of persons the record holds who they are and what they may do, not when they came and went."""

Place = tuple[int, int]
"""Generation and index there."""


def sealed_entry(ledger: LedgerReader, seal: int) -> Entry:
    """Return the entry of a seal; refuses `seal-unknown` (404)."""
    found = ledger.entry(seal) if 0 <= seal < ledger.size else None
    if found is None or found.type != RecordSealed.tag:
        raise Refusal("seal-unknown", status=404, seal=seal)
    return found


def gather(ledger: LedgerReader, seal: Entry) -> Record:
    """Return the record that `seal` ends; refuses `record-content-removed` if content of it was removed since."""
    with ledger.read() as connection:
        found = closure(ledger, connection, seal)
        wanted = {digest for entry in found for digest in content_references(dict(entry.data))}
        gone = {str(entry.data["content"]): entry for entry in tables.removals(connection, wanted)}
    later = [entry for entry in gone.values() if entry.order > seal.order]
    if later:
        raise Refusal("record-content-removed", content=later[0].data["content"], entry=later[0].index)
    contents = {}
    for digest in sorted(wanted - set(gone)):
        content = ledger.content(digest)
        if content is not None:
            contents[digest] = content
    shown = {digest: body for digest in sorted(_shown(found)) if (body := ledger.shown(digest)) is not None}
    return Record(seal, tuple(found), shown, contents)


def closure(ledger: LedgerReader, connection: Connection, seal: Entry) -> list[Entry]:
    """Return the entries of the record that `seal` ends, in order, as seen from its generation."""
    return _Closure(ledger, connection, seal).entries()


def _shown(entries: Iterable[Entry]) -> set[str]:
    return {entry.document["signature"]["shown"] for entry in entries if "signature" in entry.document}


class _Closure:
    """Follows references, corrections, signatures and people until nothing new is found.

    Inside, entries have the places that their own generation gave them.
    """

    def __init__(self, ledger: LedgerReader, connection: Connection, seal: Entry) -> None:
        self._ledger, self._connection, self._seal = ledger, connection, seal
        self._site, self._gen = str(seal.document["site"]), int(seal.document["gen"])
        self._found: dict[Place, Entry] = {}
        self._places_asked: set[tuple[int, str, int]] = set()
        self._people: set[str] = set()
        self._behind: dict[tuple[int, str], int] = {}

    def entries(self) -> list[Entry]:
        """Return all entries of the record, in the order of generations and places."""
        fresh = list(self._roots())
        while fresh:
            new = {_place(entry): entry for entry in fresh if self._belongs(entry)}
            self._found |= new
            self._places_asked |= {(gen, entry.stream, entry.seq) for (gen, _), entry in new.items()}
            fresh = list(self._following(list(new.values())))
        return [self._seen(self._found[place]) for place in sorted(self._found)]

    def _belongs(self, entry: Entry) -> bool:
        place = _place(entry)
        return place not in self._found and place <= _place(self._seal)

    def _seen(self, entry: Entry) -> Entry:
        """Return an entry of an earlier generation with the places by which the present one knows it."""
        gen = int(entry.document["gen"])
        if gen == self._gen:
            return entry
        key = (gen, entry.stream)
        if key not in self._behind:
            name = Stream(entry.stream)
            self._behind[key] = sum(next_seq(self._connection, one, name) for one in range(gen, self._gen))
        return replace(entry, seq=entry.seq - self._behind[key], index=entry.index - (self._gen - gen) * GENERATION)

    def _roots(self) -> Iterator[Entry]:
        yield self._seal
        for gen in range(1, self._gen + 1):
            yield from tables.at_indexes(self._connection, gen, [0])
            yield from tables.of_types(self._connection, gen, self._seal.stream, ALWAYS)
        for part in self._seal.data["streams"]:
            yield from tables.whole_stream(self._connection, self._gen, part["stream"], part["last_seq"])
        for entry in self._referred(self._seal):
            if int(entry.document["gen"]) < self._gen and is_whole(entry.stream):
                yield from tables.whole_stream(
                    self._connection, int(entry.document["gen"]), entry.stream, int(entry.document["seq"])
                )

    def _referred(self, entry: Entry) -> Iterator[Entry]:
        wanted: dict[int, list[int]] = {}
        for ref in entry.document.get("refs", ()):
            gen = ref.get("gen", entry.document["gen"])
            if ref.get("site", self._site) == self._site and gen <= self._gen:
                wanted.setdefault(gen, []).append(ref["index"])
        for gen, indexes in wanted.items():
            yield from tables.at_indexes(self._connection, gen, indexes)

    def _following(self, fresh: list[Entry]) -> Iterator[Entry]:
        for entry in fresh:
            gen = int(entry.document["gen"])
            yield from self._referred(entry)
            for stream, seq in self._places(entry):
                if (gen, stream, seq) not in self._places_asked:
                    self._places_asked.add((gen, stream, seq))
                    yield from tables.at_place(self._connection, gen, stream, seq)
            if "corrects" in entry.document:
                voids = tables.of_operation(self._connection, entry.op, "signature:voided")
                yield from (void for void in voids if (gen, void.data["index"]) in self._found)
        for person in sorted(people_of(fresh) - self._people):
            self._people.add(person)
            known = tables.in_all_generations(self._connection, self._gen, f"person/{person}")
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


def _place(entry: Entry) -> Place:
    return int(entry.document["gen"]), int(entry.document["index"])
