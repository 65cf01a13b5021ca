"""The vocabulary of the ledger: what a caller hands in (Draft, Write) and what stands in it (Entry)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from mes.ids import Op, Stream

FORMAT = 1
_GENERATION = 1 << 40


@dataclass(frozen=True, slots=True)
class Actor:
    """Who did it: a person with the role used and the terminal, or a device or part of the system by id."""

    kind: str
    id: str
    name: str | None = None
    role: str | None = None
    terminal: str | None = None

    @classmethod
    def system(cls, ident: str) -> "Actor":
        """Name a part of the system, e.g. `drain`, as actor."""
        return cls("system", ident)

    @classmethod
    def device(cls, ident: str) -> "Actor":
        """Name a device as actor."""
        return cls("device", ident)


@dataclass(frozen=True, slots=True)
class Occurred:
    """When the fact itself happened, where that is before its recording; `by` is device, person or site."""

    at: datetime
    by: str


@dataclass(frozen=True, slots=True)
class Ref:
    """An entry that another relies on; `site` and `gen` only where it stands in another ledger."""

    index: int
    leaf: str
    site: str | None = None
    gen: int | None = None


@dataclass(frozen=True, slots=True)
class Draft:
    """A fact that a caller wants recorded. `data` holds JSON values without floats."""

    type: str
    data: Mapping[str, Any]
    tv: int = 1
    occurred: Occurred | None = None
    reason: str | None = None
    signature: Mapping[str, Any] | None = None
    refs: tuple[Ref, ...] = ()
    corrects: tuple[Stream, int] | None = None


@dataclass(frozen=True, slots=True)
class Write:
    """Drafts for one stream. `expected_seq` is the next seq the caller reckons with; None: whatever is next."""

    stream: Stream
    drafts: tuple[Draft, ...]
    expected_seq: int | None = None


@dataclass(frozen=True, slots=True)
class Content:
    """Detachable content (free text, photo): bytes outside the ledger, bound by a salted digest."""

    digest: str
    salt: bytes = field(repr=False)
    body: bytes = field(repr=False)
    media: str = "text/plain; charset=utf-8"

    def as_reference(self) -> dict[str, Any]:
        """Return what an entry holds instead of the content."""
        return {"content": self.digest, "bytes": len(self.body), "media": self.media}


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry as it stands in the ledger; `body` is its exact JCS bytes, `document` their parsed form.

    `index` and `seq` are its places as the generation that was asked sees them: of an entry of an earlier generation
    both are negative, so that order and identity hold over all generations; `document` has the places it was given.
    """

    index: int
    stream: Stream
    seq: int
    type: str
    tv: int
    at: datetime
    op: Op
    body: bytes = field(repr=False)
    document: Mapping[str, Any] = field(repr=False)
    leaf: bytes = field(repr=False)

    @property
    def data(self) -> Mapping[str, Any]:
        """Return the event's own fields."""
        data: Mapping[str, Any] = self.document["data"]
        return data

    @property
    def is_earlier(self) -> bool:
        """Whether it stands in an earlier generation than the one that was asked: its index is negative then."""
        return self.index < 0

    @property
    def order(self) -> int:
        """Return its place over all generations of the site, for keys of tables: the index in the first one."""
        return (int(self.document["gen"]) - 1) * _GENERATION + int(self.document["index"])

    @property
    def printed(self) -> str:
        """Return its place for people: the index, and before it the generation where that is an earlier one, `1/37`."""
        return f"{self.document['gen']}/{self.document['index']}" if self.is_earlier else str(self.index)

    @property
    def reference(self) -> Ref:
        """Return the reference by which an entry of the present generation relies on this one."""
        if self.is_earlier:
            return Ref(self.document["index"], self.leaf.hex(), self.document["site"], self.document["gen"])
        return Ref(self.index, self.leaf.hex())


def printed(index: int, gen: int) -> str:
    """Return an index as generation `gen` sees it for people, as `Entry.printed` does; -1 stands for none."""
    return str(index) if index >= -1 else f"{gen + index // _GENERATION}/{index % _GENERATION}"
