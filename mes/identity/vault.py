"""The patient vault of a site: who a patient is, encrypted, apart from everything that leaves the hospital."""

import secrets
from datetime import date
from pathlib import Path

from mes.errors import Fault, Refusal
from mes.identity.matching import checked_wristband
from mes.identity.model import Patient, checked_patient
from mes.identity.sealing import KEY_BYTES, VaultKey
from mes.identity.tables import VaultFile
from mes.people.model import READABLE
from mes.settings import private_file

KEY_FILE = Path("keys") / "vault.key"
DATABASE_FILE = "vault.sqlite"


class PatientVault:
    """Keeps and opens patients. It records nothing: `PatientService` is the door that does."""

    def __init__(self, file: VaultFile, key: VaultKey) -> None:
        self._file = file
        self._key = key

    @classmethod
    def create(cls, site_dir: Path) -> "PatientVault":
        """Make a vault with a fresh key (0600); Fault `vault-exists` if the site has a key already."""
        path = site_dir / KEY_FILE
        if path.exists():
            raise Fault("vault-exists", path=str(path))
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        private_file(path, secrets.token_bytes(KEY_BYTES))
        return cls.open(site_dir)

    @classmethod
    def open(cls, site_dir: Path) -> "PatientVault":
        """Open the site's vault; Fault `vault-key-unusable` if its key file is missing, not 32 bytes or not private."""
        path = site_dir / KEY_FILE
        if not path.is_file() or path.stat().st_mode & 0o077 or path.stat().st_size != KEY_BYTES:
            raise Fault("vault-key-unusable", path=str(path))
        return cls(VaultFile(site_dir / DATABASE_FILE), VaultKey(path.read_bytes()))

    def put(self, *, name: str, birth_date: str, hospital_number: str, wristband: str, today: date) -> str:
        """Keep a patient and return their vault id; the same patient with the same wristband gets the same id.

        Refuses `patient-field-wrong`, `wristband-unreadable`, and `wristband-taken` if it is somebody else's.
        """
        digest = self.wristband_digest(wristband)
        known = self._file.patient_of(digest)
        fresh = known or "PT-" + "".join(secrets.choice(READABLE) for _ in range(10))
        patient = checked_patient(fresh, name, birth_date, hospital_number, today)
        if known is None:
            self._file.add(fresh, digest, self._key.seal(patient))
        elif self.get(known) != patient:
            raise Refusal("wristband-taken")
        return fresh

    def get(self, patient: str) -> Patient:
        """Open a patient; refuses `patient-unknown` (404)."""
        sealed = self._file.find(patient)
        if sealed is None:
            raise Refusal("patient-unknown", status=404, patient=patient[:64])
        return self._key.open(patient, sealed)

    def knows(self, patient: str) -> bool:
        """Tell whether the vault has the patient, without opening them."""
        return self._file.find(patient) is not None

    def wristband_digest(self, code: str) -> str:
        """Return the keyed digest that the record holds of a wristband's code; refuses `wristband-unreadable`."""
        return self._key.wristband_digest(checked_wristband(code))

    def patient_of(self, wristband: str) -> str | None:
        """Return the vault id of the patient who wears the wristband."""
        return self._file.patient_of(self.wristband_digest(wristband))
