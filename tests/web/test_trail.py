"""The trail over HTTP: asked by auditor, QA and QP alone; screen and copies say the same; a copy is an entry."""

import csv
import io
import json
from hashlib import sha256
from html import unescape

import pytest

from mes.demo import script
from tests.web.conftest import BATCH, Browser, Site

EXPORTS = "/api/trail/exports"


@pytest.fixture
def auditor(site: Site) -> Browser:
    """Give the auditor's browser."""
    return site.browser("irene")


def exported(browser: Browser, kind: str, **asked: str) -> tuple[dict[str, str], bytes]:
    answer = browser.post(EXPORTS, {"format": kind, "filter": asked})
    assert answer.status_code == 201
    return answer.json, browser.client.get(answer.json["file"]).data


@pytest.mark.rule("REG-A11D-12-4", "REG-A11-09", "REG-P11-10e")
@pytest.mark.parametrize("asked", [{"step": "A06"}, {"role": "operator", "sort": "at"}, {"type": "batch:scan:"}])
def test_screen_and_both_copies_say_the_same(site: Site, auditor: Browser, asked: dict[str, str]) -> None:
    shown = auditor.client.get("/api/trail", query_string={**asked, "size": 200}).json
    told, body = exported(auditor, "json", **asked)
    lines = json.loads(body)
    assert (told["count"], lines) == (shown["count"], shown["lines"])
    rows = list(csv.DictReader(io.StringIO(exported(auditor, "csv", **asked)[1].decode("utf-8-sig"), newline="")))
    assert rows == [{name: str(value) for name, value in line.items()} for line in lines]
    page = unescape(auditor.client.get("/trail", query_string=asked).text)
    for line in lines[:10]:
        assert all(str(line[name]) in page for name in ("index", "local", "name", "type", "stream"))


@pytest.mark.rule("REG-A11D-12-1", "REG-A11D-12-4")
def test_a_copy_is_an_entry_and_can_be_made_again(site: Site, auditor: Browser) -> None:
    told, body = exported(auditor, "csv", batch=script.BATCH)
    entry = site.house.wired.services.ledger.entry(int(told["entry"]))
    assert entry.type == "site:trail:exported"
    assert entry.document["actor"]["role"] == "auditor"
    assert entry.data["digest"] == sha256(body).hexdigest() == told["digest"]
    assert auditor.client.get(told["file"]).data == body
    again = {"op": entry.op, "format": "csv", "filter": {"batch": script.BATCH}}
    size = site.size
    assert auditor.post(EXPORTS, again).json["entry"] == told["entry"]
    assert site.size == size


def test_what_was_looked_for_in_reasons_stays_out_of_the_entry(site: Site, auditor: Browser) -> None:
    told, body = exported(auditor, "json", reason="Testpatient Demo")
    entry = site.house.wired.services.ledger.entry(int(told["entry"]))
    assert b"Testpatient" not in entry.body
    assert auditor.client.get(told["file"]).data == body


@pytest.mark.rule("REG-A11D-12-4", negative=True)
@pytest.mark.parametrize("who", ["olivia", "ada", "sofia", "claire"])
def test_the_site_s_trail_is_for_those_who_review(site: Site, who: str) -> None:
    browser = site.browser(who)
    for path in ("/trail", "/api/trail", f"{BATCH}/trail", BATCH.removeprefix("/api") + "/trail"):
        assert browser.client.get(path).status_code == 403
    size = site.size
    for path, form in ((EXPORTS, {"format": "csv"}), (f"{BATCH}/trail/examine", {"index": 1})):
        assert browser.post(path, form).status_code == 403
    assert site.size == size


@pytest.mark.parametrize(
    ("path", "form", "status"),
    [
        (EXPORTS, {"format": "xlsx"}, 422),
        (EXPORTS, {"format": "csv", "filter": {"person": "x", "password": "y"}}, 422),
        (EXPORTS, {"format": "csv", "filter": {"risk": "none"}}, 422),
        (EXPORTS, {"format": "csv", "filter": {"batch": "nobody"}}, 404),
    ],
)
def test_a_question_that_cannot_be_asked(site: Site, auditor: Browser, path: str, form: object, status: int) -> None:
    size = site.size
    assert auditor.post(path, form).status_code == status
    assert site.size == size
    assert auditor.client.get(f"{EXPORTS}/0").status_code == 404


@pytest.mark.rule("REG-A11D-12-7", "REG-A11D-12-6", "REG-DI-09")
def test_the_review_page_says_what_to_open_first(site: Site) -> None:
    arthur, anna = site.browser("arthur"), site.browser("anna")
    page = BATCH.removeprefix("/api") + "/trail"
    told = arthur.client.get(f"{BATCH}/trail").json
    assert told["entries"] == sum(told["rest"].values()) + len(told["findings"])
    assert told["reviewed_to"] == -1
    text = unescape(arthur.client.get(page).text)
    for one in told["findings"]:
        if one["critical"]:
            assert f"Open entry {one['index']}" in text
    assert "somebody else has to sign" not in text
    assert "somebody else has to sign" in anna.client.get(page).text  # she opened the batch


@pytest.mark.rule("REG-A11D-12-8", negative=True)
def test_a_deferral_without_reason_is_refused(site: Site) -> None:
    anna, size = site.browser("anna"), site.size
    answer = anna.post(f"{BATCH}/trail/defer", {"stage": "preliminary"})
    assert (answer.status_code, answer.json["code"]) == (422, "reason-missing")
    assert [one for one in site.types_since(size) if not one.startswith("person:")] == []


@pytest.mark.rule("REG-A11D-12-2", "REG-A11-09", negative=True)
def test_a_change_without_reason_is_refused(site: Site) -> None:
    nurse = site.browser("nora")
    value = {"parameter": "sample_volume", "value": "2.4", "unit": "mL"}
    size = site.size
    for reason in ({}, {"reason": ""}):
        assert nurse.post(f"{BATCH}/steps/A04/correct", {"value": value, **reason}).status_code == 422
    assert site.size == size


@pytest.mark.rule("REG-A11D-09", negative=True)
def test_an_alarm_is_not_acknowledged_without_a_comment(site: Site, operator: Browser) -> None:
    size = site.size
    for form in ({}, {"text": ""}):
        answer = operator.post(f"{BATCH}/exceptions/{BATCH.rsplit('/', 1)[-1]}.E1/assess", form)
        assert answer.status_code == 422
    assert site.size == size
