"""An authenticator in software: makes passkeys and signs as a device does, or wrongly where a test says so."""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url

ORIGIN = "http://localhost"
KINDS = ("ES256", "EdDSA", "RS256")
PRESENT, VERIFIED, ATTESTED = 0x01, 0x04, 0x40


def new_key(kind: str) -> Any:
    """Make a private key of a kind."""
    if kind == "EdDSA":
        return ed25519.Ed25519PrivateKey.generate()
    if kind == "RS256":
        return rsa.generate_private_key(65537, 2048)
    return ec.generate_private_key(ec.SECP256R1())


def cose_of(key: Any) -> bytes:
    """Return a public key as COSE."""
    public = key.public_key()
    if isinstance(key, ed25519.Ed25519PrivateKey):
        told = {1: 1, 3: -8, -1: 6, -2: public.public_bytes(Encoding.Raw, PublicFormat.Raw)}
    elif isinstance(key, rsa.RSAPrivateKey):
        numbers = public.public_numbers()
        told = {1: 3, 3: -257, -1: _big(numbers.n), -2: _big(numbers.e)}
    else:
        numbers = public.public_numbers()
        told = {1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")}
    return cbor2.dumps(told)


def _big(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


@dataclass
class Authenticator:
    """One device with one passkey. `counts`: it counts its uses; synced passkeys do not."""

    kind: str = "ES256"
    origin: str = ORIGIN
    rp_id: str = "localhost"
    counts: bool = True
    flags: int = PRESENT | VERIFIED
    uses: int = 0
    credential: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    key: Any = None

    def __post_init__(self) -> None:
        self.key = self.key or new_key(self.kind)

    @property
    def id(self) -> str:
        """Return the id of the passkey."""
        return bytes_to_base64url(self.credential)

    def create(self, options: Mapping[str, Any], **wrong: Any) -> dict[str, Any]:
        """Answer `navigator.credentials.create`; `wrong` replaces fields of the client's data, `cose` or `flags`."""
        flags, cose = wrong.pop("flags", self.flags), wrong.pop("cose", None)
        client = self._client("webauthn.create", options["challenge"], wrong)
        held = bytes(16) + len(self.credential).to_bytes(2, "big") + self.credential + (cose or cose_of(self.key))
        body = self._head(flags | ATTESTED) + held
        attested = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": body})
        return {
            "id": self.id, "rawId": self.id, "type": "public-key",
            "response": {"clientDataJSON": bytes_to_base64url(client),
                         "attestationObject": bytes_to_base64url(attested)},
        }  # fmt: skip

    def get(self, statement: str, **wrong: Any) -> dict[str, str]:
        """Sign a statement (hex); `wrong` replaces fields of the client's data, or `flags`, `uses`, `rp_id`."""
        flags = wrong.pop("flags", self.flags)
        if self.counts:
            self.uses = wrong.pop("uses", self.uses + 1)
        client = self._client("webauthn.get", bytes_to_base64url(bytes.fromhex(statement)), wrong)
        body = self._head(flags)
        return {
            "credential": self.id, "authenticatorData": bytes_to_base64url(body),
            "clientDataJSON": bytes_to_base64url(client),
            "signature": bytes_to_base64url(self._sign(body + sha256(client).digest())),
        }  # fmt: skip

    def _client(self, kind: str, challenge: str, wrong: Mapping[str, Any]) -> bytes:
        told = {"type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": False, **wrong}
        return json.dumps(told, separators=(",", ":")).encode()

    def _head(self, flags: int) -> bytes:
        return sha256(self.rp_id.encode()).digest() + bytes([flags]) + self.uses.to_bytes(4, "big")

    def _sign(self, message: bytes) -> bytes:
        if isinstance(self.key, ed25519.Ed25519PrivateKey):
            return self.key.sign(message)
        if isinstance(self.key, rsa.RSAPrivateKey):
            return self.key.sign(message, padding.PKCS1v15(), SHA256())
        signature: bytes = self.key.sign(message, ec.ECDSA(SHA256()))
        return signature


def flipped(text: str, nth: int = 0) -> str:
    """Return base64url text with one bit of its bytes flipped."""
    body = bytearray(base64url_to_bytes(text))
    body[nth] ^= 1
    return bytes_to_base64url(bytes(body))
