"""Data protection over HTTP: content removed on a legal ground, erasure answered, canaries found nowhere."""

import logging
import re
import sqlite3
import subprocess
import sys
import zlib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog

from mes.demo import script, setting
from mes.demo.acts import Playing
from mes.demo.client import Unexpected
from mes.ids import new_op
from mes.ledger.verify import verify_ledger
from tests.journeys.house import HeldPace, House, build_house, employed
from tests.web.conftest import Browser

BATCH = f"/api/batches/{script.BATCH}"
ACCOUNT = "The quick photograph shows Zebulon by name."
IDENTITY, ARTICLE_17, WRONG = (
    "identity visible in a photo or text", "GDPR art. 17 request granted", "data of the wrong patient",
)  # fmt: skip
PATIENT = ("Zebulon Kanarienvogel", "1950-07-31", "HN-CANARY-77", "WB-CANARY-1")
TYPED = ("canary.user.q7", "Canary-Password-q7!", "canary secret in the name field", "739184")


@dataclass
class Site:
    """A batch that was ordered, with a report on it, and everything the site said."""

    house: House
    play: Playing
    said: list[bytes] = field(default_factory=list)
    logged: list[Any] = field(default_factory=list)

    def types(self, name: str) -> list[str]:
        """Return the types of a stream's entries."""
        return [one.type for one in self.house.wired.services.ledger.stream(name)]

    def act(self, who: str, path: str, **form: Any) -> Any:
        return self.play.people[who].act(path, **form)

    def refused(self, who: str, path: str, **form: Any) -> str:
        with pytest.raises(Unexpected) as refused:
            self.act(who, path, **form)
        return str(refused.value.code)

    def content(self) -> dict[str, Any]:
        """Return the newest content of the batch that is still there."""
        rows = self.play.people["qa"].get(f"{BATCH}/contents")["contents"]
        return next(one for one in reversed(rows) if one["removed_by"] is None)

    def report(self, account: str = ACCOUNT) -> dict[str, Any]:
        """Let the operator report something, and return its content."""
        at = (self.play.pace.now - timedelta(minutes=5)).isoformat()
        self.act("operator", f"{BATCH}/report", what="other", occurred_at=at, account=account, source="courier",
                 witness="nurse")  # fmt: skip
        return self.content()

    def seal(self) -> int:
        """Seal the record and wait for its bundle."""
        job = self.act("qa", f"{BATCH}/records")
        done = self.house.wired.services.records.wait(job["job"], 60)
        assert done.state.value == "ready", done.error
        return int(job["seal"])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    house = build_house(tmp_path_factory.mktemp("privacy") / "site")
    people = employed(house)
    play = Playing(people, HeldPace(house.conductor), script.BATCH, "manual", lambda step: None)
    setting.approve_master(people)
    setting.register_device(people, "manual", None, None, play.pace.now)
    setting.open_batch(people, "manual")
    play.knows("wristband", script.WRISTBAND)
    yield Site(house, play)
    house.close()


def bytes_of(house: House) -> bytes:
    """Return all bytes of the site's files but its keys, with compressed parts of files opened."""
    found = []
    for path in sorted(house.settings.site_dir.rglob("*")):
        if path.is_file() and path.parent != house.settings.keys_dir:
            found.append(path.read_bytes())
            found += opened(found[-1])
    return b"\n".join(found)


def opened(body: bytes) -> Iterator[bytes]:
    """Open what lies compressed in a PDF."""
    for match in re.finditer(rb"stream\r?\n(.*?)endstream", body, re.S):
        try:
            yield zlib.decompressobj().decompress(match[1])
        except zlib.error:
            continue


@pytest.mark.rule("REG-DI-08", "SEC-54")
def test_content_goes_with_its_bytes_and_every_proof_stays(site: Site) -> None:
    held, house = site.report(), site.house
    engine = house.engine
    seal = site.seal()
    before = site.play.people["qa"].download(f"/api/records/{seal}/bundle")
    assert ACCOUNT.encode() in before
    assert ACCOUNT.encode() in bytes_of(house)
    form = {"content": held["content"], "ground": IDENTITY, "reason": "the name of the patient stands in the text"}
    told = site.act("qa2", f"{BATCH}/contents/remove", **form)
    assert told["copies_deleted"] == [seal]
    assert ACCOUNT.encode() not in bytes_of(house)  # database, write-ahead log and built copies, while the site runs
    entry = house.wired.services.ledger.entry(told["removed_by"])
    assert (entry.type, entry.data) == ("content:removed", {"content": held["content"], "ground": IDENTITY})
    assert entry.document["reason"] == form["reason"]
    assert entry.document["signature"]["meaning"] == "CHANGE_APPROVED"
    assert {"password", "totp"} <= set(entry.document["signature"]["factors"])
    assert verify_ledger(engine).size == house.wired.services.ledger.size
    (row,) = [one for one in site.play.people["auditor"].get(f"{BATCH}/contents")["contents"]
              if one["content"] == held["content"]]  # fmt: skip
    assert row["removed_by"] == told["removed_by"]
    page = site.play.people["auditor"].download(f"/batches/{script.BATCH}/contents").decode()
    assert f"by entry {told['removed_by']}" in page
    assert ACCOUNT not in page
    verified(site, before, f"removed by entry {told['removed_by']}", is_told=False)
    after = site.play.people["qa"].download(f"/api/records/{site.seal()}/bundle")
    assert ACCOUNT.encode() not in after
    verified(site, after, f"removed by entry {told['removed_by']}", is_told=True)


def verified(site: Site, bundle: bytes, words: str, *, is_told: bool) -> None:
    """Let the bundle's own verifier judge it."""
    path = site.house.settings.site_dir.parent / "outside.zip"
    path.write_bytes(bundle)
    program = Path("mes/records/bundle/verify.py").resolve()
    ran = subprocess.run(
        [sys.executable, "-I", program, path], capture_output=True, text=True, check=False, timeout=120
    )
    assert ran.returncode == 0, ran.stdout[-2000:]
    assert (words in ran.stdout) is is_told


@pytest.mark.rule("REG-DI-08", "SEC-54", negative=True)
def test_content_stays_without_ground_reason_role_or_second_factor(site: Site) -> None:
    held, ledger = site.report("A plain remark that stays."), site.house.wired.services.ledger
    path, size = f"{BATCH}/contents/remove", ledger.size
    good = {"content": held["content"], "ground": IDENTITY, "reason": "seen"}
    for who, changed, code in (
        ("qa2", {"ground": ARTICLE_17}, "content-retained"), ("qa2", {"ground": "retention ended"}, "content-retained"),
        ("qa2", {"ground": "tidying up"}, "form-invalid"), ("qa2", {"reason": None}, "reason-missing"),
        ("qa2", {"content": "0" * 64}, "content-not-here"), ("qp", {}, "role-missing"),
        ("operator", {}, "role-missing"), ("admin", {}, "role-missing"),
    ):  # fmt: skip
        assert site.refused(who, path, **{**good, **changed}) == code
    browser = Browser(site.house.app.test_client())
    browser.sign_in("arthur")
    alone = browser.signed(path, good, user_name="arthur")  # password without the one-time code
    assert alone.json["code"] in ("second-factor-needed", "signature-needed")
    assert not any(one.type == "content:removed" for one in ledger.entries(size))
    assert ledger.content(held["content"]) is not None


@pytest.mark.rule("REG-DI-08", negative=True)
def test_what_is_gone_is_not_removed_again(site: Site) -> None:
    held = site.report("Something about another patient.")
    form = {"content": held["content"], "ground": WRONG, "reason": "wrong chart"}
    site.act("qa2", f"{BATCH}/contents/remove", **form)
    assert site.refused("qa2", f"{BATCH}/contents/remove", **form) == "content-gone"


@pytest.mark.rule("REG-PRV-02")
@pytest.mark.rule("REG-PRV-02", negative=True)
def test_a_treated_patient_is_restricted_and_the_answer_documented(site: Site) -> None:
    """The act `privacy.request_erasure` leaves request, refusal and restriction."""
    (row,) = site.play.people["qa"].get("/api/patients")["patients"]
    patient, path = row["patient"], f"/api/patients/{row['patient']}/erasure"
    assert row["kept_until"] > "2056-10"
    told = site.act("qa", path, ground="request of the patient", reason="letter of 3 March")
    assert (told["state"], told["restricted"], told["refused_until"] > "2056-10") == ("kept", True, True)
    types = site.types(f"patient/{patient}")
    assert types[-3:] == ["patient:erasure:requested", "patient:erasure:refused", "patient:restricted"]
    assert (
        site.refused("clinician", f"/api/patients/{patient}/reveal", purpose="checking the order")
        == "patient-restricted"
    )
    shown = site.act("clinician", f"/api/patients/{patient}/reveal", purpose="identification at the bedside")
    assert shown["name"] == "Testpatient Demo"
    assert site.refused("qa2", f"/api/patients/{patient}/forget", reason="x") == "erasure-not-asked"
    assert site.refused("clinician", path, ground="request of the patient", reason="x") == "role-missing"
    page = site.play.people["qa2"].download("/privacy").decode()
    assert patient in page
    assert "Testpatient" not in page


def enrolled(site: Site, wristband: str) -> str:
    name, born, number, _ = PATIENT
    made = site.act("clinician", "/api/patients", name=name, birth_date=born, hospital_number=number,
                    wristband=wristband)  # fmt: skip
    return str(made["patient"])


@pytest.mark.rule("SEC-54", "REG-DI-08")
@pytest.mark.rule("SEC-54", negative=True)
def test_two_of_qa_forget_who_was_enrolled_by_mistake(site: Site) -> None:
    patient = enrolled(site, "WB-MISTAKE")
    site.act("qa", f"/api/patients/{patient}/erasure", ground="enrolled by mistake", reason="double enrolment")
    assert site.refused("qa", f"/api/patients/{patient}/forget", reason="I am sure") == "erasure-same-person"
    told = site.act("qa2", f"/api/patients/{patient}/forget", reason="no order, no collection")
    assert told["state"] == "forgotten"
    reveal = f"/api/patients/{patient}/reveal"
    assert site.refused("clinician", reveal, purpose="identification at the bedside") == "patient-forgotten"
    with closing(sqlite3.connect(site.house.settings.site_dir / "vault.sqlite")) as vault:
        assert vault.execute("SELECT count(*) FROM patient WHERE patient = ?", (patient,)).fetchone() == (0,)
    assert site.types(f"patient/{patient}")[-1] == "patient:forgotten"


@pytest.mark.rule("REG-PRV-01")
@pytest.mark.rule("REG-PRV-01", negative=True)
def test_a_look_needs_a_purpose_and_stands_in_the_record_first(site: Site) -> None:
    patient, ledger = enrolled(site, "WB-LOOK"), site.house.wired.services.ledger
    reveal, size = f"/api/patients/{patient}/reveal", ledger.size
    assert site.refused("auditor", reveal) == "form-invalid"
    assert site.refused("auditor", reveal, purpose="curiosity") == "purpose-unknown"
    assert site.refused("operator", reveal, purpose="inspection") == "role-missing"
    assert ledger.size == size
    assert site.act("auditor", reveal, purpose="inspection")["name"] == PATIENT[0]
    (entry,) = ledger.entries(size)
    assert entry.data == {"patient": patient, "purpose": "inspection"}


def guess(site: Site) -> None:
    """Type canaries into every field in which a secret or a name could be typed at the door and when signing."""
    name, secret, muddled, code = TYPED
    app, wall = site.house.app, site.house.wired.sessions.wall
    try:
        for turn, (user, password) in enumerate([
            (name, secret), ("olivia", secret), (muddled, "x"), ("anna", muddled), (secret, name), (code, code),
        ]):  # fmt: skip
            site.house.wired.sessions.wall = lambda turn=turn: wall() + 600 * turn
            site.said.append(Browser(app.test_client()).sign_in(user, password).data)
    finally:
        site.house.wired.sessions.wall = wall
    stranger = Browser(app.test_client())
    first = {"code": secret, "name": "X", "user_name": "xxx", "password": secret}
    site.said += [
        stranger.post("/api/sign-in", f'{{"user_name": "{name}", "password": "{secret}"'.encode()).data,
        stranger.post("/api/sign-in", {"user_name": name, "password": secret, "more": muddled}).data,
        stranger.post("/api/first-administrator", first).data,
        stranger.htmx("/api/sign-in", {"user_name": name, "password": secret}).data,
        stranger.client.get("/oidc/callback", query_string={"state": secret, "code": secret, "error": name}).data,
        stranger.post("/api/oidc/start", {"user_name": name}).data,
    ]
    rosa = Browser(app.test_client())
    assert rosa.sign_in("rosa").status_code == 200
    site.said += [
        rosa.post("/api/me/password", {"current": secret, "password": secret + " long enough"}).data,
        rosa.post("/api/me/totp/enrol", {"password": secret, "code": code}).data,
    ]
    arthur = Browser(app.test_client())
    assert arthur.sign_in("arthur").status_code == 200
    path, form = f"{BATCH}/contents/remove", {"content": "0" * 64, "ground": IDENTITY, "reason": "x"}
    held = site.report("A remark under which canaries sign.")
    form["content"] = held["content"]
    asked = arthur.post(path, form)
    shown = asked.json["facts"]["shown"]
    for given in (
        {"user_name": name, "password": secret, "totp": code},
        {"user_name": "arthur", "password": secret, "totp": code},
        {"user_name": "arthur", "password": "seven days vein to vein", "totp": code},
    ):  # fmt: skip
        site.said.append(arthur.post(path, {**form, "signature": {**given, "shown": shown}}).data)


@pytest.mark.rule("SEC-32", "REG-PRV-01")
@pytest.mark.rule("SEC-32", negative=True)
def test_canaries_are_found_nowhere(
    site: Site, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """Typed secrets of failed sign-ins and signatures, and a patient's name: ledger, files, logs, errors, copies."""
    caplog.set_level(logging.DEBUG)
    with structlog.testing.capture_logs() as logged:
        guess(site)
        enrolled(site, PATIENT[3])
        nurse = site.play.people["nurse"]
        for wrong in ({"name": PATIENT[0] + "\x00"}, {"birth_date": "31.07.1950 " + PATIENT[2]}, {"wristband": "x"}):
            given = {"name": PATIENT[0], "birth_date": PATIENT[1], "hospital_number": PATIENT[2], "wristband": "WB-9"}
            status, answer = nurse._send("POST", "/api/patients", {"op": new_op(), **given, **wrong})
            assert status >= 400
            site.said.append(str(answer).encode())
        other = {"name": PATIENT[0], "birth_date": PATIENT[1], "hospital_number": "H-2", "wristband": PATIENT[3]}
        status, answer = nurse._send("POST", "/api/patients", {"op": new_op(), **other})
        assert (status, answer["code"]) == (409, "wristband-taken")
        site.said.append(str(answer).encode())
        copy = site.play.people["qa"].download(f"/api/records/{site.seal()}/bundle")
        trail = site.act("auditor", "/api/trail/exports", format="csv", filter={})
        site.said.append(str(trail).encode())
    written = capfd.readouterr()
    everywhere = {
        "ledger": b"\n".join(one.body for one in site.house.wired.services.ledger.entries()),
        "files": bytes_of(site.house), "logs": (written.out + written.err + caplog.text + str(logged)).encode(),
        "answers": b"\n".join(site.said), "copy": b"\n".join([copy, *opened(copy)]),
    }  # fmt: skip
    wanted = (*TYPED[:3], *PATIENT[:1], PATIENT[2], PATIENT[3])
    found = {(place, word) for place, body in everywhere.items() for word in wanted if word.encode() in body}
    assert found == set()
    assert TYPED[3].encode() not in everywhere["answers"] + everywhere["logs"]
    assert not re.search(rb"(?<![0-9])739184(?![0-9])", everywhere["ledger"])
    # the scan finds what is there: a user name that is one, and the breach file's neighbours
    assert b"olivia" in everywhere["ledger"]
    assert b"journey-site" in everywhere["files"]
