"""The vault keeps a patient apart: encrypted, opened only after the look is recorded, and named nowhere else."""

import sqlite3
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from mes.clock import HeldClock
from mes.errors import Fault, IntegrityBreach, Refusal
from mes.identity.model import MAX_NAME, Patient, Purpose
from mes.identity.sealing import VaultKey
from mes.identity.service import PatientService
from mes.identity.vault import DATABASE_FILE, KEY_FILE, PatientVault
from mes.ids import PersonId, new_op, stream
from mes.ledger.database import open_engine
from mes.ledger.keys import SiteKey
from mes.ledger.store import Ledger
from mes.people.model import Person, Role, Session

NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)
NAME, BORN, NUMBER, WRISTBAND = "Marie Example", "1970-02-03", "H-4711", "WB-0001"
SECRETS = (NAME, "Marie", BORN, NUMBER, WRISTBAND)


def a_session(*roles: Role, person: str = "P-1") -> Session:
    return Session("", Person(PersonId(person), "Ada Nurse", "ada", frozenset(roles)), "T1", True, "")


def put(vault: PatientVault, **other: str) -> str:
    given = {"name": NAME, "birth_date": BORN, "hospital_number": NUMBER, "wristband": WRISTBAND}
    return vault.put(**{**given, **other}, today=NOW.date())


@pytest.fixture
def vault(tmp_path: Path) -> PatientVault:
    return PatientVault.create(tmp_path)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    engine = open_engine(f"sqlite:///{tmp_path / 'site.sqlite'}")
    key = SiteKey.create(tmp_path / "site.key", "septima/test-site/1")
    return Ledger.create(
        engine, site="test-site", tz="Europe/Brussels", key=key, now=NOW, clock="simulated", software="test"
    )


@pytest.mark.rule("REG-PRV-01")
def test_the_files_are_private_and_hold_no_clear_text(vault: PatientVault, tmp_path: Path) -> None:
    put(vault)
    for name in (KEY_FILE, DATABASE_FILE):
        assert (tmp_path / name).stat().st_mode & 0o077 == 0
    stored = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    for secret in SECRETS:
        assert secret.encode() not in stored


def test_a_patient_comes_back_and_keeps_their_id(vault: PatientVault, tmp_path: Path) -> None:
    patient = put(vault)
    assert patient.startswith("PT-")
    assert put(vault) == patient
    assert put(PatientVault.open(tmp_path)) == patient
    assert vault.patient_of(f" {WRISTBAND} ") == patient
    assert vault.patient_of("WB-0002") is None
    assert vault.get(patient) == Patient(patient, NAME, date(1970, 2, 3), NUMBER)


def test_a_patient_does_not_print_itself(vault: PatientVault) -> None:
    shown = repr(vault.get(put(vault)))
    assert [secret for secret in SECRETS if secret in shown] == []


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"name": " "}, "patient-field-wrong"),
        ({"name": "x" * (MAX_NAME + 1)}, "patient-field-wrong"),
        ({"name": "a\x00b"}, "patient-field-wrong"),
        ({"hospital_number": ""}, "patient-field-wrong"),
        ({"birth_date": "03.02.1970"}, "patient-field-wrong"),
        ({"birth_date": "2027-01-01"}, "patient-field-wrong"),
        ({"birth_date": "1899-12-31"}, "patient-field-wrong"),
        ({"wristband": "abc"}, "wristband-unreadable"),
    ],
)
def test_a_wrong_form_is_refused_without_its_values(vault: PatientVault, given: dict[str, str], code: str) -> None:
    with pytest.raises(Refusal) as refused:
        put(vault, **given)
    assert refused.value.code == code
    assert [value for value in given.values() if value.strip() and value in str(refused.value)] == []


@pytest.mark.parametrize("other", [{"name": "John Other"}, {"birth_date": "1970-02-04"}, {"hospital_number": "H-1"}])
def test_a_wristband_is_never_given_to_somebody_else(vault: PatientVault, other: dict[str, str]) -> None:
    put(vault)
    with pytest.raises(Refusal) as refused:
        put(vault, **other)
    assert (refused.value.code, refused.value.facts) == ("wristband-taken", {})


def test_an_altered_row_does_not_open(vault: PatientVault, tmp_path: Path) -> None:
    one, two = put(vault), put(vault, name="John Other", wristband="WB-0002")
    with sqlite3.connect(tmp_path / DATABASE_FILE) as connection:
        connection.execute("UPDATE patient SET body = (SELECT body FROM patient WHERE patient = ?)", (two,))
    connection.close()
    with pytest.raises(IntegrityBreach):
        vault.get(one)


def test_a_vault_needs_its_own_private_key(vault: PatientVault, tmp_path: Path) -> None:
    patient = put(vault)
    with pytest.raises(Fault):
        PatientVault.create(tmp_path)
    (tmp_path / KEY_FILE).write_bytes(b"\0" * 32)
    with pytest.raises(IntegrityBreach):
        PatientVault.open(tmp_path).get(patient)
    key = tmp_path / KEY_FILE
    spoils: list[Callable[[], object]] = [lambda: key.chmod(0o644), lambda: key.write_bytes(b"short"), key.unlink]
    for spoil in spoils:
        spoil()
        with pytest.raises(Fault):
            PatientVault.open(tmp_path)


def test_wristband_digests_depend_on_the_key() -> None:
    one, other = VaultKey(b"\1" * 32), VaultKey(b"\2" * 32)
    assert one.wristband_digest(WRISTBAND) == one.wristband_digest(WRISTBAND)
    assert one.wristband_digest(WRISTBAND) != other.wristband_digest(WRISTBAND)


@pytest.mark.rule("REG-PRV-01")
def test_a_look_is_an_entry_before_it_is_a_look(vault: PatientVault, ledger: Ledger) -> None:
    service, op = PatientService(vault, ledger, HeldClock(NOW)), new_op()
    session = a_session(Role.CLINICIAN)
    patient = service.enrol(session, new_op(), name=NAME, birth_date=BORN, hospital_number=NUMBER, wristband=WRISTBAND)
    assert service.reveal(session, op, patient, Purpose.BEDSIDE).name == NAME
    assert service.reveal(session, op, patient, Purpose.BEDSIDE).name == NAME
    entries = ledger.stream(stream("patient", patient))
    assert [entry.type for entry in entries] == ["patient:enrolled", "patient:revealed"]
    assert entries[0].data == {"patient": patient, "wristband": service.wristband_digest(WRISTBAND)}
    assert entries[1].data == {"patient": patient, "purpose": "identification at the bedside"}
    assert entries[1].document["actor"]["role"] == "clinician"
    written = b"".join(entry.body for entry in ledger.entries())
    assert [secret for secret in SECRETS if secret.encode() in written] == []


def test_enrolling_again_writes_nothing(vault: PatientVault, ledger: Ledger) -> None:
    service, session = PatientService(vault, ledger, HeldClock(NOW)), a_session(Role.COLLECTION_NURSE)
    given = {"name": NAME, "birth_date": BORN, "hospital_number": NUMBER, "wristband": WRISTBAND}
    patient, size = service.enrol(session, new_op(), **given), ledger.size
    assert service.enrol(session, new_op(), **given) == patient
    assert ledger.size == size
    assert service.patient_of(WRISTBAND) == patient


@pytest.mark.rule("REG-PRV-01")
@pytest.mark.parametrize(
    ("role", "purpose", "code"),
    [
        (Role.OPERATOR, Purpose.BEDSIDE, "role-missing"),
        (Role.ADMINISTRATOR, Purpose.LABEL, "role-missing"),
        (Role.CLINICIAN, "curiosity", "purpose-unknown"),
        (Role.CLINICIAN, NAME, "purpose-unknown"),
    ],
)
def test_a_look_needs_a_purpose_and_a_role(
    vault: PatientVault, ledger: Ledger, role: Role, purpose: str, code: str
) -> None:
    patient, size = put(vault), ledger.size
    with pytest.raises(Refusal) as refused:
        PatientService(vault, ledger, HeldClock(NOW)).reveal(a_session(role), new_op(), patient, purpose)
    assert refused.value.code == code
    assert NAME not in str(refused.value)
    assert ledger.size == size


def test_a_look_at_nobody_and_under_a_foreign_operation_is_refused(vault: PatientVault, ledger: Ledger) -> None:
    service, op, patient = PatientService(vault, ledger, HeldClock(NOW)), new_op(), put(vault)
    with pytest.raises(Refusal) as refused:
        service.reveal(a_session(Role.CLINICIAN), op, "PT-NOBODY", Purpose.BEDSIDE)
    assert refused.value.code == "patient-unknown"
    service.reveal(a_session(Role.CLINICIAN), op, patient, Purpose.BEDSIDE)
    for session, purpose in (
        (a_session(Role.CLINICIAN, person="P-2"), Purpose.BEDSIDE),
        (a_session(Role.CLINICIAN), Purpose.ORDER),
    ):
        with pytest.raises(Refusal) as refused:
            service.reveal(session, op, patient, purpose)
        assert refused.value.code == "operation-other"


def test_enrolling_needs_a_role(vault: PatientVault, ledger: Ledger) -> None:
    given = {"name": NAME, "birth_date": BORN, "hospital_number": NUMBER, "wristband": WRISTBAND}
    with pytest.raises(Refusal) as refused:
        PatientService(vault, ledger, HeldClock(NOW)).enrol(a_session(Role.OPERATOR), new_op(), **given)
    assert (refused.value.code, vault.patient_of(WRISTBAND)) == ("role-missing", None)
