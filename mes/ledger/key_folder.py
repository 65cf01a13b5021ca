"""The files of a site's signing keys, and a rotation that a crash may interrupt at any point.

`site.key` signs; `site.key.<n>` are earlier keys; `site.key.pending` is a key that the ledger may not know yet. The
entry decides: a pending key that no entry names is thrown away, one that is named is put in place at the next start.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from mes.errors import Fault
from mes.ledger.key_book import KeyBook
from mes.ledger.keys import SiteKey

PRESENT, PENDING = "site.key", "site.key.pending"
MOST_KEYS = 1_000


@dataclass(frozen=True, slots=True)
class Signers:
    """The keys that sign checkpoints now: the present one, and earlier ones during their overlap."""

    present: SiteKey
    also: tuple[SiteKey, ...] = ()


def prepare(folder: Path, origin: str) -> SiteKey:
    """Write a new key under its pending name, durably; the ledger must name it before it is put in place."""
    (folder / PENDING).unlink(missing_ok=True)
    made = SiteKey.create(folder / PENDING, origin)
    sync_folder(folder)
    return made


def settle(folder: Path, book: KeyBook) -> Signers:
    """Finish or undo a rotation that was interrupted, and return the keys that sign.

    Fault `key-file-missing`, `key-file-readable-by-others`, `key-file-malformed`. Whether the present key is the
    ledger's is not judged here. Rule: SEC-48.
    """
    pending = folder / PENDING
    if pending.exists():
        if book.keys and _is_of(pending, book.present.verifier.public):
            keep_present(folder)
            pending.replace(folder / PRESENT)
        else:
            pending.unlink()
        sync_folder(folder)
    return signers(folder, book)


def signers(folder: Path, book: KeyBook) -> Signers:
    """Load the keys that sign by what the ledger says of them, under the name of its generation."""
    if not (folder / PRESENT).is_file():
        raise Fault("key-file-missing", path=str(folder / PRESENT))
    overlapping = {one.verifier.public for one in book.overlapping}
    earlier = [SiteKey.load(path) for path in kept(folder)] if overlapping else []
    also = tuple(key.named(book.origin) for key in earlier if key.public in overlapping)
    present = SiteKey.load(folder / PRESENT)
    is_named = book.known(present.public) is not None
    return Signers(present.named(book.origin) if is_named else present, also)


def keep_present(folder: Path) -> None:
    """Give the present key a second name, `site.key.<n>`, unless it has one or is gone."""
    path = folder / PRESENT
    if not path.exists():
        return
    public = SiteKey.load(path).public
    if not any(_is_of(one, public) for one in kept(folder)):
        free = next(n for n in range(1, MOST_KEYS) if not (folder / f"{PRESENT}.{n}").exists())
        os.link(path, folder / f"{PRESENT}.{free}")
        sync_folder(folder)


def kept(folder: Path) -> list[Path]:
    """Return the files of earlier keys, oldest first."""
    found = [path for path in folder.glob(f"{PRESENT}.*") if path.suffix[1:].isdigit()]
    return sorted(found, key=lambda path: int(path.suffix[1:]))


def sync_folder(folder: Path) -> None:
    """Make names that were given or taken in `folder` durable."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _is_of(path: Path, public: bytes) -> bool:
    """Whether `path` holds this key; a pending file that was cut short holds none."""
    try:
        return SiteKey.load(path).public == public
    except Fault:
        return False
