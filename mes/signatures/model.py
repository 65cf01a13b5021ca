"""What the signer saw, what they typed, and what comes out: the parts of a signature (record-format.md section 2)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
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

    @property
    def place(self) -> Source | None:
        """Return where the shown entry stands, None where the line is no entry."""
        return Source.of(self.source) if isinstance(self.source, Entry) else self.source

    def document(self) -> dict[str, Any]:
        """Return the JSON form."""
        told: dict[str, Any] = {"label": self.label, "value": self.value}
        source = self.place
        if source is not None and source.seq >= 0:  # an entry of an earlier generation is no entry of this ledger
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
    """What the signer handed in; `shown` is the digest of what was on their screen. Never stored, never printed.

    `statement` and `after` are those of the prompt that was answered: the place in the stream up to which the signer
    knew it. `assertion` is a passkey's answer to the statement, its parts in base64url; it stands in the record.
    """

    user_name: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    totp: str | None = field(default=None, repr=False)
    shown: str | None = None
    statement: str | None = None
    after: int | None = None
    assertion: Mapping[str, str] | None = field(default=None, repr=False)

    @property
    def passkey_uv(self) -> Mapping[str, str] | None:
        """Return what was handed in for the factor `passkey_uv`."""
        return self.assertion

    def for_next(self) -> "Credentials":
        """Return what signs a further entry of the same act under the same document.

        Refuses `passkey-signs-one`: an assertion is over one statement, and so over one entry.
        """
        if self.assertion is not None:
            raise Refusal("passkey-signs-one")
        return replace(self, statement=None)


@dataclass(frozen=True, slots=True)
class Offer:
    """By what a person may sign here: a password, passkeys (their ids), or both; and the host passkeys belong to."""

    password: bool = True
    passkeys: tuple[str, ...] = ()
    rp_id: str = ""

    def document(self) -> dict[str, Any]:
        """Return the JSON form that a prompt carries."""
        return {"password": self.password, "passkeys": list(self.passkeys), "rp_id": self.rp_id}


@dataclass(frozen=True, slots=True)
class Signature:
    """A signature ready to stand in an entry, and the bytes of what was shown, to be stored with it."""

    document: Mapping[str, Any]
    shown: bytes = field(repr=False)


class SignaturePrompt(Refusal):
    """A refusal that the signer answers by signing: it carries everything that the prompt has to show.

    `factors` are those of a signature by password; one by passkey takes `passkey_uv` for password and totp alike.
    `statement` is what a passkey signs, `after` the last place in the stream that the signer knows.

    Codes: `signature-needed` (428), `second-factor-needed` (428), `shown-changed` (409).
    """

    def __init__(
        self, code: str, *, status: int, shown: ShownDocument, meaning: Meaning, factors: Sequence[str],
        text: str | None = None, statement: str | None = None, after: int | None = None, offer: Offer | None = None,
    ) -> None:  # fmt: skip
        self.shown = shown
        self.meaning = meaning
        self.text = text or TEXTS[meaning]
        self.factors = tuple(factors)
        self.statement = statement
        self.after = after
        self.offer = offer or Offer()
        items = [item.document() for item in shown.items]
        super().__init__(
            code,
            status=status,
            meaning=meaning.value,
            text=self.text,
            factors=list(factors),
            shown=shown.digest,
            items=items,
            statement=statement,
            after=after,
            offer=self.offer.document(),
        )

    def anew(self, code: str, status: int) -> "SignaturePrompt":
        """Return the same prompt under another code."""
        return SignaturePrompt(
            code, status=status, shown=self.shown, meaning=self.meaning, factors=self.factors, text=self.text,
            statement=self.statement, after=self.after, offer=self.offer,
        )  # fmt: skip
