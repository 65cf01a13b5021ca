"""The site's signing key: one file, mode 0600, in the private-key form of signed notes; never in a database."""

import os
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Sequence
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from mes.errors import Fault
from mes.ledger.notes import ED25519, Verifier, signature_line

_PREFIX = "PRIVATE+KEY"


class SiteKey:
    """An Ed25519 key under a name; the name of a ledger's key is its origin, `septima/<site>/<gen>`."""

    def __init__(self, name: str, seed: bytes) -> None:
        self._private = Ed25519PrivateKey.from_private_bytes(seed)
        self._seed = seed
        self.verifier = Verifier(name, self._private.public_key().public_bytes_raw())

    @classmethod
    def create(cls, path: Path, name: str) -> "SiteKey":
        """Make a new key and write it to `path`, which must not exist; its folder becomes 0700."""
        return cls(name, os.urandom(32)).saved(path)

    @classmethod
    def load(cls, path: Path) -> "SiteKey":
        """Read a key; Fault `key-file-readable-by-others` or `key-file-malformed`."""
        mode = path.stat().st_mode & 0o777
        if mode & 0o077:
            raise Fault("key-file-readable-by-others", path=str(path), mode=f"{mode:04o}")
        parts = path.read_text().strip().split("+", 4)
        try:
            material = b64decode(parts[4], validate=True)
        except (IndexError, Base64Error) as error:
            raise Fault("key-file-malformed", path=str(path)) from error
        if "+".join(parts[:2]) != _PREFIX or len(material) != 33 or material[0] != ED25519:
            raise Fault("key-file-malformed", path=str(path))
        key = cls(parts[2], material[1:])
        if key.verifier.key_id.hex() != parts[3]:
            raise Fault("key-file-malformed", path=str(path))
        return key

    def saved(self, path: Path) -> "SiteKey":
        """Write this key to `path`, durably, and return it. An existing file is never overwritten."""
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.parent.chmod(0o700)
        material = b64encode(bytes([ED25519]) + self._seed).decode()
        line = f"{_PREFIX}+{self.name}+{self.verifier.key_id.hex()}+{material}\n"
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w") as file:
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
        return self

    def named(self, name: str) -> "SiteKey":
        """Return the same secret under another name, as the next generation of a ledger needs it."""
        return SiteKey(name, self._seed)

    @property
    def name(self) -> str:
        """Return the key name."""
        return self.verifier.name

    @property
    def public(self) -> bytes:
        """Return the 32 raw bytes of the public key."""
        return self.verifier.public

    @property
    def vkey(self) -> str:
        """Return the published form, which an auditor gives to `verify.py --key`."""
        return self.verifier.vkey

    def sign(self, message: bytes) -> bytes:
        """Return the 64-byte signature of `message`."""
        return self._private.sign(message)

    def signed_note(self, text: str, also: Sequence["SiteKey"] = ()) -> str:
        """Return `text` (ends with a newline) as a note signed by this key, and by `also` during their overlap."""
        lines = [signature_line(key.verifier, key.sign(text.encode())) for key in (self, *also)]
        return f"{text}\n{''.join(lines)}"
