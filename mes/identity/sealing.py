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
WRISTBAND = "wristband"
_LABEL = "septima-vault/1"


@dataclass(frozen=True, slots=True)
class SealedPatient:
    """What the vault's file holds of one patient: two ciphertexts, each with its nonce in front."""

    wrapped_key: bytes = field(repr=False)
    body: bytes = field(repr=False)


class VaultKey:
    """The key file's secret, which wraps data keys, and the key that digests wristband codes.

    The first wristband key of a vault is derived from its first secret; from then on it lies in the vault, sealed, and
    stays the same however often the secret changes: the ledger's digests would fit nobody under another one.
    """

    def __init__(self, secret: bytes, wristband: bytes | None = None) -> None:
        if len(secret) != KEY_BYTES:
            raise ValueError(f"a vault key has {KEY_BYTES} bytes")
        self._secret = secret
        self._wrapping = AESGCM(_derived(secret, "wrap"))
        self._wristband = wristband or _derived(secret, "wristband")

    @property
    def fingerprint(self) -> str:
        """Return what names the secret in the record (hex), and tells nothing about it."""
        return sha256(_derived(self._secret, "fingerprint")).hexdigest()

    def sealed_wristband_key(self) -> bytes:
        """Return the wristband key as the vault's file keeps it."""
        return _sealed(self._wrapping, self._wristband, WRISTBAND, "secret")

    def knowing(self, sealed: bytes) -> "VaultKey | None":
        """Return this key with the wristband key of the vault that it opens; None if it is another vault's key."""
        try:
            return VaultKey(self._secret, _opened(self._wrapping, sealed, WRISTBAND, "secret"))
        except InvalidTag:
            return None

    def succeeded_by(self, secret: bytes) -> "VaultKey":
        """Return the key of another secret that digests wristbands as this one does."""
        return VaultKey(secret, self._wristband)

    def rewrapped(self, patient: str, wrapped_key: bytes, fresh: "VaultKey") -> bytes:
        """Return a patient's data key wrapped under `fresh`; IntegrityBreach if this key does not open it."""
        try:
            key = _opened(self._wrapping, wrapped_key, patient, "key")
        except InvalidTag as error:
            raise IntegrityBreach("a patient of the vault cannot be opened", patient=patient) from error
        return _sealed(fresh._wrapping, key, patient, "key")

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
