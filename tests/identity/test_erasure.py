"""Forgetting a patient on real files: the key is gone, the record stays; neither crash nor old vault undoes it."""

import sqlite3
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from mes.errors import IntegrityBreach, Refusal
from mes.identity.erasure import ErasureDesk
from mes.identity.model import ErasureGround, Purpose
from mes.identity.service import PatientService
from mes.identity.vault import DATABASE_FILE, PatientVault
from mes.ids import new_op, stream
from mes.ledger.database import open_engine
from mes.ledger.verify import verify_ledger
from mes.people.model import Role
from tests.people.houses import House, open_house, scribble

GIVEN = {"name": "Marie Example", "birth_date": "1970-02-03", "hospital_number": "H-4711", "wristband": "WB-0001"}


class Site:
    """People of QA, a clinician and a patient in the vault."""

    def __init__(self, house: House) -> None:
        self.house = house
        house.employ("clara", Role.CLINICIAN)
        house.employ("quinn", Role.QA)
        house.employ("quentin", Role.QA)
        self.vault = PatientVault.create(house.folder)
        self.patients = PatientService(self.vault, house.ledger, house.clock)
        self.until: datetime | None = None
        self.desk = ErasureDesk(self.vault, house.ledger, house.clock, lambda _: self.until)
        self.patient = self.patients.enrol(house.signed_in("clara"), new_op(), **GIVEN)

    def request(self, who: str = "quinn", op: str | None = None, **more: object):
        given = {"ground": ErasureGround.ASKED, "reason": "letter of 3 March", "sign": scribble, **more}
        return self.desk.request(self.house.signed_in(who), op or new_op(), self.patient, **given)

    def forget(self, who: str = "quentin", op: str | None = None, **more: object):
        given = {"reason": "retention checked", "sign": scribble, **more}
        return self.desk.forget(self.house.signed_in(who), op or new_op(), self.patient, **given)

    def reveal(self, purpose: Purpose = Purpose.BEDSIDE) -> str:
        return self.patients.reveal(self.house.signed_in("clara"), new_op(), self.patient, purpose).name

    def types(self) -> list[str]:
        return self.house.types_of("patient", self.patient)


@pytest.fixture
def site(tmp_path: Path, ledger_url: str) -> Iterator[Site]:
    with open_house(tmp_path, ledger_url) as house:
        yield Site(house)


@pytest.mark.rule("SEC-54", "REG-DI-08")
def test_two_people_forget_a_patient_and_the_record_stays(site: Site, ledger_url: str) -> None:
    path = site.house.folder / DATABASE_FILE
    with sqlite3.connect(path) as connection:
        kept = connection.execute("SELECT wrapped_key, body FROM patient").fetchone()
    connection.close()
    assert all(one in path.read_bytes() for one in kept)
    op, before = new_op(), site.house.ledger.size
    assert site.request(op=op).requester is not None
    assert site.request(op=op).requester is not None
    done = new_op()
    assert site.forget(op=done).forgotten
    assert site.forget(op=done).forgotten
    assert site.types() == ["patient:enrolled", "patient:erasure:requested", "patient:forgotten"]
    assert site.house.ledger.size > before
    files = b"".join(one.read_bytes() for one in path.parent.glob("vault.sqlite*"))
    assert not any(one in files for one in kept)
    assert site.vault.patient_of("WB-0001") is None
    with pytest.raises(Refusal, match="patient-forgotten"):
        site.reveal()
    entry = site.house.ledger.stream(stream("patient", site.patient))[-1]
    assert entry.document["reason"] == "retention checked"
    assert entry.data["requester"] != entry.document["actor"]["id"]
    engine = open_engine(ledger_url)
    assert verify_ledger(engine).size == site.house.ledger.size
    engine.dispose()


@pytest.mark.rule("REG-PRV-02")
@pytest.mark.rule("REG-PRV-02", "SEC-54", negative=True)
def test_within_retention_the_answer_is_documented_and_access_shrinks(site: Site) -> None:
    site.until = site.house.clock.now() + timedelta(days=10_000)
    standing = site.request()
    assert (standing.restricted, standing.requester, standing.refused_until) == (True, None, site.until)
    assert site.types()[1:] == ["patient:erasure:requested", "patient:erasure:refused", "patient:restricted"]
    assert site.reveal() == "Marie Example"
    size = site.house.ledger.size
    with pytest.raises(Refusal, match="patient-restricted"):
        site.reveal(Purpose.ORDER)
    with pytest.raises(Refusal, match="erasure-not-asked"):
        site.forget()
    assert site.vault.knows(site.patient)
    assert "patient:forgotten" not in [one.type for one in site.house.ledger.entries(size)]


@pytest.mark.rule("REG-DI-08", "SEC-54", negative=True)
def test_nobody_forgets_alone_in_another_role_or_without_a_reason(site: Site) -> None:
    site.request()
    for act, code in (
        (lambda: site.forget("quinn"), "erasure-same-person"),
        (lambda: site.forget("clara"), "role-missing"),
        (lambda: site.forget(reason=" "), "reason-missing"),
        (lambda: site.request("clara"), "role-missing"),
        (lambda: site.request(reason=None), "reason-missing"),
        (lambda: site.request(), "erasure-asked"),
    ):
        with pytest.raises(Refusal) as refused:
            act()
        assert refused.value.code == code
    assert site.reveal() == "Marie Example"
    with pytest.raises(Refusal, match="patient-unknown"):
        site.desk.forget(site.house.signed_in("quentin"), new_op(), "PT-NOBODY", reason="x", sign=scribble)


def test_an_operation_stands_for_one_act_of_one_person(site: Site) -> None:
    op = new_op()
    site.request(op=op)
    other = {"op": op, "ground": ErasureGround.MISTAKE}
    for act in (lambda: site.forget(op=op), lambda: site.request("quentin", op=op), lambda: site.request(**other)):
        with pytest.raises(Refusal, match="operation-other"):
            act()


@pytest.mark.rule("SEC-54", negative=True)
def test_who_was_forgotten_does_not_come_back_with_an_old_vault(site: Site) -> None:
    folder = site.house.folder
    old = (folder / DATABASE_FILE).read_bytes()
    site.request()
    site.forget()
    (folder / DATABASE_FILE).write_bytes(old)  # restored from a backup, or a crash between the entry and the deed
    site.vault = PatientVault.open(folder)
    assert site.vault.knows(site.patient)
    patients = PatientService(site.vault, site.house.ledger, site.house.clock)
    with pytest.raises(Refusal, match="patient-forgotten"):
        patients.reveal(site.house.signed_in("clara"), new_op(), site.patient, Purpose.BEDSIDE)
    ErasureDesk(site.vault, site.house.ledger, site.house.clock, lambda _: None).settle()
    assert not site.vault.knows(site.patient)
    assert site.vault.is_forgotten(site.patient)


@pytest.mark.rule("REG-PRV-01", negative=True)
def test_a_look_that_cannot_be_recorded_is_no_look(site: Site) -> None:
    """The entry comes first: where it fails, nothing is shown."""
    session, shown = site.house.signed_in("clara"), []
    breach = IntegrityBreach("two leaves", stream=f"patient/{site.patient}")
    site.house.ledger.breaches.record(breach, None)
    with pytest.raises(Refusal, match="stream-held-by-breach"):
        shown.append(site.patients.reveal(session, new_op(), site.patient, Purpose.BEDSIDE).name)
    assert shown == []
    site.house.ledger.breaches.release(f"patient/{site.patient}", by="QA", ground="settled", at="")
    assert site.reveal() == "Marie Example"
