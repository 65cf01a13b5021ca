"""What a single entry and its neighbours must be, checked from stored bytes against nothing but the format."""

import json
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

from sqlalchemy import RowMapping

from mes.errors import IntegrityBreach, Refusal
from mes.ids import Stream
from mes.ledger.canonical import MAX_ENTRY_BYTES, checked, encoded
from mes.ledger.content import content_references
from mes.ledger.drafting import OP_PATTERN, STREAM_PATTERN, TYPE_PATTERN
from mes.ledger.entry import FORMAT
from mes.ledger.site_events import ClockStepped, ContentRemoved
from mes.ledger.tables import position_of

REQUIRED = frozenset(
    {"v", "site", "gen", "index", "stream", "seq", "type", "tv", "at", "tz", "utc_offset", "actor", "op", "data"}
)
_parse = json.JSONDecoder().raw_decode
OPTIONAL = frozenset({"occurred", "refs", "corrects", "reason", "signature"})
ALLOWED = REQUIRED | OPTIONAL
COLUMNS = ("gen", "index", "stream", "seq", "type", "at")
_place_of = itemgetter(*COLUMNS)


@dataclass(slots=True)
class EntryChecks:
    """Walks one generation in ledger order; `check` raises IntegrityBreach at the first bad entry."""

    gen: int
    site: str | None = None
    """Taken from entry 0."""
    last_at: str = ""
    seqs: dict[Stream, int] = field(default_factory=dict)
    types: set[str] = field(default_factory=set)
    op: tuple[str, int, int] = ("", 0, 1)
    """The operation of the entry before: id, n, of."""
    contents: dict[str, int] = field(default_factory=dict)
    """Content digest -> first entry that refers to it."""
    removed: dict[str, int] = field(default_factory=dict)
    shown: dict[str, int] = field(default_factory=dict)

    def check(self, row: RowMapping, body: bytes) -> dict[str, Any]:
        """Return the parsed entry in `body` after every check; `row` holds the other columns of its row."""
        index: int = row["position"] - position_of(self.gen, 0)
        try:
            document, _ = _parse(body.decode())  # what stands after it is not canonical
            is_canonical = len(body) <= MAX_ENTRY_BYTES and encoded(checked(document)) == body
        except (ValueError, TypeError, RecursionError, Refusal) as error:
            raise IntegrityBreach(f"entry {index} is not in the record's form", index=index, cause=error) from error
        if not is_canonical or not isinstance(document, dict):
            raise IntegrityBreach(f"entry {index} is not canonical", index=index)
        problem = self._shape(document) or self._place(document, row, index)
        if problem:
            raise IntegrityBreach(f"entry {index}: {problem}", index=index, stream=None)
        if b'"content":' in body:
            for digest in content_references(document["data"]):
                self.contents.setdefault(digest, index)
            if document["type"] == ContentRemoved.tag:
                self.removed.setdefault(document["data"]["content"], index)
        if "signature" in document and "shown" in document["signature"]:
            self.shown.setdefault(document["signature"]["shown"], index)
        return document

    def _shape(self, document: dict[str, Any]) -> str | None:
        keys = document.keys()
        if not keys >= REQUIRED or not keys <= ALLOWED:
            return f"keys {sorted(keys ^ REQUIRED - OPTIONAL)}"
        if document["v"] != FORMAT or document["gen"] != self.gen:
            return "another format or generation"
        stream, kind = document["stream"], document["type"]
        if stream not in self.seqs and not STREAM_PATTERN.fullmatch(stream):  # one that stood before was in order
            return "stream or type malformed"
        if kind not in self.types:
            if not TYPE_PATTERN.fullmatch(kind):
                return "stream or type malformed"
            self.types.add(kind)
        if not OP_PATTERN.fullmatch(document["op"]["id"]):
            return "operation id malformed"
        if self.site is None:
            self.site = document["site"]
        return None if document["site"] == self.site else f"of site {document['site']}"

    def _place(self, document: dict[str, Any], row: RowMapping, index: int) -> str | None:
        if document["index"] != index or _place_of(document) != _place_of(row):
            return "its row says another place"
        stream, seq = document["stream"], document["seq"]
        if seq != self.seqs.get(stream, 0):
            return f"seq {seq} in {stream}, where {self.seqs.get(stream, 0)} is next"
        self.seqs[stream] = seq + 1
        if document["at"] < self.last_at and document["type"] != ClockStepped.tag:
            return "earlier than the entry before it"
        self.last_at = document["at"]
        correction = document.get("corrects")
        if correction is not None and correction["seq"] >= self.seqs.get(correction["stream"], 0):
            return "corrects an entry that does not stand before it"
        return self._operation(document["op"], row)

    def _operation(self, op: dict[str, Any], row: RowMapping) -> str | None:
        if (op["id"], op["n"]) != (row["op_id"], row["op_n"]):
            return "its row says another operation"
        before, n, of = self.op
        wanted = (before, n + 1, of) if n + 1 < of else (op["id"], 0, op["of"])
        self.op = (op["id"], op["n"], op["of"])
        if self.op != wanted or op["of"] < 1:
            return "an operation is not whole"
        return None

    def check_end(self, size: int) -> None:
        """Raise IntegrityBreach if the ledger ends inside an operation."""
        _, n, of = self.op
        if n + 1 != of:
            raise IntegrityBreach(f"entry {size - 1}: the last operation is not whole", index=size - 1)
