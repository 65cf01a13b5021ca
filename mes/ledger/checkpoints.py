"""C2SP checkpoints: origin, size and root of a ledger, in a signed note. Pure."""

import re
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Iterable
from dataclasses import dataclass

from mes.ledger.notes import NoteError, Verifier, parse_note, verified

_SIZE = re.compile(r"0|[1-9][0-9]{0,15}")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a checkpoint says: the ledger `origin` had `size` entries under `root`."""

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        """Return the lines that are signed."""
        return f"{self.origin}\n{self.size}\n{b64encode(self.root).decode()}\n"


def origin_of(site: str, gen: int) -> str:
    """Return the origin line, which is also the key name, of a site's ledger."""
    return f"septima/{site}/{gen}"


def parse_checkpoint(text: str) -> Checkpoint:
    """Read the signed text of a checkpoint, or raise NoteError. Extension lines are passed over."""
    lines = text.split("\n")
    if len(lines) < 4 or lines[-1] or not all(lines[:-1]) or not _SIZE.fullmatch(lines[1]):
        raise NoteError("checkpoint malformed")
    try:
        root = b64decode(lines[2], validate=True)
    except (Base64Error, ValueError) as error:
        raise NoteError("checkpoint root is not base64") from error
    if len(root) != 32 or b64encode(root).decode() != lines[2]:
        raise NoteError("checkpoint root is not 32 bytes")
    return Checkpoint(lines[0], int(lines[1]), root)


def open_checkpoint(note: str, verifiers: Iterable[Verifier], origin: str) -> Checkpoint:
    """Return the checkpoint in `note` if a key of `verifiers` named like `origin` signed it, else NoteError."""
    parsed = parse_note(note)
    found = parse_checkpoint(parsed.text)
    if found.origin != origin:
        raise NoteError(f"checkpoint of {found.origin}, not of {origin}")
    if all(verifier.name != origin for verifier in verified(parsed, verifiers)):
        raise NoteError("checkpoint is not signed by the ledger itself")
    return found
