"""The entries that make up a batch record, over all generations of its ledger, and what lies beside them. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from mes.ledger.entry import Entry


@dataclass(frozen=True, slots=True)
class Record:
    """The entries of a batch record in order, the seal last, and what lies beside them by digest.

    Those of earlier generations of the ledger come first, with negative places (`mes.ledger.entry.Entry`).
    """

    seal: Entry
    entries: tuple[Entry, ...]
    shown: Mapping[str, bytes] = field(repr=False)
    contents: Mapping[str, tuple[bytes, bytes, str]] = field(repr=False)
    """Salt, body and media type; a content that an entry of the record removed is absent."""

    @property
    def batch(self) -> str:
        """Return the id of the batch."""
        return str(self.seal.data["batch"])

    @property
    def own(self) -> tuple[Entry, ...]:
        """Return the entries of the generation of the seal: the lines of record.jsonl."""
        return tuple(entry for entry in self.entries if not entry.is_earlier)

    @property
    def earlier(self) -> dict[int, tuple[Entry, ...]]:
        """Return what each earlier generation contributed, by its number."""
        found: dict[int, list[Entry]] = {}
        for entry in self.entries:
            if entry.is_earlier:
                found.setdefault(int(entry.document["gen"]), []).append(entry)
        return {gen: tuple(entries) for gen, entries in found.items()}

    @property
    def streams(self) -> dict[str, int]:
        """Return the whole streams and their last place, as seen from the seal: -1 for one that ended before."""
        here = {part["stream"]: part["last_seq"] for part in self.seal.data["streams"]}
        before = {entry.stream: -1 for entry in self.entries if entry.is_earlier and is_whole(entry.stream)}
        return {**before, **here}

    def of(self, stream: str) -> tuple[Entry, ...]:
        """Return the entries of one stream that are in the record."""
        return tuple(entry for entry in self.entries if entry.stream == stream)

    def text(self, reference: Mapping[str, object] | None) -> str:
        """Return the free text that an entry refers to, or say why it cannot be shown."""
        if not reference:
            return ""
        found = self.contents.get(str(reference.get("content")))
        if found is None:
            return "[removed]"
        return found[1].decode("utf-8", "replace") if found[2].startswith("text/") else f"[{found[2]}]"

    @property
    def jsonl(self) -> bytes:
        """Return record.jsonl."""
        return jsonl_of(self.own)


def jsonl_of(entries: Iterable[Entry]) -> bytes:
    """Return entries as the lines of a record.jsonl."""
    return b"".join(entry.body + b"\n" for entry in entries)


def is_whole(stream: str) -> bool:
    """Whether a stream is about one batch alone, so that a record has it from its beginning."""
    return stream.partition("/")[0] in ("batch", "order", "run", "container", "certificate")


def people_of(entries: Iterable[Entry]) -> set[str]:
    """Return the ids of the persons who acted or signed."""
    found = set()
    for entry in entries:
        if entry.document["actor"]["kind"] == "person":
            found.add(str(entry.document["actor"]["id"]))
        if "signature" in entry.document:
            found.add(str(entry.document["signature"]["person"]["id"]))
    return found
