"""C2SP signed notes: text, signature lines, verifier keys; Ed25519 (0x01) and witness cosignatures (0x04). Pure."""

import re
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

ED25519 = 1
COSIGNATURE = 4
MAX_NOTE_BYTES = 64 * 1024
MAX_SIGNATURES = 64
_NAME = re.compile(r"[^\s+]+")
_SIGNATURE_LINE = re.compile(r"— ([^\s+]+) ([A-Za-z0-9+/=]+)")
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\ud800-\udfff]")
_PRIME = 2**255 - 19
_ORDER_EIGHT = 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826
_LOW_ORDER = frozenset({0, 1, _PRIME - 1, _ORDER_EIGHT, _PRIME - _ORDER_EIGHT})
"""The y coordinates of the eight points of low order: a key there signs anything."""


class NoteError(ValueError):
    """A note, key or checkpoint is malformed, or no signature of a known key stands."""


@dataclass(frozen=True, slots=True)
class Verifier:
    """A public key by name: 32 raw bytes of Ed25519, of a log (alg 1) or of a witness (alg 4)."""

    name: str
    public: bytes
    alg: int = ED25519

    @property
    def key_id(self) -> bytes:
        """Return the four bytes that stand before each signature of this key."""
        return sha256(self.name.encode() + b"\n" + bytes([self.alg]) + self.public).digest()[:4]

    @property
    def vkey(self) -> str:
        """Return the key in the one-line form that is published."""
        material = b64encode(bytes([self.alg]) + self.public).decode()
        return f"{self.name}+{self.key_id.hex()}+{material}"


@dataclass(frozen=True, slots=True)
class NoteSignature:
    """One signature line: key name, key id, signature bytes."""

    name: str
    key_id: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class Note:
    """A parsed note. Nothing in it is trusted before `verified`."""

    text: str
    signatures: tuple[NoteSignature, ...]


def _decoded(text: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except (Base64Error, ValueError) as error:
        raise NoteError("not base64") from error


def parse_vkey(text: str) -> Verifier:
    """Read a published verifier key, or raise NoteError."""
    parts = text.split("+", 2)
    if len(parts) != 3 or not _NAME.fullmatch(parts[0]):
        raise NoteError("verifier key malformed")
    material = _decoded(parts[2])
    if len(material) != 33 or material[0] not in (ED25519, COSIGNATURE):
        raise NoteError("verifier key of an unknown kind")
    found = Verifier(parts[0], checked_public(material[1:]), material[0])
    if found.key_id.hex() != parts[1]:
        raise NoteError("verifier key does not match its id")
    return found


def checked_public(public: bytes) -> bytes:
    """Return an Ed25519 public key that may be trusted: canonical and not of low order, else NoteError."""
    if len(public) != 32:
        raise NoteError("public key is not 32 bytes")
    height = int.from_bytes(public, "little") & (1 << 255) - 1
    if height >= _PRIME or height in _LOW_ORDER:
        raise NoteError("public key is not canonical or of low order")
    return public


def ed25519_verifies(public: bytes, signature: bytes, message: bytes) -> bool:
    """Whether the signature stands. Never take a signature's bytes for an identity: more than one may stand."""
    if len(signature) != 64:
        return False
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def parse_note(note: str) -> Note:
    """Read a signed note: text, empty line, at least one signature line; else NoteError."""
    if len(note) > MAX_NOTE_BYTES or _CONTROL.search(note):
        raise NoteError("note too long or with control characters")
    text, found, lines = note.rpartition("\n\n")
    if not found or not lines.endswith("\n"):
        raise NoteError("note without an empty line before its signatures, or cut short")
    rows = lines[:-1].split("\n")
    if len(rows) > MAX_SIGNATURES:
        raise NoteError("too many signatures")
    return Note(text + "\n", tuple(_signature(row) for row in rows))


def _signature(row: str) -> NoteSignature:
    match = _SIGNATURE_LINE.fullmatch(row)
    if match is None:
        raise NoteError("signature line malformed")
    raw = _decoded(match[2])
    if len(raw) < 5:
        raise NoteError("signature too short")
    return NoteSignature(match[1], raw[:4], raw[4:])


def verified(note: Note, verifiers: Iterable[Verifier]) -> tuple[Verifier, ...]:
    """Return the known keys that signed `note`; unknown ones are passed over.

    Raises NoteError if a known key's signature does not stand, or none is of a known key.
    """
    known = {(each.name, each.key_id): each for each in verifiers}
    stands = []
    for line in note.signatures:
        verifier = known.get((line.name, line.key_id))
        if verifier is None or verifier in stands:
            continue
        if not _stands(verifier, line.signature, note.text):
            raise NoteError(f"signature of {verifier.name} does not stand")
        stands.append(verifier)
    if not stands:
        raise NoteError("no signature of a known key")
    return tuple(stands)


def _stands(verifier: Verifier, signature: bytes, text: str) -> bool:
    if verifier.alg == ED25519:
        return ed25519_verifies(verifier.public, signature, text.encode())
    if len(signature) != 72:
        return False
    message = cosigned_message(int.from_bytes(signature[:8], "big"), text)
    return ed25519_verifies(verifier.public, signature[8:], message)


def cosigned_message(time_s: int, text: str) -> bytes:
    """Return what a witness signs (cosignature/v1): its Unix time, then the checkpoint text."""
    return f"cosignature/v1\ntime {time_s}\n{text}".encode()


def signature_line(verifier: Verifier, signature: bytes) -> str:
    """Return the line that stands under a note for `signature` (a cosignature begins with its 8-byte time)."""
    return f"— {verifier.name} {b64encode(verifier.key_id + signature).decode()}\n"
