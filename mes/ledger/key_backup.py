"""The backup of a site's keys: one encrypted archive of every file in `<site>/keys/`, and its key split 2 of 3.

The archive is useless without two shares, a share without the archive. Shares are one line of text each, to be kept
by different people: number, archive, fingerprint of the site's key, the share itself, checksum.
"""

import json
import os
import re
from base64 import b32decode, b32encode, b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from mes.errors import Fault, Refusal
from mes.ledger.key_folder import PRESENT, sync_folder
from mes.ledger.keys import SiteKey
from mes.ledger.secret_sharing import joined, split

SHARES, NEEDED = 3, 2
MAGIC = b"septima-keys-1\n"
MAX_ARCHIVE_BYTES = 4 * 1024 * 1024
MAX_SHARE_BYTES = 1024
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_SHARE = re.compile(r"septima-share-1 ([1-9]) ([0-9a-f]{64}) ([0-9a-f]{8}) ([A-Z2-7]{52}) ([0-9a-f]{8})")


@dataclass(frozen=True, slots=True)
class Backup:
    """What a backup consists of; `shares` are lines of text by number."""

    archive: bytes
    shares: Mapping[int, str] = field(repr=False)
    files: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """Return the SHA-256 (hex) by which shares and entries name the archive."""
        return sha256(self.archive).hexdigest()


@dataclass(frozen=True, slots=True)
class Share:
    """One readable share."""

    number: int
    archive: str
    key_id: str
    secret: bytes = field(repr=False)


def make_backup(keys_dir: Path) -> Backup:
    """Encrypt every key file under a fresh key and split that key; writes nothing.

    Fault `key-file-missing`, `key-file-readable-by-others`, `key-file-malformed`.
    """
    if not (keys_dir / PRESENT).is_file():
        raise Fault("key-file-missing", path=str(keys_dir / PRESENT))
    site_key = SiteKey.load(keys_dir / PRESENT)
    paths = sorted(path for path in keys_dir.iterdir() if path.is_file())
    files = {path.name: b64encode(path.read_bytes()).decode() for path in paths}
    inside = json.dumps({"vkey": site_key.vkey, "files": files}).encode()
    secret, nonce = AESGCM.generate_key(bit_length=256), os.urandom(12)
    archive = MAGIC + nonce + AESGCM(secret).encrypt(nonce, inside, MAGIC)
    digest, key_id = sha256(archive).hexdigest(), site_key.verifier.key_id.hex()
    shares = {number: _line(number, digest, key_id, part) for number, part in split(secret, NEEDED, SHARES).items()}
    return Backup(archive, shares, tuple(files))


def write_backup(backup: Backup, folder: Path) -> list[Path]:
    """Write archive and shares to `folder` (0700), each 0600; refuses `key-backup-exists` over any of them."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    named = {"keys.archive": backup.archive}
    named |= {f"share-{number}.txt": f"{line}\n".encode() for number, line in backup.shares.items()}
    for name in named:
        if (folder / name).exists():
            raise Refusal("key-backup-exists", path=str(folder / name))
    for name, body in named.items():
        _write(folder / name, body)
    sync_folder(folder)
    return [folder / name for name in named]


def read_share(path: Path) -> Share:
    """Read a share; refuses `share-damaged`, which names the file."""
    text = path.read_bytes()[:MAX_SHARE_BYTES].decode("ascii", errors="replace").strip()
    match = _SHARE.fullmatch(text)
    if match is None or _checksum(text.rpartition(" ")[0]) != match[5]:
        raise Refusal("share-damaged", path=str(path))
    return Share(int(match[1]), match[2], match[3], b32decode(match[4] + "===="))


def opened(archive: bytes, shares: Sequence[Share]) -> dict[str, bytes]:
    """Return the key files in an archive by name, from two different shares of it.

    Refuses `shares-too-few`, `share-of-another-backup` (by number) and `archive-damaged`. Rule: SEC-48.
    """
    if len({share.number for share in shares}) < NEEDED:
        raise Refusal("shares-too-few", needed=NEEDED)
    digest = sha256(archive).hexdigest()
    for share in shares:
        if share.archive != digest:
            raise Refusal("share-of-another-backup", share=share.number)
    body = archive.removeprefix(MAGIC)
    nonce, sealed = body[:12], body[12:]
    try:
        secret = joined({share.number: share.secret for share in shares})
        document = json.loads(AESGCM(secret).decrypt(nonce, sealed, MAGIC))
        files = {name: b64decode(text, validate=True) for name, text in document["files"].items()}
    except (InvalidTag, ValueError, KeyError, AttributeError, Base64Error) as error:
        raise Refusal("archive-damaged") from error
    if PRESENT not in files or not all(_NAME.fullmatch(name) for name in files):
        raise Refusal("archive-damaged")
    return files


def restore(files: Mapping[str, bytes], keys_dir: Path, key_id: str) -> SiteKey:
    """Put key files back (0600) and return the site's key; nothing stays if its fingerprint is not `key_id` (hex).

    Refuses `keys-exist` where the folder holds any file, and `archive-damaged`.
    """
    keys_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    keys_dir.chmod(0o700)
    there = sorted(path.name for path in keys_dir.iterdir())
    if there:
        raise Refusal("keys-exist", path=str(keys_dir), found=", ".join(there)[:200])
    for name in sorted(files, key=lambda one: one == PRESENT):  # the site's key last: with it the set is whole
        _write(keys_dir / name, files[name])
    sync_folder(keys_dir)
    key = SiteKey.load(keys_dir / PRESENT)
    if key.verifier.key_id.hex() != key_id:
        for name in files:
            (keys_dir / name).unlink()
        raise Refusal("archive-damaged")
    return key


def read_archive(path: Path) -> bytes:
    """Read an archive; refuses `archive-damaged` for what cannot be one."""
    body = path.read_bytes()[: MAX_ARCHIVE_BYTES + 1]
    if not body.startswith(MAGIC) or len(body) > MAX_ARCHIVE_BYTES:
        raise Refusal("archive-damaged")
    return body


def _line(number: int, digest: str, key_id: str, part: bytes) -> str:
    text = f"septima-share-1 {number} {digest} {key_id} {b32encode(part).decode().rstrip('=')}"
    return f"{text} {_checksum(text)}"


def _checksum(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:8]


def _write(path: Path, body: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(body)
        file.flush()
        os.fsync(file.fileno())
