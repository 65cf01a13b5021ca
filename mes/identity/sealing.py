"""How the vault keeps a patient: AES-256-GCM under a data key of their own, itself wrapped by the vault's key.

Names never stand beside ciphertexts of another patient's key: deleting one wrapped key forgets one patient.
"""

import hmac
import os
from dataclasses import dataclass, field
from datetime import date
from hashlib import sha256
from json import dumps, loads

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from mes.errors import IntegrityBreach
from mes.identity.model import Patient

KEY_BYTES, NONCE_BYTES = 32, 12
_LABEL = "septima-vault/1"


@dataclass(frozen=True, slots=True)
class SealedPatient:
    """What the vault's file holds of one patient: two ciphertexts, each with its nonce in front."""

    wrapped_key: bytes = field(repr=False)
    body: bytes = field(repr=False)


class VaultKey:
    """The key file's secret, from which one key wraps data keys and another digests wristband codes."""

    def __init__(self, secret: bytes) -> None:
        if len(secret) != KEY_BYTES:
            raise ValueError(f"a vault key has {KEY_BYTES} bytes")
        self._wrapping = AESGCM(_derived(secret, "wrap"))
        self._wristband = _derived(secret, "wristband")

    def wristband_digest(self, code: str) -> str:
        """Return HMAC-SHA-256 (hex) of a wristband's code: comparable, and useless without the key."""
        return hmac.new(self._wristband, code.encode(), sha256).hexdigest()

    def seal(self, patient: Patient) -> SealedPatient:
        """Encrypt a patient under a fresh data key."""
        key = AESGCM.generate_key(bit_length=256)
        told = {"name": patient.name, "birth_date": patient.birth_date.isoformat(), "number": patient.hospital_number}
        return SealedPatient(
            _sealed(self._wrapping, key, patient.patient, "key"),
            _sealed(AESGCM(key), dumps(told).encode(), patient.patient, "patient"),
        )

    def open(self, patient: str, sealed: SealedPatient) -> Patient:
        """Decrypt one patient; IntegrityBreach if the file was altered or is another vault's."""
        try:
            key = _opened(self._wrapping, sealed.wrapped_key, patient, "key")
            told = loads(_opened(AESGCM(key), sealed.body, patient, "patient"))
        except InvalidTag as error:
            raise IntegrityBreach("a patient of the vault cannot be opened", patient=patient) from error
        return Patient(patient, told["name"], date.fromisoformat(told["birth_date"]), told["number"])


def _derived(secret: bytes, use: str) -> bytes:
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=f"{_LABEL}/{use}".encode()).derive(secret)


def _sealed(cipher: AESGCM, body: bytes, patient: str, part: str) -> bytes:
    # The patient's id is authenticated too: a row moved to another patient does not open.
    nonce = os.urandom(NONCE_BYTES)
    return nonce + cipher.encrypt(nonce, body, f"{_LABEL}/{part}/{patient}".encode())


def _opened(cipher: AESGCM, body: bytes, patient: str, part: str) -> bytes:
    return cipher.decrypt(body[:NONCE_BYTES], body[NONCE_BYTES:], f"{_LABEL}/{part}/{patient}".encode())
