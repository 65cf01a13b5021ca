"""What the signer saw, what they typed, and what comes out: the parts of a signature (record-format.md section 2)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from mes.errors import Refusal
from mes.ids import Stream
from mes.ledger.canonical import canonical
from mes.ledger.entry import Entry
from mes.signatures.meanings import TEXTS, Meaning


@dataclass(frozen=True, slots=True)
class Source:
    """The entry that a shown item comes from; a correction of that entry voids the signature."""

    stream: Stream
    seq: int
    leaf: str

    @classmethod
    def of(cls, entry: Entry) -> "Source":
        """Name an entry as source."""
        return cls(entry.stream, entry.seq, entry.leaf.hex())


@dataclass(frozen=True, slots=True)
class ShownItem:
    """One line of what the signer saw; `source` is absent where the line is no entry. No data of the vault."""

    label: str
    value: str
    source: Entry | Source | None = None

    def document(self) -> dict[str, Any]:
        """Return the JSON form."""
        told: dict[str, Any] = {"label": self.label, "value": self.value}
        if self.source is not None:
            source = Source.of(self.source) if isinstance(self.source, Entry) else self.source
            told["source"] = {"stream": source.stream, "seq": source.seq, "leaf": source.leaf}
        return told


@dataclass(frozen=True, slots=True)
class ShownDocument:
    """All that the signer saw: JCS bytes, kept for ever, and their SHA-256 in hex."""

    body: bytes = field(repr=False)
    digest: str
    items: tuple[ShownItem, ...] = ()


def shown_document(items: Sequence[ShownItem]) -> ShownDocument:
    """Fix what the signer sees; refuses with `entry-malformed` what no record may hold (e.g. text not in NFC)."""
    body = canonical({"items": [item.document() for item in items]})
    return ShownDocument(body, sha256(body).hexdigest(), tuple(items))


@dataclass(frozen=True, slots=True)
class Credentials:
    """What the signer handed in; `shown` is the digest of what was on their screen. Never stored, never printed."""

    user_name: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    totp: str | None = field(default=None, repr=False)
    shown: str | None = None


@dataclass(frozen=True, slots=True)
class Signature:
    """A signature ready to stand in an entry, and the bytes of what was shown, to be stored with it."""

    document: Mapping[str, Any]
    shown: bytes = field(repr=False)


class SignaturePrompt(Refusal):
    """A refusal that the signer answers by signing: it carries everything that the prompt has to show.

    Codes: `signature-needed` (428), `second-factor-needed` (428), `shown-changed` (409).
    """

    def __init__(
        self, code: str, *, status: int, shown: ShownDocument, meaning: Meaning, factors: Sequence[str]
    ) -> None:
        self.shown = shown
        self.meaning = meaning
        self.text = TEXTS[meaning]
        self.factors = tuple(factors)
        items = [item.document() for item in shown.items]
        super().__init__(
            code,
            status=status,
            meaning=meaning.value,
            text=self.text,
            factors=list(factors),
            shown=shown.digest,
            items=items,
        )
