"""The patient vault of a site: who a patient is, encrypted, apart from everything that leaves the hospital."""

import secrets
from collections.abc import Callable
from datetime import date
from pathlib import Path
from threading import RLock

from mes.errors import Fault, Refusal
from mes.identity import key_file
from mes.identity.matching import checked_wristband
from mes.identity.model import Patient, checked_patient
from mes.identity.sealing import VaultKey
from mes.identity.tables import VaultFile
from mes.people.model import READABLE

KEY_FILE = Path("keys") / "vault.key"
DATABASE_FILE = "vault.sqlite"


class PatientVault:
    """Keeps and opens patients. It records nothing: `PatientService` is the door that does."""

    def __init__(self, file: VaultFile, key: VaultKey, keys: Path) -> None:
        """Use `create` or `open`."""
        self._file = file
        self._key = key
        self._keys = keys
        self._turning = RLock()

    @classmethod
    def create(cls, site_dir: Path) -> "PatientVault":
        """Make a vault with a fresh key (0600); Fault `vault-exists` if the site has a key already."""
        key_file.create_key((site_dir / KEY_FILE).parent)
        return cls.open(site_dir)

    @classmethod
    def open(cls, site_dir: Path, named: key_file.NamedKey | None = None) -> "PatientVault":
        """Open the site's vault, and settle a change of its key that was interrupted (`key_file.settled`)."""
        keys = (site_dir / KEY_FILE).parent
        if not (site_dir / KEY_FILE).is_file():  # before an empty database is made beside it
            raise Fault("vault-key-unusable", path=str(site_dir / KEY_FILE))
        file = VaultFile(site_dir / DATABASE_FILE)
        return cls(file, key_file.settled(keys, file, named), keys)

    @property
    def fingerprint(self) -> str:
        """Return the fingerprint (hex) of the key that opens the vault."""
        return self._key.fingerprint

    def rotate(self, name: Callable[[str, str], None]) -> None:
        """Wrap every patient's data key under a new vault key, once `name` has recorded (new, previous) fingerprints.

        Nobody opens the vault meanwhile. What `name` refuses leaves the old key in force.
        """
        with self._turning:
            fresh = key_file.prepare(self._keys, self._key)
            name(fresh.fingerprint, self._key.fingerprint)
            key_file.change(self._keys, self._file, self._key, fresh)
            self._key = fresh

    def settle(self, named: key_file.NamedKey) -> None:
        """Finish or undo a change of key that was interrupted after the vault was opened."""
        with self._turning:
            self._key = key_file.settled(self._keys, self._file, named)

    def forget(self, patient: str) -> None:
        """Destroy a patient's data key and ciphertext; nothing happens for one who is forgotten already."""
        self._file.forget(patient)

    def is_forgotten(self, patient: str) -> bool:
        """Tell whether the vault kept this patient once and was told to forget them."""
        return self._file.is_forgotten(patient)

    def patients(self) -> list[str]:
        """Return the vault ids of everybody it keeps; no names."""
        return self._file.patients()

    def put(self, *, name: str, birth_date: str, hospital_number: str, wristband: str, today: date) -> str:
        """Keep a patient and return their vault id; the same patient with the same wristband gets the same id.

        Refuses `patient-field-wrong`, `wristband-unreadable`, and `wristband-taken` if it is somebody else's.
        """
        digest = self.wristband_digest(wristband)
        known = self._file.patient_of(digest)
        fresh = known or "PT-" + "".join(secrets.choice(READABLE) for _ in range(10))
        patient = checked_patient(fresh, name, birth_date, hospital_number, today)
        if known is None:
            with self._turning:
                self._file.add(fresh, digest, self._key.seal(patient))
        elif self.get(known) != patient:
            raise Refusal("wristband-taken")
        return fresh

    def get(self, patient: str) -> Patient:
        """Open a patient; refuses `patient-unknown` (404)."""
        with self._turning:
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
