"""Which of a site's keys stand: named, retired and revoked by entries of the site's own stream. Pure.

A checkpoint counts if a key signed it that was not revoked for its size. A retired key stays good for what it signed.
"""

from base64 import b64decode
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from mes.errors import Refusal
from mes.ledger.entry import Entry
from mes.ledger.notes import NoteError, Verifier, checked_public, parse_note, verified
from mes.ledger.site_events import KeyRetired, KeyRevoked, KeyRotated, LedgerContinued, LedgerCreated

NAMING = (LedgerCreated.tag, LedgerContinued.tag, KeyRotated.tag)
KEY_TAGS = (*NAMING, KeyRetired.tag, KeyRevoked.tag)
"""The entries that say something about keys."""


@dataclass(frozen=True, slots=True)
class KnownKey:
    """A public key of the site, and the index of the entry that named it."""

    verifier: Verifier
    named_at: int
    retired_at: int | None = None
    revoked_from: int | None = None
    """Its signatures under more entries than this do not count."""

    @property
    def signs(self) -> bool:
        """Whether checkpoints made now still carry its signature."""
        return self.retired_at is None and self.revoked_from is None

    def counts(self, size: int) -> bool:
        """Whether its signature under a checkpoint of `size` entries counts."""
        return self.revoked_from is None or size <= self.revoked_from


@dataclass(frozen=True, slots=True)
class KeyBook:
    """The keys of one generation in the order in which they were named; the last is the present one."""

    origin: str
    keys: tuple[KnownKey, ...] = ()

    @classmethod
    def of(cls, origin: str, entries: Iterable[Entry]) -> "KeyBook":
        """Read the book from the entries of the site's stream, in order; others are passed over."""
        book = cls(origin)
        for entry in entries:
            book = book.taken(entry)
        return book

    def taken(self, entry: Entry) -> "KeyBook":
        """Return the book after one more entry."""
        if entry.type in NAMING:
            named = KnownKey(Verifier(self.origin, b64decode(entry.data["key"])), entry.index)
            return replace(self, keys=(*self.keys, named))
        if entry.type == KeyRetired.tag:
            return self._changed(entry, lambda one: replace(one, retired_at=entry.index))
        if entry.type == KeyRevoked.tag:
            return self._changed(entry, lambda one: replace(one, revoked_from=int(entry.data["from_size"])))
        return self

    def _changed(self, entry: Entry, change: Callable[[KnownKey], KnownKey]) -> "KeyBook":
        public = b64decode(entry.data["key"])
        keys = tuple(change(one) if one.verifier.public == public else one for one in self.keys)
        return replace(self, keys=keys)

    @property
    def present(self) -> KnownKey:
        """Return the key that was named last."""
        return self.keys[-1]

    @property
    def verifiers(self) -> list[Verifier]:
        """Return every key by which a stored note may be read, revoked ones included."""
        return [one.verifier for one in self.keys]

    @property
    def overlapping(self) -> list[KnownKey]:
        """Return the earlier keys that still sign beside the present one."""
        return [one for one in self.keys[:-1] if one.signs]

    def known(self, public: bytes) -> KnownKey | None:
        """Return the key with these 32 bytes, if the ledger names it."""
        return next((one for one in reversed(self.keys) if one.verifier.public == public), None)

    def has_counting(self, signers: Iterable[Verifier], size: int) -> bool:
        """Whether one of `signers` is a key of this site whose signature under `size` entries counts."""
        known = (self.known(each.public) for each in signers if each.name == self.origin)
        return any(one is not None and one.counts(size) for one in known)

    def signers(self, note: str) -> tuple[Verifier, ...]:
        """Return the known keys that signed a note; NoteError if none did or a signature does not stand."""
        return verified(parse_note(note), self.verifiers)


def check_new(book: KeyBook, public: bytes) -> None:
    """Refuse `key-known` for a key that the ledger named before, since a key that was given up never comes back."""
    try:
        checked_public(public)
    except NoteError as error:
        raise Refusal("key-unusable", cause=str(error)) from error
    if book.known(public) is not None:
        raise Refusal("key-known")


def check_revocable(book: KeyBook, public: bytes, from_size: int) -> KnownKey:
    """Return the key that may be revoked; refuses `key-unknown`, `key-revoked-already` and a later `from_size`.

    A second revocation may only reach further back: what was distrusted is never trusted again. Rule: SEC-48.
    """
    known = book.known(public)
    if known is None:
        raise Refusal("key-unknown", status=404)
    if known.revoked_from is not None and known.revoked_from <= from_size:
        raise Refusal("key-revoked-already", from_size=known.revoked_from)
    return known
