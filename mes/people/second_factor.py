"""The second factor: time-based codes (RFC 6238, SHA-1, 6 digits, 30 s), their secrets encrypted at rest.

Codes run on wall time, as the signer's own device does, in every mode of the record clock.
"""

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.constant_time import bytes_eq
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP

from mes.errors import Fault
from mes.settings import private_file

PERIOD_S = 30
DIGITS = 6
SECRET_BYTES = 20
NONCE_BYTES = 12
KEY_BYTES = 32
DRIFT = (-1, 0, 1)
"""Steps of 30 s by which the signer's device may be off."""


@dataclass(frozen=True, slots=True)
class TotpSetup:
    """What the owner enters in an authenticator once: the secret as base32 text and as an otpauth URI."""

    secret: str = field(repr=False)
    uri: str = field(repr=False)


class SecretBox:
    """Encrypts secrets with AES-256-GCM under a key that lies in a file outside every database."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)
        self._key = key

    def key_for(self, purpose: str) -> bytes:
        """Return a key of 32 bytes for another purpose, from which this one cannot be told."""
        return hmac.new(self._key, f"septima {purpose}".encode(), hashlib.sha256).digest()

    @classmethod
    def create(cls, path: Path) -> "SecretBox":
        """Make a key file (0600) and its box; refuses to replace one, which would lose every secret."""
        if path.exists():
            raise FileExistsError(path)
        private_file(path, secrets.token_bytes(KEY_BYTES))
        return cls.load(path)

    @classmethod
    def load(cls, path: Path) -> "SecretBox":
        """Open the box of an existing key file; Fault `key-file-readable-by-others` or `key-file-malformed`."""
        mode = path.stat().st_mode & 0o777
        if mode & 0o077:
            raise Fault("key-file-readable-by-others", path=str(path), mode=f"{mode:04o}")
        key = path.read_bytes()
        if len(key) != KEY_BYTES:
            raise Fault("key-file-malformed", path=str(path))
        return cls(key)

    def seal(self, secret: bytes, owner: str) -> bytes:
        """Encrypt, bound to `owner`: the ciphertext copied to another person's row does not open."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, secret, owner.encode())

    def open(self, sealed: bytes, owner: str) -> bytes:
        """Decrypt, or raise the Fault `credential-unreadable`."""
        try:
            return self._cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], owner.encode())
        except InvalidTag as error:
            raise Fault("credential-unreadable") from error


def new_secret() -> bytes:
    """Return a fresh 160-bit secret."""
    return secrets.token_bytes(SECRET_BYTES)


def setup(secret: bytes, user_name: str, issuer: str) -> TotpSetup:
    """Return what the owner's authenticator needs."""
    return TotpSetup(base64.b32encode(secret).decode(), _totp(secret).get_provisioning_uri(user_name, issuer))


def code(secret: bytes, wall_s: float) -> str:
    """Return the code that an authenticator with this secret shows at `wall_s`."""
    return _totp(secret).generate(int(wall_s)).decode()


def matching_step(secret: bytes, typed: str, wall_s: float) -> int | None:
    """Return the 30 s step whose code was typed, or None. The caller sees to it that a step counts only once."""
    digits = typed.strip()
    if len(digits) != DIGITS or not (digits.isascii() and digits.isdigit()):
        return None
    given = digits.encode()
    present = int(wall_s) // PERIOD_S
    return next(
        (present + off for off in DRIFT if bytes_eq(_totp(secret).generate((present + off) * PERIOD_S), given)),
        None,
    )


def _totp(secret: bytes) -> TOTP:
    return TOTP(secret, DIGITS, SHA1(), PERIOD_S)  # noqa: S303  RFC 6238; authenticators know no other
