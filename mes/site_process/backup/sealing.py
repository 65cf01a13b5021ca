"""How a file of a backup is encrypted: AES-256-GCM in chunks, so that any database passes through little memory.

Each chunk's nonce holds its number and whether it is the last one; so none can be left out, moved or cut off.
"""

import hmac
import os
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from mes.errors import Fault, IntegrityBreach
from mes.settings import private_file

KEY_BYTES = 32
CHUNK = 1 << 20
TAG = 16
_HEAD = b"septima-backup/1\n"
_PREFIX = 7


class BackupKey:
    """The key of a site's backups; it lies in `<site>/keys/backup.key` and in no backup."""

    def __init__(self, secret: bytes) -> None:
        if len(secret) != KEY_BYTES:
            raise ValueError(f"a backup key has {KEY_BYTES} bytes")
        self._cipher = AESGCM(_derived(secret, "seal"))
        self._mac = _derived(secret, "manifest")

    @classmethod
    def of_site(cls, keys_dir: Path, *, create: bool = False) -> "BackupKey":
        """Read the key, or make it; Fault `backup-key-unusable` if it is missing, malformed or open to others."""
        path = keys_dir / "backup.key"
        if create and not path.exists():
            private_file(path, os.urandom(KEY_BYTES))
        if not path.is_file() or path.stat().st_mode & 0o077 or path.stat().st_size != KEY_BYTES:
            raise Fault("backup-key-unusable", path=str(path))
        return cls(path.read_bytes())

    def mac(self, body: bytes) -> str:
        """Return the keyed digest (hex) of a manifest."""
        return hmac.new(self._mac, body, sha256).hexdigest()

    def seal(self, plain: Path, sealed: Path, label: str) -> str:
        """Encrypt `plain` into `sealed`, durably, and return the SHA-256 (hex) of what was written."""
        prefix, digest = os.urandom(_PREFIX), sha256()
        handle = os.open(sealed, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as target:
            for piece in (_HEAD, prefix):
                digest.update(piece)
                target.write(piece)
            for number, (chunk, last) in enumerate(_chunks(plain)):
                body = self._cipher.encrypt(_nonce(prefix, number, last), chunk, label.encode())
                digest.update(body)
                target.write(body)
            target.flush()
            os.fsync(target.fileno())
        return digest.hexdigest()

    def open(self, sealed: Path, plain: Path, label: str) -> None:
        """Decrypt `sealed` into the new file `plain` (0600); IntegrityBreach if it was altered or is another's."""
        handle = os.open(plain, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with sealed.open("rb") as source, os.fdopen(handle, "wb") as target:
            head = source.read(len(_HEAD) + _PREFIX)
            if not head.startswith(_HEAD) or len(head) != len(_HEAD) + _PREFIX:
                raise IntegrityBreach(f"{sealed.name} is no file of a backup")
            number, body = 0, source.read(CHUNK + TAG)
            while True:
                following = source.read(CHUNK + TAG)
                nonce = _nonce(head[len(_HEAD) :], number, not following)
                try:
                    target.write(self._cipher.decrypt(nonce, body, label.encode()))
                except InvalidTag as error:
                    raise IntegrityBreach(f"{sealed.name} was altered, or belongs to another site") from error
                if not following:
                    return
                number, body = number + 1, following


def _chunks(path: Path) -> Iterator[tuple[bytes, bool]]:
    with path.open("rb") as source:
        chunk = source.read(CHUNK)
        while True:
            following = source.read(CHUNK)
            yield chunk, not following
            if not following:
                return
            chunk = following


def _nonce(prefix: bytes, number: int, last: bool) -> bytes:
    return prefix + number.to_bytes(4, "big") + bytes([last])


def _derived(secret: bytes, use: str) -> bytes:
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=f"septima-backup/1/{use}".encode()).derive(secret)
